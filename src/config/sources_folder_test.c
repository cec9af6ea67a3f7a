/* Which folders the file of a source may lie in. */
#include "config/config.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_ROOM = 96 };

static struct config  config;
static char           said_room[4096], dir[PATH_ROOM / 2];
static struct gp_text said;

static void keep_line(void *owner, gp_str line)
{
    (void)owner;
    gp_put(&said, line);
    gp_put_char(&said, '\n');
}

static const char *in_dir(const char *name)
{
    static char path[PATH_ROOM];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void make_place(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/gatepost-folder-XXXXXX");
    CHECK(mkdtemp(dir));
}

static void remove_place(void)
{
    (void)unlink(in_dir("link"));
    CHECK(unlink(in_dir("gatepost.yml")) == 0 && rmdir(dir) == 0);
}

/* What stands before and after the path. */
static bool reads(const char *before, const char *path, const char *after)
{
    FILE *file = fopen(in_dir("gatepost.yml"), "w");
    CHECK(file && fprintf(file, "hostname: mail.example.org\nsources:\n- store\n%s%s%s\n", before, path, after) > 0);
    CHECK(fclose(file) == 0);
    said = GP_TEXT(said_room);
    return config_read(dir, &config, keep_line, NULL);
}

static const struct {
    const char *before, *after, *key;
} forms[] = {
    {"- {name: a, type: passwd-file, path: '",                         "'}",                 "path"     },
    { "- {name: a, type: sql, uri: 'sqlite:",                          "', query: '$user'}", "uri"      },
    { "- {name: a, type: oauth, issuer: i, audience: a, keys_file: '", "'}",                 "keys_file"},
};

TEST(a_file_has_a_folder_without_secrets)
{
    static const char *const wrong[] = { "people",       "./people",   "sources/../people", "vault/people",
                                         "vault/x/y",    "tls/people", "queue/people",      "no/../tls/people",
                                         "run/people",   "/people",    "/tmp/people",       "//tmp//people",
                                         "/tmp/no/../x", "no/../../x", "link/people",       "link/../x" };
    static const char *const right[] = { "sources/people", "vaults/people", "tls.d/people", "/srv/people/people",
                                         "/tmp/people/people" };
    make_place();
    CHECK(symlink("..", in_dir("link")) == 0);
    for (size_t f = 0; f < GP_COUNT(forms); f++) {
        char want[256];
        (void)snprintf(want, sizeof want,
                       "gatepost.yml:4: sources: a: %s has secrets beside or below it, which its process could "
                       "read: give it a folder of its own, such as sources/people\n",
                       forms[f].key);
        for (size_t i = 0; i < GP_COUNT(wrong); i++) {
            if (reads(forms[f].before, wrong[i], forms[f].after)) fail_msg("%s", wrong[i]);
            CHECK_IS(gp_said(&said), want);
        }
        for (size_t i = 0; i < GP_COUNT(right); i++)
            if (!reads(forms[f].before, right[i], forms[f].after))
                fail_msg("%s: %.*s", right[i], (int)said.len, said.ptr);
    }
    remove_place();
}

TEST(secrets_elsewhere_count_too)
{
    static const char *const rest[] = {
        "tls: {certificates: [{certificate: c, key: /srv/x/d/key.pem}]}",
        "relay: {via: 'smtp://h:587', user: u, password_file: /srv/x/p}",
        "relay: {via: 'smtp://h:587', user: u, token_file: /srv/x/p}",
        "- {name: b, type: http, uri: 'https://h/', token_file: /srv/x/t}",
    };
    make_place();
    for (size_t i = 0; i < GP_COUNT(rest); i++) {
        char after[256];
        (void)snprintf(after, sizeof after, "'}\n%s", rest[i]);
        CHECK(!reads(forms[0].before, "/srv/x/people", after) && strstr(said_room, "secrets beside or below it"));
        CHECK(reads(forms[0].before, "/srv/xy/people", after));
    }
    CHECK(reads(
        "- {name: a, type: oauth, issuer: i, introspection_uri: 'https://i/i', token_file: /srv/x/t, audience: a, keys_file: '",
        "/srv/x/keys", "'}")); /* its own secret */
    remove_place();
}
