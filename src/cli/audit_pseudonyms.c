/* A row as JSON, and with pseudonyms: what a field may say of a person is replaced unless it is known to say nothing. */
#include "cli/audit.h"
#include "cli/queue.h"

enum { PSEUDONYM_OCTETS = 8, PSEUDONYM_ROOM = 32 };

/* Texts that are about the server, or that only a list of few values can stand in. */
static bool says_nothing_of_a_person(const char *key)
{
    static const char *const keys[] = { "result",   "mechanism", "mechanisms", "mechanisms_before",
                                        "tls",      "listener",  "listeners",  "status",
                                        "kind",     "source",    "config",     "seal",
                                        "rows",     "hours",     "from_kind",  "enhanced",
                                        "incidents" };
    for (size_t i = 0; i < GP_COUNT(keys); i++)
        if (gp_is(gp_from(key), keys[i])) return true;
    return false;
}

/* An address of the server's own domain has that of the account with its name. */
static json_t *pseudonym_of(struct audit_place_of *a, gp_str text)
{
    char           key_room[2 * ACCOUNT_ADDRESS_MOST], room[PSEUDONYM_ROOM];
    struct gp_text key = GP_TEXT(key_room), out = GP_TEXT(room);
    uint8_t        digest[GP_DIGEST_MOST];
    gp_str         secret = { (const char *)a->users.keys.unknown_count, sizeof a->users.keys.unknown_count };
    gp_put_z(&key, "audit pseudonym ");
    accounts_login_key(a->users.accounts, text, &key);
    for (size_t i = 0; i < key.len; i++)
        if (key_room[i] >= 'A' && key_room[i] <= 'Z') key_room[i] = (char)(key_room[i] | 0x20);
    if (text.len == 0 || !gp_hmac(GP_SHA256, secret, key.cut ? text : gp_said(&key), digest)) return json_string("");
    gp_put_z(&out, "p-");
    gp_put_hex(&out, (gp_str) { (const char *)digest, PSEUDONYM_OCTETS });
    return json_stringn(out.ptr, out.len);
}

static json_t *hidden(struct audit_place_of *a, const json_t *value)
{
    json_t *list;
    size_t  i;
    json_t *item;
    if (json_is_string(value)) return pseudonym_of(a, (gp_str) { json_string_value(value), json_string_length(value) });
    if (!json_is_array(value)) return json_deep_copy(value);
    list = json_array();
    json_array_foreach(value, i, item)(void) json_array_append_new(list, hidden(a, item));
    return list;
}

static void hide(struct audit_place_of *a, json_t *data)
{
    const char *key;
    json_t     *value;
    void       *next;
    json_object_foreach_safe(data, next, key, value) if (!says_nothing_of_a_person(key))(void)
        json_object_set_new(data, key, hidden(a, value));
}

json_t *audit_row_json(struct audit_place_of *a, enum audit_chain chain, const struct audit_row *row, bool pseudonyms)
{
    json_t *data = row->data.len ? json_loadb(row->data.ptr, row->data.len, 0, NULL) : NULL;
    if (pseudonyms) hide(a, data);
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:b, s:o}", "chain", audit_chain_name(chain), "seq",
                     (json_int_t)row->seq, "when", moment_json(row->when), "event", text_json(row->event), "account",
                     pseudonyms ? pseudonym_of(a, row->name) : text_json(row->name), "account_id",
                     (json_int_t)row->account, "credential", (json_int_t)row->credential, "queue_id",
                     text_json(row->queue_id), "incident", text_json(row->incident), "erased", (int)row->erased, "data",
                     data ? data : json_null());
}
