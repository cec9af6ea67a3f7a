/* One line per event: fields are escaped, the line has a bound, and it leaves with one write(2), so that the lines of
 * many processes do not mix. State: who writes, in which format, from which level on. */
#include "ops/log.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MOST  = 4096, /* PIPE_BUF: a write to a pipe up to here is not torn apart */
    END_ROOM   = 32,   /* kept back for the mark that something was left out       */
    VALUE_MOST = 1024, /* octets of one value that are shown                       */
};

static struct {
    const char     *role;
    enum log_format format;
    enum log_level  least;
    pid_t           pid; /* asked for once: a sandbox may refuse to tell */
} writer = { "gatepost", LOG_LOGFMT, LOG_INFO, 0 };

static const char *const levels[LOG_LEVELS] = { "debug", "info", "warn", "error" };

void log_open(const char *role, enum log_format format, enum log_level least)
{
    writer.role   = role;
    writer.format = format;
    writer.least  = least;
    writer.pid    = getpid();
}

/* ---- time ---------------------------------------------------------------------------------------------- */
/* gmtime(3) may read the time zone file, which a role in its sandbox must not: the civil date is counted here, in years
 * that begin on the first of March, so that the leap day stands last. */
static void put_date(struct gp_text *line, int64_t days_since_1970)
{
    enum { DAYS_TO_1970 = 719468, DAYS_IN_400_YEARS = 146097 };
    int64_t days  = days_since_1970 + DAYS_TO_1970;
    int64_t era   = days / DAYS_IN_400_YEARS;
    int64_t day   = days % DAYS_IN_400_YEARS;
    int64_t year  = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t rest  = day - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * rest + 2) / 153; /* 0 is March */
    gp_put_digits(line, (uint64_t)(era * 400 + year + (month >= 10)), 4);
    gp_put_char(line, '-');
    gp_put_digits(line, (uint64_t)(month < 10 ? month + 3 : month - 9), 2);
    gp_put_char(line, '-');
    gp_put_digits(line, (uint64_t)(rest - (153 * month + 2) / 5 + 1), 2);
}

void log_put_time(struct gp_text *out, int64_t ms)
{
    enum { DAY = 86400, HOUR = 3600, MINUTE = 60, SECOND_MS = 1000 };
    uint64_t second = (uint64_t)(ms / SECOND_MS % DAY);
    put_date(out, ms / SECOND_MS / DAY);
    gp_put_char(out, 'T');
    gp_put_digits(out, second / HOUR, 2);
    gp_put_char(out, ':');
    gp_put_digits(out, second % HOUR / MINUTE, 2);
    gp_put_char(out, ':');
    gp_put_digits(out, second % MINUTE, 2);
    gp_put_char(out, '.');
    gp_put_digits(out, (uint64_t)(ms % SECOND_MS), 3);
    gp_put_char(out, 'Z');
}

static gp_str time_stamp(struct gp_text *out)
{
    enum { SECOND_MS = 1000, NANO_TO_MILLI = 1000000 };
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    log_put_time(out, (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / NANO_TO_MILLI);
    return gp_said(out);
}

/* ---- values -------------------------------------------------------------------------------------------- */
static void put_code(struct gp_text *line, uint8_t octet)
{
    gp_put_z(line, "\\u00");
    gp_put_hex(line, (gp_str) { (const char *)&octet, 1 });
}

static bool is_control(uint8_t octet)
{
    return octet < ' ' || octet == 0x7f;
}

/* U+0080 to U+009F, which terminals obey as they do ESC. */
static bool is_c1_control(gp_str text, size_t at)
{
    return at + 1 < text.len && (uint8_t)text.ptr[at] == 0xc2 && (uint8_t)text.ptr[at + 1] < 0xa0;
}

/* In quotes, with the escapes of JSON, which readers of logfmt know too. An octet of text that is not UTF-8 is shown by
 * its number. */
static void put_quoted(struct gp_text *line, gp_str text)
{
    bool utf8 = gp_is_utf8(text);
    gp_put_char(line, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t octet = (uint8_t)text.ptr[i];
        if (octet == '"' || octet == '\\') gp_put_char(line, '\\');
        if (utf8 && is_c1_control(text, i))
            put_code(line, (uint8_t)text.ptr[++i]);
        else if (is_control(octet) || (!utf8 && octet > 0x7f))
            put_code(line, octet);
        else
            gp_put_char(line, (char)octet);
    }
    gp_put_char(line, '"');
}

static bool is_bare(gp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false; /* char is signed or not: both ways */
    }
    return text.len > 0;
}

/* Not in the middle of a character. */
static gp_str shorten(gp_str text)
{
    if (text.len <= VALUE_MOST) return text;
    size_t most = VALUE_MOST;
    while (most > VALUE_MOST - 4 && ((uint8_t)text.ptr[most] & 0xc0) == 0x80) most--;
    return gp_head(text, most);
}

static void put_value(struct gp_text *line, gp_str value)
{
    gp_str text = shorten(value);
    if (writer.format == LOG_LOGFMT && is_bare(text))
        gp_put(line, text);
    else
        put_quoted(line, text);
}

/* ---- fields -------------------------------------------------------------------------------------------- */
static void put_key(struct gp_text *line, const char *key)
{
    bool json = writer.format == LOG_JSON;
    if (line->len)
        gp_put_char(line, json ? ',' : ' ');
    else if (json)
        gp_put_char(line, '{');
    if (json) gp_put_char(line, '"');
    gp_put_z(line, key);
    gp_put_z(line, json ? "\":" : "=");
}

/* The whole field, or nothing of it. */
static void put_field(struct gp_text *line, const struct log_field *field)
{
    size_t before = line->len;
    bool   cut    = line->cut;
    line->cut     = false;
    put_key(line, field->key);
    if (field->text.ptr)
        put_value(line, field->text);
    else
        gp_put_number(line, field->number);
    if (line->cut) line->len = before;
    line->cut = line->cut || cut;
}

/* A LOG_S of GP_NONE is left out; its length tells it from a number. */
static void put_fields(struct gp_text *line, const struct log_field *fields)
{
    for (; fields->key; fields++)
        if (fields->text.ptr || fields->text.len == LOG_IS_NUMBER) put_field(line, fields);
}

static void put_head(struct gp_text *line, enum log_level level, const char *event)
{
    char                   room[40];
    struct gp_text         stamp  = GP_TEXT(room);
    const struct log_field head[] = {
        LOG_S("time", time_stamp(&stamp)),
        LOG_Z("level", levels[level]),
        LOG_Z("role", writer.role),
        LOG_N("pid", writer.pid ? writer.pid : getpid()),
        LOG_Z("event", event),
        {NULL, { NULL, 0 }, 0},
    };
    put_fields(line, head);
}

static void put_end(struct gp_text *line)
{
    bool cut   = line->cut;
    line->room = LINE_MOST;
    line->cut  = false;
    if (cut) put_field(line, &(struct log_field)LOG_Z("cut", "yes"));
    gp_put_z(line, writer.format == LOG_JSON ? "}\n" : "\n");
}

void log_event(enum log_level level, const char *event, const struct log_field *fields)
{
    char           room[LINE_MOST];
    struct gp_text line = { .ptr = room, .room = sizeof room - END_ROOM };
    if (level < writer.least || level >= LOG_LEVELS) return;
    put_head(&line, level, event);
    put_fields(&line, fields);
    put_end(&line);
    ssize_t written;
    do written = write(STDERR_FILENO, line.ptr, line.len);
    while (written < 0 && errno == EINTR); /* any other failure: there is nowhere left to say so */
}
