/* Whom reports are sent to. */
#include "queue/role_kit.h"

#define REFUSED "3\t550\t5.1.1\tmx.example.net\tTLSv1.3\tno such user"

/* No backscatter: who may write as anybody must not have reports sent to anybody. */
TEST(a_report_goes_to_whose_the_message_is)
{
    static const struct {
        enum policy_mode mode;
        enum sender_rule rule;
        const char      *sender, *user, *to; /* to NULL: nobody is told */
    } rows[] = {
        {POLICY_ENFORCE,  SENDER_ENFORCE, "x@other.example", "ada",             "x@other.example\tNOTIFY=NEVER\n"},
        { POLICY_SHADOW,  SENDER_ENFORCE, "x@other.example", "ada",             NULL                             },
        { POLICY_ENFORCE, SENDER_ALLOW,   "x@other.example", "ada@example.org", "ada@example.org\tNOTIFY=NEVER\n"},
        { POLICY_OFF,     SENDER_ENFORCE, "x@example.org",   "ada",             "x@example.org\tNOTIFY=NEVER\n"  },
        { POLICY_OFF,     SENDER_ENFORCE, "Ada@b.example",   "ada@b.example",   "Ada@b.example\tNOTIFY=NEVER\n"  },
    };
    for (size_t i = 0; i < GP_COUNT(rows); i++) {
        struct kit *k                                = kit_open();
        struct msg  m                                = kit_message("abcd", rows[i].sender, "c@example.net\t\n");
        k->config.policy.identity.mode               = rows[i].mode;
        k->config.policy.identity.rules[SENDER_MAIL] = rows[i].rule;
        m.commit.user                                = gp_from(rows[i].user);
        kit_commit(k, 1, &m);
        kit_turn(k);
        kit_answer_one(k, 0, REFUSED "\n", false);
        kit_turn(k);
        if (k->sent_count != (rows[i].to ? 2 : 1)) fail_msg("row %zu", i);
        if (rows[i].to) CHECK_IS(gp_from(k->sent[1].recipients), rows[i].to);
        kit_close(k);
    }
}
