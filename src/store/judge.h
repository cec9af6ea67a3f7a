/* May this credential, which a client has just proved to hold, be used here and now? A no sounds to the client like a wrong password;
 * the log says which restriction it was. Pure: time and place are told. */
#ifndef STORE_JUDGE_H
#define STORE_JUDGE_H

#include "store/accounts.h"
#include "store/within.h"

enum { JUDGE_TEXT = 512 };

struct circumstances {
    gp_str              mechanism, listener, address;
    gp_time             now;
    struct hours_moment local; /* the same moment, where the host is */
    bool                lane;  /* the listener is for old devices, and for what was made for them */
};
/* false: `why` has a sentence for the log. */
bool judge(const struct account *, const struct credential *, const struct circumstances *, struct gp_text *why) GP_MUST_USE;
/* "credential 'printer-2f'", or by its number where it has no label */
void judge_put_name(struct gp_text *, int64_t id, const char *label);

#endif
