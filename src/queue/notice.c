/* A notice of the vault's, as mail: written here, queued like any other. From nobody who could be answered (null sender) and marked as what no
 * program may answer (RFC 3834 5), so that no loop can come of it. */
#include "queue/parts.h"

enum { NOTICE_MOST = 8 * 1024, NAME_ROOM = 512 };

/* For a header field: printable ASCII, so that it needs no encoding and cannot end the field. */
static void put_printable(struct gp_text *out, gp_str text)
{
    for (size_t i = 0; i < text.len; i++) gp_put_char(out, text.ptr[i] < ' ' || text.ptr[i] > '~' ? '?' : text.ptr[i]);
}

static void put_field(struct gp_text *out, const char *name, gp_str value)
{
    gp_put_z(out, name);
    gp_put_z(out, ": ");
    put_printable(out, value);
    gp_put_z(out, "\r\n");
}

/* Lines end in CR LF, and hold no other control octet. */
static void put_body(struct gp_text *out, gp_str text)
{
    while (text.len > 0) {
        gp_str line = gp_cut(&text, '\n');
        for (size_t i = 0; i < line.len; i++) {
            unsigned char c = (unsigned char)line.ptr[i];
            gp_put_char(out, c < ' ' || c == 0x7f ? '?' : line.ptr[i]);
        }
        gp_put_z(out, "\r\n");
    }
}

static void put_date(struct gp_text *out, gp_time now)
{
    gp_put_z(out, "Date: ");
    gp_put_date(out, now);
    gp_put_z(out, "\r\n");
}

static void put_message(struct gp_text *out, const struct queue *q, const struct msg_notice *n, gp_str id, gp_time now)
{
    char           room[NAME_ROOM];
    struct gp_text from = GP_TEXT(room);
    gp_put_z(&from, "gatepost <postmaster@");
    gp_put_z(&from, q->config->domain);
    gp_put_char(&from, '>');
    put_date(out, now);
    put_field(out, "From", gp_said(&from));
    put_field(out, "To", n->to);
    put_field(out, "Subject", n->subject);
    put_field(out, "Message-ID", id);
    gp_put_z(out,
             "Auto-Submitted: auto-generated\r\n" /* RFC 3834 5 */
             "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    put_body(out, n->text);
}

static void put_id(struct gp_text *out, const struct queue *q)
{
    gp_put_char(out, '<');
    put_queue_id(out);
    gp_put_char(out, '@');
    gp_put_z(out, q->config->hostname);
    gp_put_char(out, '>');
}

/* The answer is a COMMITTED, as to any other message. */
void notice_take(struct queue *q, struct asker asker, const struct msg *m, gp_time now)
{
    char           body_room[NOTICE_MOST], id_room[NAME_ROOM], queue_id[QUEUE_ID_MOST], to_room[NAME_ROOM];
    struct gp_text body = GP_TEXT(body_room), id = GP_TEXT(id_room), name = GP_TEXT(queue_id), to = GP_TEXT(to_room);
    struct msg     made  = MSG(COMMIT);
    bool           plain = gp_is_ascii(m->notice.text);
    put_queue_id(&name);
    put_id(&id, q);
    put_message(&body, q, &m->notice, gp_said(&id), now);
    gp_put(&to, m->notice.to);
    gp_put_z(&to, "\t\n");
    made.commit = (struct msg_commit) {
        .size       = body.len,
        .arrived    = (uint64_t)now,
        .queue_id   = gp_said(&name),
        .user       = GP_LIT(""),
        .sender     = GP_LIT(""),
        .params     = !gp_is_ascii(m->notice.to) ? GP_LIT("BODY=8BITMIME SMTPUTF8")
                      : plain                    ? GP_LIT("")
                                                 : GP_LIT("BODY=8BITMIME"),
        .recipients = gp_said(&to),
        .message_id = gp_said(&id),
        .from       = GP_LIT("postmaster"),
        .peer       = GP_LIT(""),
        .helo       = GP_LIT(""),
        .mechanism  = GP_LIT(""),
        .tls        = GP_LIT(""),
        .hold_why   = GP_LIT(""),
        .body       = gp_said(&body),
    };
    bool one = gp_find(m->notice.to, '\n') == m->notice.to.len && gp_find(m->notice.to, '\t') == m->notice.to.len;
    if (body.cut || to.cut || !one) made.commit.recipients = GP_LIT(""); /* unsound: refused */
    intake_commit(q, asker, &made, now);
}
