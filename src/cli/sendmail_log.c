/* One line of syslog for each message. */
#include "cli/sendmail_log.h"

#include <stdio.h>
#include <syslog.h>

void sendmail_log(bool bad, const char *id, gp_str sender, size_t recipients, const char *outcome)
{
    openlog("gatepost-sendmail", LOG_PID, LOG_MAIL);
    syslog(bad ? LOG_ERR : LOG_INFO, "%s%sfrom=<%.*s> recipients=%zu: %s", id, *id ? " " : "",
           (int)gp_head(sender, 256).len, sender.ptr ? sender.ptr : "", recipients, outcome);
    closelog();
}

void sendmail_log_kept(bool bad, gp_str sender, size_t recipients, const char *reason)
{
    char outcome[640];
    (void)snprintf(outcome, sizeof outcome, "kept until the server takes it (%s)", reason);
    sendmail_log(bad, "", sender, recipients, outcome);
}
