/* Passwords of accounts: made by us and shown once, or chosen by a person and looked over. */
#include <stdio.h>

#include "cli/leaked.h"
#include "cli/user.h"

static const char cram_warning[] =
    "CRAM-MD5 needs the password kept so that it can be read back (sealed under vault.key); use it for "
    "devices that can do nothing better";

static bool generate(struct user_password *p)
{
    if (p->for_device)
        gp_new_device_password(p->text);
    else
        gp_new_password(p->text);
    p->len = gp_from(p->text).len;
    return true;
}

static bool read_chosen(struct user_password *p)
{
    char           line[GP_PASSWORD_MOST + 2];
    const char    *why, *hint;
    size_t         len    = 0;
    struct gp_text chosen = { .ptr = p->text, .room = GP_PASSWORD_MOST };
    bool           read   = cli_secret_from_stdin(line, sizeof(line), &len);
    bool           good   = read && verifier_accepts((gp_str) { line, len }, &chosen, &why, &hint);
    gp_wipe(line, sizeof(line));
    p->len              = chosen.len;
    p->text[chosen.len] = '\0';
    if (!read)
        cli_problem("--password-stdin", "no password came, or one of more than 1024 octets",
                    "give it as the first line of standard input");
    if (read && !good) cli_problem("--password-stdin", why, hint);
    return good;
}

bool user_password_make(struct user_store *s, gp_str account, struct user_password *p)
{
    if (!(p->from_stdin ? read_chosen(p) : generate(p))) return false;
    if (p->from_stdin && !password_is_strong(&s->config, account, (gp_secret) { p->text, p->len })) return false;
    struct verifier_wish wish = { .account    = account,
                                  .generated  = !p->from_stdin,
                                  .scram      = s->config.passwords.scram,
                                  .allow_cram = p->allow_cram,
                                  .iterations = s->config.passwords.scram_iterations,
                                  .group      = p->group };
    if (verifier_make(&s->keys, (gp_secret) { p->text, p->len }, &wish, &p->verifier)) return true;
    cli_problem("password", "could not be hashed", "see that memory is free, then try again");
    return false;
}

enum credential_kind user_password_kind(const struct user_password *p)
{
    return p->from_stdin ? CREDENTIAL_CHOSEN : CREDENTIAL_GENERATED;
}

void user_password_wipe(struct user_password *p)
{
    gp_wipe(p, sizeof(*p));
}

void user_password_notes(const struct user_password *p)
{
    if (p->allow_cram && !p->for_device) (void)printf("\nNote: %s.\n", cram_warning);
    if (p->verifier.scram_left_out)
        (void)puts(
            "\nNote: this password works with PLAIN and LOGIN alone. The account's SCRAM keys are those of a generated\n"
            "password, and would be too cheap to guess for one that a person chose.");
}

static int print_json(const char *name, const struct user_password *p)
{
    json_t *value =
        p->from_stdin ? json_pack("{s:s}", "user", name) : json_pack("{s:s, s:s}", "user", name, "password", p->text);
    return user_print_json(value);
}

int user_password_print(const char *name, const struct user_password *p, bool json, const char *done)
{
    if (json) return print_json(name, p);
    int put = printf("%s\n\n    user name  %s\n", done, name);
    if (put >= 0 && !p->from_stdin)
        put =
            printf("    password   %s\n\nThis password is shown only now; `gatepost user password %s` makes another.\n",
                   p->text, name);
    user_password_notes(p);
    return put < 0 ? CLI_FAILED : CLI_DONE;
}
