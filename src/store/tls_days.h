/* For tls_results.c and tls_reports.c alone: when the report of a day is first due. SQL. */
#ifndef STORE_TLS_DAYS_H
#define STORE_TLS_DAYS_H

/* RFC 8460 4.1: some hours after the end of the day, and not all at the same time: from half an hour to four hours and a half. */
#define TLS_REPORT_DUE(day) "(" day " + 1) * 86400000 + 1800000 + abs(random() % 14400000)"

#endif
