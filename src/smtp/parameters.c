/* The parameters of MAIL and RCPT (RFC 5321 4.1.1.11): reading what a client wrote, and finding them in canonical text. */
#include "smtp/extensions.h"

enum { ON_A_LINE_MOST = 16 };

static const struct gp_reply unknown = { 555, "5.5.4", "parameter not recognized" };
static const struct gp_reply twice   = { 501, "5.5.4", "parameter given twice" };
static const struct gp_reply both    = { 501, "5.5.4", "two parameters of which one excludes the other" };
static const struct gp_reply late    = { 501, "5.5.4", "held back for longer than until it is to be delivered" };
static const struct gp_reply syntax  = { 501, "5.5.4", "bad parameter" };

/* Takes "NAME=value" or "NAME" apart; value.ptr NULL: there is no "=". */
static gp_str split(gp_str parameter, gp_str *value)
{
    size_t equals = gp_find(parameter, '=');
    *value        = equals < parameter.len ? gp_tail(parameter, equals + 1) : GP_NONE;
    return gp_head(parameter, equals);
}

static bool is_keyword(gp_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c      = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c != '-' || i == 0)) return false;
    }
    return name.len > 0;
}

static void put_parameter(struct gp_text *canonical, const struct gp_parameter_row *row, gp_str value)
{
    if (canonical->len > 0) gp_put_char(canonical, ' ');
    gp_put_z(canonical, row->name);
    if (value.len > 0) gp_put_char(canonical, '=');
    gp_put(canonical, value);
}

/* Whether it may not stand beside one that was there before. */
static const struct gp_reply *clash(const struct gp_parameter_row *row, const struct gp_parameter_row *before,
                                    enum gp_on on)
{
    const struct gp_extension *one = NULL, *other = NULL;
    if (row == before) return &twice;
    if (!row->alone || !before->alone) return NULL;
    (void)gp_find_parameter(gp_from(row->name), on, &one);
    (void)gp_find_parameter(gp_from(before->name), on, &other);
    return one == other ? &both : NULL;
}

static const struct gp_reply *read_one(const struct gp_smtp_server *s, const struct gp_parameter_row *row, gp_str value,
                                       struct gp_text *canonical)
{
    char                   room[GP_SMTP_COMMAND_MOST];
    struct gp_text         text = GP_TEXT(room);
    const struct gp_reply *no   = value.ptr && value.len == 0 ? &syntax : row->check(s, value, &text);
    if (!no && row->kept) put_parameter(canonical, row, gp_said(&text));
    return no;
}

/* RFC 4865 5.2.2: to the second, as both are said. */
static bool is_held_too_long(const struct gp_smtp_server *s, gp_str params)
{
    enum { SECOND = 1000 };
    struct gp_deadline by = gp_deadline(params);
    return by.when > 0 && gp_release_time(params, s->options->now()) / SECOND > by.when / SECOND;
}

const struct gp_reply *gp_read_parameters(const struct gp_smtp_server *s, gp_str text, enum gp_on on,
                                          struct gp_text *canonical)
{
    const struct gp_parameter_row *seen[ON_A_LINE_MOST];
    size_t                         count = 0;
    for (gp_str word = gp_word(&text); word.len > 0; word = gp_word(&text)) {
        gp_str value, name = split(word, &value);
        if (!is_keyword(name)) return &syntax;
        const struct gp_parameter_row *row = gp_find_parameter(name, on, NULL);
        if (!row) return &unknown;
        const struct gp_reply *no = count < ON_A_LINE_MOST ? NULL : &syntax;
        for (size_t i = 0; !no && i < count; i++) no = clash(row, seen[i], on);
        if (!no) no = read_one(s, row, value, canonical);
        if (no) return no;
        seen[count++] = row;
    }
    if (canonical->cut) return &syntax;
    return is_held_too_long(s, gp_said(canonical)) ? &late : NULL;
}

gp_str gp_parameter(gp_str parameters, const char *name)
{
    for (gp_str word = gp_word(&parameters); word.len > 0; word = gp_word(&parameters)) {
        gp_str value;
        if (gp_is(split(word, &value), name)) return value.ptr ? value : GP_LIT("");
    }
    return GP_NONE;
}
