/* Lines that the vault's audit key has signed:
 *   gatepost-audit checkpoint vault ID SEQ MOMENT HASH KEY SIGNATURE
 * ID, HASH in hex; KEY: the first octets of the public half in hex, to tell keys apart; SIGNATURE in base64, over the SHA-256 of all
 * that stands before it. */
#include "store/audit_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/audit_parts.h"

enum { PEM_ROOM = 512, KEY_NAME = 8, SIGNATURE_TEXT = GP_BASE64_ROOM(GP_ED25519_SIGNATURE) };
#define MARK "gatepost-audit "

/* ---- the key ----------------------------------------------------------------------------------------------------------- */
static bool say(const char **why, const char *what)
{
    *why = what;
    return false;
}

static bool take_key(struct gp_key *key, struct audit_key *out, const char **why)
{
    struct gp_text octets = { .ptr = (char *)out->public_half, .room = sizeof out->public_half };
    out->key              = key;
    if (key && gp_key_kind(key) == GP_KEY_ED25519 && gp_key_public(key, &octets) && octets.len == GP_ED25519_PUBLIC)
        return true;
    audit_key_close(out);
    return say(why, "the audit key is not an Ed25519 key in PEM form");
}

static bool write_all(int fd, gp_str text)
{
    while (text.len > 0) {
        ssize_t put = write(fd, text.ptr, text.len);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        text = gp_tail(text, (size_t)put);
    }
    return fsync(fd) == 0;
}

/* Nobody sees half of it: written under another name first. The folder is the vault's own. */
static bool make_key(const char *path, const char **why)
{
    char           room[PEM_ROOM], draft_room[1024];
    struct gp_text pem = GP_TEXT(room), draft = { .ptr = draft_room, .room = sizeof draft_room - 1 };
    struct gp_key *key = gp_key_new(GP_KEY_ED25519, 0);
    gp_put_z(&draft, path);
    gp_put_z(&draft, ".new");
    draft_room[draft.len] = '\0';
    bool made             = key && gp_key_pem(key, &pem) && !draft.cut;
    (void)unlink(draft_room);
    int fd = made ? open(draft_room, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR) : -1;
    made   = fd >= 0 && write_all(fd, gp_said(&pem));
    if (fd >= 0) (void)close(fd);
    if (made) made = link(draft_room, path) == 0 || errno == EEXIST; /* another process may have made it meanwhile */
    (void)unlink(draft_room);
    gp_wipe(room, sizeof room);
    gp_key_close(key);
    return made || say(why, "the audit key cannot be made");
}

static struct gp_key *read_key(const char *path)
{
    char           room[PEM_ROOM];
    struct gp_key *key = NULL;
    int            fd  = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t        got = fd < 0 ? -1 : read(fd, room, sizeof room);
    if (fd >= 0) (void)close(fd);
    if (got > 0) key = gp_key_read((gp_str) { room, (size_t)got });
    gp_wipe(room, sizeof room);
    return key;
}

bool audit_key_open(const char *path, bool make, struct audit_key *out, const char **why)
{
    *out = (struct audit_key) { 0 };
    if (access(path, F_OK) != 0) {
        if (errno != ENOENT) return say(why, "the audit key cannot be read");
        if (!make) return say(why, "there is no audit key: it is made when the server starts");
        if (!make_key(path, why)) return false;
    }
    return take_key(read_key(path), out, why);
}

void audit_key_close(struct audit_key *k)
{
    gp_key_close(k->key);
    k->key = NULL;
}

bool audit_key_read(gp_str base64, struct audit_key *out)
{
    size_t len = 0;
    *out       = (struct audit_key) { 0 };
    return gp_read_base64(base64, out->public_half, sizeof out->public_half, &len) && len == GP_ED25519_PUBLIC;
}

void audit_put_public(const struct audit_key *k, struct gp_text *out)
{
    gp_put_base64(out, (gp_str) { (const char *)k->public_half, GP_ED25519_PUBLIC });
}

/* ---- lines --------------------------------------------------------------------------------------------------------------- */
static const char *const sayings[AUDIT_SAYINGS] = {
    [AUDIT_CHECKPOINT] = "checkpoint", [AUDIT_HORIZON] = "horizon", [AUDIT_TOMBSTONE] = "tombstone"
};

static void put_word(struct gp_text *out, gp_str word)
{
    gp_put(out, word);
    gp_put_char(out, ' ');
}

static void put_hex_word(struct gp_text *out, const uint8_t *octets, size_t len)
{
    gp_put_hex(out, (gp_str) { (const char *)octets, len });
    gp_put_char(out, ' ');
}

static bool sign(const struct audit_key *k, gp_str text, struct gp_text *out)
{
    uint8_t        digest[GP_DIGEST_MOST];
    char           room[GP_SIGNATURE_MOST];
    struct gp_text signature = GP_TEXT(room);
    if (!k->key || !gp_digest(GP_SHA256, text, digest)) return false;
    if (!gp_key_sign(k->key, GP_SIGN_DIGEST_SHA256, (gp_str) { (const char *)digest, AUDIT_HASH }, &signature))
        return false;
    gp_put_base64(out, gp_said(&signature));
    return true;
}

bool audit_seal_put(const struct audit_seal *s, const struct audit_key *k, struct gp_text *line)
{
    size_t start = line->len;
    gp_put_z(line, MARK);
    put_word(line, gp_from(sayings[s->says]));
    put_word(line, gp_from(audit_chain_name(s->chain)));
    put_hex_word(line, s->id, sizeof s->id);
    gp_put_number(line, s->seq);
    gp_put_char(line, ' ');
    gp_put_number(line, s->moment);
    gp_put_char(line, ' ');
    put_hex_word(line, s->hash, sizeof s->hash);
    put_hex_word(line, k->public_half, KEY_NAME);
    return !line->cut && sign(k, gp_tail(gp_said(line), start), line) && !line->cut;
}

static bool read_word(gp_str word, const char *const *words, size_t count, unsigned *out)
{
    for (*out = 0; *out < count; ++*out)
        if (gp_same(word, gp_from(words[*out]))) return true;
    return false;
}

static bool read_octets(gp_str hex, uint8_t *out, size_t room)
{
    size_t len = 0;
    return gp_read_hex(hex, out, room, &len) && len == room;
}

/* From the mark to the end of the line; GP_NONE: it is not there. */
static gp_str find_mark(gp_str line)
{
    const char *at = line.len ? memmem(line.ptr, line.len, MARK, sizeof MARK - 1) : NULL;
    if (!at) return GP_NONE;
    gp_str found = gp_tail(line, (size_t)(at - line.ptr));
    while (found.len > 0 && (found.ptr[found.len - 1] == '\n' || found.ptr[found.len - 1] == '\r')) found.len--;
    return found;
}

bool audit_seal_read(gp_str line, struct audit_seal *out)
{
    static const char *const chains[AUDIT_CHAINS] = { "vault", "queue" };
    gp_str                   rest                 = gp_tail(find_mark(line), sizeof MARK - 1);
    uint8_t                  key[KEY_NAME];
    uint64_t                 seq, moment;
    unsigned                 says, chain;
    *out = (struct audit_seal) { 0 };
    if (!read_word(gp_cut(&rest, ' '), sayings, AUDIT_SAYINGS, &says)) return false;
    if (!read_word(gp_cut(&rest, ' '), chains, AUDIT_CHAINS, &chain)) return false;
    if (!read_octets(gp_cut(&rest, ' '), out->id, sizeof out->id)) return false;
    if (!gp_read_number(gp_cut(&rest, ' '), INT64_MAX, &seq)) return false;
    if (!gp_read_number(gp_cut(&rest, ' '), INT64_MAX, &moment)) return false;
    if (!read_octets(gp_cut(&rest, ' '), out->hash, sizeof out->hash)) return false;
    if (!read_octets(gp_cut(&rest, ' '), key, sizeof key)) return false;
    out->says   = (enum audit_saying)says;
    out->chain  = (enum audit_chain)chain;
    out->seq    = (int64_t)seq;
    out->moment = (gp_time)moment;
    return rest.len == SIGNATURE_TEXT;
}

bool audit_seal_holds(gp_str line, const struct audit_key *k)
{
    uint8_t digest[GP_DIGEST_MOST], signature[GP_ED25519_SIGNATURE];
    size_t  len   = 0;
    gp_str  found = find_mark(line);
    if (found.len <= SIGNATURE_TEXT) return false;
    size_t before = found.len - SIGNATURE_TEXT;
    return gp_read_base64(gp_tail(found, before), signature, sizeof signature, &len) && len == sizeof signature &&
           gp_digest(GP_SHA256, gp_head(found, before), digest) &&
           gp_ed25519_holds(k->public_half, (gp_str) { (const char *)digest, AUDIT_HASH },
                            (gp_str) { (const char *)signature, sizeof signature });
}

/* ---- of a database --------------------------------------------------------------------------------------------------------- */
gp_status audit_identity(struct database *db, struct audit_seal *out)
{
    auto_rows r      = rows_of(db, "SELECT name, id FROM audit_chain");
    gp_status status = rows_next(&r);
    if (status != GP_OK) return GP_TEMPFAIL;
    gp_str id  = rows_blob(&r, 1);
    out->chain = gp_is(rows_text(&r, 0), audit_chain_name(AUDIT_QUEUE)) ? AUDIT_QUEUE : AUDIT_VAULT;
    if (id.len != AUDIT_ID) return GP_TEMPFAIL;
    memcpy(out->id, id.ptr, AUDIT_ID);
    return GP_OK;
}

static gp_status newest_checkpoint(struct database *db, enum audit_chain chain, int64_t *seq)
{
    auto_rows r = rows_of(db, "SELECT COALESCE(MAX(seq), 0) FROM audit_checkpoints WHERE chain = ?");
    rows_bind_text(&r, gp_from(audit_chain_name(chain)));
    gp_status status = rows_next(&r);
    *seq             = status == GP_OK ? rows_number(&r, 0) : 0;
    return status;
}

gp_status audit_head(struct database *db, struct audit_seal *out)
{
    int64_t kept     = 0;
    *out             = (struct audit_seal) { .says = AUDIT_CHECKPOINT, .moment = audit_now() };
    gp_status status = audit_identity(db, out);
    if (status == GP_OK) status = newest_checkpoint(db, out->chain, &kept);
    if (status != GP_OK) return GP_TEMPFAIL;
    auto_rows r = rows_of(db, "SELECT seq, hash FROM audit WHERE seq > ? ORDER BY seq DESC LIMIT 1");
    rows_bind_number(&r, kept);
    status = rows_next(&r);
    if (status != GP_OK) return status;
    gp_str hash = rows_blob(&r, 1);
    out->seq    = rows_number(&r, 0);
    if (hash.len != AUDIT_HASH) return GP_TEMPFAIL;
    memcpy(out->hash, hash.ptr, AUDIT_HASH);
    return GP_OK;
}

gp_status audit_keep_checkpoint(struct database *db, const struct audit_seal *s, gp_str line)
{
    auto_rows r = rows_of(db, "INSERT INTO audit_checkpoints (chain, seq, moment, line) VALUES (?, ?, ?, ?)");
    rows_bind_text(&r, gp_from(audit_chain_name(s->chain)));
    rows_bind_number(&r, s->seq);
    rows_bind_number(&r, s->moment);
    rows_bind_text(&r, line);
    return rows_run(&r);
}

gp_status audit_last_checkpoint(struct database *db, enum audit_chain chain, struct audit_seal *out,
                                struct gp_text *line)
{
    auto_rows r = rows_of(db, "SELECT line FROM audit_checkpoints WHERE chain = ? ORDER BY seq DESC LIMIT 1");
    rows_bind_text(&r, gp_from(audit_chain_name(chain)));
    gp_status status = rows_next(&r);
    if (status != GP_OK) return status;
    gp_str found = rows_text(&r, 0);
    gp_put(line, found);
    return !line->cut && audit_seal_read(found, out) && out->chain == chain ? GP_OK : GP_TEMPFAIL;
}

const char *audit_against(const struct audit_seal *kept, const struct audit_seal *now)
{
    if (memcmp(kept->id, now->id, AUDIT_ID) != 0) return "it is another chain than the one that was signed before";
    if (kept->seq > now->seq) return "rows are missing that were signed before";
    if (kept->seq == now->seq && memcmp(kept->hash, now->hash, AUDIT_HASH) != 0)
        return "its newest row is not the one that was signed before";
    return NULL;
}

gp_status audit_visit_checkpoints(struct database *db, void (*each)(void *owner, gp_str line), void *owner)
{
    auto_rows r = rows_of(db, "SELECT line FROM audit_checkpoints ORDER BY chain, seq");
    gp_status status;
    while ((status = rows_next(&r)) == GP_OK) each(owner, rows_text(&r, 0));
    return status == GP_PERMFAIL ? GP_OK : status;
}
