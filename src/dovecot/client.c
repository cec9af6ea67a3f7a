/* The client's side: it asks with PLAIN, in one line, and hears right, wrong or later.
 *   CONNECTED  the server's first line tells which protocol it speaks
 *   GREETED    what it offers is read, up to DONE
 *   ASKING     requests are answered in any order
 *   CONFUSED   nothing is read any more
 */
#include "dovecot/parts.h"

#include <string.h>

enum { CONNECTED, GREETED, ASKING, CONFUSED };

void gp_dovecot_client_init(struct gp_dovecot_client *c)
{
    *c = (struct gp_dovecot_client) { .phase = CONNECTED };
}

bool gp_dovecot_client_hello(uint32_t pid, struct gp_text *out)
{
    gp_put_z(out, "VERSION\t" GP_DOVECOT_VERSION "\nCPID\t");
    gp_put_number(out, pid);
    gp_put_char(out, '\n');
    return !out->cut;
}

/* ---- what the server says --------------------------------------------------------------------------------------- */
static void confused_by(struct gp_dovecot_client *c, struct gp_dovecot_client_event *ev, const char *why)
{
    c->phase = CONFUSED;
    c->why = ev->why = why;
    ev->kind         = GP_DOVECOT_CONFUSED;
}

static void on_version(struct gp_dovecot_client *c, gp_str words, struct gp_dovecot_client_event *ev)
{
    if (!gp_dovecot_version_fits(words)) return confused_by(c, ev, "another version of the protocol");
    c->phase = GREETED;
}

static void on_mech(struct gp_dovecot_client *c, gp_str words, struct gp_dovecot_client_event *ev)
{
    (void)ev;
    if (gp_is(gp_cut(&words, '\t'), "PLAIN")) c->offers_plain = true;
}

static void on_done(struct gp_dovecot_client *c, gp_str words, struct gp_dovecot_client_event *ev)
{
    (void)words;
    if (!c->offers_plain) return confused_by(c, ev, "the server does not offer PLAIN");
    c->phase = ASKING;
    ev->kind = GP_DOVECOT_MAY_ASK;
}

/* false: about nothing that is open. What was cancelled may be answered still; what was never asked must not be. */
static bool settle(struct gp_dovecot_client *c, gp_str word, struct gp_dovecot_client_event *ev)
{
    if (!gp_dovecot_read_id(word, &ev->id) || ev->id == 0 || ev->id > c->last) {
        confused_by(c, ev, "an answer to nothing that was asked");
        return false;
    }
    struct gp_dovecot_open *o = gp_dovecot_find(c->open, ev->id);
    if (o) o->turn = GP_DOVECOT_FREE;
    return o != NULL;
}

static void on_ok(struct gp_dovecot_client *c, gp_str words, struct gp_dovecot_client_event *ev)
{
    struct gp_text room = GP_TEXT(c->texts);
    if (!settle(c, gp_cut(&words, '\t'), ev)) return;
    while (words.ptr) {
        gp_str value, name = gp_dovecot_name(gp_cut(&words, '\t'), &value);
        if (gp_dovecot_is(name, "user") && value.ptr) ev->user = gp_dovecot_unescape(value, &room);
    }
    if (ev->user.len == 0 || room.cut) return confused_by(c, ev, "a yes that does not say to whom");
    ev->kind = GP_DOVECOT_RIGHT;
}

static void on_fail(struct gp_dovecot_client *c, gp_str words, struct gp_dovecot_client_event *ev)
{
    if (!settle(c, gp_cut(&words, '\t'), ev)) return;
    ev->kind = GP_DOVECOT_WRONG;
    while (words.ptr) {
        gp_str word = gp_cut(&words, '\t');
        if (gp_dovecot_is(word, "temp") || gp_dovecot_is(word, "code=temp_fail")) ev->kind = GP_DOVECOT_UNKNOWN;
    }
}

static void on_cont(struct gp_dovecot_client *c, gp_str words, struct gp_dovecot_client_event *ev)
{
    (void)words;
    confused_by(c, ev, "the server asks for more than PLAIN has");
}

static const struct verb {
    const char *word;
    unsigned    phase;
    void (*read)(struct gp_dovecot_client *, gp_str words, struct gp_dovecot_client_event *);
} verbs[] = {
    {"VERSION", CONNECTED, on_version},
    { "MECH",   GREETED,   on_mech   },
    { "DONE",   GREETED,   on_done   },
    { "OK",     ASKING,    on_ok     },
    { "FAIL",   ASKING,    on_fail   },
    { "CONT",   ASKING,    on_cont   },
};

/* What else the greeting says is of no use here, and what else comes later may be newer than this. */
static void read_line(struct gp_dovecot_client *c, gp_str line, struct gp_dovecot_client_event *ev)
{
    gp_str words = line, word = gp_cut(&words, '\t');
    for (size_t i = 0; i < GP_COUNT(verbs); i++)
        if (verbs[i].phase == c->phase && gp_dovecot_is(word, verbs[i].word)) return verbs[i].read(c, words, ev);
    if (c->phase == CONNECTED) confused_by(c, ev, "not the protocol's greeting");
}

struct gp_dovecot_client_event gp_dovecot_client_next(struct gp_dovecot_client *c, gp_str *input)
{
    struct gp_dovecot_client_event ev   = { .kind = GP_DOVECOT_LISTEN };
    gp_status                      next = GP_OK;
    gp_str                         line = GP_NONE;
    if (c->phase == CONFUSED) {
        confused_by(c, &ev, c->why);
        return ev;
    }
    while (ev.kind == GP_DOVECOT_LISTEN && (next = gp_dovecot_line(*input, &c->searched, &line)) == GP_OK) {
        ev = (struct gp_dovecot_client_event) { .kind = GP_DOVECOT_LISTEN };
        read_line(c, line, &ev);
        gp_dovecot_took_line(input, &c->searched, line);
    }
    if (next == GP_PERMFAIL) confused_by(c, &ev, "a line is too long");
    return ev;
}

/* ---- what it is asked ----------------------------------------------------------------------------------------------- */
static void put_word(struct gp_text *out, const char *name, gp_str value)
{
    if (!value.ptr) return;
    gp_put_z(out, name);
    gp_dovecot_put_escaped(out, value);
}

/* RFC 4616 2: no authorization identity, the name, the password. */
static bool put_initial(struct gp_text *out, gp_str user, gp_secret password)
{
    char           octets[GP_DOVECOT_PLAIN_MOST];
    struct gp_text plain = GP_TEXT(octets);
    gp_str         pass  = { password.ptr, password.len };
    bool           clean = gp_find(user, '\0') == user.len && gp_find(pass, '\0') == pass.len;
    gp_put_char(&plain, '\0');
    gp_put(&plain, user);
    gp_put_char(&plain, '\0');
    gp_put(&plain, pass);
    if (clean && !plain.cut) {
        gp_put_z(out, "\tresp=");
        gp_put_base64(out, gp_said(&plain));
        gp_put_char(out, '\n');
    }
    gp_wipe(octets, sizeof octets);
    return clean && !plain.cut && !out->cut;
}

bool gp_dovecot_client_plain(struct gp_dovecot_client *c, const struct gp_dovecot_plain *ask, uint32_t *id,
                             struct gp_text *out)
{
    struct gp_dovecot_open *o = c->phase == ASKING && c->last < UINT32_MAX ? gp_dovecot_free_slot(c->open) : NULL;
    if (!o) return false;
    gp_put_z(out, "AUTH\t");
    gp_put_number(out, c->last + 1);
    gp_put_z(out, "\tPLAIN");
    put_word(out, "\tservice=", ask->service);
    put_word(out, "\tlip=", ask->local_ip);
    put_word(out, "\trip=", ask->remote_ip);
    gp_put_z(out, ask->secured ? "\tnologin\tsecured" : "\tnologin");
    if (ask->no_penalty) gp_put_z(out, "\tno-penalty");
    if (!put_initial(out, ask->user, ask->password)) return false;
    *id = ++c->last;
    *o  = (struct gp_dovecot_open) { .id = *id, .turn = GP_DOVECOT_OURS };
    return true;
}

bool gp_dovecot_client_cancel(struct gp_dovecot_client *c, uint32_t id, struct gp_text *out)
{
    struct gp_dovecot_open *o = gp_dovecot_find(c->open, id);
    if (!o || c->phase != ASKING) return false;
    o->turn = GP_DOVECOT_FREE;
    gp_put_z(out, "CANCEL\t");
    gp_put_number(out, id);
    gp_put_char(out, '\n');
    return !out->cut;
}
