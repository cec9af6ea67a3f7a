/* The types that a value of one field has: names, texts, numbers with units, flags and choices. */
#include "config/schema.h"

#include <string.h>

#include <arpa/inet.h>

#include "policy/place.h"

bool config_fail(struct gp_text *why, gp_str text, const char *problem)
{
    config_quote(why, text);
    gp_put_char(why, ' ');
    gp_put_z(why, problem);
    return false;
}

/* ---- texts --------------------------------------------------------------------------------------------- */

static char *text_field(struct config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

static bool keep_text(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    if (text.len > key->most || !gp_copy_z(text, text_field(config, key), key->size))
        return config_fail(why, text, "is too long");
    if (text.len >= key->least) return true;
    gp_put_z(why, "must not be empty");
    return false;
}

static bool show_text(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    gp_str text = gp_from((const char *)config + key->offset);
    if (index) return false;
    gp_put_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') gp_put_char(out, '\\');
        gp_put_char(out, text.ptr[i]);
    }
    gp_put_char(out, '"');
    return true;
}

bool config_is_text(gp_str text, struct gp_text *why)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return config_fail(why, text, "has a control character in it");
    return gp_is_utf8(text) || config_fail(why, text, "is not UTF-8");
}

static bool read_text(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    return config_is_text(text, why) && keep_text(config, key, text, why);
}

/* RFC 1123 2.1 */
static bool is_label(gp_str label)
{
    enum { LABEL_MOST = 63 };
    if (label.len == 0 || label.len > LABEL_MOST || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-') return false;
    }
    return true;
}

bool config_is_hostname(gp_str name)
{
    enum { NAME_MOST = 253 };
    if (name.len == 0 || name.len > NAME_MOST) return false;
    while (name.ptr)
        if (!is_label(gp_cut(&name, '.'))) return false;
    return true;
}

static bool read_hostname(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    if (!gp_is_ascii(text)) return config_fail(why, text, "is not ASCII: write the xn-- form of an international name");
    if (!config_is_hostname(text)) return config_fail(why, text, "is not a host name such as mail.example.org");
    return keep_text(config, key, text, why);
}

static bool read_resolver(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    enum { PORT_MOST = 65535 };
    gp_str   port = text, address = gp_cut(&port, '@');
    char     z[INET6_ADDRSTRLEN];
    uint8_t  octets[sizeof(struct in6_addr)];
    uint64_t number = 0;
    bool     right  = gp_copy_z(address, z, sizeof z) &&
                 (inet_pton(AF_INET, z, octets) == 1 || inet_pton(AF_INET6, z, octets) == 1) &&
                 (!port.ptr || (gp_read_number(port, PORT_MOST, &number) && number > 0));
    if (text.len && !right) return config_fail(why, text, "is not an address such as 127.0.0.1 or 127.0.0.1@5353");
    return keep_text(config, key, text, why);
}

static bool is_among(gp_str words, gp_str one)
{
    while (words.len)
        if (gp_alike(one, gp_word(&words))) return true;
    return false;
}

static gp_str known_mechanisms(void)
{
    return gp_from(config_find(GP_LIT("mechanisms"))->usual);
}

bool config_is_mechanism(gp_str word, struct gp_text *why)
{
    if (is_among(known_mechanisms(), word)) return true;
    (void)config_fail(why, word, "is not a mechanism that gatepost has");
    config_suggest(why, word, known_mechanisms());
    return false;
}

static bool read_mechanisms(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    enum { ONE_MORE = 120 }; /* octets that a name with its guess may take */
    for (gp_str rest = text; rest.len;) {
        gp_str word = gp_word(&rest);
        if (word.len == 0 || is_among(known_mechanisms(), word)) continue;
        if (why->len) gp_put_z(why, "; ");
        if (why->room - why->len < ONE_MORE) {
            gp_put_z(why, "and so on");
            break;
        }
        (void)config_is_mechanism(word, why);
    }
    return why->len == 0 && keep_text(config, key, text, why);
}

static bool read_networks(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    struct place network;
    if (!config_is_text(text, why)) return false;
    for (gp_str rest = text, word = gp_word(&rest); word.len > 0; word = gp_word(&rest))
        if (!place_read(word, &network))
            return config_fail(why, word, "is no network: 192.0.2.7, 10.0.0.0/8 and 2001:db8::/32 are");
    return keep_text(config, key, text, why);
}

const struct config_type config_text      = { "a text", read_text, show_text, NULL, { NULL } };
const struct config_type config_path_type = {
    "a path, relative to the set-up's directory", read_text, show_text, NULL, { NULL }
};
const struct config_type config_hostname = { "a host name", read_hostname, show_text, NULL, { NULL } };
const struct config_type config_resolver = {
    "an address, with @PORT if it is not 53", read_resolver, show_text, NULL, { NULL }
};
const struct config_type config_mechanisms = {
    "names with blanks between them", read_mechanisms, show_text, NULL, { NULL }
};
const struct config_type config_networks = {
    "networks with blanks between them", read_networks, show_text, NULL, { NULL }
};

/* ---- numbers ------------------------------------------------------------------------------------------- */
struct unit {
    const char *name;
    uint64_t    factor;
}; /* the largest first; the last one may be left out */

static const struct unit counts[] = {
    {"", 1}
};
static const struct unit durations[] = {
    {"d",  86400},
    { "h", 3600 },
    { "m", 60   },
    { "s", 1    }
};
static const struct unit sizes[] = {
    {"T",  UINT64_C(1) << 40},
    { "G", 1 << 30          },
    { "M", 1 << 20          },
    { "K", 1 << 10          },
    { "",  1                }
};

static const struct units {
    const struct config_type *type;
    const struct unit        *list;
    size_t                    count;
} unit_lists[] = {
    {&config_number,    counts,    GP_COUNT(counts)   },
    { &config_duration, durations, GP_COUNT(durations)},
    { &config_retries,  durations, GP_COUNT(durations)},
    { &config_size,     sizes,     GP_COUNT(sizes)    },
};

static const struct units *units_of(const struct config_key *key)
{
    size_t i = 0;
    while (unit_lists[i].type != key->type) i++;
    return &unit_lists[i];
}

void config_put_number(struct gp_text *out, const struct config_key *key, uint64_t number)
{
    const struct units *units = units_of(key);
    const struct unit  *unit = units->list, *last = units->list + units->count - 1;
    while (unit < last && (number == 0 || number % unit->factor)) unit++;
    gp_put_digits(out, number / unit->factor, 1);
    gp_put_z(out, unit->name);
}

static bool read_units(const struct units *units, gp_str text, uint64_t *number)
{
    for (size_t i = 0; i < units->count; i++) {
        const struct unit *unit = &units->list[i];
        if (!gp_ends(text, unit->name)) continue;
        gp_str digits = gp_head(text, text.len - strlen(unit->name));
        return gp_read_number(digits, UINT64_MAX, number) && gp_mul(*number, unit->factor, number);
    }
    return gp_read_number(text, UINT64_MAX, number);
}

bool config_read_number(const struct config_key *key, gp_str text, uint64_t *number, struct gp_text *why)
{
    if (read_units(units_of(key), text, number) && *number >= key->least && *number <= key->most) return true;
    (void)config_fail(why, text, "is not ");
    gp_put_z(why, key->type->what);
    gp_put_z(why, " from ");
    config_put_number(why, key, key->least);
    gp_put_z(why, " to ");
    config_put_number(why, key, key->most);
    return false;
}

/* Fields are as wide as their use; the row says how wide, and its bounds say that the number fits. */
static void store(struct config *config, const struct config_key *key, uint64_t number)
{
    void    *field  = (char *)config + key->offset;
    uint8_t  narrow = (uint8_t)number;
    uint16_t half   = (uint16_t)number;
    uint32_t word   = (uint32_t)number;
    memcpy(field,
           key->size == 1   ? (void *)&narrow
           : key->size == 2 ? (void *)&half
           : key->size == 4 ? (void *)&word
                            : (void *)&number,
           key->size);
}

static uint64_t load(const struct config *config, const struct config_key *key)
{
    const void *field  = (const char *)config + key->offset;
    uint64_t    number = 0;
    uint32_t    word   = 0;
    uint16_t    half   = 0;
    uint8_t     narrow = 0;
    switch (key->size) {
    case sizeof narrow: memcpy(&narrow, field, sizeof narrow); return narrow;
    case sizeof half: memcpy(&half, field, sizeof half); return half;
    case sizeof word: memcpy(&word, field, sizeof word); return word;
    default: memcpy(&number, field, sizeof number); return number;
    }
}

static bool read_number(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    uint64_t number = 0;
    if (!config_read_number(key, text, &number, why)) return false;
    store(config, key, number);
    return true;
}

static bool show_number(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    if (index) return false;
    config_put_number(out, key, load(config, key));
    return true;
}

const struct config_type config_number   = { "a number", read_number, show_number, NULL, { NULL } };
const struct config_type config_duration = {
    "a duration such as 30s, 5m, 4h or 5d", read_number, show_number, NULL, { NULL }
};
const struct config_type config_size = { "a size such as 512K, 25M or 1G", read_number, show_number, NULL, { NULL } };

/* ---- flags and choices --------------------------------------------------------------------------------- */
static bool read_flag(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    static const struct {
        const char *word;
        bool        means;
    } words[] = {
        {"yes",    true },
        { "no",    false},
        { "true",  true },
        { "false", false},
        { "on",    true },
        { "off",   false},
        { "1",     true },
        { "0",     false}
    };
    for (size_t i = 0; i < GP_COUNT(words); i++) {
        if (!gp_is(text, words[i].word)) continue;
        store(config, key, words[i].means);
        return true;
    }
    return config_fail(why, text, "is neither yes nor no");
}

static bool show_flag(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    if (index) return false;
    gp_put_z(out, load(config, key) ? "yes" : "no");
    return true;
}

static bool read_choice(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    char           room[128];
    struct gp_text words = GP_TEXT(room);
    for (size_t i = 0; key->choices[i]; i++) {
        if (gp_is(text, key->choices[i])) {
            store(config, key, i);
            return true;
        }
        if (i) gp_put_char(&words, ' ');
        gp_put_z(&words, key->choices[i]);
    }
    (void)config_fail(why, text, "is not one of: ");
    gp_put(why, gp_said(&words));
    config_suggest(why, text, gp_said(&words));
    return false;
}

static bool show_choice(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    if (index) return false;
    gp_put_z(out, key->choices[load(config, key)]);
    return true;
}

const struct config_type config_flag   = { "yes or no", read_flag, show_flag, NULL, { NULL } };
const struct config_type config_choice = { "one of the words below", read_choice, show_choice, NULL, { NULL } };
