/* Packs and unpacks what roles say to each other; every row of messages.h makes its own pair of functions here. */
#include "proc/messages.h"

#include <endian.h>
#include <string.h>

#include "proc/wire.h"

#define ABSENT UINT32_MAX /* the length that stands for GP_NONE, which is not the same as an empty slice */

/* ---- out ------------------------------------------------------------------------------------------------------ */
struct packer {
    char  *at;
    size_t left;
    bool   full;
};

static void put(struct packer *p, const void *octets, size_t len)
{
    if (p->full || len > p->left) {
        p->full = true;
        return;
    }
    if (len) memcpy(p->at, octets, len);
    p->at += len;
    p->left -= len;
}

static void put_u32(struct packer *p, uint32_t number)
{
    uint32_t wire = htole32(number);
    put(p, &wire, sizeof wire);
}

static void put_number(struct packer *p, uint64_t number)
{
    uint64_t wire = htole64(number);
    put(p, &wire, sizeof wire);
}

static void put_slice(struct packer *p, gp_str s)
{
    if (s.len > MSG_MOST) p->full = true;
    put_u32(p, s.ptr ? (uint32_t)s.len : ABSENT);
    if (s.ptr) put(p, s.ptr, s.len);
}

/* ---- in ------------------------------------------------------------------------------------------------------- */
struct unpacker {
    gp_str rest;
    bool   bad;
};

static const char *take(struct unpacker *u, size_t len)
{
    if (u->bad || len > u->rest.len) {
        u->bad = true;
        return NULL;
    }
    const char *at = u->rest.ptr;
    u->rest        = gp_tail(u->rest, len);
    return at;
}

static uint32_t take_u32(struct unpacker *u)
{
    uint32_t    number = 0;
    const char *at     = take(u, sizeof number);
    if (at) memcpy(&number, at, sizeof number);
    return le32toh(number);
}

static uint64_t take_number(struct unpacker *u)
{
    uint64_t    number = 0;
    const char *at     = take(u, sizeof number);
    if (at) memcpy(&number, at, sizeof number);
    return le64toh(number);
}

static gp_str take_slice(struct unpacker *u)
{
    uint32_t len = take_u32(u);
    if (len == ABSENT) return GP_NONE;
    const char *at = take(u, len);
    return at ? (gp_str) { at, len } : GP_NONE;
}

/* ---- a pair of functions a row -------------------------------------------------------------------------------- */
#define U(field) put_number(p, m->field);
#define S(field) put_slice(p, m->field);
#define NOTHING                                                                                                        \
    (void)p;                                                                                                           \
    (void)m;
#define ROW(NAME, name, fields)                                                                                        \
    static void pack_##name(struct packer *p, const struct msg *msg)                                                   \
    {                                                                                                                  \
        const struct msg_##name *m = &msg->name;                                                                       \
        fields                                                                                                         \
    }
MSG_ROWS(ROW)
#undef ROW
#undef NOTHING
#undef S
#undef U

#define U(field) m->field = take_number(u);
#define S(field) m->field = take_slice(u);
#define NOTHING                                                                                                        \
    (void)u;                                                                                                           \
    (void)m;
#define ROW(NAME, name, fields)                                                                                        \
    static void unpack_##name(struct unpacker *u, struct msg *msg)                                                     \
    {                                                                                                                  \
        struct msg_##name *m = &msg->name;                                                                             \
        fields                                                                                                         \
    }
MSG_ROWS(ROW)
#undef ROW
#undef NOTHING
#undef S
#undef U

static const struct row {
    const char *name;
    void (*pack)(struct packer *, const struct msg *);
    void (*unpack)(struct unpacker *, struct msg *);
} rows[MSG_TYPES] = {
#define ROW(NAME, name, fields) [MSG_##NAME] = { #NAME, pack_##name, unpack_##name },
    MSG_ROWS(ROW)
#undef ROW
};

static bool known(uint32_t type)
{
    return type > MSG_NONE && type < MSG_TYPES;
}

size_t msg_pack(const struct msg *msg, char *out, size_t room)
{
    if (!known(msg->type) || room < WIRE_HEAD) return 0;
    struct packer fields = { .at = out + WIRE_HEAD, .left = (room < MSG_MOST ? room : MSG_MOST) - WIRE_HEAD };
    rows[msg->type].pack(&fields, msg);
    if (fields.full) return 0;

    size_t        len  = (size_t)(fields.at - out);
    struct packer head = { .at = out, .left = WIRE_HEAD };
    put_u32(&head, msg->type);
    put_u32(&head, msg->question);
    put_u32(&head, 0);
    put_u32(&head, (uint32_t)(len - WIRE_HEAD));
    return len;
}

bool msg_unpack(gp_str packed, struct msg *out)
{
    struct unpacker u        = { .rest = packed };
    uint32_t        type     = take_u32(&u);
    uint32_t        question = take_u32(&u);
    uint32_t        flags    = take_u32(&u);
    uint32_t        length   = take_u32(&u);
    if (u.bad || packed.len > MSG_MOST || !known(type) || length != u.rest.len) return false;
    if ((flags & ~(uint32_t)WIRE_ANSWER) || (flags && !question)) return false;

    *out = (struct msg) {
        .type = (enum msg_type)type, .question = question, .fds = {-1, -1}
    };
    rows[type].unpack(&u, out);
    return !u.bad && u.rest.len == 0;
}

const char *msg_name(enum msg_type type)
{
    return known((uint32_t)type) ? rows[type].name : "NONE";
}

const char *role_name(enum msg_role role)
{
    static const char *const names[ROLES] = {
        [ROLE_SUPERVISOR] = "supervisor", [ROLE_SMTPD] = "smtpd", [ROLE_VAULT] = "vault",
        [ROLE_QUEUE] = "queue",           [ROLE_RELAY] = "relay", [ROLE_LOOKUP] = "lookup",
    };
    return (unsigned)role < ROLES ? names[role] : "unknown";
}
