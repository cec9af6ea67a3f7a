/* Where clients are answered: "submission ADDRESS:PORT", and behind it options, "NAME=VALUE" each. */
#include "config/schema.h"

#include <arpa/inet.h>
#include <string.h>

enum { PORT_MOST = 65535 };

static bool fail(struct gp_text *why, gp_str text, const char *problem)
{
    config_quote(why, text);
    gp_put_char(why, ' ');
    gp_put_z(why, problem);
    return false;
}

/* ---- options ------------------------------------------------------------------------------------------- */
/* "A,B" or "A+B": a comma is what separates the listeners of an environment variable. */
static bool take_mechanisms(struct config_listen *item, gp_str value, struct gp_text *why)
{
    struct gp_text out = { .ptr = item->mechanisms, .room = sizeof item->mechanisms - 1 };
    while (value.ptr) {
        size_t end  = gp_find(value, ',') < gp_find(value, '+') ? gp_find(value, ',') : gp_find(value, '+');
        gp_str word = gp_head(value, end);
        value       = end < value.len ? gp_tail(value, end + 1) : GP_NONE;
        if (!config_is_mechanism(word, why)) return false;
        if (out.len) gp_put_char(&out, ' ');
        gp_put(&out, word);
    }
    if (out.cut) return fail(why, GP_LIT("mechanisms"), "are too many");
    item->mechanisms[out.len] = '\0';
    return true;
}

static bool take_certificates(struct config_listen *item, gp_str value, struct gp_text *why)
{
    item->asks = gp_is(value, "ask");
    if (item->asks || gp_is(value, "no")) return true;
    (void)fail(why, value, "is not one of: ask no");
    config_suggest(why, value, GP_LIT("ask no"));
    return false;
}

static bool take_name(struct config_listen *item, gp_str value, struct gp_text *why)
{
    static const char others[] = "._-";
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) continue;
        if (!memchr(others, c, sizeof others - 1)) return fail(why, value, "is not a word of letters, digits and ._-");
    }
    if (value.len && gp_copy_z(value, item->name, sizeof item->name)) return true;
    return fail(why, value, "is not a word of 1 to 63 letters");
}

static const struct option {
    const char *name;
    bool (*take)(struct config_listen *, gp_str value, struct gp_text *why);
} options[] = {
    {"mechanisms",           take_mechanisms  },
    { "client_certificates", take_certificates},
    { "name",                take_name        },
};

static bool unknown_option(gp_str name, struct gp_text *why)
{
    char           room[128];
    struct gp_text words = GP_TEXT(room);
    for (size_t i = 0; i < GP_COUNT(options); i++) {
        if (i) gp_put_char(&words, ' ');
        gp_put_z(&words, options[i].name);
    }
    (void)fail(why, name, "is not an option of a listener; there are: ");
    gp_put(why, gp_said(&words));
    config_suggest(why, name, gp_said(&words));
    return false;
}

static bool take_option(struct config_listen *item, gp_str option, unsigned *taken, struct gp_text *why)
{
    gp_str value = option, name = gp_cut(&value, '=');
    for (size_t i = 0; i < GP_COUNT(options); i++) {
        if (!gp_is(name, options[i].name)) continue;
        if (!value.ptr) return fail(why, option, "has no value: write it as NAME=VALUE, without blanks");
        if (*taken & 1U << i) return fail(why, option, "is given twice");
        *taken |= 1U << i;
        return options[i].take(item, value, why);
    }
    return unknown_option(name, why);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */
static const char *const kinds[] = { [LISTEN_SUBMISSION] = "submission", [LISTEN_SUBMISSIONS] = "submissions" };

/* "127.0.0.1:587" or "[::1]:587"; port 0 is whatever port the system has left, for tests. */
static bool is_address(gp_str text)
{
    char    z[INET6_ADDRSTRLEN];
    uint8_t octets[sizeof(struct in6_addr)];
    bool    six  = gp_starts(text, "[");
    gp_str  port = six ? gp_tail(text, 1) : text, host = gp_cut(&port, six ? ']' : ':');
    if (six && !gp_starts(port, ":")) return false;
    if (six) port = gp_tail(port, 1);
    uint64_t number = 0;
    return gp_copy_z(host, z, sizeof z) && inet_pton(six ? AF_INET6 : AF_INET, z, octets) == 1 &&
           gp_read_number(port, PORT_MOST, &number);
}

static bool read_item(gp_str text, struct config_listen *item, struct gp_text *why)
{
    gp_str   rest = text, kind = gp_word(&rest), address = gp_word(&rest);
    unsigned taken = 0;
    if (gp_is(kind, kinds[LISTEN_SUBMISSIONS]))
        item->kind = LISTEN_SUBMISSIONS;
    else if (!gp_is(kind, kinds[LISTEN_SUBMISSION]))
        return fail(why, text, "is not 'submission ADDRESS:PORT' or 'submissions ADDRESS:PORT'");
    if (!is_address(address) || !gp_copy_z(address, item->address, sizeof item->address))
        return fail(why, address, "is not an address with a port, such as 127.0.0.1:587 or [::]:587");
    (void)gp_copy_z(address, item->name, sizeof item->name);
    for (gp_str option = gp_word(&rest); option.len; option = gp_word(&rest))
        if (!take_option(item, option, &taken, why)) return false;
    return true;
}

static bool read_listen(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    (void)key;
    struct config_listen item = { 0 };
    if (config->listen_count == CONFIG_LISTEN_MOST) {
        gp_put_z(why, "has more than ");
        gp_put_number(why, CONFIG_LISTEN_MOST);
        gp_put_z(why, " items");
        return false;
    }
    if (!read_item(text, &item, why)) return false;
    config->listen[config->listen_count++] = item;
    return true;
}

static void put_options(struct gp_text *out, const struct config_listen *item)
{
    if (item->mechanisms[0]) gp_put_z(out, " mechanisms=");
    for (const char *c = item->mechanisms; *c; c++) gp_put_char(out, *c == ' ' ? ',' : *c);
    if (item->asks) gp_put_z(out, " client_certificates=ask");
    if (strcmp(item->name, item->address) == 0) return;
    gp_put_z(out, " name=");
    gp_put_z(out, item->name);
}

static bool show_listen(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    (void)key;
    if (index >= config->listen_count) return false;
    gp_put_char(out, '"');
    gp_put_z(out, kinds[config->listen[index].kind]);
    gp_put_char(out, ' ');
    gp_put_z(out, config->listen[index].address);
    put_options(out, &config->listen[index]);
    gp_put_char(out, '"');
    return true;
}

static void clear_listen(struct config *config)
{
    config->listen_count = 0;
}

const struct config_type config_listens = { "a list of 'submission ADDRESS:PORT' and 'submissions ADDRESS:PORT'",
                                            read_listen,
                                            show_listen,
                                            clear_listen,
                                            { NULL } };
