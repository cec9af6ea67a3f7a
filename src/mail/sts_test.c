/* MTA-STS: the vectors, and any octets as a policy. */
#include "mail/sts.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mail/records.h"

static json_t *vectors(void)
{
    char   *text = kit_file("tests/vectors/mta_sts.json", NULL);
    json_t *root = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(root);
    return root;
}

static gp_str string_of(const json_t *object, const char *key)
{
    return gp_from(json_string_value(json_object_get(object, key)));
}

TEST(records_are_read_as_the_vectors_say)
{
    json_t *root = vectors(), *v;
    size_t  i;
    json_array_foreach(json_object_get(root, "txt"), i, v)
    {
        gp_str id  = GP_NONE;
        bool   fit = gp_sts_id(string_of(v, "record"), &id);
        CHECK(fit == json_is_true(json_object_get(v, "valid")));
        if (fit) CHECK_IS(id, json_string_value(json_object_get(v, "id")));
    }
    json_decref(root);
}

static void check_policy(const json_t *v)
{
    char                 room[GP_STS_HOSTS_ROOM], wanted_room[GP_STS_HOSTS_ROOM];
    struct gp_text       hosts = GP_TEXT(room), wanted = { .ptr = wanted_room, .room = sizeof wanted_room - 1 };
    struct gp_sts_policy policy;
    const json_t        *parsed = json_object_get(v, "parsed"), *mx;
    size_t               i;
    const char          *why = gp_sts_read(string_of(v, "body"), &policy, &hosts);
    CHECK(!why == json_is_true(json_object_get(v, "valid")));
    if (why || !json_is_object(parsed)) return;
    CHECK_IS(gp_from(gp_sts_mode_name(policy.mode)), json_string_value(json_object_get(parsed, "mode")));
    CHECK(policy.max_age == (uint64_t)json_integer_value(json_object_get(parsed, "max_age")));
    json_array_foreach(json_object_get(parsed, "mx"), i, mx)
    {
        gp_put_z(&wanted, json_string_value(mx));
        gp_put_char(&wanted, '\n');
    }
    wanted_room[wanted.len] = '\0';
    CHECK_IS(gp_said(&hosts), wanted_room);
}

TEST(policies_are_read_as_the_vectors_say)
{
    json_t *root = vectors(), *v;
    size_t  i;
    json_array_foreach(json_object_get(root, "policies"), i, v) check_policy(v);
    json_decref(root);
}

TEST(hosts_are_those_that_the_vectors_say)
{
    json_t *root = vectors(), *v;
    size_t  i;
    json_array_foreach(json_object_get(root, "mx_match"), i, v)
        CHECK(gp_sts_takes(string_of(v, "pattern"), string_of(v, "mx")) == json_is_true(json_object_get(v, "match")));
    json_decref(root);
    CHECK(gp_sts_takes(GP_LIT("a.example\n*.b.example\n"), GP_LIT("x.b.example")));
    CHECK(!gp_sts_takes(GP_LIT(""), GP_LIT("")));
    CHECK(!gp_sts_takes(GP_LIT("a.example\n"), GP_LIT("")));
}

static const char *read_in(gp_str file, size_t room_octets, uint64_t *age)
{
    char                 room[GP_STS_HOSTS_ROOM];
    struct gp_text       hosts = { .ptr = room, .room = room_octets };
    struct gp_sts_policy policy;
    const char          *why = gp_sts_read(file, &policy, &hosts);
    *age                     = policy.max_age;
    return why;
}

TEST(a_policy_has_its_bounds)
{
    static char large[GP_STS_FILE_MOST + 1];
    uint64_t    age;
    gp_str      old = GP_LIT("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9999999999\n");
    memset(large, '\n', sizeof large);
    CHECK(read_in(old, GP_STS_HOSTS_ROOM, &age) == NULL);
    CHECK(age == GP_STS_AGE_MOST);
    CHECK_IS(gp_from(read_in(old, 4, &age)), "it names more mail hosts than are kept");
    CHECK_IS(gp_from(read_in((gp_str) { large, sizeof large }, 4, &age)), "it is longer than 64 KiB");
    CHECK_IS(gp_from(read_in((gp_str) { large, sizeof large - 1 }, 4, &age)), "it does not say version: STSv1");
}

TEST(a_policy_is_plain_text)
{
    CHECK(gp_sts_is_plain_text(GP_LIT("text/plain")) && gp_sts_is_plain_text(GP_LIT("Text/Plain; charset=utf-8")));
    CHECK(!gp_sts_is_plain_text(GP_LIT("text/html")) && !gp_sts_is_plain_text(GP_LIT("text/plainer")));
    CHECK(!gp_sts_is_plain_text(GP_NONE));
}

/* What is taken for a policy has a mode, an age within its bound, hosts in their form, and takes each of them that is no wildcard. */
PROPERTY(sts_policies_are_read_or_refused, bytes)
{
    char                 room[GP_STS_HOSTS_ROOM];
    struct gp_text       hosts = GP_TEXT(room);
    struct gp_sts_policy policy;
    const char          *why = gp_sts_read(bytes, &policy, &hosts);
    if (why) {
        CHECK(why[0]);
        return;
    }
    CHECK(policy.max_age <= GP_STS_AGE_MOST && policy.mode <= GP_STS_ENFORCE);
    CHECK(policy.mode == GP_STS_NONE || hosts.len > 0);
    for (gp_str rest = gp_said(&hosts); rest.len;) {
        gp_str host = gp_cut(&rest, '\n');
        CHECK(host.len > 0 && gp_is_ascii(host));
        CHECK(gp_sts_takes(gp_said(&hosts), host) || gp_starts(host, "*."));
    }
}
