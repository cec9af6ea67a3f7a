/* The table of findings, made of the rows of findings_*.h, and the words for what they are. */
#include "probe/probe.h"

#define FINDING(id, name, area, severity, title, why, ...)                                                             \
    [FOUND_##id] = { name, area, severity, title, why, { __VA_ARGS__ } },
const struct probe_finding probe_findings[PROBE_FINDINGS] = {
#include "probe/findings.h"
};

const char *const probe_severities[PROBE_SEVERITIES] = { "note", "warning", "error", "critical" };
const char *const probe_areas[PROBE_AREAS]           = { "reach",     "hello",  "tls", "auth", "relay",
                                                         "smuggling", "limits", "dns", "own",  "clients" };
const char *const probe_servers[PROBE_SERVERS]       = { "gatepost", "Postfix", "Dovecot", "Exim", "OpenSMTPD" };
