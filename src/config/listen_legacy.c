/* The options of a listener for old devices: what it takes is narrow unless it is said to be wider, and to whom and from where has to be
 * said. */
#include "config/schema.h"

#include <string.h>

enum {
    HOST_MOST        = 253,
    SIZE_LEAST       = 1024,
    SIZE_USUAL       = 20 * 1024 * 1024,
    MESSAGES_USUAL   = 60,
    RECIPIENTS_USUAL = 10,
    MESSAGES_MOST    = 100000,
    RECIPIENTS_MOST  = 1000
};
#define SIZE_MOST ((uint64_t)1 << 40)

static const char *const tls_words[] = {
    [LANE_CLEAR] = "none", [LANE_STARTTLS] = "starttls", [LANE_IMPLICIT] = "implicit"
};
static const char *const versions[] = { "1.0", "1.1", "1.2" }; /* from LANE_OLDEST on */

void config_lane_begin(struct config_listen *item)
{
    /* A password that nobody sees where the device can say it so. */
    static const char mechanisms[] = "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN";
    memcpy(item->mechanisms, mechanisms, sizeof mechanisms);
    item->lane = (struct legacy_lane) { .tls                    = LANE_STARTTLS,
                                        .oldest                 = LANE_NEWEST,
                                        .message_size           = SIZE_USUAL,
                                        .messages_per_hour      = MESSAGES_USUAL,
                                        .recipients_per_message = RECIPIENTS_USUAL };
}

/* ---- lists --------------------------------------------------------------------------------------------------------------- */
/* "A,B" or "A+B", as mechanisms are listed. */
static gp_str next_of(gp_str *list)
{
    size_t end  = gp_find(*list, ',') < gp_find(*list, '+') ? gp_find(*list, ',') : gp_find(*list, '+');
    gp_str word = gp_head(*list, end);
    *list       = end < list->len ? gp_tail(*list, end + 1) : GP_NONE;
    return word;
}

static bool add_word(char out[static LANE_TEXT], gp_str word)
{
    size_t         length = strlen(out);
    struct gp_text text   = { .ptr = out, .room = LANE_TEXT - 1, .len = length };
    if (length) gp_put_char(&text, ' ');
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        gp_put_char(&text, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    out[text.cut ? length : text.len] = '\0';
    return !text.cut;
}

bool config_lane_networks(struct config_listen *item, gp_str value, struct gp_text *why)
{
    const char *no;
    while (value.ptr) {
        gp_str word = next_of(&value);
        if (!lane_network_is_good(word, &no)) return config_fail(why, word, no);
        if (!add_word(item->lane.networks, word)) return config_fail(why, GP_LIT("networks"), "are too many");
    }
    return true;
}

/* "example.org" or "@example.org" */
bool config_lane_domains(struct config_listen *item, gp_str value, struct gp_text *why)
{
    while (value.ptr) {
        gp_str word = next_of(&value), domain = gp_tail(word, gp_starts(word, "@"));
        if (gp_is(domain, "*"))
            return config_fail(why, word, "would let devices write to anybody: name the domains, as example.org");
        if (domain.len > HOST_MOST || !config_is_hostname(domain))
            return config_fail(why, word, "is not a domain such as example.org");
        if (!add_word(item->lane.domains, domain))
            return config_fail(why, GP_LIT("recipients_domains"), "are too many");
    }
    return true;
}

/* ---- TLS ----------------------------------------------------------------------------------------------------------------- */
static bool take_word(gp_str value, const char *const *words, size_t count, size_t *out, struct gp_text *why)
{
    char           room[64];
    struct gp_text all = GP_TEXT(room);
    for (size_t i = 0; i < count; i++) {
        if (gp_is(value, words[i])) {
            *out = i;
            return true;
        }
        if (i) gp_put_char(&all, ' ');
        gp_put_z(&all, words[i]);
    }
    (void)config_fail(why, value, "is not one of: ");
    gp_put(why, gp_said(&all));
    return false;
}

bool config_lane_tls(struct config_listen *item, gp_str value, struct gp_text *why)
{
    size_t at = 0;
    if (!take_word(value, tls_words, GP_COUNT(tls_words), &at, why)) {
        config_suggest(why, value, GP_LIT("none starttls implicit"));
        return false;
    }
    item->lane.tls = (enum lane_tls)at;
    return true;
}

bool config_lane_minimum(struct config_listen *item, gp_str value, struct gp_text *why)
{
    size_t at = 0;
    if (!take_word(value, versions, GP_COUNT(versions), &at, why)) return false;
    item->lane.oldest = LANE_OLDEST + (int)at;
    return true;
}

/* ---- how much ------------------------------------------------------------------------------------------------------------ */
static bool take_number(gp_str value, uint64_t least, uint64_t most, uint64_t *out, struct gp_text *why)
{
    if (gp_read_number(value, most, out) && *out >= least) return true;
    (void)config_fail(why, value, "is not a number from ");
    gp_put_number(why, (int64_t)least);
    gp_put_z(why, " to ");
    gp_put_number(why, (int64_t)most);
    return false;
}

bool config_lane_message_size(struct config_listen *item, gp_str value, struct gp_text *why)
{
    static const struct config_key size = { .type = &config_size, .least = SIZE_LEAST, .most = SIZE_MOST };
    return config_read_number(&size, value, &item->lane.message_size, why);
}

bool config_lane_messages(struct config_listen *item, gp_str value, struct gp_text *why)
{
    uint64_t number = 0;
    if (!take_number(value, 1, MESSAGES_MOST, &number, why)) return false;
    item->lane.messages_per_hour = (unsigned)number;
    return true;
}

bool config_lane_recipients(struct config_listen *item, gp_str value, struct gp_text *why)
{
    uint64_t number = 0;
    if (!take_number(value, 1, RECIPIENTS_MOST, &number, why)) return false;
    item->lane.recipients_per_message = (unsigned)number;
    return true;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------- */
bool config_lane_is_whole(const struct config_listen *item, struct gp_text *why)
{
    gp_str address = gp_from(item->address);
    if (!item->lane.networks[0])
        return config_fail(
            why, address, "is for old devices, and has no networks: add networks=10.0.0.0/24, from where they connect");
    if (!item->lane.domains[0])
        return config_fail(
            why, address,
            "is for old devices, and has no recipients_domains: add recipients_domains=example.org, to whom they may write");
    return true;
}

static void put_list(struct gp_text *out, const char *name, const char *words)
{
    gp_put_z(out, name);
    for (const char *c = words; *c; c++) gp_put_char(out, *c == ' ' ? ',' : *c);
}

static void put_count(struct gp_text *out, const char *name, uint64_t number)
{
    gp_put_z(out, name);
    gp_put_number(out, (int64_t)number);
}

void config_lane_put(struct gp_text *out, const struct config_listen *item)
{
    const struct legacy_lane *l = &item->lane;
    put_list(out, " networks=", l->networks);
    put_list(out, " recipients_domains=", l->domains);
    gp_put_z(out, " tls=");
    gp_put_z(out, tls_words[l->tls]);
    if (l->tls != LANE_CLEAR) gp_put_z(out, " tls_minimum=");
    if (l->tls != LANE_CLEAR) gp_put_z(out, versions[l->oldest - LANE_OLDEST]);
    put_count(out, " message_size=", l->message_size);
    put_count(out, " messages_per_hour=", l->messages_per_hour);
    put_count(out, " recipients_per_message=", l->recipients_per_message);
}
