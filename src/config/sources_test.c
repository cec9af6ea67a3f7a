/* Sources of accounts as they are configured: their order, what goes with which type, and what is said of what does not. */
#include "config/schema.h"
#include "config/test_bed.h"

#include <stdlib.h>
#include <string.h>

TEST(scram_is_no_default_beside_sources_of_passwords)
{
    CHECK(read_set_up(H "sources: [{name: a, type: pam}]\n"));
    CHECK_IS(gp_from(config.mechanisms), "EXTERNAL OAUTHBEARER XOAUTH2 PLAIN LOGIN CRAM-MD5");
    CHECK(read_set_up(H "mechanisms: SCRAM-SHA-256 PLAIN\nsources: [{name: a, type: pam}]\n"));
    CHECK_IS(gp_from(config.mechanisms), "SCRAM-SHA-256 PLAIN");
    CHECK(read_set_up(H "sources: [{name: a, type: oauth, issuer: 'https://i', audience: x}]\n"));
    CHECK(gp_starts(gp_from(config.mechanisms), "SCRAM-SHA-512-PLUS "));
}

TEST(sources_stand_in_the_order_in_which_they_are_asked)
{
    CHECK(read_set_up(H));
    CHECK(config.lookup_count == 0 && config.store_at == 0);
    CHECK(read_set_up(H "sources:\n- {" LDAP
                        ", timeout: 9s}\n- store\n- name: old\n  type: passwd-file\n  path: old/passwd\n"));
    CHECK(config.lookup_count == 2 && config.store_at == 1);
    const struct config_lookup *staff = &config.lookups[0], *old = &config.lookups[1];
    CHECK(staff->type == LOOKUP_LDAP && staff->timeout == 9 && staff->workers == 4 && staff->starttls);
    CHECK_IS(gp_from(staff->filter), "(|(uid=$user)(mail=$user))");
    CHECK(old->type == LOOKUP_PASSWD_FILE && old->timeout == 5 && old->failures == 5 && old->workers == 0);
    CHECK_IS(gp_from(old->path), "old/passwd");
    CHECK(!old->uri[0] && !old->filter[0]);
    CHECK(read_set_up(H "sources: [{name: a, type: pam}]\n") && config.store_at == 0 && config.lookup_count == 1);
}

TEST(the_webhook_has_a_process_behind_the_sources_and_is_none_of_them)
{
    CHECK(read_set_up(
        H "notices: {webhook: 'http://[::1]:8080/x', webhook_secret_file: s}\nsources: [{name: a, type: pam}]\n"));
    CHECK(config.lookup_count == 1 &&
          config_lookup_processes(&config) == 3); /* mail goes by MX: one asks the web for policies */
    CHECK(config.lookups[1].type == LOOKUP_WEBHOOK && config.lookups[1].timeout == 10);
    CHECK_IS(gp_from(config.lookups[1].uri), "http://[::1]:8080/x");
    CHECK_IS(gp_from(config.lookups[1].token_file), "s");
    CHECK(read_set_up(H) && config_lookup_processes(&config) == 1);
    CHECK(read_set_up(H "events: {webhook: 'http://[::1]:8080/y', webhook_secret_file: k}\n"));
    CHECK(config_events_process(&config) == 0 && config_lookup_processes(&config) == 2);
    CHECK(config.lookups[0].type == LOOKUP_EVENTS && config.lookups[0].timeout == 10);
    CHECK_IS(gp_from(config.lookups[0].token_file), "k");
}

#define ONE_URI                                                                                                        \
    "uri is a list, or has a blank or a comma in it: write one ldaps://HOST; a name may have several addresses"

/* A list of sources, and what is said of it; the line counts from "sources:". */
struct wrong_items {
    const char *items, *said;
};

static void check_items(const struct wrong_items *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char yaml[1024], want[512];
        (void)snprintf(yaml, sizeof yaml, "hostname: mail.example.org\nsources:\n%s", cases[i].items);
        (void)snprintf(want, sizeof want, "gatepost.yml:%u: %s\n", (unsigned)(cases[i].said[0] - '0') + 1,
                       cases[i].said + strlen("2: "));
        CHECK(!read_set_up(yaml));
        CHECK_IS(gp_said(&said), want);
    }
}

TEST(what_is_wrong_with_a_source)
{
    static const struct wrong_items cases[] = {
  /* clang-format off */
        { "- stroe\n", "2: sources: 'stroe' is neither 'store' nor a mapping with a name and a type" },
        { "- store\n- store\n", "3: sources: 'store' is there twice" },
        { "- name: a\n  path: x\n", "2: sources: a source needs a type: passwd-file, saslauthd, pam, ldap, sql, http, dovecot or oauth" },
        { "- name: a\n  type: ladp\n", "3: sources: type: 'ladp' is not one of: passwd-file saslauthd pam ldap sql http dovecot oauth (did you mean 'ldap'?)" },
        { "- type: pam\n", "2: sources: name: is missing" },
        { "- name: a\n  type: passwd-file\n", "2: sources: path: is missing" },
        { "- name: a\n  type: pam\n  servcie: x\n", "4: sources: unknown key 'servcie' (did you mean 'service'?)" },
        { "- name: a\n  type: pam\n  query: x\n", "4: sources: 'query' does not go with type: pam" },
        { "- name: a\n  type: passwd-file\n  path: x\n  workers: 2\n", "5: sources: 'workers' does not go with type: passwd-file" },
        { "- name: a\n  type: pam\n  service: x\n  service: y\n", "5: sources: service: is given twice" },
        { "- name: a\n  type: pam\n  timeout: 2m\n", "4: sources: timeout: '2m' is not a duration such as 30s, 5m, 4h or 5d from 1s to 1m" },
        { "- name: a\n  type: pam\n  service: [x]\n", "4: sources: 'service' must have one value" },
        { "- {name: a, type: pam}\n- {name: A, type: pam}\n", "3: sources: A: two sources have this name" },
        { "- {name: a, type: pam, pause: 2m}\n", "2: sources: a: pause is longer than pause_most" },
        { "- {name: a, type: ldap, uri: 'ldaps://h'}\n", "2: sources: a: write one of user_dn and base: how an entry is named, or where to search for it" },
        { "- {name: a, type: ldap, uri: 'ldap://h', base: b, starttls: no}\n", "2: sources: a: starttls: no would send passwords in clear to another host" },
        { "- {name: a, type: ldap, uri: 'ldap://localhost.evil.example', base: b, starttls: no}\n", "2: sources: a: starttls: no would send passwords in clear to another host" },
        { "- {name: a, type: ldap, uri: 'ldaps://dc1 ldap://dc2', base: b}\n", "2: sources: a: " ONE_URI },
        { "- {name: a, type: ldap, uri: 'ldaps://dc1,ldap://dc2', base: b}\n", "2: sources: a: " ONE_URI },
        { "- {name: a, type: ldap, uri: 'ldap://localhost ldap://dc2', base: b, starttls: no}\n", "2: sources: a: " ONE_URI },
        { "- {name: a, type: ldap, uri: 'ldapi:// ', base: b}\n", "2: sources: a: " ONE_URI },
        { "- {name: a, type: ldap, uri: 'h', base: b}\n", "2: sources: a: uri must be ldaps://HOST, ldap://HOST or ldapi://FILE" },
        { "- {name: a, type: ldap, uri: 'ldaps://h', base: b, filter: '(uid=ada)'}\n", "2: sources: a: user_dn and filter must say where the name goes: $user, or $local" },
        { "- {name: a, type: ldap, uri: 'ldaps://h', base: b, bind_dn: c}\n", "2: sources: a: bind_dn has no password: name its file as password_file" },
        { "- {name: a, type: sql, uri: 'postgresql://u:secret@h/d', query: '$user'}\n", "2: sources: a: uri has a password in it: write it to a file, and name that as password_file or token_file" },
        { "- {name: a, type: sql, uri: 'mysql://h', query: '$user'}\n", "2: sources: a: uri must be postgresql://USER@HOST/DATABASE or sqlite:FILE" },
        { "- {name: a, type: sql, uri: 'sqlite:f', query: 'SELECT 1'}\n", "2: sources: a: query must say where the name goes: $user" },
        { "- {name: a, type: http, uri: 'http://h/p'}\n", "2: sources: a: uri must be https://HOST/PATH: passwords go there (http:// only to this host)" },
        { "- {name: a, type: http, uri: 'http://127.0.0.1@evil.example/p'}\n", "2: sources: a: uri must be https://HOST/PATH: passwords go there (http:// only to this host)" },
  /* clang-format on */
    };
    check_items(cases, GP_COUNT(cases));
    CHECK(read_set_up(
        H
        "sources: [{name: a, type: http, uri: 'http://127.0.0.1:80/p'}, {name: b, type: ldap, uri: 'ldap://[::1]:389', base: b, starttls: no}]\n"));
}

TEST(what_is_wrong_with_a_source_of_tokens)
{
    static const struct wrong_items cases[] = {
  /* clang-format off */
        { "- {name: a, type: oauth, audience: x}\n", "2: sources: issuer: is missing" },
        { "- {name: a, type: oauth, issuer: 'https://i'}\n", "2: sources: a: audience is missing: without it every token of the issuer would do, also one that another service was given" },
        { "- {name: a, type: oauth, audience: x, issuer: i}\n", "2: sources: a: issuer is no https://HOST, where its keys could be asked for: write keys_uri or keys_file" },
        { "- {name: a, type: oauth, audience: x, issuer: 'http://i'}\n", "2: sources: a: issuer is no https://HOST, where its keys could be asked for: write keys_uri or keys_file" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', keys_uri: 'http://i/k'}\n", "2: sources: a: keys_uri must be https://HOST/PATH" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', keys_uri: 'https://u:p@i/k'}\n", "2: sources: a: keys_uri must be https://HOST/PATH" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', keys_uri: 'https://i/k', keys_file: k}\n", "2: sources: a: write one of keys_uri and keys_file" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', introspection_uri: 'http://localhost/i', client_id: c, password_file: p}\n", "2: sources: a: introspection_uri must be https://HOST/PATH: tokens go there" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', introspection_uri: 'https://i/i'}\n", "2: sources: a: introspection_uri wants client_id and password_file, or token_file" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', introspection_uri: 'https://i/i', client_id: c}\n", "2: sources: a: client_id and password_file go together" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', introspection_uri: 'https://i/i', client_id: c, password_file: p, token_file: t}\n", "2: sources: a: introspection_uri wants client_id and password_file, or token_file" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', client_id: c, password_file: p}\n", "2: sources: a: client_id, password_file and token_file are for introspection_uri, which is missing" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', algorithms: RS256 HS256}\n", "2: sources: a: algorithms are some of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', algorithms: none}\n", "2: sources: a: algorithms are some of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', algorithms: ' '}\n", "2: sources: a: algorithms are some of RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA" },
        { "- {name: a, type: oauth, audience: x, issuer: 'https://i', require: tid}\n", "2: sources: a: require is made of NAME=VALUE, with blanks between them" },
  /* clang-format on */
    };
    check_items(cases, GP_COUNT(cases));
    CHECK(read_set_up(
        H "sources:\n- {name: a, type: oauth, issuer: i, keys_file: d/k, audience: a b, require: a=b c=d=e}\n"
          "- {name: b, type: oauth, issuer: i, introspection_uri: 'https://i/i', token_file: t}\n"));
    CHECK(config.lookups[0].leeway == 60 && config.lookups[0].refresh == 3600 && config.lookups[1].cache == 60);
}

/* A key for all types stands in the first line of the section, another in the row of each type that has it, and in no other. */
TEST(the_table_of_keys_says_which_go_with_which_type)
{
    static const char *const types[] = { "passwd-file", "saslauthd", "pam", "ldap", "sql", "http", "dovecot", "oauth" };
    const struct config_items *list  = config_sources_type.items;
    size_t                     len;
    char *text = kit_file("docs/sources.md", &len), *section = strstr(text, "## Which keys go with");
    assert_non_null(section);
    for (size_t i = 0; i < GP_COUNT(types) * list->key_count; i++) {
        const struct config_key *k = &list->keys[i % list->key_count];
        char                     row[32], key[72];
        size_t                   type = i / list->key_count;
        bool                     all  = !k->types;
        (void)snprintf(row, sizeof row, "\n| `%s` |", types[type]);
        (void)snprintf(key, sizeof key, "`%s`", k->name);
        const char *line = all ? section : strstr(section, row);
        assert_non_null(line);
        const char *end = strchr(line + (all ? strlen("## ") + strcspn(line, "\n") : 1), '\n');
        bool        has = memmem(line, (size_t)(end - line), key, strlen(key)) != NULL;
        if (has != (all || k->types >> type & 1)) fail_msg("%s of %s", k->name, types[type]);
    }
    free(text);
}
