/* PostgreSQL: a connection a seat, kept; every step of it ends by the deadline, whatever the server does. */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lookup/sql.h"

struct postgres_seat {
    struct sql_seat seat; /* first */
    PGconn         *connection;
};

static void shut(struct postgres_seat *x)
{
    PQfinish(x->connection); /* NULL is fine */
    x->connection = NULL;
}

static void leave(void *seat)
{
    shut(seat);
    free(seat);
}

/* libpq says what it has to say to stderr unless somebody listens. */
static void ignore_notice(void *owner, const PGresult *notice)
{
    (void)owner;
    (void)notice;
}

/* What stands before the URI is a default that it may change; what stands after it is not. TLS is wanted and verified unless the
 * URI says otherwise, but for a server on this host by its socket, where there is none. */
static PGconn *begin(const struct source *s)
{
    static const char system_trust[] =
        "/etc/ssl/certs/ca-certificates.crt"; /* libpq itself looks in a home directory only */
    const char *const names[]  = { "sslmode", "sslrootcert", "fallback_application_name", "dbname", "password", NULL };
    const char *const values[] = { "verify-full", s->ca_file[0] ? s->ca_file : system_trust, "gatepost",
                                   s->plan->uri,  s->secret[0] ? s->secret : NULL,           NULL };
    return PQconnectStartParams(names, values, 1);
}

static const char *wait_connected(struct postgres_seat *x, gp_time until)
{
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    while (step != PGRES_POLLING_OK) {
        if (step == PGRES_POLLING_FAILED) return PQerrorMessage(x->connection);
        short events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!octets_wait(PQsocket(x->connection), events, until)) return strerror(errno);
        step = PQconnectPoll(x->connection);
    }
    (void)PQsetNoticeReceiver(x->connection, ignore_notice, NULL);
    return PQsetnonblocking(x->connection, 1) == 0 ? NULL : "no memory";
}

static const char *connect_by(struct postgres_seat *x, const struct source *s, gp_time until)
{
    if (x->connection && PQstatus(x->connection) == CONNECTION_OK) return NULL;
    shut(x);
    x->connection = begin(s);
    if (!x->connection) return "no memory";
    if (PQstatus(x->connection) == CONNECTION_BAD) return PQerrorMessage(x->connection);
    return wait_connected(x, until);
}

/* ---- one query ---------------------------------------------------------------------------------------------------------------- */
static const char *send_query(struct postgres_seat *x, const char *text, const struct question *q, gp_time until)
{
    const char *const values[] = { q->user };
    if (!PQsendQueryParams(x->connection, text, 1, NULL, values, NULL, NULL, 0)) return PQerrorMessage(x->connection);
    for (int left = PQflush(x->connection); left != 0; left = PQflush(x->connection)) {
        if (left < 0) return PQerrorMessage(x->connection);
        if (!octets_wait(PQsocket(x->connection), POLLIN | POLLOUT, until)) return strerror(errno);
        if (!PQconsumeInput(x->connection)) return PQerrorMessage(x->connection);
    }
    return NULL;
}

static const char *take_result(struct postgres_seat *x, PGresult **result, gp_time until)
{
    for (;;) {
        while (PQisBusy(x->connection)) {
            if (!octets_wait(PQsocket(x->connection), POLLIN, until)) return strerror(errno);
            if (!PQconsumeInput(x->connection)) return PQerrorMessage(x->connection);
        }
        PGresult *next = PQgetResult(x->connection);
        if (!next) return *result ? NULL : "no result";
        PQclear(*result); /* one statement gives one */
        *result = next;
    }
}

static void judge(struct question *q, const PGresult *result)
{
    struct sql_row row = { .count = (size_t)PQntuples(result) };
    for (int i = 0; row.count == 1 && i < PQnfields(result); i++) {
        bool is_null = PQgetisnull(result, 0, i);
        (void)sql_take(&row, PQfname(result, i), is_null ? GP_NONE : gp_from(PQgetvalue(result, 0, i)));
    }
    sql_judge(q, &row);
}

static const char *run(struct postgres_seat *x, const struct source *s, struct question *q, gp_time until)
{
    char        text[SQL_ROOM];
    PGresult   *result = NULL;
    const char *wrong  = sql_text(s->plan->query, "$1", text) ? send_query(x, text, q, until) : "the query is too long";
    if (!wrong) wrong = take_result(x, &result, until);
    if (!wrong && PQresultStatus(result) == PGRES_TUPLES_OK)
        judge(q, result);
    else if (!wrong)
        question_unclear(q, "the query", PQresultErrorMessage(result)); /* may be due to this name alone */
    PQclear(result);
    return wrong;
}

/* A kept connection that the server has closed meanwhile says so at its first use: once more, with a new one. */
void postgres_ask(const struct source *s, void **seat, struct question *q)
{
    struct postgres_seat *x     = *seat ? *seat : calloc(1, sizeof *x);
    gp_time               until = octets_clock() + s->timeout_ms;
    if (!x) {
        question_failed(q, "no memory", NULL);
        return;
    }
    *seat             = x;
    x->seat.leave     = leave;
    bool        kept  = x->connection != NULL;
    const char *wrong = connect_by(x, s, until);
    if (!wrong) wrong = run(x, s, q, until);
    if (wrong && kept && octets_clock() < until) {
        shut(x);
        wrong = connect_by(x, s, until);
        if (!wrong) wrong = run(x, s, q, until);
    }
    if (!wrong) return;
    question_failed(q, "the database does not answer", wrong);
    shut(x);
}
