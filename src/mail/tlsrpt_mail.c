/* The message that brings a report of TLS (RFC 8460 5.3). It is to arrive whatever became of the domain's TLS, and to be answered by nobody. */
#include "mail/mail.h"
#include "mail/tlsrpt.h"

enum { DAY_SECONDS = 86400, LINE_OCTETS = 57 /* of base64: 76 characters (RFC 2045 6.8) */ };

static gp_str submitter_of(const struct gp_tlsrpt *r)
{
    gp_str contact = gp_from(r->contact);
    return gp_tail(contact, gp_find(contact, '@') + 1);
}

/* RFC 8460 5.1. */
static void put_file_name(struct gp_text *out, const struct gp_tlsrpt *r)
{
    gp_put(out, submitter_of(r));
    gp_put_char(out, '!');
    gp_put(out, r->domain);
    gp_put_char(out, '!');
    gp_put_number(out, r->day * DAY_SECONDS);
    gp_put_char(out, '!');
    gp_put_number(out, r->day * DAY_SECONDS + DAY_SECONDS - 1);
    gp_put_z(out, ".json.gz");
}

static void put_to(struct gp_text *out, gp_str addresses)
{
    const char *before = "To: <";
    while (addresses.len) {
        gp_put_z(out, before);
        gp_put(out, gp_cut(&addresses, '\n'));
        before = ">,\r\n <";
    }
    gp_put_z(out, ">\r\n");
}

static void put_field(struct gp_text *out, const char *opening, gp_str value)
{
    gp_put_z(out, opening);
    gp_put(out, value);
    gp_put_z(out, "\r\n");
}

static void put_id(struct gp_text *out, const char *opening, const struct gp_tlsrpt *r)
{
    gp_put_z(out, opening);
    gp_tlsrpt_put_id(out, r);
    gp_put_z(out, ">\r\n");
}

static void put_header(struct gp_text *out, const struct gp_tlsrpt_mail *m)
{
    const struct gp_tlsrpt *r = m->report;
    gp_put_z(out, "Date: ");
    gp_put_date(out, m->now);
    gp_put_z(out, "\r\nFrom: <");
    gp_put_z(out, r->contact);
    gp_put_z(out, ">\r\n");
    put_to(out, m->to);
    put_field(out, "Subject: Report Domain: ", r->domain);
    put_field(out, " Submitter: ", submitter_of(r));
    put_id(out, " Report-ID: <", r);
    put_id(out, "Message-ID: <", r);
    put_field(out, "TLS-Report-Domain: ", r->domain);
    put_field(out, "TLS-Report-Submitter: ", submitter_of(r));
    gp_put_z(out, "TLS-Required: No\r\n"               /* RFC 8460 3: despite any TLS-related failures; RFC 8689 5 */
                  "Auto-Submitted: auto-generated\r\n" /* RFC 3834 5 */
                  "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"");
    gp_put(out, m->unique);
    gp_put_z(out, "\"\r\n\r\n");
}

static void put_part(struct gp_text *out, const struct gp_tlsrpt_mail *m, const char *end)
{
    gp_put_z(out, "--");
    gp_put(out, m->unique);
    gp_put_z(out, end);
    gp_put_z(out, "\r\n");
}

static void put_text(struct gp_text *out, const struct gp_tlsrpt_mail *m)
{
    const struct gp_tlsrpt *r = m->report;
    put_part(out, m, "");
    put_field(out, "Content-Type: text/plain; charset=us-ascii\r\n\r\n",
              GP_LIT("This is a report of TLS (RFC 8460), which your record _smtp._tls asks for: how"));
    put_field(out, "the mail server ", gp_from(r->hostname));
    put_field(out, "fared with TLS at the mail hosts of ", r->domain);
    gp_put_z(out, "on ");
    gp_put_day(out, r->day);
    gp_put_z(out, " (UTC). The second part has it, as JSON packed by gzip.\r\n\r\n");
}

static void put_json(struct gp_text *out, const struct gp_tlsrpt_mail *m)
{
    put_part(out, m, "");
    gp_put_z(out, "Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n"
                  "Content-Disposition: attachment;\r\n filename=\"");
    put_file_name(out, m->report);
    gp_put_z(out, "\"\r\n\r\n");
    for (gp_str rest = m->json_gz; rest.len; rest = gp_tail(rest, LINE_OCTETS)) {
        gp_put_base64(out, gp_head(rest, LINE_OCTETS));
        gp_put_z(out, "\r\n");
    }
}

void gp_tlsrpt_put_mail(struct gp_text *out, const struct gp_tlsrpt_mail *m)
{
    put_header(out, m);
    put_text(out, m);
    put_json(out, m);
    put_part(out, m, "--");
}
