/* The first words: greeting, EHLO and what it offers, STARTTLS. */
#include "talk/parts.h"

bool talk_greeting(struct talk *t, struct talk_reply *r)
{
    return talk_reply(t, r);
}

static void forget_offers(struct talk *t)
{
    t->offers = GP_TEXT(t->offers_room);
}

static bool say_hello(struct talk *t, const char *verb, const char *name, struct talk_reply *r)
{
    char           room[GP_SMTP_DOMAIN_MOST + 8];
    struct gp_text line = GP_TEXT(room);
    gp_put_z(&line, verb);
    gp_put_char(&line, ' ');
    gp_put_z(&line, name);
    if (line.cut) return talk_refuse(t, "the name to say EHLO with is too long");
    return talk_ask(t, gp_said(&line), r);
}

bool talk_hello(struct talk *t, const char *name, struct talk_reply *r)
{
    forget_offers(t);
    if (!say_hello(t, "EHLO", name, r)) return false;
    if (r->code >= 500 && r->code != 554) return say_hello(t, "HELO", name, r); /* RFC 5321 3.2 */
    if (r->code / 100 != 2) return true;
    gp_str lines = r->text;
    (void)gp_cut(&lines, '\n'); /* the first is the server's name */
    gp_put(&t->offers, lines);
    return !t->offers.cut || talk_fail(t, TALK_NOT_SMTP, "the server offers too much", NULL);
}

gp_str talk_offered(const struct talk *t)
{
    return gp_said(&t->offers);
}

/* RFC 5321 4.1.1.1: a keyword, and what follows a space. "AUTH=..." is an old form of some servers. */
bool talk_offers(const struct talk *t, const char *keyword, gp_str *argument)
{
    gp_str lines = gp_said(&t->offers);
    while (lines.len > 0) {
        gp_str line = gp_trim(gp_cut(&lines, '\n')), word = gp_word(&line);
        if (!gp_is(word, keyword)) continue;
        if (argument) *argument = gp_trim(line);
        return true;
    }
    return false;
}

bool talk_starttls(struct talk *t, struct talk_reply *r)
{
    if (!talk_ask(t, GP_LIT("STARTTLS"), r)) return false;
    if (r->code / 100 != 2) return talk_refuse(t, "the server refuses STARTTLS");
    /* RFC 3207 6: octets behind the 220 came in clear, and would be taken for the server's own once TLS is up. */
    if (t->in.end > t->in.start)
        return talk_fail(t, TALK_BAD_TLS, "the server sent more in clear behind its answer to STARTTLS", NULL);
    forget_offers(t); /* RFC 3207 4.2 */
    return talk_handshake(t);
}

bool talk_enter(struct talk *t, const char *name, struct talk_reply *r)
{
    if (!talk_greeting(t, r)) return false;
    if (r->code / 100 != 2) return talk_refuse(t, "the server lets nobody in");
    if (!talk_hello(t, name, r)) return false;
    if (r->code / 100 != 2) return talk_refuse(t, "the server does not take our greeting");
    if (t->plan->tls != TALK_STARTTLS || t->tls) return true;
    if (!talk_offers(t, "STARTTLS", NULL)) return talk_refuse(t, "the server does not offer STARTTLS");
    if (!talk_starttls(t, r) || !talk_hello(t, name, r)) return false;
    return r->code / 100 == 2 || talk_refuse(t, "the server does not take our greeting under TLS");
}
