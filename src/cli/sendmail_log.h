/* What becomes of mail that nobody watches, in the system's log (facility mail). Apart from ops/log.h, whose names are syslog's, too. */
#ifndef CLI_SENDMAIL_LOG_H
#define CLI_SENDMAIL_LOG_H

#include "base/base.h"

void sendmail_log(bool bad, const char *id, gp_str sender, size_t recipients, const char *outcome); /* id: "" where there is none */
/* A message that is kept, and why it could not go at once. */
void sendmail_log_kept(bool bad, gp_str sender, size_t recipients, const char *reason);

#endif
