/* The table of extensions and the check of each parameter. */
#include "smtp/extensions.h"

enum {
    SIZE_DIGITS_MOST = 20,  /* RFC 1870 4   */
    ENVID_MOST       = 100, /* RFC 3461 4.4 */
    ORCPT_MOST       = 500, /* RFC 3461 4.2 */
};

static const struct gp_reply bad_value   = { 501, "5.5.4", "bad parameter value" };
static const struct gp_reply not_ours    = { 504, "5.5.4", "parameter value not implemented" };
static const struct gp_reply over_size   = { 552, "5.3.4", "message is larger than the limit" };
static const struct gp_reply not_offered = { 555, "5.5.4", "parameter not offered here" };
static const struct gp_reply too_late    = { 501, "5.5.4", "held for longer than the limit that EHLO says" };
static const struct gp_reply too_soon    = { 555, "5.5.4", "less time to deliver it than the minimum that EHLO says" };
static const struct gp_reply wants_value = { 501, "5.5.4", "parameter takes no value" };

/* ---- values ---------------------------------------------------------------------------------------------- */
static void put_upper(struct gp_text *out, gp_str word)
{
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        gp_put_char(out, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
}

static const struct gp_reply *valid_size(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    uint64_t size;
    if (value.len == 0 || value.len > SIZE_DIGITS_MOST) return &bad_value;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < '0' || value.ptr[i] > '9') return &bad_value;
    if (!gp_read_number(value, s->options->size_limit, &size)) return &over_size;
    gp_put(out, value);
    return NULL;
}

static const struct gp_reply *valid_body(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    (void)s;
    if (value.len == 0) return &bad_value;
    if (!gp_is(value, "7BIT") && !gp_is(value, "8BITMIME")) return &not_ours;
    put_upper(out, value);
    return NULL;
}

static const struct gp_reply *no_value(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    (void)s, (void)out;
    return value.ptr ? &wants_value : NULL;
}

static const struct gp_reply *valid_ret(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    (void)s;
    if (!gp_is(value, "FULL") && !gp_is(value, "HDRS")) return &bad_value;
    put_upper(out, value);
    return NULL;
}

static bool is_printable(gp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127) return false;
    return true;
}

/* xtext whose octets are all printable: what it says must be safe in a header field and a log line. */
static bool printable_xtext(gp_str text)
{
    char           room[GP_SMTP_COMMAND_MOST];
    struct gp_text octets = GP_TEXT(room);
    return gp_read_xtext(text, &octets) && is_printable(gp_said(&octets));
}

static const struct gp_reply *valid_envid(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    (void)s;
    if (value.len == 0 || value.len > ENVID_MOST || !printable_xtext(value)) return &bad_value;
    gp_put(out, value);
    return NULL;
}

/* RFC 3461 4.1: NEVER stands alone; the others at most once each. */
static const struct gp_reply *valid_notify(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    static const char *const words[] = { "SUCCESS", "FAILURE", "DELAY" };
    (void)s;
    unsigned seen = 0;
    gp_str   rest = value;
    bool     more = !gp_is(value, "NEVER");
    while (more) {
        size_t comma = gp_find(rest, ',');
        gp_str word  = gp_head(rest, comma);
        size_t i     = 0;
        while (i < GP_COUNT(words) && !gp_is(word, words[i])) i++;
        if (i == GP_COUNT(words) || (seen & 1U << i)) return &bad_value;
        seen |= 1U << i;
        more = comma < rest.len;
        rest = gp_tail(rest, comma + 1);
    }
    put_upper(out, value);
    return NULL;
}

static bool is_atom(gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-')) return false;
    }
    return text.len > 0;
}

/* RFC 3461 4.2, and RFC 6533 3 for the type utf-8, which may come as it is where SMTPUTF8 was said. */
static const struct gp_reply *valid_orcpt(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    size_t semicolon = gp_find(value, ';');
    gp_str type = gp_head(value, semicolon), address = gp_tail(value, semicolon + 1);
    if (value.len > ORCPT_MOST || address.len == 0 || !is_atom(type)) return &bad_value;
    bool as_it_is =
        s->utf8 && gp_is(type, "utf-8") && !gp_is_ascii(address) && gp_is_utf8(address) && is_printable(address);
    if (!as_it_is && !printable_xtext(address)) return &bad_value;
    gp_put(out, value);
    return NULL;
}

/* RFC 4954 5: checked, and then the message is treated as if it were AUTH=<>: whom to trust is decided by who signed in. */
static const struct gp_reply *valid_auth(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    (void)s, (void)out;
    char              room[GP_SMTP_COMMAND_MOST];
    struct gp_text    octets = GP_TEXT(room);
    struct gp_address address;
    if (gp_same(value, GP_LIT("<>"))) return NULL;
    if (!gp_read_xtext(value, &octets)) return &bad_value;
    if (gp_same(gp_said(&octets), GP_LIT("<>"))) return NULL;
    return gp_read_address(gp_said(&octets), true, &address) ? NULL : &bad_value;
}

/* RFC 4954 4: no mechanism that shows a password is offered in clear, and we offer none at all, but where an administrator wants it for
 * devices that know no TLS. */
static bool may_sign_in(const struct gp_smtp_server *s)
{
    return (s->secure || s->options->without_tls) && s->mechanisms && *s->mechanisms;
}

/* ---- how urgent it is: RFC 6710 -------------------------------------------------------------------------------- */
static bool may_prioritise(const struct gp_smtp_server *s)
{
    return s->options->priorities;
}

static const struct gp_reply *valid_priority(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    int priority;
    if (!may_prioritise(s)) return &not_offered;
    if (!gp_read_priority(value, &priority)) return &bad_value;
    gp_put_number(out, priority);
    return NULL;
}

/* ---- what the sender holds back: RFC 4865 --------------------------------------------------------------------- */
static bool may_hold(const struct gp_smtp_server *s)
{
    return s->options->hold_most > 0 && s->options->now && (s->signed_in || may_sign_in(s));
}

static gp_time latest_release(const struct gp_smtp_server *s)
{
    enum { SECOND = 1000 };
    return s->options->now() + (gp_time)s->options->hold_most * SECOND;
}

static const struct gp_reply *valid_holdfor(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    uint64_t seconds;
    if (!may_hold(s)) return &not_offered;
    if (!gp_read_hold(value, &seconds)) return &bad_value;
    if (seconds > s->options->hold_most) return &too_late;
    gp_put(out, value);
    return NULL;
}

/* What is over already goes at once: the clocks of clients differ from ours. */
static const struct gp_reply *valid_holduntil(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    gp_time when;
    if (!may_hold(s)) return &not_offered;
    if (!gp_read_moment(value, &when)) return &bad_value;
    if (when > latest_release(s)) return &too_late;
    gp_put_moment(out, when);
    return NULL;
}

/* ---- TLS all the way, or back: RFC 8689 ------------------------------------------------------------------------ */
/* RFC 8689 2: in the context of TLS alone. */
static bool may_require_tls(const struct gp_smtp_server *s)
{
    return s->secure && s->options->require_tls;
}

static const struct gp_reply *valid_require_tls(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    return may_require_tls(s) ? no_value(s, value, out) : &not_offered;
}

/* ---- what became of one's own mail: mine.c -------------------------------------------------------------------- */
static bool may_ask(const struct gp_smtp_server *s)
{
    return s->options->mine && s->signed_in;
}

/* ---- by when it is to be delivered: RFC 2852 ------------------------------------------------------------------- */
static bool may_name_deadline(const struct gp_smtp_server *s)
{
    return s->options->deadlines && s->options->now;
}

static const struct gp_reply *valid_by(const struct gp_smtp_server *s, gp_str value, struct gp_text *out)
{
    struct gp_by by;
    if (!may_name_deadline(s)) return &not_offered;
    if (!gp_read_by(value, &by)) return &bad_value;
    if (by.back && by.seconds < (int64_t)s->options->deadline_least) return &too_soon; /* RFC 2852 3 */
    gp_put_deadline(out, &by, s->options->now());
    return NULL;
}

/* RFC 2852 2: nothing where any time will do. */
static void least_time(const struct gp_smtp_server *s, struct gp_text *out)
{
    if (s->options->deadline_least > 0) gp_put_number(out, s->options->deadline_least);
}

/* ---- what EHLO says -------------------------------------------------------------------------------------- */
static bool always(const struct gp_smtp_server *s)
{
    (void)s;
    return true;
}

static bool in_clear(const struct gp_smtp_server *s)
{
    return !s->secure && !s->options->without_tls;
}

/* Of a draft that was never a standard, and all that some old clients look for. */
static bool may_sign_in_of_old(const struct gp_smtp_server *s)
{
    return s->options->old_devices && may_sign_in(s);
}

static void mechanisms(const struct gp_smtp_server *s, struct gp_text *out)
{
    gp_put_z(out, s->mechanisms);
}

static void size_limit(const struct gp_smtp_server *s, struct gp_text *out)
{
    gp_put_number(out, (int64_t)(s->options->size_limit & INT64_MAX));
}

/* RFC 4865 4: the longest time and the latest moment. */
static void hold_limits(const struct gp_smtp_server *s, struct gp_text *out)
{
    gp_put_number(out, s->options->hold_most);
    gp_put_char(out, ' ');
    gp_put_moment(out, latest_release(s));
}

/* RFC 9422 4: at most six digits, and only what is enforced. */
static void limits(const struct gp_smtp_server *s, struct gp_text *out)
{
    enum { SIX_DIGITS = 999999 };
    const struct gp_smtp_options *o = s->options;
    gp_put_z(out, "RCPTMAX=");
    gp_put_number(out, o->recipients_most < SIX_DIGITS ? o->recipients_most : SIX_DIGITS);
    gp_put_z(out, " MAILMAX=");
    gp_put_number(out, o->mails_most < SIX_DIGITS ? o->mails_most : SIX_DIGITS);
}

/* ---- the tables ------------------------------------------------------------------------------------------ */
/* clang-format off */
static const struct gp_parameter_row size_row[] = { { "SIZE",     GP_ON_MAIL, valid_size, true,  false }, { NULL } };
static const struct gp_parameter_row body_row[] = { { "BODY",     GP_ON_MAIL, valid_body, true,  false }, { NULL } };
static const struct gp_parameter_row utf8_row[] = { { "SMTPUTF8", GP_ON_MAIL, no_value,   true,  false }, { NULL } };
static const struct gp_parameter_row auth_row[] = { { "AUTH",     GP_ON_MAIL, valid_auth, false, false }, { NULL } };
static const struct gp_parameter_row mt_row[]   = { { "MT-PRIORITY", GP_ON_MAIL, valid_priority, true, false }, { NULL } };
static const struct gp_parameter_row tls_row[]  = { { "REQUIRETLS",  GP_ON_MAIL, valid_require_tls, true, false }, { NULL } };
static const struct gp_parameter_row by_row[]   = { { "BY",       GP_ON_MAIL, valid_by,   true,  false }, { NULL } };
static const struct gp_parameter_row hold_rows[] = {
    { "HOLDFOR",   GP_ON_MAIL, valid_holdfor,   true, true },
    { "HOLDUNTIL", GP_ON_MAIL, valid_holduntil, true, true },
    { NULL },
};
static const struct gp_parameter_row dsn_rows[] = {
    { "RET",    GP_ON_MAIL, valid_ret,    true,  false },
    { "ENVID",  GP_ON_MAIL, valid_envid,  true,  false },
    { "NOTIFY", GP_ON_RCPT, valid_notify, true,  false },
    { "ORCPT",  GP_ON_RCPT, valid_orcpt,  true,  false },
    { NULL },
};

const struct gp_extension gp_extensions[] = {
/*    keyword                the client's bit      offered      argument    parameters  if the next hop lacks it */
    { "PIPELINING",          GP_OFFERS_PIPELINING, always,      NULL,       NULL,       GP_LACKING_DROP   },
    { "SIZE",                GP_OFFERS_SIZE,       always,      size_limit, size_row,   GP_LACKING_DROP   },
    { "STARTTLS",            GP_OFFERS_STARTTLS,   in_clear,    NULL,       NULL,       GP_LACKING_DROP   },
    { "AUTH",                GP_OFFERS_AUTH,       may_sign_in, mechanisms, auth_row,   GP_LACKING_DROP   },
    { "AUTH=",               0,                    may_sign_in_of_old, mechanisms, NULL, GP_LACKING_DROP   },
    { "ENHANCEDSTATUSCODES", 0,                    always,      NULL,       NULL,       GP_LACKING_DROP   },
    { "8BITMIME",            GP_OFFERS_8BITMIME,   always,      NULL,       body_row,   GP_LACKING_DROP   },
    { "CHUNKING",            GP_OFFERS_CHUNKING,   always,      NULL,       NULL,       GP_LACKING_DROP   },
    { "DSN",                 GP_OFFERS_DSN,        always,      NULL,       dsn_rows,   GP_LACKING_DROP   },
    { "FUTURERELEASE",       0,                    may_hold,    hold_limits, hold_rows, GP_LACKING_DROP   }, /* it is us who hold it */
    { "MT-PRIORITY",         GP_OFFERS_MT_PRIORITY, may_prioritise, NULL,   mt_row,     GP_LACKING_DROP   },
    { "REQUIRETLS",          GP_OFFERS_REQUIRETLS, may_require_tls, NULL,   tls_row,    GP_LACKING_BOUNCE },
    { "DELIVERBY",           GP_OFFERS_DELIVERBY,  may_name_deadline, least_time, by_row, GP_LACKING_DROP }, /* the client looks at it first */
    { "LIMITS",              GP_OFFERS_LIMITS,     always,      limits,     NULL,       GP_LACKING_DROP   },
    { "XMINE",               0,                    may_ask,     NULL,       NULL,       GP_LACKING_DROP   },
    { "SMTPUTF8",            GP_OFFERS_SMTPUTF8,   always,      NULL,       utf8_row,   GP_LACKING_BOUNCE },
};
/* clang-format on */
const size_t gp_extension_count = GP_COUNT(gp_extensions);

const struct gp_parameter_row *gp_find_parameter(gp_str name, enum gp_on on, const struct gp_extension **extension)
{
    for (size_t i = 0; i < gp_extension_count; i++) {
        const struct gp_parameter_row *row = gp_extensions[i].parameters;
        for (; row && row->name; row++) {
            if (!(row->on & on) || !gp_is(name, row->name)) continue;
            if (extension) *extension = &gp_extensions[i];
            return row;
        }
    }
    return NULL;
}
