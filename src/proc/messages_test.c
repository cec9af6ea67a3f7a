/* Every message survives the wire; nothing that is not a message does. */
#include "check.h"

#include <string.h>

#include "proc/wire.h"

static char wire[MSG_MOST];

static gp_str packed(const struct msg *msg)
{
    return (gp_str) { wire, msg_pack(msg, wire, sizeof wire) };
}

static struct msg commit_message(void)
{
    struct msg m = MSG(COMMIT);
    m.question   = 77;
    m.commit     = (struct msg_commit) { .session    = 1ULL << 48 | 5,
                                         .size       = 3,
                                         .arrived    = 1764000000000ULL,
                                         .queue_id   = GP_LIT("abc"),
                                         .sender     = GP_LIT(""),
                                         .recipients = GP_LIT("a@b\t\n"),
                                         .body       = GP_LIT("x\0y") };
    return m;
}

TEST(a_message_with_all_kinds_of_fields_comes_back)
{
    struct msg in = commit_message(), out;
    CHECK(msg_unpack(packed(&in), &out));
    CHECK(out.type == MSG_COMMIT && out.question == 77 && out.fds[0] == -1 && out.fds[1] == -1);
    CHECK(out.commit.session == in.commit.session && out.commit.arrived == in.commit.arrived);
    CHECK_SAME(out.commit.body, GP_LIT("x\0y"));
    CHECK_IS(out.commit.recipients, "a@b\t\n");
    CHECK(out.commit.sender.ptr && out.commit.sender.len == 0); /* empty is not absent */
    CHECK(!out.commit.params.ptr);
}

TEST(every_type_survives_with_its_name)
{
    for (int type = MSG_NONE + 1; type < MSG_TYPES; type++) {
        struct msg in = { .type = (enum msg_type)type, .fds = { -1, -1 } }, out;
        CHECK(msg_unpack(packed(&in), &out));
        CHECK(out.type == in.type && strcmp(msg_name(in.type), "NONE") != 0);
    }
    CHECK(strcmp(msg_name(MSG_NONE), "NONE") == 0 && strcmp(msg_name((enum msg_type) - 1), "NONE") == 0);
}

TEST(every_cut_and_every_surplus_is_refused)
{
    struct msg in    = commit_message(), out;
    gp_str     whole = packed(&in);
    for (size_t len = 0; len < whole.len; len++) CHECK(!msg_unpack(gp_head(whole, len), &out));
    wire[whole.len] = 0;
    CHECK(!msg_unpack((gp_str) { wire, whole.len + 1 }, &out));
}

static bool with_octet(size_t at, unsigned char value)
{
    struct msg in    = commit_message(), out;
    gp_str     whole = packed(&in);
    wire[at]         = (char)value;
    return msg_unpack(whole, &out);
}

TEST(headers_that_lie_are_refused)
{
    CHECK(with_octet(0, MSG_COMMIT));
    CHECK(!with_octet(0, 0) && !with_octet(0, MSG_TYPES) && !with_octet(3, 0x80));  /* type          */
    CHECK(with_octet(WIRE_AT_FLAGS, WIRE_ANSWER) && !with_octet(WIRE_AT_FLAGS, 2)); /* flags         */
    CHECK(!with_octet(12, 0));                                                      /* length        */
    struct msg in        = MSG(STOP), out;
    gp_str     statement = packed(&in);
    wire_mark_answer(wire);
    CHECK(!msg_unpack(statement, &out)); /* an answer to nothing */
}

TEST(what_does_not_fit_is_not_packed)
{
    static char big[MSG_MOST];
    struct msg  m       = MSG(CERTIFICATE);
    size_t      most    = MSG_MOST - WIRE_HEAD - 3 * sizeof(uint64_t) - sizeof(uint32_t);
    m.certificate.chain = (gp_str) { big, most };
    CHECK(msg_pack(&m, wire, sizeof wire) == MSG_MOST);
    m.certificate.chain.len++;
    CHECK(msg_pack(&m, wire, sizeof wire) == 0);
    m.certificate.chain.len = (size_t)UINT32_MAX + 5; /* must not wrap round to a small one */
    CHECK(msg_pack(&m, wire, sizeof wire) == 0);
    m = MSG(STOP);
    CHECK(msg_pack(&m, wire, WIRE_HEAD + 7) == 0 && msg_pack(&m, wire, WIRE_HEAD + 8) == WIRE_HEAD + 8);
}

PROPERTY(any_octets_unpack_or_are_refused, bytes)
{
    struct msg m;
    if (!msg_unpack(bytes, &m)) return;
    gp_str again = packed(&m); /* the form is unique, so what is accepted packs to the same octets */
    if (wire_is_answer(bytes)) wire_mark_answer(wire);
    CHECK_SAME(again, bytes);
}
