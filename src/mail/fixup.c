/* Makes a submitted message fit to be sent (RFC 6409 8, RFC 5322 3.6, RFC 5321 4.4) while it streams by.
 *
 *   state    means                              goes on with
 *   HEADER   collecting the header section      HELD, BODY or REFUSED, at the empty line or at the end
 *   HELD     the host decides about its authors BODY, by gp_fixup_go_on
 *   BODY     octets pass through                -
 *   REFUSED  why says it; input is ignored      -                                                               */
#include "mail/fixup.h"

#include <string.h>

#include "mail/parts.h"

enum state { HEADER, HELD, BODY, REFUSED };

static const struct gp_reply no_room   = { 451, "4.3.0", "the message could not be stored, try again later" };
static const struct gp_reply too_long  = { 554, "5.6.0", "the message header is over 64 KiB" };
static const struct gp_reply malformed = { 554, "5.6.0", "the message header has a line that is not a header field" };
static const struct gp_reply bare      = { 554, "5.6.0", "the message header has a bare CR, a bare LF or a NUL" };
static const struct gp_reply nul       = { 554, "5.6.0", "the message text has a NUL" };
static const struct gp_reply no_from   = { 554, "5.6.0", "the message has no From header field" };
static const struct gp_reply bad_from  = { 554, "5.6.0", "the From header field is not a list of addresses" };
static const struct gp_reply many_authors = { 554, "5.6.0", "the message header names too many senders" };
static const struct gp_reply circle = { 554, "5.4.6", "the message has passed this server too often: a mail loop" };
static const struct gp_reply crowd  = { 554, "5.6.0", "the From header field names too many authors" };

/* ---- one row a field that submission cares for ------------------------------------------------------------ */
struct rule {
    const char *name;
    unsigned    most;
    const char *enhanced, *too_many;                     /* the reply when there are more             */
    bool (*drop)(const struct gp_fixup *, gp_str value); /* NULL: always kept                         */
    void (*add)(struct gp_fixup *, struct gp_text *);    /* when none is left; NULL: never */
};

static bool always(const struct gp_fixup *f, gp_str value);
static bool not_a_date(const struct gp_fixup *f, gp_str value);
static bool not_an_id(const struct gp_fixup *f, gp_str value);
static bool is_empty(const struct gp_fixup *f, gp_str value);
static bool not_no(const struct gp_fixup *f, gp_str value);
static bool ours(const struct gp_fixup *f, gp_str value);
static void add_date(struct gp_fixup *f, struct gp_text *to);
static void add_id(struct gp_fixup *f, struct gp_text *to);
static void add_sender(struct gp_fixup *f, struct gp_text *to);
static void add_reply_to(struct gp_fixup *f, struct gp_text *to);
static void add_to(struct gp_fixup *f, struct gp_text *to);

enum { FROM, CC, RECEIVED, OURS_MOST = 5, ANY_NUMBER = GP_MAIL_HEADER_MOST };
/* clang-format off */
static const struct rule rules[] = {
/*    name                      most        and then                                                 drop        add        */
    [FROM] =
    { "From",                   1,          "5.6.0", "the message has more than one From field",        NULL,       NULL       },
    [CC] =
    { "Cc",                     1,          "5.6.0", "the message has more than one Cc field",          is_empty,   NULL       },
    [RECEIVED] =
    { "Received",               GP_MAIL_RECEIVED_MOST - 1,
                                            "5.4.6", "the message has passed too many servers: a mail loop", NULL,  NULL       },
    { "Date",                   1,          "5.6.0", "the message has more than one Date field",        not_a_date, add_date   }, /* 6409 8.2 */
    { "Message-ID",             1,          "5.6.0", "the message has more than one Message-ID field",  not_an_id,  add_id     }, /* 6409 8.3 */
    { "Sender",                 1,          "5.6.0", "the message has more than one Sender field",      NULL,       add_sender },
    { "Reply-To",               1,          "5.6.0", "the message has more than one Reply-To field",    is_empty,   add_reply_to },
    { "To",                     1,          "5.6.0", "the message has more than one To field",          is_empty,   add_to     },
    { "Subject",                1,          "5.6.0", "the message has more than one Subject field",     NULL,       NULL       },
    { "In-Reply-To",            1,          "5.6.0", "the message has more than one In-Reply-To field", NULL,       NULL       },
    { "References",             1,          "5.6.0", "the message has more than one References field",  NULL,       NULL       },
    { "Bcc",                    ANY_NUMBER, NULL,    NULL,                                              always,     NULL       },
    { "Resent-Bcc",             ANY_NUMBER, NULL,    NULL,                                              always,     NULL       },
    { "Return-Path",            ANY_NUMBER, NULL,    NULL,                                              always,     NULL       }, /* 5321 4.4 */
    { "Authentication-Results", ANY_NUMBER, NULL,    NULL,                                              ours,       NULL       }, /* 8601 5 */
    { "TLS-Required",           1,          "5.6.0", "the message has more than one TLS-Required field", not_no,    NULL       }, /* 8689 3 */
};
/* clang-format on */

struct survey {                            /* what the header section holds */
    unsigned found[GP_COUNT(rules)], ours; /* ours: Received that we wrote */
};

static bool always(const struct gp_fixup *f, gp_str value)
{
    (void)f, (void)value;
    return true;
}

static bool not_a_date(const struct gp_fixup *f, gp_str value)
{
    (void)f;
    return !gp_is_date(value);
}

static bool not_an_id(const struct gp_fixup *f, gp_str value)
{
    return !gp_is_message_id(value) || value.len > sizeof f->message_id;
}

/* RFC 5322 3.6.2, 3.6.3: a list of addresses, and a list has one. */
static bool is_empty(const struct gp_fixup *f, gp_str value)
{
    (void)f;
    struct gp_lexer x = gp_lexer_of(value);
    gp_lex_space(&x);
    return x.at == x.end;
}

/* RFC 8689 5: "No" is the only value there is. */
bool gp_says_no(gp_str value)
{
    struct gp_lexer x = gp_lexer_of(value);
    gp_lex_space(&x);
    bool no = gp_is(gp_lex_atom(&x), "No");
    gp_lex_space(&x);
    return no && x.at == x.end;
}

static bool not_no(const struct gp_fixup *f, gp_str value)
{
    (void)f;
    return !gp_says_no(value);
}

/* RFC 8601 5: what claims to be our own verdict is not, and believers in it read mail behind us. */
static bool ours(const struct gp_fixup *f, gp_str value)
{
    char            room[GP_SMTP_DOMAIN_MOST];
    struct gp_text  id = GP_TEXT(room);
    struct gp_lexer x  = gp_lexer_of(value);
    gp_lex_space(&x);
    gp_str quoted = gp_lex_quoted(&x);
    for (size_t i = 1; i + 1 < quoted.len; i++) {
        if (quoted.ptr[i] == '\\') i++;
        gp_put_char(&id, quoted.ptr[i]);
    }
    while (!quoted.len && x.at < x.end && !gp_is_any(*x.at, "; \t\r\n(")) gp_put_char(&id, *x.at++);
    return gp_is(gp_said(&id), f->trace->hostname);
}

static void add_date(struct gp_fixup *f, struct gp_text *to)
{
    gp_put_z(to, "Date: ");
    gp_put_date(to, f->trace->now);
    gp_put_z(to, "\r\n");
}

static void add_id(struct gp_fixup *f, struct gp_text *to)
{
    struct gp_text id = GP_TEXT(f->message_id);
    gp_put_message_id(&id, f->trace->unique, f->trace->hostname);
    f->message_id_len = id.len;
    gp_put_z(to, "Message-ID: ");
    gp_put(to, gp_said(&id));
    gp_put_z(to, "\r\n");
}

/* RFC 5322 3.6.2: several authors, or a group for one (RFC 6854), want a Sender. */
static void add_sender(struct gp_fixup *f, struct gp_text *to)
{
    gp_str sender = f->trace->sender.len ? f->trace->sender : gp_fixup_from(f);
    if (f->author_count == 1 || sender.len == 0) return;
    gp_put_z(to, "Sender: ");
    gp_put(to, sender);
    gp_put_z(to, "\r\n");
}

/* Where From was rewritten, so that answers still go to who wrote. */
static void add_reply_to(struct gp_fixup *f, struct gp_text *to)
{
    if (!f->reply_to.ptr) return;
    gp_put_z(to, "Reply-To: ");
    gp_put(to, f->reply_to);
    gp_put_z(to, "\r\n");
}

/* RFC 5322 3.6.3 asks for neither; but RFC 822 4.1 did, and filters hold it against a message that it names nobody. */
static void add_to(struct gp_fixup *f, struct gp_text *to)
{
    if (!(f->left & 1U << CC)) gp_put_z(to, "To: undisclosed-recipients:;\r\n");
}

static size_t rule_of(gp_str name)
{
    size_t i = 0;
    while (i < GP_COUNT(rules) && !gp_is(name, rules[i].name)) i++;
    return i;
}

/* ---- first look, then write ------------------------------------------------------------------------------- */
static gp_status refusal(const struct gp_fixup *f)
{
    return f->why.code < 500 ? GP_TEMPFAIL : GP_PERMFAIL;
}

static gp_status refuse(struct gp_fixup *f, struct gp_reply why)
{
    f->state = REFUSED;
    f->why   = why;
    gp_buffer_free(&f->header);
    return refusal(f);
}

static gp_status put(struct gp_fixup *f, gp_str piece)
{
    if (piece.len == 0) return GP_OK;
    f->eight   = f->eight || !gp_is_ascii(piece);
    f->last[0] = piece.len > 1 ? piece.ptr[piece.len - 2] : f->last[1];
    f->last[1] = piece.ptr[piece.len - 1];
    return f->sink.put(f->sink.owner, piece) ? GP_OK : refuse(f, no_room);
}

static gp_status end_line(struct gp_fixup *f)
{
    return f->last[0] == '\r' && f->last[1] == '\n' ? GP_OK : put(f, GP_LIT("\r\n"));
}

static gp_status read_from(struct gp_fixup *f, gp_str value)
{
    enum { ADDRESS_MOST = GP_SMTP_LOCAL_MOST + 1 + GP_SMTP_DOMAIN_MOST };
    char           room[GP_MAIL_AUTHORS_MOST * ADDRESS_MOST];
    struct gp_text text = GP_TEXT(room);
    gp_str         authors[GP_MAIL_AUTHORS_MOST], end = { "", 1 }; /* a NUL: the header section holds none */
    f->author_count = gp_mailboxes(value, authors, GP_COUNT(authors), &text);
    if (f->author_count > GP_MAIL_AUTHORS_MOST) return refuse(f, crowd);
    if (f->author_count < 0) return refuse(f, bad_from);
    for (int i = 0; i < f->author_count; i++) {
        if (authors[i].len > ADDRESS_MOST) return refuse(f, bad_from);
        if (!gp_buffer_add(&f->authors, authors[i], sizeof room) || !gp_buffer_add(&f->authors, end, sizeof room))
            return refuse(f, no_room);
    }
    return GP_OK;
}

static void keep_id(struct gp_fixup *f, gp_str value)
{
    gp_str id         = gp_tail(value, gp_find(value, '<'));
    f->message_id_len = gp_find(id, '>') + 1;
    memcpy(f->message_id, id.ptr, f->message_id_len); /* not_an_id has seen to its form and length */
}

static gp_status look_at(struct gp_fixup *f, const struct gp_field *field, struct survey *s)
{
    if (!field->name.ptr) return refuse(f, malformed);
    if (!gp_note_author(f, field)) return refuse(f, many_authors);
    size_t i = rule_of(field->name);
    if (i == GP_COUNT(rules)) return GP_OK;
    const struct rule *rule = &rules[i];
    if (++s->found[i] > rule->most) return refuse(f, (struct gp_reply) { 554, rule->enhanced, rule->too_many });
    if (rule->drop && rule->drop(f, field->value)) return GP_OK;
    if (i == RECEIVED && gp_is_received_by(field->value, f->trace->hostname) && ++s->ours == OURS_MOST)
        return refuse(f, circle);
    f->left |= 1U << i;
    if (rule->add == add_id) keep_id(f, field->value);
    return i == FROM ? read_from(f, field->value) : GP_OK;
}

static gp_status look(struct gp_fixup *f, gp_str header, struct survey *s)
{
    if (gp_has_bare_line_end(header) || memchr(header.ptr, '\0', header.len)) return refuse(f, bare);
    struct gp_field field;
    while (gp_next_field(&header, &field)) {
        gp_status status = look_at(f, &field, s);
        if (status != GP_OK) return status;
    }
    return s->found[FROM] ? GP_OK : refuse(f, no_from);
}

/* It, or what takes its place and a copy of it. */
static gp_status put_field(struct gp_fixup *f, const struct gp_field *field, const struct gp_rewrites *rewrites)
{
    char           room[GP_REWRITTEN_ROOM];
    struct gp_text text = GP_TEXT(room);
    if (!rewrites || !gp_put_rewritten(&text, field, rewrites)) return put(f, field->raw);
    gp_status status = text.cut ? refuse(f, too_long) : put(f, gp_said(&text));
    if (status == GP_OK) status = put(f, field->raw);
    return status == GP_OK ? end_line(f) : status;
}

static gp_status write_kept(struct gp_fixup *f, gp_str header, const struct gp_rewrites *rewrites)
{
    struct gp_field field;
    gp_status       status = GP_OK;
    while (status == GP_OK && gp_next_field(&header, &field)) {
        size_t i = rule_of(field.name);
        if (i < GP_COUNT(rules) && rules[i].drop && rules[i].drop(f, field.value)) continue;
        status = put_field(f, &field, rewrites);
    }
    return status == GP_OK ? end_line(f) : status;
}

static gp_status write_header(struct gp_fixup *f, gp_str header, const struct gp_rewrites *rewrites)
{
    char           room[GP_RECEIVED_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_put_received(&text, f->trace);
    gp_status status = put(f, gp_said(&text));
    if (status == GP_OK) status = write_kept(f, header, rewrites);
    text.len = 0;
    for (size_t i = 0; i < GP_COUNT(rules); i++)
        if (rules[i].add && !(f->left & 1U << i)) rules[i].add(f, &text);
    gp_put_z(&text, "\r\n");
    return status == GP_OK ? put(f, gp_said(&text)) : status;
}

/* An author that was replaced is none any more: what is asked about the message's author from here on is about the new one. */
static gp_status take_over(struct gp_fixup *f, const struct gp_rewrites *rewrites)
{
    gp_str from = rewrites ? rewrites->instead[GP_MAIL_FROM] : GP_NONE, end = { "", 1 };
    if (!from.ptr) return GP_OK;
    gp_buffer_free(&f->authors);
    f->author_count = 1;
    bool kept =
        gp_buffer_add(&f->authors, from, GP_MAIL_HEADER_MOST) && gp_buffer_add(&f->authors, end, GP_MAIL_HEADER_MOST);
    return kept ? GP_OK : refuse(f, no_room);
}

static gp_status write_out(struct gp_fixup *f, const struct gp_rewrites *rewrites)
{
    gp_status status = take_over(f, rewrites);
    f->reply_to      = rewrites ? rewrites->reply_to : GP_NONE;
    if (status == GP_OK) status = write_header(f, gp_buffer_all(&f->header), rewrites);
    f->reply_to = GP_NONE;
    if (status != GP_OK) return status;
    f->state = BODY;
    gp_buffer_free(&f->header);
    return GP_OK;
}

static bool rewrite(struct gp_fixup *f)
{
    struct gp_buffer written = { 0 };
    bool             fits    = gp_rewrite_header(gp_buffer_all(&f->header), &f->rewriter, &written);
    gp_buffer_free(&f->header);
    f->header = written;
    return fits;
}

static gp_status mend(struct gp_fixup *f)
{
    struct survey s = { .found = { 0 } };
    if (f->rewriter.instead && !rewrite(f)) return refuse(f, too_long);
    gp_str header = gp_buffer_all(&f->header);
    if (header.len == 0) return refuse(f, no_from);
    gp_status status = look(f, header, &s);
    if (status != GP_OK || !f->watched) return status == GP_OK ? write_out(f, NULL) : status;
    f->state = HELD;
    return GP_WAIT;
}

/* ---- the calls ---------------------------------------------------------------------------------------------- */
void gp_fixup_init(struct gp_fixup *f, const struct gp_trace *trace, struct gp_sink sink)
{
    *f = (struct gp_fixup) { .trace = trace, .sink = sink, .state = HEADER, .seen = GP_HEADER_START };
}

gp_status gp_fixup_body(struct gp_fixup *f, gp_str piece)
{
    if (f->state == HEADER) {
        size_t mine = gp_header_part(&f->seen, piece);
        if (mine > GP_MAIL_HEADER_MOST - gp_buffer_all(&f->header).len) return refuse(f, too_long);
        if (!gp_buffer_add(&f->header, gp_head(piece, mine), GP_MAIL_HEADER_MOST)) return refuse(f, no_room);
        piece            = gp_tail(piece, mine);
        gp_status status = f->seen == GP_HEADER_DONE ? mend(f) : GP_OK;
        f->rest          = piece;
        if (status != GP_OK) return status;
    }
    if (f->state == REFUSED) return refusal(f);
    /* RFC 5322 3.5, 4: none must be sent, and without BINARYMIME none can be meant; programs in C read up to it, and others all. */
    if (piece.len && memchr(piece.ptr, '\0', piece.len)) return refuse(f, nul);
    return put(f, piece);
}

bool gp_fixup_is_eight(const struct gp_fixup *f)
{
    return f->eight;
}

void gp_fixup_rewrite(struct gp_fixup *f, struct gp_rewriter by)
{
    f->rewriter = by;
}

void gp_fixup_watch(struct gp_fixup *f, unsigned fields, bool shown)
{
    f->watched = fields;
    f->shown   = shown;
}

gp_status gp_fixup_go_on(struct gp_fixup *f, const struct gp_rewrites *rewrites)
{
    return f->state == HELD ? write_out(f, rewrites) : refusal(f);
}

gp_str gp_fixup_rest(const struct gp_fixup *f)
{
    return f->rest;
}

gp_str gp_fixup_fields(const struct gp_fixup *f)
{
    return gp_buffer_all(&f->fields);
}

gp_status gp_fixup_end(struct gp_fixup *f)
{
    f->rest          = GP_NONE;
    gp_status status = f->state == HEADER ? mend(f) : GP_OK; /* a message without a body */
    if (status == GP_WAIT) return status;
    if (f->state == REFUSED) return refusal(f);
    return status == GP_OK ? end_line(f) : status;
}

void gp_fixup_close(struct gp_fixup *f)
{
    gp_buffer_free(&f->header);
    gp_buffer_free(&f->authors);
    gp_buffer_free(&f->fields);
}

struct gp_reply gp_fixup_why(const struct gp_fixup *f)
{
    return f->why;
}

gp_str gp_fixup_message_id(const struct gp_fixup *f)
{
    return (gp_str) { f->message_id, f->message_id_len };
}

gp_str gp_fixup_from(const struct gp_fixup *f)
{
    gp_str authors = gp_fixup_authors(f);
    return authors.len ? gp_cut(&authors, '\0') : GP_NONE;
}

gp_str gp_fixup_authors(const struct gp_fixup *f)
{
    return gp_buffer_all(&f->authors);
}
