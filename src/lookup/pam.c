/* PAM: a service's stack is asked for the password, then whether the account may be used. Modules may do anything, so this source
 * has the widest sandbox. The conversation gives the password where one is asked for without echo, and nothing else. */
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#include "lookup/parts.h"

enum { MESSAGES_MOST = 8 };

static void free_responses(struct pam_response *all, int count)
{
    for (int i = 0; i < count; i++) {
        if (all[i].resp) gp_wipe(all[i].resp, strlen(all[i].resp));
        free(all[i].resp);
    }
    free(all);
}

/* What it gives, PAM frees with free(). */
static int converse(int count, const struct pam_message **messages, struct pam_response **out, void *owner)
{
    const struct question *q = owner;
    if (count <= 0 || count > MESSAGES_MOST) return PAM_CONV_ERR;
    struct pam_response *all = calloc((size_t)count, sizeof *all);
    if (!all) return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;
        if (style == PAM_PROMPT_ECHO_OFF) all[i].resp = strdup(q->secret);
        if (style == PAM_ERROR_MSG || style == PAM_TEXT_INFO || all[i].resp) continue;
        free_responses(all, count);
        return PAM_CONV_ERR; /* a second factor, or a question that no mail client can be asked */
    }
    *out = all;
    return PAM_SUCCESS;
}

/* Modules ask for seconds of delay after a failure. Failures are slowed down by gatepost; a seat must not sleep. */
static void no_delay(int status, unsigned microseconds, void *owner)
{
    (void)status;
    (void)microseconds;
    (void)owner;
}

static void judge(struct question *q, pam_handle_t *pam, int status)
{
    const char *why = pam_strerror(pam, status);
    switch (status) {
    case PAM_SUCCESS: question_right(q); break;
    case PAM_USER_UNKNOWN: question_refuse(q, false, why); break;
    case PAM_AUTH_ERR:
    case PAM_MAXTRIES:
    case PAM_PERM_DENIED:
    case PAM_ACCT_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_CONV_ERR: question_refuse(q, false, why); break; /* known or not: many modules do not tell */
    case PAM_AUTHINFO_UNAVAIL: question_failed(q, "PAM cannot reach what it asks", why); break;
    default: question_unclear(q, "PAM", why); break; /* may be due to this user's entry: no reason to leave all alone */
    }
}

static int start(const struct source *s, struct question *q, const struct pam_conv *conversation, pam_handle_t **pam)
{
    const char *services = s->services[0] ? s->services : NULL;
    int         status   = pam_start_confdir(s->plan->service, q->user, conversation, services, pam);
    if (status != PAM_SUCCESS) return status;
    union {
        void (*fn)(int, unsigned, void *);
        const void *item;
    } delay = { .fn = no_delay };
    (void)pam_set_item(*pam, PAM_FAIL_DELAY, delay.item);
    (void)pam_set_item(*pam, PAM_RUSER, q->user);
    return q->peer[0] ? pam_set_item(*pam, PAM_RHOST, q->peer) : PAM_SUCCESS;
}

static void take_name(struct question *q, pam_handle_t *pam)
{
    const void *name = NULL;
    if (pam_get_item(pam, PAM_USER, &name) == PAM_SUCCESS && name && strcmp(name, q->user) != 0)
        question_name(q, gp_from(name));
}

static void ask(const struct source *s, void **seat, struct question *q)
{
    const struct pam_conv conversation = { converse, q };
    pam_handle_t         *pam          = NULL;
    (void)seat;
    if (q->kind != LOOKUP_PASSWORD) {
        question_refuse(q, false, "PAM gives no hashes");
        return;
    }
    int status = start(s, q, &conversation, &pam);
    if (status == PAM_SUCCESS) status = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    if (status == PAM_SUCCESS) status = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    judge(q, pam, status);
    if (q->status == GP_OK) take_name(q, pam);
    if (pam) (void)pam_end(pam, status | PAM_DATA_SILENT);
}

static void needs(const struct source *s, struct sandbox_needs *out)
{
    (void)s;
    out->programs = true;
}

const struct source_type source_pam = { .needs = needs, .ask = ask };
