/* gatepost dns: the records that this set-up wants for its domains, and with --check how DNS differs from that, and what to do. */
#include <stdlib.h>
#include <string.h>

#include "cli/user.h"
#include "mail/sts.h"
#include "ops/log.h"
#include "web/transfer.h"
#include "zone/zone.h"

enum { LINE_ROOM = 4096, POLICY_ROOM = 1024, FETCH_MS = 20 * 1000, URI_ROOM = 512 };

struct wish {
    const char *server;
    bool        zone, json, check;
};
struct run {
    const struct wish   *wish;
    const struct config *config;
    struct dns_waiter   *waiter;                 /* NULL: nothing is asked */
    struct transfer     *transfer;               /* of the policy that was fetched last */
    json_t              *all, *records, *checks; /* NULL: as text */
    struct zone_plan     plan;
    bool                 amiss;
};

/* ---- what is wanted ------------------------------------------------------------------------------------------------------ */
static json_t *text_json(gp_str text)
{
    if (!text.ptr) return json_string("");
    json_t *as_utf8 = json_stringn(text.ptr, text.len);
    if (as_utf8) return as_utf8;
    char           room[LINE_ROOM];
    struct gp_text shown = GP_TEXT(room); /* what is no UTF-8 would be no JSON */
    for (size_t i = 0; i < text.len; i++) gp_put_char(&shown, (unsigned char)text.ptr[i] < 0x80 ? text.ptr[i] : '?');
    return json_stringn(room, shown.len);
}

static void add_want(void *owner, const struct zone_want *w)
{
    struct run *r = owner;
    (void)json_array_append_new(r->records, json_pack("{s:s, s:o, s:o, s:o, s:b, s:s}", "kind", zone_kinds[w->kind],
                                                      "name", text_json(w->owner), "type", text_json(w->type), "value",
                                                      text_json(w->value), "optional", w->optional, "note", w->note));
}

static void print_line(void *owner, const struct zone_want *w)
{
    char           room[LINE_ROOM];
    struct gp_text line = GP_TEXT(room);
    (void)owner;
    zone_put_line(&line, w);
    if (!line.cut) (void)printf("%.*s", (int)line.len, room);
}

static void print_want(void *owner, const struct zone_want *w)
{
    (void)owner;
    (void)printf("%-10s  %-5s %.*s\n", zone_kinds[w->kind], w->type.ptr, (int)w->owner.len, w->owner.ptr);
    if (w->value.len) (void)printf("            %.*s\n", (int)w->value.len, w->value.ptr);
    (void)printf("            (%s%s)\n", w->optional ? "may be left out; " : "", w->note);
}

static void print_policy(const struct run *r, const char *before)
{
    char           room[POLICY_ROOM];
    struct gp_text policy = GP_TEXT(room);
    zone_put_policy(&policy, &r->plan);
    (void)printf("\n%sFor MTA-STS, https://mta-sts.%s/.well-known/mta-sts.txt, with the names of the domain's MX:\n",
                 before, r->plan.domain);
    for (gp_str rest = gp_said(&policy); rest.len;) {
        gp_str line = gp_cut(&rest, '\n');
        (void)printf("%s    %.*s\n", before, (int)line.len - 1, line.ptr); /* without its CR */
    }
}

static void show_wants(struct run *r)
{
    if (r->all) {
        zone_wants(&r->plan, add_want, r);
    } else if (r->wish->zone) {
        zone_wants(&r->plan, print_line, r);
        print_policy(r, "; ");
    } else {
        zone_wants(&r->plan, print_want, r);
        print_policy(r, "");
    }
    if (r->plan.keys_hidden)
        cli_problem(
            r->plan.domain,
            "there may be DKIM keys in vault/dkim that this user cannot read, or that are no RSA or Ed25519 keys: they are left out",
            "run it as root; `gatepost dkim list` says which");
}

/* ---- what is there ------------------------------------------------------------------------------------------------------- */
static struct dns_answer ask(void *owner, gp_str name, enum dns_type type)
{
    return dns_wait(((struct run *)owner)->waiter, name, type);
}

static const char *open_transfer(struct run *r, gp_str host, gp_str addresses)
{
    char           room[LINE_ROOM], ca_file[CONFIG_PATH] = "";
    struct gp_text reach = { .ptr = room, .room = sizeof room - 1 };
    const char    *named = r->config->relay.ca_file;
    transfer_close(r->transfer);
    r->transfer = NULL;
    if (named[0] && !config_path(r->config, named, ca_file)) return "the path of relay.ca_file is too long";
    r->transfer = transfer_library() ? transfer_open(ca_file, GP_STS_FILE_MOST) : NULL;
    gp_put(&reach, host);
    gp_put_char(&reach, ':');
    gp_put_number(&reach, r->config->relay.policy_port);
    gp_put_char(&reach, ':');
    gp_put(&reach, addresses);
    room[reach.len] = '\0';
    return r->transfer && transfer_reach(r->transfer, room) ? NULL : "no memory";
}

/* As the relay fetches other domains' policies. */
static const char *fetch(void *owner, enum zone_file which, gp_str host, gp_str addresses, gp_str *file)
{
    enum { HTTP_OK = 200 };
    struct run    *r = owner;
    char           room[URI_ROOM];
    struct gp_text uri    = { .ptr = room, .room = sizeof room - 1 };
    long           status = 0;
    const char    *why    = open_transfer(r, host, addresses);
    gp_put_z(&uri, "https://");
    gp_put(&uri, host);
    gp_put_char(&uri, ':');
    gp_put_number(&uri, r->config->relay.policy_port);
    gp_put_z(&uri, zone_file_paths[which]);
    room[uri.len] = '\0';
    if (!why) why = transfer_run(r->transfer, room, GP_NONE, FETCH_MS, &status);
    if (why) return why;
    if (status != HTTP_OK) return "it is answered with another status than 200";
    if (which == ZONE_FILE_STS && !gp_sts_is_plain_text(gp_from(transfer_content_type(r->transfer))))
        return "it is not served as text/plain";
    *file = transfer_reply(r->transfer);
    return NULL;
}

static void add_found(const struct run *r, const struct zone_found *f)
{
    (void)json_array_append_new(r->checks, json_pack("{s:s, s:o, s:s, s:o, s:o, s:o}", "kind", zone_kinds[f->kind],
                                                     "name", text_json(f->owner), "verdict", zone_verdicts[f->verdict],
                                                     "has", text_json(f->has), "why", text_json(gp_from(f->why)),
                                                     "mend", text_json(gp_from(f->mend))));
}

static void print_part(const char *before, gp_str text)
{
    if (!text.len) return;
    (void)fputs(before, stdout);
    cli_print(stdout, text);
    (void)putchar('\n');
}

static void take_found(void *owner, const struct zone_found *f)
{
    struct run *r = owner;
    r->amiss |= f->verdict == ZONE_MISSING || f->verdict == ZONE_WRONG || f->verdict == ZONE_UNKNOWN;
    if (r->all) {
        add_found(r, f);
        return;
    }
    (void)printf("%-10s  %-7s  ", zone_kinds[f->kind], zone_verdicts[f->verdict]);
    print_part("", f->owner);
    bool plain = f->verdict == ZONE_RIGHT || f->verdict == ZONE_ABSENT;
    print_part("                     there: ", plain ? GP_NONE : f->has);
    print_part("                     ", gp_from(f->verdict == ZONE_ABSENT ? "" : f->why));
    print_part("                     do: ", gp_from(f->mend));
}

/* ---- the command ----------------------------------------------------------------------------------------------------------- */
static void begin_json(struct run *r)
{
    if (!r->all) return;
    char           room[POLICY_ROOM];
    struct gp_text policy = GP_TEXT(room);
    zone_put_policy(&policy, &r->plan);
    r->records = json_array();
    r->checks  = json_array();
    (void)json_array_append_new(r->all,
                                json_pack("{s:s, s:o, s:o, s:o}", "domain", r->plan.domain, "records", r->records,
                                          "mta_sts_policy", text_json(gp_said(&policy)), "checks", r->checks));
}

static void one_domain(struct run *r, const struct config *c, const char *domain)
{
    struct zone_dns dns = { ask, r, fetch };
    zone_of_house(c, domain, &r->plan);
    begin_json(r);
    if (!r->all && !r->wish->check && !r->wish->zone) (void)printf("Records for %s:\n\n", r->plan.domain);
    if (!r->wish->check || r->all) show_wants(r);
    if (r->waiter) zone_check(&r->plan, &dns, take_found, r);
}

static int all_domains(struct run *r, const struct config *c, const char *only)
{
    size_t count                   = 1;
    char(*domains)[ZONE_NAME_ROOM] = only ? NULL : zone_domains(c, &count);
    for (size_t i = 0; i < count; i++) {
        if (i && !r->all) (void)putchar('\n');
        one_domain(r, c, only ? only : domains[i]);
    }
    free((void *)domains);
    return r->amiss ? CLI_FAILED : CLI_DONE;
}

static int act(const struct wish *w, const struct config *c, const char *only)
{
    static struct run r;
    const char       *server = w->server ? w->server : c->relay.dns_server;
    r                        = (struct run) { .wish = w, .config = c, .all = w->json ? json_array() : NULL };
    if (w->check) r.waiter = zone_waiter(c, w->server);
    if (w->check && !r.waiter) {
        cli_problem(server[0] ? server : "DNS", "no such resolver", "write it as in --dns-server 127.0.0.1@5353");
        json_decref(r.all);
        return CLI_FAILED;
    }
    int done = all_domains(&r, c, only);
    if (w->json && user_print_json(r.all) != CLI_DONE) done = CLI_FAILED;
    dns_waiter_close(r.waiter);
    transfer_close(r.transfer);
    return done;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    static struct config    config;
    struct wish             w         = { .server = NULL };
    const char             *dir       = NULL;
    const char             *words[1]  = { NULL };
    size_t                  count     = 0;
    const struct cli_option options[] = {
        {"zone",        CLI_FLAG,  &w.zone,   NULL,      "print lines for a zone file"                                       },
        { "json",       CLI_FLAG,  &w.json,   NULL,      "print JSON"                                                        },
        { "check",      CLI_FLAG,  &w.check,  NULL,      "ask DNS, and say what is missing or wrong; exit status 1 if any is"},
        { "dns-server", CLI_VALUE, &w.server, "ADDRESS", "ask there; without it relay.dns_server, or the system's"           },
        { NULL,         CLI_FLAG,  NULL,      NULL,      NULL                                                                },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, words, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (words[0] && !config_is_hostname(gp_from(words[0]))) {
        cli_problem(words[0], "is no domain name",
                    cli_domain_hint(words[0], "write it as in `gatepost dns example.org`"));
        return CLI_WRONG_USE;
    }
    if (!cli_config(dir, &config)) return CLI_FAILED;
    log_open("gatepost", LOG_LOGFMT, LOG_ERROR);
    return act(&w, &config, words[0]);
}

const struct cli_command cli_dns = { "dns", "[DOMAIN] [--zone|--json] [--check]",
                                     "print the DNS records that are wanted, and check those that there are", run };
