/* DKIM signatures (RFC 6376, 8463) over a message that streams by: the header section is kept, the body only hashed.
 *
 *   state      means                                          goes on with
 *   HEADER     collecting the header section                  add: BODY at the empty line
 *   BODY       the body runs through its canonical form       end: SIGNABLE or UNSIGNABLE
 *   SIGNABLE   hash and put, a pair for each key              -
 *   UNSIGNABLE not a message that a signature could protect   -                                                      */
#include "mail/parts.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADER_MOST    = GP_MAIL_HEADER_MOST + 16384, /* with what submission and earlier signatures add */
    FIELD_MOST     = 8192,                        /* of one DKIM-Signature                           */
    NAMES_MOST     = 64,                          /* in h=                                           */
    INSTANCES_MOST = 8,                           /* of one name that we list                        */
    DOMAIN_ROOM    = 256,
    SHA256_OCTETS  = 32,
};
enum state { HEADER, BODY, SIGNABLE, UNSIGNABLE };

struct gp_dkim {
    enum state          state;
    bool                relaxed_header;
    unsigned            seen; /* of the end of the header section: gp_header_part's */
    struct gp_buffer    header;
    struct gp_digester *digester;
    struct gp_canon     body;
    uint8_t             body_hash[SHA256_OCTETS];
    char                domain[DOMAIN_ROOM];
    size_t              domain_len;
    struct gp_text      field; /* the DKIM-Signature in the making, up to "b=" */
    struct gp_fold      fold;
    char                field_room[FIELD_MOST];
};

/* RFC 6376 5.4.1 and RFC 8058 4. Listed once more than present, nobody can add another that readers might prefer. */
static const struct {
    const char *name;
    bool        guarded;
} signed_fields[] = {
  /* clang-format off */
    { "From", true },             { "Subject", true },                   { "Date", true },
    { "To", true },               { "Cc", true },                        { "Reply-To", true },
    { "Message-ID", false },      { "In-Reply-To", false },              { "References", false },
    { "Sender", false },          { "MIME-Version", true },              { "Content-Type", true },
    { "Content-Transfer-Encoding", true }, { "Content-ID", false },     { "Content-Description", false },
    { "Resent-Date", false },     { "Resent-From", false },              { "Resent-Sender", false },
    { "Resent-To", false },       { "Resent-Cc", false },                { "Resent-Message-ID", false },
    { "List-Id", false },         { "List-Help", false },                { "List-Unsubscribe", false },
    { "List-Unsubscribe-Post", false }, { "List-Subscribe", false },     { "List-Post", false },
    { "List-Owner", false },      { "List-Archive", false },             { "TLS-Required", false },
  /* clang-format on */
};

static bool hash_piece(void *owner, gp_str piece)
{
    return gp_digester_add(owner, piece);
}

struct gp_dkim *gp_dkim_open(bool relaxed_header, bool relaxed_body)
{
    struct gp_dkim *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->digester = gp_digester_open(GP_SHA256);
    if (!d->digester) {
        free(d);
        return NULL;
    }
    d->relaxed_header = relaxed_header;
    d->seen           = GP_HEADER_START;
    gp_canon_init(&d->body, relaxed_body, (struct gp_sink) { hash_piece, d->digester });
    return d;
}

void gp_dkim_close(struct gp_dkim *d)
{
    if (!d) return;
    gp_buffer_free(&d->header);
    gp_digester_close(d->digester);
    free(d);
}

gp_status gp_dkim_add(struct gp_dkim *d, gp_str piece)
{
    if (d->state == HEADER) {
        size_t mine = gp_header_part(&d->seen, piece);
        if (mine > HEADER_MOST - gp_buffer_all(&d->header).len) return GP_PERMFAIL;
        if (!gp_buffer_add(&d->header, gp_head(piece, mine), HEADER_MOST)) return GP_TEMPFAIL;
        if (d->seen == GP_HEADER_DONE) d->state = BODY;
        piece = gp_tail(piece, mine);
    }
    if (d->state == BODY) gp_canon_add(&d->body, piece);
    return d->body.failed ? GP_TEMPFAIL : GP_OK;
}

/* ---- what may be signed ----------------------------------------------------------------------------------- */
static size_t instances(gp_str header, gp_str name)
{
    struct gp_field field;
    size_t          count = 0;
    while (gp_next_field(&header, &field)) count += gp_alike(field.name, name);
    return count;
}

static bool read_from_domain(struct gp_dkim *d, gp_str header)
{
    char            room[1024];
    struct gp_text  text = GP_TEXT(room);
    gp_str          author;
    struct gp_field field;
    while (gp_next_field(&header, &field)) {
        if (!gp_is(field.name, "From")) continue;
        if (gp_mailboxes(field.value, &author, 1, &text) < 1) return false;
        size_t at = author.len;
        while (at > 0 && author.ptr[at - 1] != '@') at--;
        gp_str domain = gp_tail(author, at);
        if (domain.len > sizeof d->domain) return false;
        for (d->domain_len = 0; d->domain_len < domain.len; d->domain_len++) {
            char c                   = domain.ptr[d->domain_len];
            d->domain[d->domain_len] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
        }
        return true;
    }
    return false;
}

gp_status gp_dkim_end(struct gp_dkim *d)
{
    if (!gp_canon_end(&d->body) || !gp_digester_end(d->digester, d->body_hash)) return GP_TEMPFAIL;
    gp_str header = gp_buffer_all(&d->header);
    bool   sound  = !d->body.bare && !gp_has_bare_line_end(header) && instances(header, GP_LIT("From")) == 1;
    d->state      = sound && read_from_domain(d, header) ? SIGNABLE : UNSIGNABLE;
    return d->state == SIGNABLE ? GP_OK : GP_PERMFAIL;
}

gp_str gp_dkim_from_domain(const struct gp_dkim *d)
{
    return (gp_str) { d->domain, d->domain_len };
}

/* ---- one signature ---------------------------------------------------------------------------------------- */
struct names {
    gp_str name[NAMES_MOST];
    size_t count;
};

static void add_name(struct names *names, gp_str name)
{
    if (names->count < NAMES_MOST) names->name[names->count++] = name;
}

static struct names our_names(gp_str header)
{
    struct names names = { .count = 0 };
    for (size_t i = 0; i < GP_COUNT(signed_fields); i++) {
        gp_str name  = gp_from(signed_fields[i].name);
        size_t times = instances(header, name);
        if (times > INSTANCES_MOST) times = INSTANCES_MOST;
        for (times += signed_fields[i].guarded; times > 0; times--) add_name(&names, name);
    }
    return names;
}

static struct names given_names(gp_str list)
{
    struct names names = { .count = 0 };
    while (list.len) add_name(&names, gp_trim(gp_cut(&list, ':')));
    return names;
}

/* "name=value;" as one word, so that no fold parts it. */
static void put_tag(struct gp_fold *fold, const char *name, gp_str value)
{
    char           room[DOMAIN_ROOM + 16];
    struct gp_text tag = GP_TEXT(room);
    gp_put_z(&tag, name);
    gp_put(&tag, value);
    gp_put_char(&tag, ';');
    gp_fold_word(fold, gp_said(&tag));
    if (tag.cut) fold->to->cut = true;
}

static void put_names(struct gp_fold *fold, const struct names *names)
{
    gp_fold_break(fold);
    gp_fold_piece(fold, GP_LIT("h="));
    for (size_t i = 0; i < names->count; i++) {
        char           room[128];
        struct gp_text word = GP_TEXT(room);
        gp_put(&word, names->name[i]);
        gp_put_char(&word, i + 1 < names->count ? ':' : ';');
        gp_fold_piece(fold, gp_said(&word));
        if (word.cut) fold->to->cut = true;
    }
}

static void put_opening(struct gp_dkim *d, const struct gp_dkim_key *key, gp_time signed_at)
{
    static const char *const forms[2][2] = {
        {"simple/simple",   "simple/relaxed" },
        { "relaxed/simple", "relaxed/relaxed"}
    };
    char           digits[24];
    struct gp_text time = GP_TEXT(digits);
    gp_put_number(&time, signed_at / 1000);
    /* In the simple form every fold must survive the journey as it is, so there the tags share one line. */
    gp_fold_start(&d->fold, &d->field, "DKIM-Signature:");
    if (!d->relaxed_header) d->fold.most = GP_MAIL_LINE_MOST;
    gp_str algorithm = key->ed25519 ? GP_LIT("ed25519-sha256") : GP_LIT("rsa-sha256");
    put_tag(&d->fold, "v=", GP_LIT("1"));
    put_tag(&d->fold, "a=", algorithm);
    put_tag(&d->fold, "c=", gp_from(forms[d->relaxed_header][d->body.relaxed]));
    put_tag(&d->fold, "d=", gp_from(key->domain));
    put_tag(&d->fold, "s=", gp_from(key->selector));
    put_tag(&d->fold, "t=", gp_said(&time));
}

static void put_body_hash(struct gp_dkim *d)
{
    char           room[GP_BASE64_ROOM(SHA256_OCTETS)];
    struct gp_text hash = GP_TEXT(room);
    gp_put_base64(&hash, (gp_str) { (const char *)d->body_hash, sizeof d->body_hash });
    gp_fold_break(&d->fold);
    gp_fold_piece(&d->fold, GP_LIT("bh="));
    gp_fold_piece(&d->fold, gp_said(&hash));
    gp_fold_piece(&d->fold, GP_LIT(";"));
}

/* RFC 6376 5.4.2: the last field of a name is signed first, then the one above it. false: there is no such field (more). */
static bool pick(gp_str header, gp_str name, size_t nth_from_below, struct gp_field *out)
{
    size_t count = instances(header, name);
    if (nth_from_below >= count) return false;
    for (size_t skip = count - nth_from_below; gp_next_field(&header, out);)
        if (gp_alike(out->name, name) && --skip == 0) return true;
    return false;
}

static bool hash_names(struct gp_dkim *d, const struct names *names)
{
    gp_str         header = gp_buffer_all(&d->header);
    struct gp_sink sink   = { hash_piece, d->digester };
    for (size_t i = 0; i < names->count; i++) {
        struct gp_field field;
        size_t          before = 0;
        for (size_t j = 0; j < i; j++) before += gp_alike(names->name[j], names->name[i]);
        if (!pick(header, names->name[i], before, &field)) continue;
        if (!gp_canon_field(d->relaxed_header, true, &field, sink)) return false;
    }
    return true;
}

bool gp_dkim_hash(struct gp_dkim *d, const struct gp_dkim_key *key, const char *headers, gp_time signed_at,
                  uint8_t out[static SHA256_OCTETS])
{
    if (d->state != SIGNABLE) return false;
    struct names names = headers ? given_names(gp_from(headers)) : our_names(gp_buffer_all(&d->header));
    d->field           = GP_TEXT(d->field_room);
    put_opening(d, key, signed_at);
    put_names(&d->fold, &names);
    put_body_hash(d);
    gp_fold_break(&d->fold);
    gp_fold_piece(&d->fold, GP_LIT("b="));
    if (d->field.cut) return false;

    gp_str          rest = gp_said(&d->field);
    struct gp_field field;
    return gp_next_field(&rest, &field) && hash_names(d, &names) &&
           gp_canon_field(d->relaxed_header, false, &field, (struct gp_sink) { hash_piece, d->digester }) &&
           gp_digester_end(d->digester, out);
}

bool gp_dkim_put(struct gp_dkim *d, gp_str signature, struct gp_text *field)
{
    enum { PIECE = 72 };
    char           room[GP_BASE64_ROOM(GP_SIGNATURE_MOST)];
    struct gp_text encoded = GP_TEXT(room);
    gp_put_base64(&encoded, signature);
    gp_put(field, gp_said(&d->field));
    struct gp_fold fold = d->fold;
    fold.to             = field;
    fold.most           = GP_LINE_GOOD;
    for (gp_str rest = gp_said(&encoded); rest.len; rest = gp_tail(rest, PIECE))
        gp_fold_piece(&fold, gp_head(rest, PIECE));
    gp_put_z(field, "\r\n");
    return !encoded.cut && !field->cut && encoded.len > 0;
}
