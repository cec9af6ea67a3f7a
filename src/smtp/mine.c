/* XMINE: a sender who has signed in asks what became of his own mail. An extension of ours (RFC 5321 4.1.5: it begins with X), so it is
 * offered to nobody else, and means nothing to others' clients. docs/mine.md has the words.
 *
 *   XMINE LIST [AFTER]          his messages that wait
 *   XMINE RECENT [AFTER]        all that he sent, the newest first
 *   XMINE SHOW ID [AFTER]       one message, and each recipient of it
 *   XMINE ENVID NAME [AFTER]    those that he called so (RFC 3461 4.4), as he said it
 *   XMINE CANCEL ID             what of it still waits does not go
 *   XMINE SEND ID               what he held back himself goes now */
#include "smtp/server.h"

enum { ID_MOST = 32, AFTER_DIGITS_MOST = 18 };

static const struct {
    const char *word;
    bool        named, paged;
} verbs[GP_MINE_VERBS] = {
  /* clang-format off */
    [GP_MINE_LIST]   = { "LIST",   false, true  },
    [GP_MINE_RECENT] = { "RECENT", false, true  },
    [GP_MINE_SHOW]   = { "SHOW",   true,  true  },
    [GP_MINE_ENVID]  = { "ENVID",  true,  true  },
    [GP_MINE_CANCEL] = { "CANCEL", true,  false },
    [GP_MINE_SEND]   = { "SEND",   true,  false },
  /* clang-format on */
};

static bool find_verb(gp_str word, enum gp_mine_verb *out)
{
    for (size_t i = 0; i < GP_COUNT(verbs); i++) {
        *out = (enum gp_mine_verb)i;
        if (gp_is(word, verbs[i].word)) return true;
    }
    return false;
}

/* Of any queue: letters and digits. */
static bool is_id(gp_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')) return false;
    }
    return name.len > 0 && name.len <= ID_MOST;
}

static bool is_envid(gp_str name)
{
    char           room[GP_MINE_NAME_MOST];
    struct gp_text octets = GP_TEXT(room);
    return name.len > 0 && name.len <= GP_MINE_NAME_MOST && gp_read_xtext(name, &octets);
}

static bool read_after(gp_str digits, uint64_t *out)
{
    return digits.len <= AFTER_DIGITS_MOST && gp_read_number(digits, INT64_MAX, out);
}

bool gp_read_mine(gp_str arguments, struct gp_mine *out)
{
    gp_str word = gp_word(&arguments);
    *out        = (struct gp_mine) { .name = GP_LIT("") };
    if (!find_verb(word, &out->verb)) return false;
    if (verbs[out->verb].named) out->name = gp_word(&arguments);
    gp_str after = gp_word(&arguments);
    if (verbs[out->verb].named && !(out->verb == GP_MINE_ENVID ? is_envid : is_id)(out->name)) return false;
    if (after.len > 0 && (!verbs[out->verb].paged || !read_after(after, &out->after))) return false;
    return gp_trim(arguments).len == 0;
}

bool gp_server_mine(struct gp_smtp_server *s, gp_str arguments, struct gp_smtp_event *ev)
{
    static const struct gp_reply unknown = { 500, "5.5.2", "command not recognized" };
    static const struct gp_reply syntax  = { 501, "5.5.4",
                                             "say LIST, RECENT, SHOW ID, ENVID NAME, CANCEL ID or SEND ID" };
    struct gp_mine               mine;
    if (!s->options->mine) return gp_server_refuse(s, ev, unknown, GP_LIT("XMINE"));
    if (!gp_read_mine(arguments, &mine)) return gp_server_refuse(s, ev, syntax, GP_LIT("XMINE"));
    return gp_server_ask(s, ev, GP_SMTP_MINE, arguments, GP_NONE);
}
