/* What `gatepost bench` was asked for, and how its figures are printed. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli/reach.h"
#include "load/load.h"

enum { BENCH_LOGINS_MOST = 10000 };

struct bench {
    struct reach       reach;
    const char        *kind, *connections, *rate, *seconds, *warm_up, *messages, *resume, *idle, *sizes, *mechanisms, *users, *from, *to;
    bool               mine, json;
    struct load_plan   plan;
    struct load_login *logins;
    char              *users_text;
    size_t             users_len;
    char               mechanism_names[512], wire_name[REACH_HOST];
    struct gp_buffer   bodies[LOAD_MIX_MOST];
};

int  bench_report(const struct bench *, const struct load_result *); /* prints it, and gives the exit status */
void bench_progress(void *owner, double second, const struct load_result *);

#endif
