/* All findings, area by area. A row: FINDING(id, "name", area, severity, "title", "why", [server] = "how to mend it", ...).
 * Included once for each thing that is made of the rows, with FINDING defined. */
#include "probe/findings_session.h"
#include "probe/findings_auth.h"
#include "probe/findings_mail.h"
#include "probe/findings_house.h"
#include "probe/findings_dns.h"
