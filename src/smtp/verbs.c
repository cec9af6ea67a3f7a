/* The commands: one table of when each is legal and what it needs first, and a reader of arguments for each. */
#include "smtp/server.h"

#include "smtp/extensions.h"

typedef bool read_arguments(struct gp_smtp_server *, gp_str arguments, struct gp_smtp_event *);
typedef bool refuse_verb(struct gp_smtp_server *, struct gp_smtp_event *, struct gp_reply, gp_str line);

static bool say(struct gp_smtp_server *s, int code, const char *enhanced, const char *text)
{
    return gp_server_say(s, (struct gp_reply) { code, enhanced, text });
}

/* `what`: the verb alone; arguments of AUTH never go further. */
static bool refuse(struct gp_smtp_server *s, struct gp_smtp_event *ev, gp_str what, int code, const char *enhanced,
                   const char *text)
{
    return gp_server_refuse(s, ev, (struct gp_reply) { code, enhanced, text }, what);
}

/* ---- hello ----------------------------------------------------------------------------------------------- */
/* What a client calls itself goes into Received and logs: only what a name or an address literal is made of stays. */
static void keep_helo(struct gp_smtp_server *s, gp_str name)
{
    size_t length = 0;
    for (; length < name.len && length < sizeof s->helo - 1; length++) {
        char c    = name.ptr[length];
        bool safe = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                    c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
        s->helo[length] = safe ? c : '?';
    }
    s->helo[length] = '\0';
}

static bool greeted(struct gp_smtp_server *s, gp_str name, struct gp_smtp_event *ev)
{
    if (name.len == 0 && s->options->old_devices) name = GP_LIT("unknown");
    if (name.len == 0) return refuse(s, ev, GP_LIT("EHLO"), 501, "5.5.4", "say your name");
    gp_server_forget(s); /* RFC 5321 4.1.4: in mid-session it acts as RSET */
    keep_helo(s, name);
    s->phase = GP_PHASE_READY;
    return false;
}

static bool ehlo(struct gp_smtp_server *s, gp_str name, struct gp_smtp_event *ev)
{
    if (greeted(s, name, ev)) return true;
    s->esmtp = true;
    gp_server_hello(s);
    return false;
}

static bool helo(struct gp_smtp_server *s, gp_str name, struct gp_smtp_event *ev)
{
    if (greeted(s, name, ev)) return true;
    s->esmtp = false;
    return say(s, 250, NULL, s->options->hostname);
}

/* ---- TLS and signing in ---------------------------------------------------------------------------------- */
static bool starttls(struct gp_smtp_server *s, gp_str none, struct gp_smtp_event *ev)
{
    (void)none;
    return gp_server_ask(s, ev, GP_SMTP_STARTTLS, GP_NONE, GP_NONE);
}

static bool is_among(const char *names, gp_str mechanism)
{
    gp_str rest = gp_from(names);
    for (gp_str word = gp_word(&rest); word.len > 0; word = gp_word(&rest))
        if (gp_alike(word, mechanism)) return true;
    return false;
}

static bool is_askable(const struct gp_smtp_server *s, gp_str mechanism)
{
    return is_among(s->mechanisms, mechanism) || is_among(s->options->unlisted, mechanism);
}

/* What was put off may have been a guess as well: so many more of those, and no more. */
static bool has_tried_enough(const struct gp_smtp_server *s)
{
    enum { PUT_OFF_PER_FAILURE = 4 };
    return s->auth_failures >= s->options->auth_failures_most ||
           s->auth_put_off / PUT_OFF_PER_FAILURE >= s->options->auth_failures_most;
}

/* RFC 4954 4: a mechanism and perhaps an initial response, where "=" stands for an empty one. */
static bool auth(struct gp_smtp_server *s, gp_str arguments, struct gp_smtp_event *ev)
{
    gp_str mechanism = gp_word(&arguments), initial = gp_word(&arguments);
    s->secret_line = true;
    if (mechanism.len == 0 || gp_trim(arguments).len > 0)
        return refuse(s, ev, GP_LIT("AUTH"), 501, "5.5.4", "say AUTH, a mechanism, and at most one response");
    if (has_tried_enough(s)) return refuse(s, ev, GP_LIT("AUTH"), 421, "4.7.0", "too many failed attempts, closing");
    if (!is_askable(s, mechanism)) return refuse(s, ev, GP_LIT("AUTH"), 504, "5.5.4", "mechanism not offered");
    if (initial.len == 0) initial = GP_NONE;
    if (gp_same(initial, GP_LIT("="))) initial = GP_LIT("");
    return gp_server_ask(s, ev, GP_SMTP_AUTH, mechanism, initial);
}

/* ---- the envelope ---------------------------------------------------------------------------------------- */
/* Where the path that begins behind `<` ends; a `>` in a quoted local part is text. */
static size_t find_path_end(gp_str text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '>' && !quoted) return i;
        if (c == '"') quoted = !quoted;
        if (c == '\\' && quoted) i++;
    }
    return text.len;
}

/* RFC 5321 4.1.1.3, appendix C: a source route is accepted and ignored. */
static gp_str without_route(gp_str path)
{
    size_t colon = gp_find(path, ':');
    bool   route = path.len > 0 && path.ptr[0] == '@' && colon < path.len;
    for (gp_str hops = gp_head(path, route ? colon : 0); hops.len > 0;) {
        gp_str hop = gp_cut(&hops, ',');
        if (hop.len == 0 || hop.ptr[0] != '@' || !gp_is_domain(gp_tail(hop, 1), false)) return path;
    }
    return route ? gp_tail(path, colon + 1) : path;
}

/* "FROM:address", as some old devices say it: up to the next space. Nothing at all is no path; "<>" is. */
static bool take_bare_path(gp_str text, gp_str *arguments, gp_str *path)
{
    size_t end = gp_find(text, ' ');
    *path      = without_route(gp_head(text, end));
    *arguments = gp_tail(text, end);
    return path->len > 0;
}

/* Takes "FROM:<path>" off the arguments. The space that many devices write behind the colon is let pass. */
static bool take_path(const struct gp_smtp_server *s, gp_str *arguments, const char *keyword, gp_str *path)
{
    gp_str text = gp_trim(*arguments);
    if (!gp_starts(text, keyword)) return false;
    text = gp_trim(gp_tail(text, gp_from(keyword).len));
    if (s->options->old_devices && !gp_starts(text, "<")) return take_bare_path(text, arguments, path);
    if (text.len == 0 || text.ptr[0] != '<') return false;
    text       = gp_tail(text, 1);
    size_t end = find_path_end(text);
    if (end == text.len) return false;
    *path      = without_route(gp_head(text, end));
    *arguments = gp_tail(text, end + 1);
    return arguments->len == 0 || arguments->ptr[0] == ' ';
}

/* What is wrong with the address differs in its code between the two commands. */
struct path_rules {
    const char     *keyword, *verb;
    enum gp_on      on;
    struct gp_reply syntax, address, unqualified, needs_utf8;
};
static const struct path_rules mail_rules = {
    .keyword     = "FROM:",
    .verb        = "MAIL",
    .on          = GP_ON_MAIL,
    .syntax      = {501,  "5.5.4", "say MAIL FROM:<address>"                      },
    .address     = { 501, "5.1.7", "bad sender address"                           },
    .unqualified = { 554, "5.1.8", "sender address needs a fully qualified domain"},
    .needs_utf8  = { 553, "5.6.7", "this sender address needs SMTPUTF8"           },
};
static const struct path_rules rcpt_rules = {
    .keyword     = "TO:",
    .verb        = "RCPT",
    .on          = GP_ON_RCPT,
    .syntax      = {501,  "5.5.4", "say RCPT TO:<address>"                           },
    .address     = { 501, "5.1.3", "bad recipient address"                           },
    .unqualified = { 554, "5.1.2", "recipient address needs a fully qualified domain"},
    .needs_utf8  = { 550, "5.6.7", "this recipient address needs SMTPUTF8"           },
};

/* RFC 5321 4.1.1.3: <Postmaster> is the one recipient without domain. RFC 6409 4.2: all others are fully qualified. */
static const struct gp_reply *address_fault(gp_str path, const struct path_rules *rules)
{
    struct gp_address address;
    if (path.len == 0 && rules->on == GP_ON_MAIL) return NULL;
    if (!gp_read_address(path, true, &address)) return &rules->address;
    if (address.domain.len == 0) return rules->on == GP_ON_RCPT ? NULL : &rules->address;
    bool literal = address.domain.ptr[0] == '[';
    return literal || gp_is_domain(address.domain, true) ? NULL : &rules->unqualified;
}

/* Reads path and parameters; NULL: both are good, else the refusal. */
static const struct gp_reply *read_envelope(struct gp_smtp_server *s, gp_str arguments, const struct path_rules *rules,
                                            gp_str *path, gp_str *parameters)
{
    struct gp_text canonical = GP_TEXT(s->room->scratch);
    if (!take_path(s, &arguments, rules->keyword, path)) return &rules->syntax;
    const struct gp_reply *no = address_fault(*path, rules);
    if (!no) no = gp_read_parameters(s, arguments, rules->on, &canonical);
    if (no) return no;
    *parameters = gp_said(&canonical);
    if (rules->on == GP_ON_MAIL) s->utf8 = gp_parameter(*parameters, "SMTPUTF8").ptr != NULL;
    /* RFC 6531 3.5: the parameter decides, not the octets. */
    return gp_is_ascii(*path) || s->utf8 ? NULL : &rules->needs_utf8;
}

static bool mail(struct gp_smtp_server *s, gp_str arguments, struct gp_smtp_event *ev)
{
    static const struct gp_reply too_many = { 421, "4.7.0", "too many messages in one session, connect again" };
    gp_str                       path, parameters;
    if (s->mails >= s->options->mails_most) return gp_server_decide(s, ev, too_many, GP_LIT("MAIL"));
    const struct gp_reply *no = read_envelope(s, arguments, &mail_rules, &path, &parameters);
    if (no) return gp_server_refuse(s, ev, *no, GP_LIT("MAIL"));
    return gp_server_ask(s, ev, GP_SMTP_MAIL, path, parameters);
}

/* A client may go on for long after the first: they are one refusal, of one name. */
static bool one_too_many(struct gp_smtp_server *s, struct gp_smtp_event *ev)
{
    /* RFC 5321 4.5.3.1.10: 452, for a client may take 552 as final. */
    static const struct gp_reply full  = { 452, "4.5.3", "too many recipients" };
    bool                         named = s->refusal.code == full.code;
    if (s->overfull) return named ? gp_server_name_and_say(s, full) : gp_server_say(s, full);
    s->overfull = true;
    return gp_server_decide(s, ev, full, GP_LIT("RCPT"));
}

static bool rcpt(struct gp_smtp_server *s, gp_str arguments, struct gp_smtp_event *ev)
{
    gp_str                 path, parameters;
    const struct gp_reply *no = read_envelope(s, arguments, &rcpt_rules, &path, &parameters);
    if (no) return gp_server_refuse(s, ev, *no, GP_LIT("RCPT"));
    if (s->recipients >= s->options->recipients_most) return one_too_many(s, ev);
    return gp_server_ask(s, ev, GP_SMTP_RCPT, path, parameters);
}

static bool data(struct gp_smtp_server *s, gp_str none, struct gp_smtp_event *ev)
{
    (void)none;
    return gp_server_ask(s, ev, GP_SMTP_DATA, GP_NONE, GP_NONE);
}

/* ---- the rest -------------------------------------------------------------------------------------------- */
static bool rset(struct gp_smtp_server *s, gp_str none, struct gp_smtp_event *ev)
{
    (void)none, (void)ev;
    gp_server_forget(s);
    return say(s, 250, "2.0.0", "forgotten");
}

static bool noop(struct gp_smtp_server *s, gp_str ignored, struct gp_smtp_event *ev)
{
    (void)ignored, (void)ev;
    return say(s, 250, "2.0.0", "ok");
}

static bool help(struct gp_smtp_server *s, gp_str ignored, struct gp_smtp_event *ev)
{
    (void)ignored, (void)ev;
    return say(s, 214, "2.0.0", "EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP HELP VRFY QUIT");
}

/* RFC 5321 3.5.3: tells nobody who exists. */
static bool vrfy(struct gp_smtp_server *s, gp_str ignored, struct gp_smtp_event *ev)
{
    (void)ignored, (void)ev;
    return say(s, 252, "2.0.0", "send some mail and see");
}

static bool expn(struct gp_smtp_server *s, gp_str ignored, struct gp_smtp_event *ev)
{
    (void)ignored;
    return refuse(s, ev, GP_LIT("EXPN"), 502, "5.5.1", "not implemented");
}

static bool quit(struct gp_smtp_server *s, gp_str none, struct gp_smtp_event *ev)
{
    (void)none, (void)ev;
    say(s, 221, "2.0.0", "bye");
    s->phase = GP_PHASE_ENDED;
    return false;
}

/* ---- the table ------------------------------------------------------------------------------------------- */
enum { NEEDS_TLS = 1, NEEDS_CLEAR = 2, NEEDS_EHLO = 4, NEEDS_LOGIN = 8, NEEDS_NO_LOGIN = 16, NO_ARGUMENT = 32 };
enum {
    START     = GP_PHASE_START,
    READY     = GP_PHASE_READY,
    SENDER    = GP_PHASE_SENDER,
    RCPTS     = GP_PHASE_RCPTS,
    CHUNKS    = GP_PHASE_CHUNKS,
    ANYTIME   = START | READY | SENDER | RCPTS | CHUNKS,
    SIGNED_IN = NEEDS_TLS | NEEDS_LOGIN,
};

static const struct verb {
    const char     *word;
    unsigned        phases, needs;
    const char     *order; /* the text of 503                                             */
    read_arguments *read;
    refuse_verb    *refused; /* what a refusal must do besides saying it; NULL: say it only */
} verbs[] = {
  /* clang-format off */
/*    word        legal in        first needs                               out of order                          reads its arguments with */
    { "EHLO",     ANYTIME,        0,                                        NULL,                                 ehlo,     NULL },
    { "HELO",     ANYTIME,        0,                                        NULL,                                 helo,     NULL },
    { "STARTTLS", START | READY,  NEEDS_CLEAR | NO_ARGUMENT,                "not now",                            starttls, NULL },
    { "AUTH",     READY,          NEEDS_TLS | NEEDS_EHLO | NEEDS_NO_LOGIN,  "not now",                            auth,     NULL },
    { "MAIL",     READY,          SIGNED_IN,                                "one transaction at a time",          mail,     NULL },
    { "RCPT",     SENDER | RCPTS, SIGNED_IN,                                "MAIL first",                         rcpt,     NULL },
    { "DATA",     RCPTS,          SIGNED_IN | NO_ARGUMENT,                  "an accepted recipient first",        data,     NULL },
    { "BDAT",     RCPTS | CHUNKS, SIGNED_IN,                                "an accepted recipient first",        gp_server_bdat, gp_server_bdat_refused },
    { "RSET",     ANYTIME,        NO_ARGUMENT,                              NULL,                                 rset,     NULL },
    { "NOOP",     ANYTIME,        0,                                        NULL,                                 noop,     NULL },
    { "HELP",     ANYTIME,        0,                                        NULL,                                 help,     NULL },
    { "VRFY",     ANYTIME,        SIGNED_IN,                                NULL,                                 vrfy,     NULL },
    { "XMINE",    READY,          SIGNED_IN | NEEDS_EHLO,                   "not within a transaction",           gp_server_mine, NULL },
    { "EXPN",     ANYTIME,        SIGNED_IN,                                NULL,                                 expn,     NULL },
    { "QUIT",     ANYTIME,        NO_ARGUMENT,                              NULL,                                 quit,     NULL },
  /* clang-format on */
};

/* What stands in the way of a verb; code 0: nothing. RFC 3207 4, RFC 6409 4.3, RFC 4954 4. */
static struct gp_reply obstacle(const struct gp_smtp_server *s, const struct verb *v, gp_str arguments)
{
    const struct gp_smtp_options *o = s->options;
    if ((v->needs & NEEDS_CLEAR) && o->without_tls) return (struct gp_reply) { 502, "5.5.1", "not offered here" };
    if ((v->needs & NEEDS_TLS) && !s->secure && !o->without_tls)
        return (struct gp_reply) { 530, "5.7.0", "Must issue a STARTTLS command first" };
    if ((v->needs & NEEDS_LOGIN) && !s->signed_in) return (struct gp_reply) { 530, "5.7.0", "Authentication required" };
    if ((v->needs & NEEDS_CLEAR) && s->secure) return (struct gp_reply) { 503, "5.5.1", "TLS is on already" };
    if ((v->needs & NEEDS_NO_LOGIN) && s->signed_in) return (struct gp_reply) { 503, "5.5.1", "signed in already" };
    if ((v->needs & NEEDS_EHLO) && !s->esmtp && !o->old_devices)
        return (struct gp_reply) { 503, "5.5.1", "EHLO first" };
    if (!(v->phases & s->phase)) return (struct gp_reply) { 503, "5.5.1", v->order };
    if ((v->needs & NO_ARGUMENT) && arguments.len > 0) return (struct gp_reply) { 501, "5.5.4", "takes no argument" };
    return (struct gp_reply) { 0, NULL, NULL };
}

static bool has_control(gp_str line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.ptr[i] < ' ' || line.ptr[i] == 127) return true;
    return false;
}

static const struct verb *find_verb(gp_str word)
{
    for (size_t i = 0; i < GP_COUNT(verbs); i++)
        if (gp_is(word, verbs[i].word)) return &verbs[i];
    return NULL;
}

/* What a log may show of a refused line. What follows AUTH may be a password, and so may what is no command at all: a
 * client out of step sends its secret where a command is due. */
static gp_str fit_to_show(const struct verb *v, gp_str line)
{
    if (!v) return GP_LIT("(not a command)");
    return v->read == auth ? GP_LIT("AUTH") : line;
}

bool gp_server_command(struct gp_smtp_server *s, gp_str line, struct gp_smtp_event *ev)
{
    gp_str             arguments = gp_trim(line), word = gp_word(&arguments);
    const struct verb *v      = find_verb(word);
    gp_str             shown  = fit_to_show(v, line);
    struct gp_reply    unread = { 0, NULL, NULL };
    if (!v) unread = (struct gp_reply) { 500, "5.5.2", "command not recognized" };
    if (has_control(line)) unread = (struct gp_reply) { 500, "5.5.2", "control octet in a command" };
    if (unread.code && gp_starts(gp_trim(line), "BDAT")) return gp_server_bdat_lost(s, ev, unread);
    if (unread.code) return gp_server_refuse(s, ev, unread, shown);
    struct gp_reply no = obstacle(s, v, arguments);
    if (no.code == 0) return v->read(s, arguments, ev);
    return v->refused ? v->refused(s, ev, no, arguments) : gp_server_refuse(s, ev, no, shown);
}
