/* Reading the policy of MTA-STS: lines "key: value", in any order; what is said twice counts once, the first time. */
#include "mail/sts.h"

enum { DIGITS_MOST = 10 /* RFC 8461 3.2 */, NAME_MOST = 255 };

struct reading {
    struct gp_sts_policy *policy;
    struct gp_text       *hosts;
    bool                  version, mode, age, host;
};

static const char *const modes[] = {
    [GP_STS_NONE] = "none", [GP_STS_TESTING] = "testing", [GP_STS_ENFORCE] = "enforce"
};

const char *gp_sts_mode_name(enum gp_sts_mode mode)
{
    return modes[mode];
}

/* ---- names of hosts ---------------------------------------------------------------------------------------------------- */
static bool is_name_octet(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_host(gp_str name)
{
    if (!name.len || name.len > NAME_MOST || name.ptr[name.len - 1] == '.') return false;
    while (name.len) {
        gp_str label = gp_cut(&name, '.');
        if (!label.len) return false;
        for (size_t i = 0; i < label.len; i++)
            if (!is_name_octet(label.ptr[i])) return false;
    }
    return true;
}

static gp_str without_final_dot(gp_str name)
{
    return name.len && name.ptr[name.len - 1] == '.' ? gp_head(name, name.len - 1) : name;
}

static bool takes(gp_str pattern, gp_str host)
{
    if (!gp_starts(pattern, "*.")) return gp_alike(pattern, host);
    gp_str label = gp_cut(&host, '.');
    return label.len && host.len && gp_alike(gp_tail(pattern, 2), host);
}

bool gp_sts_takes(gp_str hosts, gp_str host)
{
    host = without_final_dot(host);
    while (hosts.len)
        if (takes(gp_cut(&hosts, '\n'), host)) return true;
    return false;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------- */
static const char *read_version(struct reading *r, gp_str value)
{
    if (r->version) return NULL;
    r->version = true;
    return gp_same(value, GP_LIT("STSv1")) ? NULL : "its version is not STSv1";
}

static const char *read_mode(struct reading *r, gp_str value)
{
    if (r->mode) return NULL;
    for (size_t i = 0; i < GP_COUNT(modes); i++)
        if (gp_same(value, gp_from(modes[i]))) {
            r->policy->mode = (enum gp_sts_mode)i;
            r->mode         = true;
            return NULL;
        }
    return "its mode is not enforce, testing or none";
}

static const char *read_age(struct reading *r, gp_str value)
{
    if (r->age) return NULL;
    uint64_t age = 0;
    if (value.len > DIGITS_MOST || !gp_read_number(value, UINT64_MAX, &age))
        return "its max_age is no number of seconds";
    r->policy->max_age = age < GP_STS_AGE_MOST ? age : GP_STS_AGE_MOST;
    r->age             = true;
    return NULL;
}

static const char *read_host(struct reading *r, gp_str value)
{
    value       = without_final_dot(value);
    gp_str name = gp_starts(value, "*.") ? gp_tail(value, 2) : value;
    if (!is_host(name)) return "an mx in it is no name of a host";
    gp_put(r->hosts, value);
    gp_put_char(r->hosts, '\n');
    r->host = true;
    return r->hosts->cut ? "it names more mail hosts than are kept" : NULL;
}

static const char *read_line(struct reading *r, gp_str line)
{
    static const struct {
        const char *key;
        const char *(*read)(struct reading *, gp_str value);
    } fields[] = {
        {"version",  read_version},
        { "mode",    read_mode   },
        { "max_age", read_age    },
        { "mx",      read_host   },
    };
    if (line.len && line.ptr[line.len - 1] == '\r') line = gp_head(line, line.len - 1);
    if (!gp_trim(line).len) return NULL;
    if (gp_find(line, ':') == line.len) return "a line in it is no key and value";
    gp_str key = gp_cut(&line, ':');
    for (size_t i = 0; i < GP_COUNT(fields); i++)
        if (gp_same(key, gp_from(fields[i].key))) return fields[i].read(r, gp_trim(line));
    return NULL; /* RFC 8461 3.2: fields that are not known are passed over */
}

const char *gp_sts_read(gp_str file, struct gp_sts_policy *policy, struct gp_text *hosts)
{
    struct reading r   = { .policy = policy, .hosts = hosts };
    const char    *why = file.len > GP_STS_FILE_MOST ? "it is longer than 64 KiB" : NULL;
    *policy            = (struct gp_sts_policy) { .mode = GP_STS_NONE };
    while (!why && file.len) why = read_line(&r, gp_cut(&file, '\n'));
    if (why) return why;
    if (!r.version) return "it does not say version: STSv1";
    if (!r.mode) return "it does not say its mode";
    if (!r.age) return "it does not say its max_age";
    return policy->mode == GP_STS_NONE || r.host ? NULL : "it names no mail host (mx)";
}

bool gp_sts_is_plain_text(gp_str content_type)
{
    return gp_is(gp_trim(gp_cut(&content_type, ';')), "text/plain");
}
