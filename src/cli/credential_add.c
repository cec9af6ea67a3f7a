/* gatepost credential add, rotate: a new credential for an account, or one in the place of another. */
#include <stdio.h>
#include <string.h>

#include "cli/credential.h"
#include "cli/files.h"
#include "cli/restrict.h"
#include "cli/when.h"

/* What the credential is to be made of: a password unless one of the others is given. */
struct material {
    const char *certificate, *oauth, *source;
    bool        from_stdin, allow_cram, for_device;
};
#define MATERIAL_OPTIONS(m)                                                                                            \
    { "certificate", CLI_VALUE, &(m).certificate, "CERT",                                                              \
      "a client certificate: its FILE (PEM), or sha256:FINGERPRINT, email:ADDRESS or subject:NAME" },                  \
        { "oauth", CLI_VALUE, &(m).oauth, "'ISSUER SUBJECT'", "a subject of an OAuth issuer" },                        \
        { "password-stdin", CLI_FLAG, &(m).from_stdin, NULL,                                                           \
          "take the password from the first line of standard input" },                                                 \
    {                                                                                                                  \
        "allow-cram-md5", CLI_FLAG, &(m).allow_cram, NULL, "also allow CRAM-MD5, for old devices"                      \
    }
#define MATERIAL_USAGE "[--password-stdin] [--allow-cram-md5] [--certificate CERT] [--oauth 'ISSUER SUBJECT']"

/* What is said in clear is nobody's own password, and nothing that another server believes. */
static bool is_for_device(const struct material *m, const char *label)
{
    const char *why = NULL;
    if (!m->for_device) return true;
    if (!label || !label[0]) why = "a credential for a device needs a label, so that reports can name it: add --label";
    if (m->from_stdin) why = "the password of a device is made by gatepost: it may be seen on the way";
    if (m->oauth || m->source) why = "a device signs in with a password that was made for it, or with a certificate";
    if (why) cli_problem("--legacy", why, NULL);
    return !why;
}

struct made {
    enum credential_kind kind;
    char                 subject[CREDENTIAL_SUBJECT];
    struct user_password password;
};

static void made_wipe(struct made *m)
{
    gp_wipe(m, sizeof(*m));
}
#define auto_made __attribute__((cleanup(made_wipe))) struct made

static bool material_is_good(const struct material *m)
{
    const struct {
        const char *name, *given;
    } others[] = {
        {"--certificate", m->certificate},
        { "--oauth",      m->oauth      },
        { "--source",     m->source     }
    };
    const char *why = NULL, *name = NULL;
    for (size_t i = 0; i < GP_COUNT(others); i++) {
        if (!others[i].given) continue;
        if (name) why = "a credential is one thing, not two";
        if (m->from_stdin || m->allow_cram) why = "that goes with a password only";
        name = others[i].name;
    }
    if (why) cli_problem(name, why, "add a credential for each");
    return !why;
}

static bool makes_password(const struct material *m)
{
    return !m->certificate && !m->oauth && !m->source;
}

/* ---- certificates ---------------------------------------------------------------------------------------------------- */
static bool put_fingerprint(const char *file, char out[static CREDENTIAL_SUBJECT])
{
    char           room[FILE_MOST];
    uint8_t        print[GP_PEER_FINGERPRINT];
    struct gp_text pem = GP_TEXT(room), text = { .ptr = out, .room = CREDENTIAL_SUBJECT - 1 };
    if (!file_read(file, &pem)) return false;
    if (!gp_certificate_fingerprint(gp_said(&pem), print)) {
        cli_problem(file, "there is no certificate in it",
                    "--certificate takes a PEM file, sha256:..., email:... or subject:...");
        return false;
    }
    gp_put_z(&text, "sha256:");
    gp_put_hex(&text, (gp_str) { (const char *)print, sizeof(print) });
    out[text.len] = '\0';
    return true;
}

/* Fingerprints are shown with colons by most programs. */
static bool put_certificate(const char *given, char out[static CREDENTIAL_SUBJECT])
{
    static const char *const forms[]     = { "sha256:", "email:", "subject:" };
    bool                     is_file     = true;
    struct gp_text           text        = { .ptr = out, .room = CREDENTIAL_SUBJECT - 1 };
    bool                     fingerprint = gp_starts(gp_from(given), forms[0]);
    for (size_t i = 0; i < GP_COUNT(forms); i++) is_file &= !gp_starts(gp_from(given), forms[i]);
    if (is_file) return put_fingerprint(given, out);
    gp_str rest = gp_from(given), what = gp_cut(&rest, ':');
    gp_put(&text, what);
    gp_put_char(&text, ':');
    for (size_t i = 0; i < rest.len; i++)
        if (!fingerprint || rest.ptr[i] != ':') gp_put_char(&text, rest.ptr[i]);
    out[text.len] = '\0';
    if (text.cut) cli_problem("--certificate", "it is too long", NULL);
    return !text.cut;
}

/* ---- sources --------------------------------------------------------------------------------------------------------- */
static bool is_configured(const struct user_store *s, const char *name)
{
    char           room[CONFIG_LOOKUPS_MOST * CONFIG_TEXT];
    struct gp_text names = { .ptr = room, .room = sizeof(room) - 1 };
    for (size_t i = 0; i < s->config.lookup_count; i++) {
        if (gp_same(gp_from(s->config.lookups[i].name), gp_from(name))) return true;
        gp_put_z(&names, i ? ", " : "the sources there are: ");
        gp_put_z(&names, s->config.lookups[i].name);
    }
    room[names.len] = '\0';
    cli_problem(name, "gatepost.yml has no source of that name", names.len ? room : "add it to `sources` first");
    return false;
}

/* A sign-in goes by one credential for a source: a second would look as if it did something. */
static bool put_source(struct user_store *s, const char *name, const struct account *account,
                       char out[static CREDENTIAL_SUBJECT])
{
    struct credential one;
    bool              has = false;
    gp_status         status;
    auto_rows         r = credentials_of(s->accounts, account->id);
    while ((status = credentials_next(&r, &one)) == GP_OK)
        has |= one.kind == CREDENTIAL_SOURCE && gp_same(gp_from(one.subject), gp_from(name));
    gp_wipe(&one.verifier, sizeof(one.verifier));
    if (status == GP_TEMPFAIL) {
        (void)user_store_failed(s, account->name);
        return false;
    }
    if (has)
        cli_problem(name, "the account has a credential for that source already",
                    "change it with `gatepost credential alter`");
    return !has && is_configured(s, name) && gp_copy_z(gp_from(name), out, CREDENTIAL_SUBJECT);
}

/* ---- making ------------------------------------------------------------------------------------------------------------ */
static bool make(struct user_store *s, const struct material *m, const struct account *account, struct made *out)
{
    out->kind = CREDENTIAL_OAUTH;
    if (m->oauth) {
        if (gp_copy_z(gp_from(m->oauth), out->subject, sizeof(out->subject))) return true;
        cli_problem("--oauth", "it is too long", NULL);
        return false;
    }
    out->kind = CREDENTIAL_SOURCE;
    if (m->source) return put_source(s, m->source, account, out->subject);
    out->kind = CREDENTIAL_CERTIFICATE;
    if (m->certificate) return put_certificate(m->certificate, out->subject);
    out->password.from_stdin = m->from_stdin;
    out->password.allow_cram =
        m->allow_cram || m->for_device; /* where a password can be shown, it should not have to be */
    out->password.for_device = m->for_device;
    out->password.group      = &account->scram;
    out->kind                = user_password_kind(&out->password);
    return user_password_make(s, gp_from(account->name), &out->password);
}

static struct new_credential as_new(const struct made *m)
{
    bool has = credential_kind_has_password(m->kind);
    return (struct new_credential) { .kind     = m->kind,
                                     .subject  = has ? GP_NONE : gp_from(m->subject),
                                     .verifier = has ? &m->password.verifier : NULL };
}

static struct issued as_issued(const struct made *m, const struct account *account)
{
    return (struct issued) { .user     = account->name,
                             .label    = "",
                             .password = credential_kind_has_password(m->kind) ? &m->password : NULL };
}

/* ---- add ----------------------------------------------------------------------------------------------------------------- */
struct addition {
    struct material      material;
    struct limit_options limits;
    struct handout       handout;
    const char          *label;
};

static int add(struct user_store *s, const char *user, const struct addition *a)
{
    struct account      account;
    struct restrictions limits = { .expires = 0 };
    auto_made           m      = { .kind = CREDENTIAL_GENERATED };
    const char         *label = a->label ? a->label : "", *why = "";
    gp_time             now = user_now();
    if (!user_find(s, user, &account) || !limits_take(&a->limits, &s->config, now, limits_refuse_option, NULL, &limits))
        return CLI_FAILED;
    if (!credential_label_is_good(gp_from(label), &why)) return credential_refused(s, label, GP_PERMFAIL, why);
    if (!handout_is_reached(&a->handout, &s->config, limits.listeners)) return CLI_FAILED;
    if (!make(s, &a->material, &account, &m)) return CLI_FAILED;
    limits.legacy                = a->material.for_device;
    struct new_credential n      = as_new(&m);
    struct issued         issued = as_issued(&m, &account);
    n.label                      = gp_from(label);
    n.limits                     = &limits;
    issued.label                 = label;
    issued.listeners             = limits.listeners;
    issued.legacy                = a->material.for_device;
    issued.done                  = "The credential is made.";
    gp_status status             = credential_add(s->accounts, account.id, &n, now, &issued.id, &why);
    if (status != GP_OK) return credential_refused(s, user, status, why);
    return handout_show(&a->handout, &s->config, &issued);
}

static int run_add(const struct cli_command *command, int argc, char **argv)
{
    struct addition   a   = { .label = NULL };
    const char       *dir = NULL, *user;
    size_t            count;
    struct cli_option options[] = {
        {"label",   CLI_VALUE, &a.label,               "LABEL", "what the account's owner calls it, as printer-2f"         },
        { "legacy", CLI_FLAG,  &a.material.for_device, NULL,
         "for an old printer or scanner: works at listeners of kind legacy, and nowhere else; 20 letters, also by CRAM-MD5"},
        LIMIT_OPTIONS(a.limits),
        MATERIAL_OPTIONS(a.material),
        { "source", CLI_VALUE, &a.material.source,     "NAME",  "a source of `sources` that may say yes for it"            },
        HANDOUT_OPTIONS(a.handout),
        { NULL,     CLI_FLAG,  NULL,                   NULL,    NULL                                                       },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, &user, 1, 1, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!material_is_good(&a.material) || !is_for_device(&a.material, a.label) ||
        !handout_is_good(&a.handout, makes_password(&a.material) && !a.material.for_device))
        return CLI_WRONG_USE;
    auto_user_store s = { 0 };
    return user_store_open(dir, &s) ? add(&s, user, &a) : CLI_FAILED;
}

const struct cli_command cli_credential_add = {
    "credential add",
    "USER [--label LABEL] [--legacy] " LIMIT_USAGE " " MATERIAL_USAGE " [--source NAME] " HANDOUT_USAGE,
    "give an account one more password, certificate, OAuth subject or account source", run_add
};

/* ---- rotate ---------------------------------------------------------------------------------------------------------------- */
struct rotation {
    struct material material;
    struct handout  handout;
    const char     *overlap;
};

/* What takes the place of a certificate is a certificate, and so on. */
static bool is_of_a_kind(const struct credential *old, const struct material *m)
{
    const char *why      = NULL;
    bool        password = credential_kind_has_password(old->kind);
    if (old->kind == CREDENTIAL_SOURCE) why = "its password is kept by an account source: change it there";
    if (old->kind == CREDENTIAL_CERTIFICATE && !m->certificate)
        why = "it is a certificate: say --certificate for the new one";
    if (old->kind == CREDENTIAL_OAUTH && !m->oauth) why = "it is an OAuth subject: say --oauth for the new one";
    if (password && (m->certificate || m->oauth)) why = "it is a password: add the other as a credential of its own";
    if (why) cli_problem("credential rotate", why, NULL);
    return !why;
}

static bool read_overlap(const char *given, gp_time *out)
{
    const char *why = "";
    *out            = 0;
    if (gp_is(gp_from(given), "0") || gp_is(gp_from(given), "none") || span_read(gp_from(given), out, &why))
        return true;
    cli_problem("--overlap", why, "`--overlap none` ends the old one at once");
    return false;
}

static int replace(struct user_store *s, const struct account *account, const struct credential *old,
                   const struct rotation *r, gp_time overlap)
{
    auto_made       m        = { .kind = CREDENTIAL_GENERATED };
    struct material material = r->material;
    const char     *why      = "";
    gp_time         now      = user_now();
    material.for_device      = old->limits.legacy;
    if (old->verifier.cram_len > 0) material.allow_cram = true; /* a device that needs it shall not stop working */
    if (!is_of_a_kind(old, &material) || !is_for_device(&material, old->label) ||
        !handout_is_good(&r->handout, credential_kind_has_password(old->kind) && !old->limits.legacy) ||
        !handout_is_reached(&r->handout, &s->config, old->limits.listeners) || !make(s, &material, account, &m))
        return CLI_FAILED;
    struct new_credential n      = as_new(&m);
    struct issued         issued = as_issued(&m, account);
    issued.label                 = old->label;
    issued.listeners             = old->limits.listeners;
    issued.legacy                = old->limits.legacy;
    issued.done                  = "The credential has a successor, with its label and its restrictions.";
    issued.rotated               = true;
    issued.old_until             = overlap ? now + overlap : 0;
    gp_status status             = credential_rotate(s->accounts, old->id, &n, now + overlap, now, &issued.id, &why);
    if (status != GP_OK) return credential_refused(s, account->name, status, why);
    return handout_show(&r->handout, &s->config, &issued);
}

static int rotate(struct user_store *s, const char *const *words, const struct rotation *r, gp_time overlap)
{
    struct account    account;
    struct credential old;
    if (!credential_find(s, words[0], words[1], &account, &old)) return CLI_FAILED;
    int done = replace(s, &account, &old, r, overlap);
    gp_wipe(&old.verifier, sizeof(old.verifier));
    return done;
}

static int run_rotate(const struct cli_command *command, int argc, char **argv)
{
    struct rotation   r   = { .overlap = "7d" };
    const char       *dir = NULL, *words[2];
    size_t            count;
    gp_time           overlap;
    struct cli_option options[] = {
        {"overlap", CLI_VALUE, &r.overlap, "SPAN", "how long the old one works beside it, or `none` (default: 7d)"},
        MATERIAL_OPTIONS(r.material),
        HANDOUT_OPTIONS(r.handout),
        { NULL,     CLI_FLAG,  NULL,       NULL,   NULL                                                           },
    };
    int stop = cli_parse(command, options, argc, argv, &dir, words, 2, 2, &count);
    if (stop != CLI_DONE) return stop < 0 ? CLI_DONE : stop;
    if (!material_is_good(&r.material) || !read_overlap(r.overlap, &overlap)) return CLI_WRONG_USE;
    auto_user_store s = { 0 };
    return user_store_open(dir, &s) ? rotate(&s, words, &r, overlap) : CLI_FAILED;
}

const struct cli_command cli_credential_rotate = { "credential rotate",
                                                   "USER LABEL|ID [--overlap SPAN] " MATERIAL_USAGE " " HANDOUT_USAGE,
                                                   "put a new one in its place; the old works on for a while",
                                                   run_rotate };
