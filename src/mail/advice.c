/* From what a server said, or what we found, to plain words and what the sender can do: a table of how replies read. */
#include "mail/parts.h"

static const char no_mailbox[] = "There is no such mailbox.";
static const char ask_right[]  = "Check the address for typing errors, or ask the recipient for the right one.";
static const char distrusted[] =
    "The recipient's server does not trust our server's address: it is on a list, or has a bad name there.";
static const char not_his[] =
    "Your message is not to blame. Show this report to your postmaster, and reach the recipient another way meanwhile.";
static const char unproven[] =
    "The recipient's server could not tell that the message is really from your domain (SPF, DKIM or DMARC).";
static const char fix_dns[] =
    "Show this report to your postmaster: the domain's DNS records need a look (gatepost dns --check).";
static const char spam[] = "The recipient's server takes the message for unwanted mail.";
static const char reword[] =
    "Write it with fewer links and attachments, or ask the recipient to let mail from you through.";
static const char grey[] = "The recipient's server takes mail from somebody new only when it is sent a second time.";
static const char again_soon[] = "Send it again in an hour.";
static const char too_much[]   = "The recipient's server takes no more mail from us for now.";
static const char again[]      = "Send it again in some hours, or reach the recipient another way.";
static const char own_limit[]  = "Our server's own limit at the next server is used up for now.";
static const char too_large[]  = "The message is larger than the recipient's server accepts.";
static const char smaller[]    = "Send a smaller message, or a link to the file.";
static const char full[]       = "The mailbox is full.";
static const char own_box[]    = "Our server's own mailbox at its provider is full, or is not let send now.";
static const char not_as[]     = "Our server's mailbox at its provider may not send as the address in From.";
static const char as_yours[] =
    "Send from the mailbox's own address, or have your postmaster give it the right to send as yours.";
static const char other_way[] = "Reach the recipient another way.";
static const char sign_in[] =
    "The next server wants a sign-in first, or does not take ours: a matter of our server's settings.";
static const char settings[]  = "Show this report to your postmaster, and send the message again when that is settled.";
static const char wants_tls[] = "The next server takes mail over TLS only, and there was none.";
static const char no_relay[]  = "The server that was asked does not take mail for that domain.";
static const char asked_for_tls[] =
    "You asked for TLS all the way (REQUIRETLS), and no server of the recipient's keeps to that.";
static const char without[] =
    "Send it without that wish if it may be read on its way, or reach the recipient another way.";
static const char unsafe[]   = "The recipient's server could not be reached over a safe connection.";
static const char patience[] = "Send it again later, or reach the recipient another way.";

/* The first row that fits counts. status: what it begins with; from its dot on, a row holds for both classes: 4.2.1 is a mailbox that is
 * busy, and 5.2.1 one that is switched off. words: in the reply, in any case; NULL: whatever it says. */
/* clang-format off */
static const struct row {
    const char *status, *words, *meaning, *next;
} rows[] = {
    { "",      "sendasdenied",         not_as,     as_yours },
    { "",      "not allowed to send as", not_as,   as_yours },
    { "",      "permissions to send as this sender", not_as, as_yours },
    { "5.2.",  "storedrv.submission",  own_box,    settings },
    { "5.2.",  "sender throttled",     own_box,    settings },
    { "",      "greylist",             grey,       again_soon },
    { "",      "graylist",             grey,       again_soon },
    { "",      "grey-list",            grey,       again_soon },
    { "",      "spamhaus",             distrusted, not_his },
    { "",      "spamcop",              distrusted, not_his },
    { "",      "barracuda",            distrusted, not_his },
    { "",      "blacklist",            distrusted, not_his },
    { "",      "blocklist",            distrusted, not_his },
    { "",      "block list",           distrusted, not_his },
    { "",      "black list",           distrusted, not_his },
    { "",      "dnsbl",                distrusted, not_his },
    { "",      "reputation",           distrusted, not_his },
    { "",      "banned sending ip",    distrusted, not_his },
    { "",      "client host rejected", distrusted, not_his },
    { "",      "reverse dns",          distrusted, not_his },
    { "",      "ptr record",           distrusted, not_his },
    { "",      "dmarc",                unproven,   fix_dns },
    { ".7.",   "spf",                  unproven,   fix_dns },
    { ".7.",   "dkim",                 unproven,   fix_dns },
    { ".7.",   "unauthenticated",      unproven,   fix_dns },
    { ".7.20", NULL,                   unproven,   fix_dns },
    { ".7.21", NULL,                   unproven,   fix_dns },
    { ".7.22", NULL,                   unproven,   fix_dns },
    { ".7.23", NULL,                   unproven,   fix_dns },
    { ".7.24", NULL,                   unproven,   fix_dns },
    { ".7.25", NULL,                   distrusted, not_his },
    { ".7.26", NULL,                   unproven,   fix_dns },
    { ".7.2",  NULL,                   "The list or group does not take mail from you.", "Ask who looks after it to let you write to it." },
    { "",      "must issue a starttls",     wants_tls, settings },
    { "",      "encryption required",       wants_tls, settings },
    { "",      "encryption needed",         wants_tls, settings },
    { "",      "authentication required",   sign_in,   settings },
    { "",      "authentication is required", sign_in,  settings },
    { "",      "not authenticated",         sign_in,   settings },
    { ".7.8",  NULL,                        sign_in,   settings },
    { "",      "relay access denied",       no_relay,  ask_right },
    { "",      "relaying denied",           no_relay,  ask_right },
    { "",      "relay not permitted",       no_relay,  ask_right },
    { "",      "unable to relay",           no_relay,  ask_right },
    { "5.",    "user unknown",         no_mailbox, ask_right },
    { "5.",    "unknown user",         no_mailbox, ask_right },
    { "5.",    "no such user",         no_mailbox, ask_right },
    { "5.",    "no such recipient",    no_mailbox, ask_right },
    { "5.",    "recipient unknown",    no_mailbox, ask_right },
    { "5.",    "recipient not found",  no_mailbox, ask_right },
    { "5.",    "unknown in virtual",   no_mailbox, ask_right },
    { "5.",    "unknown in local",     no_mailbox, ask_right },
    { "",      "sending quota",        own_limit,  again },
    { "",      "sending limit",        own_limit,  again },
    { "",      "mailbox full",         full,       again },
    { "",      "mailbox is full",      full,       again },
    { "",      "over quota",           full,       again },
    { "",      "overquota",            full,       again },
    { "",      "quota exceeded",       full,       again },
    { "",      "out of storage",       full,       again },
    { "",      "message too large",    too_large,  smaller },
    { "",      "message too big",      too_large,  smaller },
    { "",      "size exceeds",         too_large,  smaller },
    { "",      "message size",         too_large,  smaller },
    { ".7.",   "spam",                 spam,       reword },
    { ".7.",   "unsolicited",          spam,       reword },
    { ".7.",   "content",              spam,       reword },
    { "4.",    "rate limit",           too_much,   again },
    { "4.",    "too many",             too_much,   again },
    { ".7.28", NULL,                   too_much,   again },
    { ".1.10", NULL, "The domain says that it takes no mail at all.", ask_right },
    { "5.1.90", NULL, own_limit, again }, /* Microsoft's, of recipients a day */
    { "5.1.1", NULL, no_mailbox, ask_right },
    { "5.1.2", NULL, "The part of the address after the @ does not exist.", ask_right },
    { "5.1.3", NULL, "The address is not written as an address is.", ask_right },
    { "5.1.6", NULL, "The mailbox has moved, and its server does not say where to.", ask_right },
    { "5.2.1", NULL, "The mailbox is switched off.", other_way },
    { ".2.2",  NULL, full, again },
    { ".2.3",  NULL, "The message is larger than this recipient accepts.", smaller },
    { ".3.4",  NULL, too_large, smaller },
    { ".4.1",  NULL, "The recipient's server did not answer.", patience },
    { ".4.2",  NULL, "The connection to the recipient's server broke.", patience },
    { ".4.3",  NULL, "The recipient's domain could not be looked up.", patience },
    { ".4.4",  NULL, "No server for the recipient's domain was found.", ask_right },
    { ".4.6",  NULL, "The message went round in circles.", settings },
    { ".4.7",  "was to be delivered", "It could not be delivered by the time that it was to be.", "Send it again with more time, or reach the recipient another way." },
    { ".4.7",  "was held", "It was held for longer than mail may be, and nobody released it.", "Ask your postmaster whether it may go, and send it again." },
    { ".7.1",  "taken out of the queue", "Your mail server's administrator took the message out of the queue before it was delivered.", "Ask your postmaster why." },
    { ".4.7",  NULL, "Delivery was tried for as long as it may be; what came of it last is this.", patience },
    { "5.6.3", NULL, "A server on the way takes plain mail only, and this message can't be made plain. The reply says why.", settings },
    { ".6.7",  NULL, "The recipient's server does not take addresses with other than ASCII letters.", "Write to another address of the recipient, from one in plain letters." },
    { ".7.5",  NULL, unsafe, settings },
    { ".7.30", NULL, asked_for_tls, without },
    { "5.7.10", "requiretls", asked_for_tls, without },
    { ".7.10", NULL, unsafe, settings },
    { ".7.",   NULL, "The recipient's server refuses the message: its rules do not allow it.", "The reply below may say which. If it doesn't help, ask the recipient or your postmaster." },
};
/* clang-format on */

static const struct gp_advice our_own   = { "Our server's own sign-in at the next server does not work.",
                                            "Your mail is kept, and is sent once your postmaster has settled that." };
static const struct gp_advice throttled = { own_box, "Your mail is kept, and is sent once it is let again." };

static bool is_in(gp_str text, const char *words)
{
    for (; text.len; text = gp_tail(text, 1))
        if (gp_starts(text, words)) return true;
    return false;
}

/* "5.1.1" is not the beginning of 5.1.10. */
static bool begins(gp_str status, const char *with)
{
    size_t len = gp_from(with).len;
    if (!gp_starts(status, with)) return false;
    bool whole = len == 0 || with[len - 1] == '.' || status.len == len;
    return whole || status.ptr[len] < '0' || status.ptr[len] > '9';
}

struct gp_advice gp_advice_on(gp_str status, gp_str reply, bool ours)
{
    gp_str rest = gp_tail(status, gp_find(status, '.'));
    for (size_t i = 0; !ours && i < GP_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        if (!begins(row->status[0] == '.' ? rest : status, row->status)) continue;
        if (!row->words || is_in(reply, row->words)) return (struct gp_advice) { row->meaning, row->next };
    }
    if (ours) return is_in(reply, "sender throttled") ? throttled : our_own;
    return (struct gp_advice) { NULL, NULL };
}
