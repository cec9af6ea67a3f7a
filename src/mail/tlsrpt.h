/* Reports of TLS (RFC 8460) as who sends them: where a domain wants them, what one says, and the message that brings it. Pure. The record and the names in a
 * report are strangers', and whatever they hold, what is written is JSON, a message, and a URI whose host is the one that was read from it. */
#ifndef GP_MAIL_TLSRPT_H
#define GP_MAIL_TLSRPT_H

#include "base/base.h"

/* ---- where to: the TXT record of _smtp._tls.DOMAIN (3) -------------------------------------------------------------- */
enum { GP_TLSRPT_WAYS_MOST = 4, GP_TLSRPT_WAY_MOST = 1000, GP_TLSRPT_WAYS_ROOM = GP_TLSRPT_WAYS_MOST * (GP_TLSRPT_WAY_MOST + 1) };
/* The first of its URIs that can be used, each with '\n' behind it: "mailto:ADDRESS", undone of what encodes it, or an https: URI as it is, of port 443 or
 * of that one: a stranger's record has nobody asked at ports where other things listen. false: none. */
bool gp_tlsrpt_ways(gp_str txt, unsigned port, struct gp_text *out);
bool gp_tlsrpt_is_mail(gp_str way);
struct gp_https { gp_str host; unsigned port; };
/* A host name, nothing that could be taken for an address or for another host, and no name or password. */
bool gp_https_read(gp_str uri, struct gp_https *out) GP_MUST_USE;

/* ---- what it says (4.4) ----------------------------------------------------------------------------------------------------- */
struct gp_tlsrpt {
    const char *organization, *contact, *hostname; /* contact: an address; its domain is the submitter */
    gp_str      domain; /* whose policies they are */
    int64_t     day;    /* since 1970, UTC */
};
struct gp_tlsrpt_row { /* "": not known */
    gp_str  policy, text; /* type (4.4); the policy itself, '\n' behind each line */
    gp_str  host, from, to, peer, result, reason; /* peer: what the server called itself; result "": good */
    int64_t count;
};
struct gp_tlsrpt_json {
    struct gp_text *out;
    gp_str          policy, text; /* the last row's, which has to live until the next one is added */
    gp_str          domain;
    size_t          policies, details;
    bool            left_out; /* the open policy has found no room */
    int64_t         good, failed;
};
enum { GP_TLSRPT_TAIL = 256 }; /* octets that are kept for the end: details that find no room are counted, and left out */
void gp_tlsrpt_begin(struct gp_tlsrpt_json *, const struct gp_tlsrpt *, struct gp_text *out);
void gp_tlsrpt_add(struct gp_tlsrpt_json *, const struct gp_tlsrpt_row *); /* in order of policy and text */
void gp_tlsrpt_end(struct gp_tlsrpt_json *);
/* The same for the same day and domain, whenever it is made: "2026-11-26.shop.example@mail.example.org". */
void gp_tlsrpt_put_id(struct gp_text *, const struct gp_tlsrpt *);

/* ---- the message that brings it (5.3) ------------------------------------------------------------------------------------ */
struct gp_tlsrpt_mail {
    const struct gp_tlsrpt *report;
    gp_str                  to;     /* addresses, '\n' behind each */
    gp_str                  json_gz;
    gp_str                  unique; /* letters and digits, for the boundary */
    gp_time                 now;
};
void gp_tlsrpt_put_mail(struct gp_text *, const struct gp_tlsrpt_mail *);
#define GP_TLSRPT_MAIL_ROOM(octets) (8192 + GP_BASE64_ROOM(octets) / 76 * 78 + 78)

#endif
