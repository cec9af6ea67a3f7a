/* SASLprep against RFC 4013's examples and others. */
#include "sasl/test_talk.h"

TEST(prepares_as_the_vectors_say)
{
    json_t *root = talk_vectors("saslprep"), *row;
    size_t  i;
    json_array_foreach(json_object_get(root, "cases"), i, row)
    {
        char           in_room[256], want_room[256], out_room[256];
        struct gp_text out    = GP_TEXT(out_room);
        gp_str         in     = talk_octets(row, "input_utf8_hex", in_room, sizeof in_room);
        bool           stored = gp_is(talk_field(row, "mode"), "stored");
        bool           error  = json_is_true(json_object_get(row, "error"));
        if (gp_saslprep(in, stored, &out) == error) fail_msg("%s", talk_field(row, "id").ptr);
        if (!error) CHECK_SAME(gp_said(&out), talk_octets(row, "output_utf8_hex", want_room, sizeof want_room));
    }
    json_decref(root);
}

TEST(says_when_it_does_not_fit)
{
    char           room[4];
    struct gp_text out = GP_TEXT(room);
    CHECK(!gp_saslprep(GP_LIT("12345"), false, &out));
    out = GP_TEXT(room);
    CHECK(!gp_saslprep(GP_LIT("\xef\xac\x81\xef\xac\x81\xef\xac\x81"), false,
                       &out)); /* three fi ligatures: six letters */
    out = GP_TEXT(room);
    CHECK(gp_saslprep(GP_LIT("1234"), false, &out));
}

PROPERTY(saslprep_of_saslprep_is_itself, bytes)
{
    char           once_room[8192], twice_room[8192];
    struct gp_text once = GP_TEXT(once_room), twice = GP_TEXT(twice_room);
    if (!gp_saslprep(bytes, true, &once)) return;
    CHECK(gp_is_utf8(gp_said(&once)));
    CHECK(gp_saslprep(gp_said(&once), true, &twice));
    CHECK_SAME(gp_said(&twice), gp_said(&once));
}
