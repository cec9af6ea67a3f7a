/* Opening and closing, and what went wrong first. */
#include "talk/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t talk_now(void)
{
    enum { MICROS = 1000000, NANOS = 1000 };
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * MICROS + t.tv_nsec / NANOS;
}

bool talk_refuse(struct talk *t, const char *why)
{
    if (t->fault == TALK_NO_FAULT) (void)snprintf(t->why, sizeof t->why, "%s", why);
    return false;
}

bool talk_fail(struct talk *t, enum talk_fault fault, const char *what, const char *detail)
{
    if (t->fault != TALK_NO_FAULT) return false;
    (void)snprintf(t->why, sizeof t->why, "%s%s%s", what, detail && *detail ? ": " : "", detail ? detail : "");
    t->fault = fault;
    talk_notes(t, t->why, NULL);
    return false;
}

struct talk *talk_open(const struct talk_plan *plan, const struct talk_transcript *transcript)
{
    struct talk *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->plan  = plan;
    t->fd    = -1;
    t->began = talk_now();
    t->reply = GP_TEXT(t->reply_room);
    if (transcript) t->transcript = *transcript;
    gp_lines_lend(&t->in, t->in_room);
    if (talk_reach(t) && plan->tls == TALK_IMPLICIT) (void)talk_handshake(t);
    return t;
}

void talk_close(struct talk *t)
{
    if (!t) return;
    gp_tls_close(t->tls);
    if (t->context) gp_tls_context_close(t->context);
    if (t->fd >= 0) close(t->fd);
    talk_unhide(t);
    gp_wipe(t, sizeof *t);
    free(t);
}

bool talk_works(const struct talk *t)
{
    return t->fault == TALK_NO_FAULT;
}

const char *talk_why(const struct talk *t)
{
    return t->why;
}

enum talk_fault talk_fault(const struct talk *t)
{
    return t->fault;
}

const char *talk_peer(const struct talk *t)
{
    return t->peer;
}

const struct gp_tls *talk_session(const struct talk *t)
{
    return t->tls;
}

struct gp_tls_session *talk_session_kept(struct talk *t)
{
    return t->tls ? gp_tls_keep(t->tls) : NULL;
}

int64_t talk_micros(const struct talk *t)
{
    return talk_now() - t->began;
}

void talk_patience(struct talk *t, unsigned milliseconds)
{
    t->patience = milliseconds;
}
