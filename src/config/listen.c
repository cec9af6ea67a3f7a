/* Where clients are answered: "submission ADDRESS:PORT", "legacy ADDRESS:PORT" or "dovecot-auth PATH", and behind it options, "NAME=VALUE" each. */
#include "config/schema.h"

#include <arpa/inet.h>
#include <string.h>

enum { PORT_MOST = 65535 };

/* ---- options ------------------------------------------------------------------------------------------- */
/* "A,B" or "A+B": a comma is what separates the listeners of an environment variable. */
static bool take_mechanisms(struct config_listen *item, gp_str value, struct gp_text *why)
{
    struct gp_text out = { .ptr = item->mechanisms, .room = sizeof item->mechanisms - 1 };
    while (value.ptr) {
        size_t end  = gp_find(value, ',') < gp_find(value, '+') ? gp_find(value, ',') : gp_find(value, '+');
        gp_str word = gp_head(value, end);
        value       = end < value.len ? gp_tail(value, end + 1) : GP_NONE;
        if (!config_is_mechanism(word, why)) return false;
        if (out.len) gp_put_char(&out, ' ');
        gp_put(&out, word);
    }
    if (out.cut) return config_fail(why, GP_LIT("mechanisms"), "are too many");
    item->mechanisms[out.len] = '\0';
    return true;
}

static bool take_certificates(struct config_listen *item, gp_str value, struct gp_text *why)
{
    item->asks = gp_is(value, "ask");
    if (item->asks || gp_is(value, "no")) return true;
    (void)config_fail(why, value, "is not one of: ask no");
    config_suggest(why, value, GP_LIT("ask no"));
    return false;
}

static bool is_word(gp_str value)
{
    static const char others[] = "._-";
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) continue;
        if (!memchr(others, c, sizeof others - 1)) return false;
    }
    return true;
}

static bool take_name(struct config_listen *item, gp_str value, struct gp_text *why)
{
    if (!is_word(value)) return config_fail(why, value, "is not a word of letters, digits and ._-");
    if (value.len && gp_copy_z(value, item->name, sizeof item->name)) return true;
    return config_fail(why, value, "is not a word of 1 to 107 letters");
}

/* As chmod takes it: three or four octal digits; nobody may execute a socket. */
static bool take_mode(struct config_listen *item, gp_str value, struct gp_text *why)
{
    enum { BITS = 3, DIGITS_LEAST = 3, DIGITS_MOST = 4, READ_AND_WRITE = 0666 };
    unsigned number = 0;
    bool     octal  = value.len >= DIGITS_LEAST && value.len <= DIGITS_MOST;
    for (size_t i = 0; octal && i < value.len; i++) {
        octal  = value.ptr[i] >= '0' && value.ptr[i] <= '7';
        number = number << BITS | (unsigned)(value.ptr[i] - '0');
    }
    item->mode = number;
    if (octal && number && !(number & ~(unsigned)READ_AND_WRITE)) return true;
    return config_fail(why, value, "is not a mode for a socket, such as 0660");
}

static bool take_owner(gp_str value, char out[static CONFIG_LISTEN_OWNER], struct gp_text *why)
{
    if (value.len && is_word(value) && gp_copy_z(value, out, CONFIG_LISTEN_OWNER)) return true;
    return config_fail(why, value, "is not the name of a user or a group of the system");
}

static bool take_user(struct config_listen *item, gp_str value, struct gp_text *why)
{
    return take_owner(value, item->user, why);
}

static bool take_group(struct config_listen *item, gp_str value, struct gp_text *why)
{
    return take_owner(value, item->group, why);
}

enum {
    FOR_SMTP    = 1U << LISTEN_SUBMISSION | 1U << LISTEN_SUBMISSIONS | 1U << LISTEN_LEGACY,
    FOR_LEGACY  = 1U << LISTEN_LEGACY,
    FOR_SOCKETS = 1U << LISTEN_DOVECOT_AUTH
};
static const struct option {
    const char *name;
    unsigned    kinds; /* of listener that have it */
    bool (*take)(struct config_listen *, gp_str value, struct gp_text *why);
} options[] = {
    {"mechanisms",              FOR_SMTP | FOR_SOCKETS, take_mechanisms         },
    { "client_certificates",    FOR_SMTP,               take_certificates       },
    { "name",                   FOR_SMTP | FOR_SOCKETS, take_name               },
    { "mode",                   FOR_SOCKETS,            take_mode               },
    { "user",                   FOR_SOCKETS,            take_user               },
    { "group",                  FOR_SOCKETS,            take_group              },
    { "networks",               FOR_LEGACY,             config_lane_networks    },
    { "recipients_domains",     FOR_LEGACY,             config_lane_domains     },
    { "tls",                    FOR_LEGACY,             config_lane_tls         },
    { "tls_minimum",            FOR_LEGACY,             config_lane_minimum     },
    { "message_size",           FOR_LEGACY,             config_lane_message_size},
    { "messages_per_hour",      FOR_LEGACY,             config_lane_messages    },
    { "recipients_per_message", FOR_LEGACY,             config_lane_recipients  },
};

static bool has_option(const struct config_listen *item, size_t option)
{
    return options[option].kinds & 1U << item->kind;
}

static bool unknown_option(const struct config_listen *item, gp_str name, struct gp_text *why)
{
    char           room[256];
    struct gp_text words = GP_TEXT(room);
    for (size_t i = 0; i < GP_COUNT(options); i++) {
        if (!has_option(item, i)) continue;
        if (words.len) gp_put_char(&words, ' ');
        gp_put_z(&words, options[i].name);
    }
    (void)config_fail(why, name, "is not an option of a listener; there are: ");
    gp_put(why, gp_said(&words));
    config_suggest(why, name, gp_said(&words));
    return false;
}

static bool take_option(struct config_listen *item, gp_str option, unsigned *taken, struct gp_text *why)
{
    gp_str value = option, name = gp_cut(&value, '=');
    for (size_t i = 0; i < GP_COUNT(options); i++) {
        if (!has_option(item, i) || !gp_is(name, options[i].name)) continue;
        if (!value.ptr) return config_fail(why, option, "has no value: write it as NAME=VALUE, without blanks");
        if (*taken & 1U << i) return config_fail(why, option, "is given twice");
        *taken |= 1U << i;
        return options[i].take(item, value, why);
    }
    return unknown_option(item, name, why);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */
static const char *const kinds[LISTEN_KINDS] = { [LISTEN_SUBMISSION]   = "submission",
                                                 [LISTEN_SUBMISSIONS]  = "submissions",
                                                 [LISTEN_DOVECOT_AUTH] = "dovecot-auth",
                                                 [LISTEN_LEGACY]       = "legacy" };

const char *listen_kind_name(enum listen_kind kind)
{
    return kinds[kind];
}

bool config_listens_in_tls(const struct config_listen *l)
{
    return l->kind == LISTEN_SUBMISSIONS || (l->kind == LISTEN_LEGACY && l->lane.tls == LANE_IMPLICIT);
}

bool config_listens_in_clear(const struct config_listen *l)
{
    return l->kind == LISTEN_LEGACY && l->lane.tls == LANE_CLEAR;
}

/* "127.0.0.1:587" or "[::1]:587"; port 0 is whatever port the system has left, for tests. */
static bool is_address(gp_str text)
{
    char    z[INET6_ADDRSTRLEN];
    uint8_t octets[sizeof(struct in6_addr)];
    bool    six  = gp_starts(text, "[");
    gp_str  port = six ? gp_tail(text, 1) : text, host = gp_cut(&port, six ? ']' : ':');
    if (six && !gp_starts(port, ":")) return false;
    if (six) port = gp_tail(port, 1);
    uint64_t number = 0;
    return gp_copy_z(host, z, sizeof z) && inet_pton(six ? AF_INET6 : AF_INET, z, octets) == 1 &&
           gp_read_number(port, PORT_MOST, &number);
}

/* What it is quoted with, in the log and in JSON, is left out of it. */
static bool is_socket_path(gp_str text)
{
    if (!gp_starts(text, "/") || gp_ends(text, "/")) return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || strchr("\"\\", text.ptr[i])) return false;
    return true;
}

static bool take_kind(struct config_listen *item, gp_str word)
{
    for (size_t i = 0; i < GP_COUNT(kinds); i++) {
        if (!gp_is(word, kinds[i])) continue;
        item->kind = (enum listen_kind)i;
        return true;
    }
    return false;
}

static bool take_address(struct config_listen *item, gp_str address, struct gp_text *why)
{
    bool socket = item->kind == LISTEN_DOVECOT_AUTH;
    if ((socket ? is_socket_path(address) : is_address(address)) &&
        gp_copy_z(address, item->address, sizeof item->address))
        return gp_copy_z(address, item->name, sizeof item->name);
    return config_fail(
        why, address,
        socket
            ? "is not the path of a socket that begins with /, such as /var/spool/postfix/private/auth (107 letters at most)"
            : "is not an address with a port, such as 127.0.0.1:587 or [::]:587");
}

static bool read_item(gp_str text, struct config_listen *item, struct gp_text *why)
{
    enum { OWNER_ONLY = 0600, GROUP_TOO = 0660 };
    gp_str   rest = text, kind = gp_word(&rest), address = gp_word(&rest);
    unsigned taken = 0;
    if (!take_kind(item, kind))
        return config_fail(why, text,
                           "is not 'submission ADDRESS:PORT', 'submissions ADDRESS:PORT', 'legacy ADDRESS:PORT ...' or"
                           " 'dovecot-auth PATH'");
    if (!take_address(item, address, why)) return false;
    if (item->kind == LISTEN_LEGACY) config_lane_begin(item);
    for (gp_str option = gp_word(&rest); option.len; option = gp_word(&rest))
        if (!take_option(item, option, &taken, why)) return false;
    if (item->mode == 0) item->mode = item->group[0] ? GROUP_TOO : OWNER_ONLY;
    return item->kind != LISTEN_LEGACY || config_lane_is_whole(item, why);
}

static bool read_listen(struct config *config, const struct config_key *key, gp_str text, struct gp_text *why)
{
    (void)key;
    struct config_listen item = { 0 };
    if (config->listen_count == CONFIG_LISTEN_MOST) {
        gp_put_z(why, "has more than ");
        gp_put_number(why, CONFIG_LISTEN_MOST);
        gp_put_z(why, " items");
        return false;
    }
    if (!read_item(text, &item, why)) return false;
    config->listen[config->listen_count++] = item;
    return true;
}

static void put_owner(struct gp_text *out, const struct config_listen *item)
{
    enum { BITS = 3, OCTAL = 7 };
    gp_put_z(out, " mode=0");
    for (unsigned shift = 2 * BITS + BITS; shift; shift -= BITS)
        gp_put_digits(out, item->mode >> (shift - BITS) & OCTAL, 1);
    if (item->user[0]) gp_put_z(out, " user=");
    gp_put_z(out, item->user);
    if (item->group[0]) gp_put_z(out, " group=");
    gp_put_z(out, item->group);
}

static void put_options(struct gp_text *out, const struct config_listen *item)
{
    if (item->kind == LISTEN_DOVECOT_AUTH) put_owner(out, item);
    if (item->kind == LISTEN_LEGACY) config_lane_put(out, item);
    if (item->mechanisms[0]) gp_put_z(out, " mechanisms=");
    for (const char *c = item->mechanisms; *c; c++) gp_put_char(out, *c == ' ' ? ',' : *c);
    if (item->asks) gp_put_z(out, " client_certificates=ask");
    if (strcmp(item->name, item->address) == 0) return;
    gp_put_z(out, " name=");
    gp_put_z(out, item->name);
}

static bool show_listen(const struct config *config, const struct config_key *key, size_t index, struct gp_text *out)
{
    (void)key;
    if (index >= config->listen_count) return false;
    gp_put_char(out, '"');
    gp_put_z(out, kinds[config->listen[index].kind]);
    gp_put_char(out, ' ');
    gp_put_z(out, config->listen[index].address);
    put_options(out, &config->listen[index]);
    gp_put_char(out, '"');
    return true;
}

static void clear_listen(struct config *config)
{
    config->listen_count = 0;
}

const struct config_type config_listens = {
    "a list of 'submission ADDRESS:PORT', 'submissions ADDRESS:PORT', 'legacy ADDRESS:PORT ...' and 'dovecot-auth PATH'",
    read_listen,
    show_listen,
    clear_listen,
    { NULL }
};
