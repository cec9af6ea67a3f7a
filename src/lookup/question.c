/* One question: what may be asked at all, and the words for its answers. */
#include "lookup/parts.h"

#include <string.h>

static bool is_control(unsigned char octet)
{
    return octet < ' ' || octet == 0x7f;
}

const char *question_wrong_name(gp_str user)
{
    if (user.len == 0) return "an empty name";
    if (user.len >= LOOKUP_NAME) return "a name that is too long";
    if (!gp_is_utf8(user)) return "a name that is not UTF-8";
    for (size_t i = 0; i < user.len; i++)
        if (is_control((unsigned char)user.ptr[i])) return "a control character in the name";
    return NULL;
}

static const char *wrong_secret(gp_str secret)
{
    if (secret.len == 0) return "an empty password";
    if (secret.len > GP_PASSWORD_MOST) return "a password that is too long";
    return memchr(secret.ptr, '\0', secret.len) ? "a NUL in the password" : NULL;
}

/* RFC 6750 2.1: what any token may be made of, b64token. */
static const char *wrong_token(gp_str token)
{
    static const char octets[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    if (token.len == 0) return "an empty token";
    if (token.len > TOKEN_MOST) return "a token that is too long";
    for (size_t i = 0; i < token.len; i++)
        if (!memchr(octets, token.ptr[i], sizeof octets - 1)) return "a token with octets that no token has";
    return NULL;
}

static const char *wrong_with(const struct msg_lookup *m, bool tokens)
{
    if (m->kind >= LOOKUP_KINDS) return "a question of no known kind";
    if (tokens != (m->kind == LOOKUP_TOKEN))
        return tokens ? "this source knows tokens only" : "this source knows no tokens";
    const char *wrong = tokens && m->user.len == 0 ? NULL : question_wrong_name(m->user);
    if (wrong || m->kind == LOOKUP_HASH) return wrong;
    return tokens ? wrong_token(m->secret) : wrong_secret(m->secret);
}

bool question_read(struct question *q, const struct msg_lookup *m, bool tokens)
{
    const char *wrong = wrong_with(m, tokens);
    *q                = (struct question) { .kind = (enum lookup_kind)m->kind, .status = GP_TEMPFAIL };
    if (wrong) {
        question_refuse(q, false, wrong);
        return false;
    }
    bool fits = gp_copy_z(m->user, q->user, sizeof q->user) &&
                (q->kind == LOOKUP_HASH || gp_copy_z(m->secret, q->secret, sizeof q->secret));
    (void)gp_copy_z(m->peer, q->peer, sizeof q->peer); /* for logs of others, and fairness: "" will do */
    (void)gp_copy_z(m->mechanism, q->mechanism, sizeof q->mechanism);
    if (!fits) question_refuse(q, false, "it does not fit");
    return fits;
}

static void say(struct question *q, gp_status status, const char *why, const char *detail)
{
    struct gp_text text = { .ptr = q->why, .room = sizeof q->why - 1 };
    gp_put_z(&text, why);
    if (detail) gp_put_z(&text, ": ");
    if (detail) gp_put(&text, gp_head(gp_from(detail), text.room - text.len));
    q->why[text.len] = '\0';
    q->status        = status;
}

void question_right(struct question *q)
{
    say(q, GP_OK, "", NULL);
    q->known = true;
}

void question_hash(struct question *q, gp_str hash)
{
    q->known = true;
    if (hash.len == 0)
        say(q, GP_PERMFAIL, "no password is kept for this user there", NULL);
    else if (gp_copy_z(hash, q->hash, sizeof q->hash))
        say(q, GP_WAIT, "", NULL);
    else
        question_unclear(q, "the password string there is too long", NULL);
}

void question_refuse(struct question *q, bool known, const char *why)
{
    say(q, GP_PERMFAIL, why, NULL);
    q->known = known;
}

void question_unclear(struct question *q, const char *why, const char *detail)
{
    say(q, GP_TEMPFAIL, why, detail);
}

void question_failed(struct question *q, const char *why, const char *detail)
{
    say(q, GP_TEMPFAIL, why, detail);
    q->failed = true;
}

void question_name(struct question *q, gp_str name)
{
    const char *wrong = question_wrong_name(name);
    if (wrong || !gp_copy_z(name, q->name, sizeof q->name)) question_unclear(q, "the name there is no good", wrong);
}
