/* gatepost sendmail: what programs of this host call to send mail, by the options and exit statuses that they know. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/sendmail.h"
#include "cli/sendmail_log.h"
#include "smtp/smtp.h"

enum mode { DELIVER, SPEAK_SMTP, LIST, FLUSH, NOTHING };

struct call {
    enum mode   mode;
    const char *sender, *full_name, *conf, *notify, *ret, *envid;
    bool        from_header, dot_is_text, verbose;
    char      **words; /* recipients */
    int         count;
};

static int wrong(const char *what, const char *reason)
{
    cli_problem(what, reason, "`gatepost sendmail --help` lists the options");
    return EX_USAGE;
}

/* ---- options --------------------------------------------------------------------------------------------------------------- */
static const char help[] =
    "gatepost sendmail: hand a message from a program of this host over to the submission server\n\n"
    "Usage: sendmail [OPTIONS] [RECIPIENT]...          also gatepost sendmail; mailq lists what waits\n\n"
    "  -t             recipients are those of To, Cc and Bcc, and Bcc is taken out\n"
    "  -i, -oi        a dot alone on a line does not end the message\n"
    "  -f ADDRESS     the sender; also -r\n"
    "  -F NAME        the name in a From that has to be added\n"
    "  -bs            SMTP on standard input and output\n"
    "  -bp            list what waits for the server\n"
    "  -q             hand over what waits; as root, of all users of the system's spool\n"
    "  -N WHEN        DSN: never, or of success,failure,delay\n"
    "  -R WHAT        DSN: full or hdrs\n"
    "  -V ID          DSN: a name for this message\n"
    "  -C FILE        another sendmail.conf\n"
    "  -v             shows the dialogue with the server on standard error\n\n"
    "-A -B -G -h -L -m -n -O -o -p -U -X are known and change nothing. Exit statuses are those of sysexits.h.\n"
    "Where the mail goes: ~/.config/gatepost/sendmail.conf, else /etc/gatepost/sendmail.conf.\n";

static int set_mode(struct call *c, const char *letter)
{
    static const struct {
        const char *letter;
        enum mode   mode;
    } modes[] = {
        {"m",  DELIVER   },
        { "s", SPEAK_SMTP},
        { "p", LIST      },
        { "i", NOTHING   }, /* newaliases: there are none */
    };
    for (size_t i = 0; i < GP_COUNT(modes); i++)
        if (strcmp(letter, modes[i].letter) == 0) {
            c->mode = modes[i].mode;
            return EX_OK;
        }
    return wrong("-b", "only -bm, -bs, -bp and -bi are known");
}

static int set_option(struct call *c, int letter)
{
    switch (letter) {
    case 't': c->from_header = true; break;
    case 'i': c->dot_is_text = true; break;
    case 'o': c->dot_is_text = c->dot_is_text || strcmp(optarg, "i") == 0; break;
    case 'f':
    case 'r': c->sender = optarg; break;
    case 'F': c->full_name = optarg; break;
    case 'b': return set_mode(c, optarg);
    case 'q': c->mode = FLUSH; break;
    case 'I': c->mode = NOTHING; break; /* as -bi */
    case 'N': c->notify = optarg; break;
    case 'R': c->ret = optarg; break;
    case 'V': c->envid = optarg; break;
    case 'C': c->conf = optarg; break;
    case 'v': c->verbose = true; break;
    case '?': return wrong("sendmail", "an option that is not known, or one without its value");
    default: break; /* known, and changes nothing */
    }
    return EX_OK;
}

static int read_options(struct call *c, int argc, char **argv)
{
    static const char letters[] = "A:B:b:C:F:f:Gh:IiL:mN:nO:o:p:q::R:r:tUV:vX:";
    opterr                      = 0;
    optind                      = 0; /* a fresh start for getopt */
    for (int letter; (letter = getopt(argc, argv, letters)) != -1;) {
        int status = set_option(c, letter);
        if (status != EX_OK) return status;
    }
    c->words = argv + optind;
    c->count = argc - optind;
    return EX_OK;
}

/* ---- the envelope -------------------------------------------------------------------------------------------------------------- */
struct delivery {
    struct call          *call;
    struct sendmail_conf *conf;
    struct gp_buffer      message;
    struct addresses      raw, to; /* as they were named; as they are sent to */
    struct gp_text        sender, params, each;
    char                  sender_room[512], own_room[512], params_room[256], each_room[64];
};

/* "<a@b>" is what some callers write. */
static gp_str bare(gp_str address)
{
    address = gp_trim(address);
    if (address.len >= 2 && address.ptr[0] == '<' && address.ptr[address.len - 1] == '>')
        return gp_head(gp_tail(address, 1), address.len - 2);
    return address;
}

static int take_sender(struct delivery *d)
{
    const struct sendmail_conf *c    = d->conf;
    const char                 *said = sendmail_always(c) || !d->call->sender ? c->from : d->call->sender;
    gp_str                      name = bare(gp_from(said ? said : c->login));
    struct gp_address           address;
    d->sender = GP_TEXT(d->sender_room);
    if (name.len == 0) return EX_OK; /* -f '': nobody to report to */
    if (!sendmail_qualify(c, name, false, &d->sender) || !gp_read_address(gp_said(&d->sender), true, &address))
        return wrong("-f", "is no address");
    return EX_OK;
}

static int add_words(struct delivery *d)
{
    for (int i = 0; i < d->call->count; i++) {
        gp_str rest = gp_from(d->call->words[i]); /* mail(1) and others join them by commas */
        while (rest.len > 0) {
            gp_str word = bare(gp_cut(&rest, ','));
            if (word.len && !addresses_add(&d->raw, word)) return EX_USAGE;
        }
    }
    return EX_OK;
}

static int take_recipients(struct delivery *d)
{
    const char       *field = NULL;
    struct gp_address address;
    int               status = add_words(d);
    if (status != EX_OK) return wrong("recipients", "are too many");
    if (d->call->from_header && !letter_recipients(gp_buffer_all(&d->message), &d->raw, &field)) {
        cli_problem(field ? field : "message", field ? "its addresses cannot be read" : "has too many recipients",
                    NULL);
        return EX_DATAERR;
    }
    for (size_t i = 0; i < d->raw.count; i++) {
        char           room[512];
        struct gp_text full = GP_TEXT(room);
        bool           good =
            sendmail_qualify(d->conf, d->raw.list[i], true, &full) && gp_read_address(gp_said(&full), true, &address);
        if (good && addresses_add(&d->to, gp_said(&full))) continue;
        room[full.len < sizeof room ? full.len : sizeof room - 1] = '\0';
        return wrong(room, "is no address");
    }
    return d->to.count ? EX_OK : wrong("recipients", "there are none");
}

static int take_dsn(struct delivery *d)
{
    const struct call *c = d->call;
    d->params            = GP_TEXT(d->params_room);
    d->each              = GP_TEXT(d->each_room);
    if (c->ret && !gp_is(gp_from(c->ret), "full") && !gp_is(gp_from(c->ret), "hdrs"))
        return wrong("-R", "is full or hdrs");
    if (c->ret) gp_put_z(&d->params, gp_is(gp_from(c->ret), "full") ? "RET=FULL" : "RET=HDRS");
    if (c->envid) {
        gp_put_z(&d->params, d->params.len ? " ENVID=" : "ENVID=");
        gp_put_xtext(&d->params, gp_from(c->envid));
    }
    gp_str words = gp_from(c->notify);
    if (c->notify) gp_put_z(&d->each, "NOTIFY=");
    for (bool first = true; words.len > 0; first = false) {
        static const char *const known[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
        gp_str                   word    = gp_cut(&words, ',');
        size_t                   i       = 0;
        while (i < GP_COUNT(known) && !gp_is(word, known[i])) i++;
        if (i == GP_COUNT(known)) return wrong("-N", "is never, or some of success,failure,delay");
        if (!first) gp_put_char(&d->each, ',');
        gp_put_z(&d->each, known[i]);
    }
    return d->params.cut || d->each.cut ? wrong("-V", "is too long") : EX_OK;
}

/* ---- the message ------------------------------------------------------------------------------------------------------------------ */
/* A "From " line is a mailbox's, and no part of the message. */
static void drop_mailbox_line(struct gp_buffer *message)
{
    gp_str all = gp_buffer_all(message);
    if (all.len > 5 && memcmp(all.ptr, "From ", 5) == 0) gp_buffer_took(message, gp_find(all, '\n') + 1);
}

static int take_message(struct delivery *d)
{
    const char        *name = d->call->full_name ? d->call->full_name : d->conf->full_name;
    struct gp_text     own  = GP_TEXT(d->own_room);
    struct letter_wish wish = { .from      = gp_said(&d->sender),
                                .full_name = gp_from(name),
                                .keep_bcc  = !d->call->from_header };
    if (!letter_read(STDIN_FILENO, !d->call->dot_is_text, &d->message)) return EX_IOERR;
    drop_mailbox_line(&d->message);
    sendmail_author(d->conf, gp_buffer_all(&d->message), &wish, &own);
    int status = take_recipients(d);
    if (status != EX_OK) return status;
    return letter_mend(&d->message, &wish) ? EX_OK : EX_DATAERR;
}

/* ---- handing over -------------------------------------------------------------------------------------------------------------------- */
/* A server that is away comes back; one that is not to be trusted, or speaks something else, is a setting that somebody must mend. */
static void tell_kept(const struct hand_over *h)
{
    enum talk_fault fault = h->talk ? talk_fault(h->talk) : TALK_NO_FAULT;
    if (fault == TALK_BAD_TLS || fault == TALK_NOT_SMTP)
        cli_problem(h->conf->server, h->reason, "the mail is kept, and goes once that is mended");
}

static int settle(struct hand_over *h, struct parcel *p, enum handed how, int status)
{
    bool some = false;
    for (size_t i = 0; i < p->count; i++) some = some || is_for_later(&p->to[i], how);
    if (some && !spool_keep(h->conf, p, how)) {
        cli_problem(h->conf->server, h->reason, "the mail was not taken, and cannot be kept here: try again");
        return EX_TEMPFAIL;
    }
    if (status != EX_OK) cli_problem(h->conf->server, h->reason, NULL);
    if (some) tell_kept(h);
    if (some)
        sendmail_log_kept(status != EX_OK, p->sender, p->count, h->reason);
    else
        sendmail_log(status != EX_OK, "", p->sender, p->count, how == HANDED_OVER ? "handed over" : h->reason);
    return status;
}

static int hand_over_all(struct hand_over *h, struct delivery *d)
{
    struct talk_recipient *to     = calloc(d->to.count, sizeof *to);
    struct parcel          p      = { .sender  = gp_said(&d->sender),
                                      .params  = gp_said(&d->params),
                                      .to      = to,
                                      .count   = d->to.count,
                                      .message = gp_buffer_all(&d->message) };
    int                    status = EX_OSERR;
    if (!to) return status;
    for (size_t i = 0; i < p.count; i++)
        to[i] = (struct talk_recipient) { .address = d->to.list[i], .params = gp_said(&d->each) };
    enum handed how = hand_over(h, &p, &status);
    status          = settle(h, &p, how, status);
    if (how == HANDED_OVER) (void)spool_flush(h, false); /* the server is there: what waited goes, too */
    free(to);
    return status;
}

static int deliver(struct hand_over *h, struct call *call)
{
    static struct delivery d;
    d.call     = call;
    d.conf     = h->conf;
    int status = take_sender(&d);
    if (status == EX_OK) status = take_dsn(&d);
    if (status == EX_OK) status = take_message(&d);
    if (status == EX_OK) status = hand_over_all(h, &d);
    addresses_free(&d.raw);
    addresses_free(&d.to);
    gp_buffer_free(&d.message);
    return status;
}

/* ---- names and ways in ------------------------------------------------------------------------------------------------------------------ */
static const struct {
    const char *name;
    enum mode   mode;
} names[] = {
    {"sendmail",    DELIVER},
    { "mailq",      LIST   },
    { "newaliases", NOTHING},
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool sendmail_is(const char *program)
{
    for (size_t i = 0; i < GP_COUNT(names); i++)
        if (strcmp(last_part(program), names[i].name) == 0) return true;
    return false;
}

static int run_mode(struct call *call)
{
    static struct sendmail_conf conf;
    struct hand_over            h = { .conf = &conf, .verbose = call->verbose };
    if (call->mode == NOTHING) return EX_OK;
    if (call->mode == FLUSH && geteuid() == 0) spool_flush_all(call->conf);
    int status = sendmail_conf_read(&conf, call->conf);
    if (status != EX_OK) return status;
    switch (call->mode) {
    case SPEAK_SMTP: status = sendmail_smtp(&h); break;
    case LIST: status = spool_list(&conf); break;
    case FLUSH: status = spool_flush(&h, true); break;
    default: status = deliver(&h, call);
    }
    hand_over_end(&h);
    reach_close(&conf.reach);
    return status;
}

int sendmail_main(int argc, char **argv)
{
    struct call call = { .mode = DELIVER };
    for (size_t i = 0; i < GP_COUNT(names); i++)
        if (strcmp(last_part(argv[0]), names[i].name) == 0) call.mode = names[i].mode;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) return printf("%s", help) > 0 ? EX_OK : EX_IOERR;
    int status = read_options(&call, argc, argv);
    return status == EX_OK ? run_mode(&call) : status;
}

/* gatepost sendmail: the options are sendmail's, not ours. */
static int run(const struct cli_command *command, int argc, char **argv)
{
    char **all = calloc((size_t)argc + 2, sizeof *all), name[] = "sendmail";
    if (!all) return EX_OSERR;
    all[0] = name;
    memcpy(all + 1, argv, (size_t)argc * sizeof *all);
    int status = sendmail_main(argc + 1, all);
    free(all);
    (void)command;
    return status;
}

const struct cli_command cli_sendmail = { "sendmail", "[-t] [-i] [-f SENDER] [RECIPIENT]...",
                                          "take mail from programs of this host, as sendmail does", run };
