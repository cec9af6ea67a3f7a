/* Header fields in lines of less than 78 octets (RFC 5322 2.1.1). */
#include "mail/parts.h"

void gp_fold_start(struct gp_fold *f, struct gp_text *to, const char *opening)
{
    *f = (struct gp_fold) { to, gp_from(opening).len, GP_LINE_GOOD, "\r\n " };
    gp_put_z(to, opening);
}

void gp_fold_break(struct gp_fold *f)
{
    gp_put_z(f->to, f->with);
    f->column = 0;
}

static void put_here(struct gp_fold *f, gp_str text)
{
    gp_put(f->to, text);
    if (f->column == 0) f->column = gp_from(f->with).len - 2; /* the white space of the fold */
    f->column += text.len;
}

void gp_fold_piece(struct gp_fold *f, gp_str piece)
{
    if (f->column > 0 && f->column + piece.len > f->most) gp_fold_break(f);
    put_here(f, piece);
}

void gp_fold_word(struct gp_fold *f, gp_str word)
{
    if (f->column > 0 && f->column + 1 + word.len > f->most) gp_fold_break(f);
    if (f->column > 0) put_here(f, GP_LIT(" "));
    put_here(f, word);
}
