/* sendmail.conf: where the mail of programs on this host goes. Lines of "key: value"; the password is in a file of its own. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/sendmail.h"

const char sendmail_usual_conf[]  = "/etc/gatepost/sendmail.conf",
           sendmail_usual_spool[] = "/var/spool/gatepost-sendmail";

static int refuse(const struct sendmail_conf *c, unsigned line, const char *reason, const char *hint)
{
    char what[CONFIG_PATH + 16];
    (void)snprintf(what, sizeof what, line ? "%s:%u" : "%s", c->path, line);
    cli_problem(what, reason, hint);
    return EX_CONFIG;
}

/* ---- keys ---------------------------------------------------------------------------------------------------------------- */
static const char **place_of(struct sendmail_conf *c, gp_str key, struct gp_text *names)
{
    const struct {
        const char  *name;
        const char **place;
    } keys[] = {
        {"server",         &c->server       },
        { "tls",           &c->tls          },
        { "user",          &c->user         },
        { "password_file", &c->password_file},
        { "ca_file",       &c->ca_file      },
        { "from",          &c->from         },
        { "from_always",   &c->from_always  },
        { "domain",        &c->domain       },
        { "local_to",      &c->local_to     },
        { "spool",         &c->spool        },
        { "timeout",       &c->timeout      },
    };
    for (size_t i = 0; i < GP_COUNT(keys); i++) {
        if (gp_same(key, gp_from(keys[i].name))) return keys[i].place;
        gp_put_z(names, keys[i].name);
        gp_put_char(names, ' ');
    }
    return NULL;
}

static int read_line(struct sendmail_conf *c, char *line, unsigned number)
{
    char           names_room[256], guess_room[256];
    struct gp_text names = GP_TEXT(names_room), guess = { .ptr = guess_room, .room = sizeof guess_room - 1 };
    gp_str         text = gp_trim(gp_from(line)), key = gp_head(text, gp_find(text, ':'));
    if (text.len == 0 || text.ptr[0] == '#') return EX_OK;
    if (key.len == text.len) return refuse(c, number, "is no line of \"key: value\"", NULL);
    const char **place = place_of(c, gp_trim(key), &names);
    if (!place) {
        gp_put_z(&guess, "there is no such key");
        config_suggest(&guess, gp_trim(key), gp_said(&names));
        guess_room[guess.len] = '\0';
        return refuse(c, number, guess_room, NULL);
    }
    if (*place) return refuse(c, number, "says that key again", NULL);
    gp_str value = gp_trim(gp_tail(text, key.len + 1));
    if (value.len == 0) return refuse(c, number, "has no value", "leave the line out");
    line[value.ptr + value.len - line] = '\0';
    *place                             = value.ptr;
    return EX_OK;
}

static int read_text(struct sendmail_conf *c)
{
    struct gp_text text   = { .ptr = c->text, .room = sizeof c->text - 1 };
    unsigned       number = 0;
    if (!file_read(c->path, &text)) return EX_CONFIG;
    c->text[text.len] = '\0';
    for (char *rest = c->text, *line; (line = strsep(&rest, "\n"));) {
        size_t len = strlen(line);
        if (len && line[len - 1] == '\r') line[len - 1] = '\0';
        int status = read_line(c, line, ++number);
        if (status != EX_OK) return status;
    }
    if (!c->server) return refuse(c, 0, "names no server", "server: HOST[:PORT]");
    if (c->user && !c->password_file)
        return refuse(c, 0, "names a user and no password_file",
                      "password_file: FILE, whose first line is the password");
    const char *const paths[] = { c->password_file, c->ca_file, c->spool };
    for (size_t i = 0; i < GP_COUNT(paths); i++) /* who calls may stand anywhere */
        if (paths[i] && paths[i][0] != '/') return refuse(c, 0, "names a path that does not begin with /", paths[i]);
    if (c->from_always && strcmp(c->from_always, "yes") != 0 && strcmp(c->from_always, "no") != 0)
        return refuse(c, 0, "from_always is yes or no", NULL);
    if (c->from_always && !c->from) return refuse(c, 0, "from_always without from", NULL);
    return EX_OK;
}

/* ---- who calls --------------------------------------------------------------------------------------------------------------- */
/* The home that the system knows, not $HOME: what names the server and the password must not come from the caller's environment. */
static bool know_caller(struct sendmail_conf *c)
{
    const struct passwd *who = getpwuid(geteuid());
    int                  len = snprintf(c->home, sizeof c->home, "%s", who ? who->pw_dir : "/");
    (void)snprintf(c->login, sizeof c->login, "%s", who ? who->pw_name : "nobody");
    gp_str name = gp_from(who ? who->pw_gecos : "");
    (void)gp_copy_z(gp_head(gp_head(name, gp_find(name, ',')), sizeof c->full_name - 1), c->full_name,
                    sizeof c->full_name);
    return len > 0 && (size_t)len < sizeof c->home;
}

static bool put_path(char *out, const char *a, const char *b)
{
    int len = snprintf(out, CONFIG_PATH, "%s/%s", a, b);
    return len > 0 && len < CONFIG_PATH;
}

static bool find_conf(struct sendmail_conf *c, const char *path)
{
    if (path) return snprintf(c->path, sizeof c->path, "%s", path) < (int)sizeof c->path;
    if (put_path(c->path, c->home, ".config/gatepost/sendmail.conf") && access(c->path, F_OK) == 0) return true;
    return snprintf(c->path, sizeof c->path, "%s", sendmail_usual_conf) > 0;
}

/* In a directory of all users somebody else may have been first. */
static bool is_taken(const char *path)
{
    struct stat at;
    return lstat(path, &at) == 0 && (!S_ISDIR(at.st_mode) || at.st_uid != geteuid());
}

/* Users of the common spool have a directory each in it. Those who have a home keep theirs there where there is none, or where it is taken. */
bool sendmail_place_spool(struct sendmail_conf *c, const char *common)
{
    char id[24];
    (void)snprintf(id, sizeof id, "%u", (unsigned)geteuid());
    if (c->spool) common = c->spool;
    if (!put_path(c->home_spool, c->home, ".local/state/gatepost-sendmail")) return false;
    if (common && !put_path(c->spool_path, common, id)) return false;
    c->spool_taken = common && is_taken(c->spool_path);
    if (!common || c->spool_taken) (void)snprintf(c->spool_path, sizeof c->spool_path, "%s", c->home_spool);
    return true;
}

static int settle(struct sendmail_conf *c)
{
    struct reach *r = &c->reach;
    *r              = (struct reach) { .server        = c->server,
                                       .user          = c->user,
                                       .password_file = c->password_file,
                                       .ca_file       = c->ca_file,
                                       .timeout       = c->timeout ? c->timeout : "60" };
    r->implicit     = c->tls && strcmp(c->tls, "implicit") == 0;
    r->starttls     = c->tls && strcmp(c->tls, "starttls") == 0;
    r->clear        = c->tls && strcmp(c->tls, "none") == 0;
    if (c->tls && !r->implicit && !r->starttls && !r->clear)
        return refuse(c, 0, "tls is implicit, starttls or none", NULL);
    return EX_OK;
}

bool sendmail_conf_is_there(struct sendmail_conf *c)
{
    return know_caller(c) && find_conf(c, NULL) && access(c->path, F_OK) == 0;
}

int sendmail_conf_read(struct sendmail_conf *c, const char *path)
{
    if (!know_caller(c) || !find_conf(c, path)) return refuse(c, 0, "the path is too long", NULL);
    if (access(c->path, F_OK) != 0)
        return refuse(c, 0, "is not there: where should the mail go?",
                      "see docs/send.md; the smallest has server, user, password_file and from");
    int status = read_text(c);
    if (status == EX_OK) status = settle(c);
    const char *common = access(sendmail_usual_spool, F_OK) == 0 ? sendmail_usual_spool : NULL;
    if (status == EX_OK && !sendmail_place_spool(c, common))
        status = refuse(c, 0, "the path of the spool is too long", NULL);
    return status;
}

/* ---- names -------------------------------------------------------------------------------------------------------------------- */
/* "root@localhost" is root of this host, whom no other host knows. */
static gp_str without_localhost(gp_str name)
{
    return gp_ends(name, "@localhost") || gp_ends(name, "@localhost.localdomain") ? gp_head(name, gp_find(name, '@'))
                                                                                  : name;
}

bool sendmail_qualify(const struct sendmail_conf *c, gp_str name, bool recipient, struct gp_text *out)
{
    char host[REACH_HOST] = "localhost";
    name                  = without_localhost(name);
    if (memchr(name.ptr, '@', name.len)) {
        gp_put(out, name);
    } else if (recipient && c->local_to) {
        gp_put_z(out, c->local_to);
    } else {
        (void)gethostname(host, sizeof host - 1);
        gp_put(out, name);
        gp_put_char(out, '@');
        gp_put_z(out, c->domain ? c->domain : host);
    }
    return !out->cut && name.len > 0;
}

bool sendmail_always(const struct sendmail_conf *c)
{
    return c->from_always && strcmp(c->from_always, "yes") == 0;
}

/* "From: root (Cron Daemon)": no server takes an author without domain, so it is the sender who has written it. */
static bool has_no_author(gp_str message)
{
    char room[4096];
    return letter_has(message, "From") && !letter_author(message, room, sizeof room).ptr;
}

/* -f '': nobody hears of a bounce, but the message has an author all the same (RFC 5322 3.6). */
void sendmail_author(const struct sendmail_conf *c, gp_str message, struct letter_wish *wish, struct gp_text *own)
{
    gp_str name = gp_from(c->from ? c->from : c->login);
    if (wish->from.len == 0 && sendmail_qualify(c, name, false, own)) wish->from = gp_said(own);
    wish->other_from = has_no_author(message);
    wish->only_from  = sendmail_always(c);
}
