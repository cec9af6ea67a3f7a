/* Names of people, compared as readers see them: folded by libidn's tables, and then word by word. */
#include <string.h>
#include <stringprep.h>

#include "policy/identity.h"

enum { GROWS = 4, FOLDED_ROOM = GROWS * POLICY_NAME_MOST }; /* a ligature or a folded letter may become several */

enum { STEPS_MOST = 8 };

/* Nameprep (RFC 3491) maps and composes: B.1 is what cannot be seen, B.2 folds case for NFKC. What it prohibits is a matter of host
 * names; here nothing fails but for its length. */
static bool fold(char room[static FOLDED_ROOM])
{
    Stringprep_profile steps[STEPS_MOST + 1] = { { .operation = (Stringprep_profile_steps)0 } };
    size_t             count                 = 0;
    for (const Stringprep_profile *step = stringprep_nameprep; step->operation && count < STEPS_MOST; step++)
        if (step->operation == STRINGPREP_MAP_TABLE || step->operation == STRINGPREP_NFKC) steps[count++] = *step;
    return stringprep(room, FOLDED_ROOM, (Stringprep_profile_flags)0, steps) == STRINGPREP_OK;
}

/* Blanks of all kinds are U+0020 after NFKC, capitals are small by then; no mark of ASCII keeps a reader from reading the name. */
static bool parts_words(char c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
    return !letter && !digit && (unsigned char)c < 0x80; /* RFC 3629 3: what is above is of a character beyond ASCII */
}

/* One blank between words, none at the ends. */
static gp_str tidy(char *text)
{
    size_t out = 0;
    for (size_t i = 0; text[i]; i++) {
        if (!parts_words(text[i]))
            text[out++] = text[i];
        else if (out > 0 && text[out - 1] != ' ')
            text[out++] = ' ';
    }
    if (out > 0 && text[out - 1] == ' ') out--;
    return (gp_str) { text, out };
}

/* GP_NONE: too long, or not UTF-8. */
static gp_str folded(gp_str text, char room[static FOLDED_ROOM])
{
    if (text.len > POLICY_NAME_MOST || !gp_is_utf8(text) || !gp_copy_z(text, room, FOLDED_ROOM)) return GP_NONE;
    return fold(room) ? tidy(room) : GP_NONE;
}

static bool has_words(gp_str text, gp_str words)
{
    for (size_t i = 0; i + words.len <= text.len; i++) {
        bool begins = i == 0 || text.ptr[i - 1] == ' ';
        bool ends   = i + words.len == text.len || text.ptr[i + words.len] == ' ';
        if (begins && ends && memcmp(text.ptr + i, words.ptr, words.len) == 0) return true;
    }
    return false;
}

bool policy_name_is_good(gp_str name)
{
    char room[FOLDED_ROOM];
    return folded(name, room).len > 0;
}

bool policy_shows_name(gp_str shown, gp_str name)
{
    char   shown_room[FOLDED_ROOM], name_room[FOLDED_ROOM];
    gp_str words = folded(name, name_room), text = folded(shown, shown_room);
    if (words.len == 0) return false;
    return !text.ptr || has_words(text, words);
}
