/* The server's side.
 *   VERSION  the client's first line tells which protocol it speaks
 *   CPID     then it says who it is
 *   SERVING  requests come and go, each OURS until it is answered and the CLIENTS after a challenge
 *   BROKEN   nothing is read any more
 */
#include "dovecot/parts.h"

enum { VERSION, CPID, SERVING, BROKEN };

void gp_dovecot_server_init(struct gp_dovecot_server *s)
{
    *s = (struct gp_dovecot_server) { .phase = VERSION };
}

/* ---- the greeting -------------------------------------------------------------------------------------------- */
/* What a mechanism may be left out for: Postfix's smtpd_sasl_security_options and their like. */
static const struct trait {
    const char *mechanism, *words;
} traits[] = {
    {"PLAIN",          "\tplaintext"         },
    { "LOGIN",         "\tplaintext"         },
    { "CRAM-MD5",      "\tdictionary\tactive"},
    { "SCRAM-SHA-1",   "\tmutual-auth"       },
    { "SCRAM-SHA-256", "\tmutual-auth"       },
    { "SCRAM-SHA-512", "\tmutual-auth"       },
};

/* A -PLUS form is bound to a TLS channel that ends elsewhere; EXTERNAL to a certificate that nobody here has seen. */
bool gp_dovecot_offers(gp_str mechanism)
{
    return mechanism.len > 0 && !gp_ends(mechanism, "-PLUS") && !gp_is(mechanism, "EXTERNAL");
}

static void put_mechanism(struct gp_text *out, gp_str name)
{
    gp_put_z(out, "MECH\t");
    gp_put(out, name);
    for (size_t i = 0; i < GP_COUNT(traits); i++)
        if (gp_is(name, traits[i].mechanism)) gp_put_z(out, traits[i].words);
    gp_put_char(out, '\n');
}

bool gp_dovecot_put_hello(struct gp_text *out, const struct gp_dovecot_hello *hello)
{
    gp_put_z(out, "VERSION\t" GP_DOVECOT_VERSION "\n");
    for (gp_str names = hello->mechanisms; names.len > 0;) {
        gp_str name = gp_word(&names);
        if (gp_dovecot_offers(name)) put_mechanism(out, name);
    }
    gp_put_z(out, "SPID\t");
    gp_put_number(out, hello->pid);
    gp_put_z(out, "\nCUID\t");
    gp_put_number(out, hello->connection);
    gp_put_z(out, "\nCOOKIE\t");
    gp_put_hex(out, (gp_str) { (const char *)hello->cookie, sizeof hello->cookie });
    gp_put_z(out, "\nDONE\n");
    return !out->cut;
}

/* ---- what the client says ------------------------------------------------------------------------------------- */
static void break_with(struct gp_dovecot_server *s, struct gp_dovecot_event *ev, const char *why)
{
    s->phase = BROKEN;
    s->why = ev->why = why;
    ev->kind         = GP_DOVECOT_BROKEN;
}

static void about(const struct gp_dovecot_server *s, struct gp_dovecot_event *ev, const struct gp_dovecot_open *o)
{
    ev->slot = (unsigned)(o - s->open);
    ev->id   = o->id;
}

/* A client that goes away in the middle of a sign-in is often not said to be gone, so the one that waits longest makes room. */
static struct gp_dovecot_open *overdue(struct gp_dovecot_server *s)
{
    struct gp_dovecot_open *oldest = NULL;
    for (size_t i = 0; i < GP_DOVECOT_OPEN_MOST; i++) {
        struct gp_dovecot_open *o = &s->open[i];
        if (o->turn == GP_DOVECOT_CLIENTS && (!oldest || o->age - oldest->age > UINT32_MAX / 2)) oldest = o;
    }
    return oldest;
}

static void on_auth(struct gp_dovecot_server *s, gp_str words, struct gp_dovecot_event *ev)
{
    struct gp_text room = GP_TEXT(s->texts);
    if (!gp_dovecot_read_id(gp_cut(&words, '\t'), &ev->id)) return break_with(s, ev, "a request without an id");
    if (gp_dovecot_find(s->open, ev->id)) return break_with(s, ev, "two requests with one id");
    const char *wrong = gp_dovecot_read_request(words, &room, &ev->request);
    if (wrong) return break_with(s, ev, wrong);
    struct gp_dovecot_open *o = gp_dovecot_free_slot(s->open);
    if (!o) {
        ev->kind = GP_DOVECOT_REFUSE;
        return;
    }
    *o       = (struct gp_dovecot_open) { .id = ev->id, .age = s->ages++, .turn = GP_DOVECOT_OURS };
    ev->kind = GP_DOVECOT_AUTH;
    about(s, ev, o);
}

static void on_cont(struct gp_dovecot_server *s, gp_str words, struct gp_dovecot_event *ev)
{
    if (!gp_dovecot_read_id(gp_cut(&words, '\t'), &ev->id)) return break_with(s, ev, "a continuation without an id");
    struct gp_dovecot_open *o = gp_dovecot_find(s->open, ev->id);
    if (!o) {
        ev->kind = GP_DOVECOT_REFUSE; /* it took too long and was given up */
        return;
    }
    if (o->turn != GP_DOVECOT_CLIENTS) return break_with(s, ev, "a continuation that nobody asked for");
    o->turn  = GP_DOVECOT_OURS;
    ev->kind = GP_DOVECOT_CONT;
    ev->data = words.ptr ? words : GP_LIT("");
    about(s, ev, o);
}

static void on_cancel(struct gp_dovecot_server *s, gp_str words, struct gp_dovecot_event *ev)
{
    if (!gp_dovecot_read_id(words, &ev->id)) return break_with(s, ev, "a cancellation without an id");
    struct gp_dovecot_open *o = gp_dovecot_find(s->open, ev->id);
    if (!o) return; /* it crossed our answer */
    ev->kind = GP_DOVECOT_CANCEL;
    about(s, ev, o);
    o->turn = GP_DOVECOT_FREE;
}

static void on_version(struct gp_dovecot_server *s, gp_str words, struct gp_dovecot_event *ev)
{
    if (!gp_dovecot_version_fits(words)) return break_with(s, ev, "another version of the protocol");
    s->phase = CPID;
}

static void on_cpid(struct gp_dovecot_server *s, gp_str words, struct gp_dovecot_event *ev)
{
    uint32_t pid;
    if (!gp_dovecot_read_id(words, &pid)) return break_with(s, ev, "a process without a number");
    s->phase = SERVING;
    ev->kind = GP_DOVECOT_READY;
}

static const struct verb {
    const char *word;
    unsigned    phase;
    void (*read)(struct gp_dovecot_server *, gp_str words, struct gp_dovecot_event *);
} verbs[] = {
    {"VERSION", VERSION, on_version},
    { "CPID",   CPID,    on_cpid   },
    { "AUTH",   SERVING, on_auth   },
    { "CONT",   SERVING, on_cont   },
    { "CANCEL", SERVING, on_cancel },
};

static void read_line(struct gp_dovecot_server *s, gp_str line, struct gp_dovecot_event *ev)
{
    gp_str words = line, word = gp_cut(&words, '\t');
    for (size_t i = 0; i < GP_COUNT(verbs); i++)
        if (verbs[i].phase == s->phase && gp_dovecot_is(word, verbs[i].word)) return verbs[i].read(s, words, ev);
    break_with(s, ev, s->phase == SERVING ? "a command that is not served here" : "not the protocol's greeting");
}

static bool starts_request(const struct gp_dovecot_server *s, gp_str line)
{
    return s->phase == SERVING && gp_dovecot_is(gp_head(line, sizeof "AUTH\t" - 1), "AUTH\t");
}

/* Before a request is read there is room for it, if any can be made. */
static bool make_room(struct gp_dovecot_server *s, gp_str line, struct gp_dovecot_event *ev)
{
    if (!starts_request(s, line) || gp_dovecot_free_slot(s->open)) return true;
    const struct gp_dovecot_open *o = overdue(s);
    if (!o) return true;
    ev->kind = GP_DOVECOT_OVERDUE;
    about(s, ev, o);
    return false;
}

struct gp_dovecot_event gp_dovecot_server_next(struct gp_dovecot_server *s, gp_str *input)
{
    struct gp_dovecot_event ev   = { .kind = GP_DOVECOT_NEED_INPUT };
    gp_status               next = GP_OK;
    gp_str                  line = GP_NONE;
    if (s->phase == BROKEN) {
        break_with(s, &ev, s->why);
        return ev;
    }
    while (ev.kind == GP_DOVECOT_NEED_INPUT && (next = gp_dovecot_line(*input, &s->searched, &line)) == GP_OK) {
        ev = (struct gp_dovecot_event) { .kind = GP_DOVECOT_NEED_INPUT }; /* nothing of a line that came to nothing */
        if (!make_room(s, line, &ev)) return ev;
        read_line(s, line, &ev);
        gp_dovecot_took_line(input, &s->searched, line);
    }
    if (next == GP_PERMFAIL) break_with(s, &ev, "a line is too long");
    return ev;
}

/* ---- what it is answered ---------------------------------------------------------------------------------------- */
static struct gp_dovecot_open *take_slot(struct gp_dovecot_server *s, unsigned slot, bool also_clients)
{
    struct gp_dovecot_open *o    = slot < GP_DOVECOT_OPEN_MOST ? &s->open[slot] : NULL;
    bool                    fits = o && (o->turn == GP_DOVECOT_OURS || (also_clients && o->turn == GP_DOVECOT_CLIENTS));
    return fits ? o : NULL;
}

static void put_answer(struct gp_text *out, const char *word, uint32_t id)
{
    gp_put_z(out, word);
    gp_put_char(out, '\t');
    gp_put_number(out, id);
}

bool gp_dovecot_server_more(struct gp_dovecot_server *s, unsigned slot, gp_str base64, struct gp_text *out)
{
    struct gp_dovecot_open *o = take_slot(s, slot, false);
    if (!o) return false;
    o->turn = GP_DOVECOT_CLIENTS;
    put_answer(out, "CONT", o->id);
    gp_put_char(out, '\t');
    gp_put(out, base64);
    gp_put_char(out, '\n');
    return !out->cut;
}

bool gp_dovecot_server_ok(struct gp_dovecot_server *s, unsigned slot, gp_str user, gp_str last_word,
                          struct gp_text *out)
{
    struct gp_dovecot_open *o = take_slot(s, slot, false);
    if (!o) return false;
    o->turn = GP_DOVECOT_FREE;
    put_answer(out, "OK", o->id);
    gp_put_z(out, "\tuser=");
    gp_dovecot_put_escaped(out, user);
    if (last_word.ptr) {
        gp_put_z(out, "\tresp=");
        gp_put(out, last_word);
    }
    gp_put_char(out, '\n');
    return !out->cut;
}

/* One text for each kind of no. Without one Postfix shows its client whatever it read last. */
static void put_fail(struct gp_text *out, uint32_t id, bool for_now)
{
    put_answer(out, "FAIL", id);
    gp_put_z(out, for_now ? "\ttemp\treason=not available now, try again later\n" : "\treason=authentication failed\n");
}

bool gp_dovecot_server_fail(struct gp_dovecot_server *s, unsigned slot, bool for_now, struct gp_text *out)
{
    struct gp_dovecot_open *o = take_slot(s, slot, true);
    if (!o) return false;
    o->turn = GP_DOVECOT_FREE;
    put_fail(out, o->id, for_now);
    return !out->cut;
}

bool gp_dovecot_refuse(uint32_t id, struct gp_text *out)
{
    put_fail(out, id, true);
    return !out->cut;
}
