/* gatepost send: submits one message to any server, and says what became of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/send.h"
#include "smtp/smtp.h"

/* ---- the message ------------------------------------------------------------------------------------------------------- */
static bool composes(const struct send *s)
{
    return s->subject || s->body || s->body_file || s->attachments.count;
}

/* A message as it is, or one that is made of the parts that were named; text that was not named is read. */
static bool make_message(struct send *s)
{
    struct gp_buffer    text  = { 0 };
    struct letter_parts parts = { .from        = gp_from(s->from),
                                  .subject     = gp_from(s->subject),
                                  .to          = s->to.values,
                                  .to_count    = s->to.count,
                                  .attachments = &s->attachments,
                                  .headers     = &s->headers };
    if (!composes(s)) return letter_read_file(s->file, &s->message);
    bool fine  = s->body ? gp_buffer_add(&text, gp_from(s->body), LETTER_MOST)
                         : letter_read_file(s->body_file ? s->body_file : s->file, &text);
    parts.body = gp_buffer_all(&text);
    if (fine) fine = letter_compose(&parts, &s->message);
    gp_buffer_free(&text);
    return fine;
}

static int add_recipients(struct send *s)
{
    const char *field = NULL;
    for (size_t i = 0; i < s->to.count; i++)
        if (!addresses_add(&s->recipients, gp_from(s->to.values[i]))) return CLI_FAILED;
    if (s->to.count) return CLI_DONE;
    if (!letter_recipients(gp_buffer_all(&s->message), &s->recipients, &field)) {
        cli_problem(field ? field : "message", field ? "its addresses cannot be read" : "has too many recipients",
                    "name them with --to ADDRESS");
        return CLI_FAILED;
    }
    if (s->recipients.count) return CLI_DONE;
    cli_problem("--to", "nobody to send to",
                "--to ADDRESS names a recipient; without it To, Cc and Bcc of the message do");
    return CLI_WRONG_USE;
}

static int prepare(struct send *s)
{
    bool               utf8 = s->utf8;
    struct letter_wish wish = { .from         = gp_from(s->from),
                                .headers      = s->headers.values,
                                .header_count = s->headers.count };
    if (!make_message(s)) return CLI_FAILED;
    int stop = add_recipients(s);
    if (stop != CLI_DONE) return stop;
    if (!s->from) {
        gp_str author = letter_author(gp_buffer_all(&s->message), s->author, sizeof s->author - 1);
        if (author.ptr) memmove(s->author, author.ptr, author.len);
        s->author[author.len] = '\0';
        s->from = author.len ? s->author : s->reach.user && strchr(s->reach.user, '@') ? s->reach.user : NULL;
    }
    if (!s->from) {
        cli_problem("--from", "who sends it?", "--from ADDRESS names the sender; without it the message's From does");
        return CLI_WRONG_USE;
    }
    wish.from = gp_from(s->from);
    struct gp_address address;
    for (size_t i = 0; i < s->recipients.count; i++)
        if (!gp_read_address(s->recipients.list[i], utf8 || !gp_is_ascii(s->recipients.list[i]), &address)) {
            char shown[GP_SMTP_PATH_MOST * 2];
            (void)snprintf(shown, sizeof shown, "%.*s", (int)gp_head(s->recipients.list[i], GP_SMTP_PATH_MOST).len,
                           s->recipients.list[i].ptr);
            cli_problem(shown, "is no address", "local@domain, without a name and without <>");
            return CLI_WRONG_USE;
        }
    return letter_mend(&s->message, &wish) ? CLI_DONE : CLI_FAILED;
}

/* ---- the talk -------------------------------------------------------------------------------------------------------------- */
static bool sign_in(struct send *s)
{
    if (!s->reach.user && !s->reach.certificate) return true;
    return talk_sign_in(s->talk, &s->reach.login, &s->reply, &s->mechanism);
}

/* NULL: all went well; else the step where it ended. */
static const char *submit(struct send *s)
{
    const char        *step   = "message";
    struct talk_letter letter = { .sender     = gp_from(s->from),
                                  .params     = gp_said(&s->mail_params),
                                  .recipients = s->to_each,
                                  .count      = s->recipients.count,
                                  .message    = gp_buffer_all(&s->message) };
    if (!talk_works(s->talk)) return "connect";
    if (!talk_enter(s->talk, reach_name(&s->reach), &s->reply)) return "hello";
    if (!sign_in(s)) return "sign-in";
    if (!send_offers(s)) return "parameters";
    if (!talk_submit(s->talk, &letter, &s->reply, &step)) return step;
    return NULL;
}

static int converse(struct send *s)
{
    struct talk_transcript transcript = shown_transcript(s->colour);
    s->to_each                        = calloc(s->recipients.count, sizeof *s->to_each);
    s->talk = s->to_each ? talk_open(&s->reach.plan, s->transcript ? &transcript : NULL) : NULL;
    if (!s->talk) {
        cli_problem("memory", "there is not enough", NULL);
        return CLI_FAILED;
    }
    for (size_t i = 0; i < s->recipients.count; i++) {
        s->to_each[i].address = s->recipients.list[i];
        s->to_each[i].params  = gp_said(&s->rcpt_params);
    }
    talk_hide(s->talk, s->reach.login.secret);
    s->failed  = submit(s);
    int status = send_report(s);
    talk_quit(s->talk);
    return status;
}

/* ---- options ----------------------------------------------------------------------------------------------------------------- */
static size_t message_options(struct send *s, struct cli_option *out)
{
    /* clang-format off */
    const struct cli_option rows[] = {
        { "from",       CLI_VALUE, &s->from,        "ADDRESS",     "the sender; the message's From without it"                    },
        { "to",         CLI_MANY,  &s->to,          "ADDRESS",     "a recipient, as often as there are; To, Cc, Bcc without it"   },
        { "subject",    CLI_VALUE, &s->subject,     "TEXT",        "makes a message with this subject"                            },
        { "body",       CLI_VALUE, &s->body,        "TEXT",        "and this text; FILE or standard input without it"             },
        { "body-file",  CLI_VALUE, &s->body_file,   "FILE",        "and the text of FILE"                                         },
        { "attach",     CLI_MANY,  &s->attachments, "FILE",        "attaches FILE"                                                },
        { "header",     CLI_MANY,  &s->headers,     "'NAME: TEXT'", "adds a field to the header"                                  },
        { "notify",     CLI_VALUE, &s->notify,      "WHEN",        "DSN: never, or of success,failure,delay"                      },
        { "ret",        CLI_VALUE, &s->ret,         "WHAT",        "DSN: what a failure returns: full or hdrs"                    },
        { "envid",      CLI_VALUE, &s->envid,       "TEXT",        "DSN: a name for this submission"                              },
        { "orcpt",      CLI_VALUE, &s->orcpt,       "ADDRESS",     "DSN: the original recipient"                                  },
        { "body-8bit",  CLI_FLAG,  &s->eight_bit,   NULL,          "says BODY=8BITMIME; done unasked for text that is not ASCII, where it is offered" },
        { "smtputf8",   CLI_FLAG,  &s->utf8,        NULL,          "says SMTPUTF8; done unasked for addresses that are not ASCII" },
        { "requiretls", CLI_FLAG,  &s->require_tls, NULL,          "says REQUIRETLS: TLS all the way, or back"                    },
        { "param",      CLI_MANY,  &s->params,      "NAME[=VALUE]", "any other parameter of MAIL, as HOLDFOR=3600"                },
        { "rcpt-param", CLI_MANY,  &s->each_params, "NAME[=VALUE]", "any other parameter of RCPT"                                 },
        { "transcript", CLI_FLAG,  &s->transcript,  NULL,          "shows the dialogue on standard error, without secrets"        },
        { "color",      CLI_VALUE, &s->color,       "WHEN",        "auto, always or never"                                        },
        { "json",       CLI_FLAG,  &s->json,        NULL,          "prints the result as JSON"                                    },
    };
    /* clang-format on */
    memcpy(out, rows, sizeof rows);
    return GP_COUNT(rows);
}

static int settle(struct send *s, const char *dir)
{
    if (!shown_colour(s->color, &s->colour)) {
        cli_problem("--color", "is none of auto, always, never", NULL);
        return CLI_WRONG_USE;
    }
    if (s->body && s->body_file) {
        cli_problem("--body", "and --body-file exclude each other", NULL);
        return CLI_WRONG_USE;
    }
    int stop = reach_settle(&s->reach, dir);
    if (stop == CLI_DONE) stop = prepare(s);
    return stop == CLI_DONE ? send_parameters(s) : stop;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    enum { MORE_OPTIONS = 24 };
    static struct send s;
    struct cli_option  options[REACH_OPTIONS + MORE_OPTIONS] = { 0 };
    const char        *dir                                   = NULL;
    size_t             count = 0, made = message_options(&s, options);
    (void)reach_options(&s.reach, options + made);
    int stop = cli_parse(command, options, argc, argv, &dir, &s.file, 0, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    stop = settle(&s, dir);
    if (stop == CLI_DONE) stop = converse(&s);
    talk_close(s.talk);
    addresses_free(&s.recipients);
    gp_buffer_free(&s.message);
    free(s.to_each);
    reach_close(&s.reach);
    return stop;
}

const struct cli_command cli_send = { "send", "[FILE] [--server HOST[:PORT]] [--user NAME] [--to ADDRESS]...",
                                      "submit a message to any server, and say what became of it", run };
