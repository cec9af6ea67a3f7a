/* 8 bits to 7: what becomes of each kind of part, what can not be converted, and that what comes out needs no conversion. */
#include <stdlib.h>

#include "check.h"
#include "mail/gathered.h"

struct converted {
    enum gp_seven_is is;
    const char      *why;
    struct gathered  out;
};

static gp_status feed(struct gp_seven *s, gp_str bytes, size_t piece)
{
    gp_status status = GP_OK;
    for (; status == GP_OK && bytes.len; bytes = gp_tail(bytes, piece)) status = gp_seven_add(s, gp_head(bytes, piece));
    return status == GP_OK ? gp_seven_end(s) : status;
}

static const struct converted *convert_as(bool lossy, gp_str bytes, size_t piece)
{
    static struct converted results[2];
    static size_t           turn;
    struct converted       *r = &results[turn++ % 2];
    struct gp_seven        *s = gp_seven_open(lossy);
    r->out.len                = 0;
    gp_seven_start(s, (struct gp_sink) { 0 });
    gp_status looked = feed(s, bytes, piece);
    r->is            = gp_seven_is(s, &r->why);
    CHECK(r->is == GP_SEVEN_CAN ? looked == GP_OK && !r->why : r->is == GP_SEVEN_ALREADY || r->why);
    if (r->is == GP_SEVEN_CAN) {
        gp_seven_start(s, (struct gp_sink) { gather, &r->out });
        CHECK(feed(s, bytes, piece) == GP_OK);
    }
    gp_seven_close(s);
    return r;
}

static const struct converted *convert(gp_str bytes, size_t piece)
{
    return convert_as(false, bytes, piece);
}

static void becomes(const char *message, const char *want)
{
    const struct converted *r = convert(gp_from(message), 1000);
    CHECK(r->is == GP_SEVEN_CAN);
    CHECK_IS(gathered(&r->out), want);
}

static void can_not(const char *message, const char *why)
{
    const struct converted *r = convert(gp_from(message), 1000);
    CHECK(r->is == GP_SEVEN_CAN_NOT);
    CHECK(mentions(gp_from(r->why), why));
}

/* ---- one leaf ----------------------------------------------------------------------------------------------------- */
TEST(text_becomes_quoted_printable)
{
    becomes(
        "From: a@b\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding:\r\n 8bit\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        "gr\xc3\xbc\xc3\x9f"
        "e = x \r\n\r\n\t\r\n",
        "From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        "gr=C3=BC=C3=9Fe =3D x=20\r\n\r\n=09\r\n");
}

TEST(what_is_no_text_becomes_base64)
{
    becomes(
        "MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\xfe\r\n",
        "MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n//4NCg==\r\n");
}

TEST(a_message_without_mime_is_given_it)
{
    becomes("Subject: x\r\n\r\n\xc3\xa4\r\n",
            "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n");
    becomes("Subject: x\r\n\r\n\xe4\r\n",
            "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E4\r\n");
}

TEST(what_was_encoded_already_is_mended)
{
    becomes("MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=20\xc3\xa4=\r\nb\r\n",
            "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=20=C3=A4=\r\nb\r\n");
    becomes("MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nYW\xff"
            "Jj\r\n",
            "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n");
}

TEST(lines_stay_short_and_none_looks_like_a_boundary)
{
    char           room[4096], want[76];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xa4");
    for (size_t i = 0; i < sizeof want - 7; i++) gp_put_char(&text, 'x');
    gp_put_z(&text, "--b\r\n--b--\r\n");
    const struct converted *r = convert(gp_said(&text), 1000);
    CHECK(mentions(gathered(&r->out), "xxx=\r\n=2D-b\r\n--b--\r\n"));
}

/* ---- parts -------------------------------------------------------------------------------------------------------- */
TEST(each_part_is_as_it_needs)
{
    becomes(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"=_a \\b\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "nobody reads \xc3\xa4\r\n--=_a b\r\n\r\nplain =\r\n--=_a b \r\nContent-Type: text/html (x)\r\n\r\n\xe4\r\n\r\n"
        "--=_a b\r\nContent-Transfer-Encoding: 8BIT\r\nContent-Type: image/png\r\n\r\n\xff\r\n--=_a b\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nnot even so\r\n--=_a b--\r\nend\r\n",
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"=_a \\b\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        "nobody reads ??\r\n--=_a b\r\n\r\nplain =\r\n--=_a b \r\nContent-Type: text/html (x)\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E4\r\n\r\n"
        "--=_a b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n/w==\r\n--=_a b\r\n"
        "Content-Transfer-Encoding: 7bit\r\n\r\nnot even so\r\n--=_a b--\r\nend\r\n");
}

TEST(multiparts_and_messages_within_are_entered)
{
    becomes(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/alternative; boundary=b\r\n"
        "\r\n--b\r\n\r\nx\r\n--b\r\n\r\n\xc3\xa4\r\n--a\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "Subject: y\r\n\r\n\xc3\xb6\r\n--a--\r\n",
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/alternative; boundary=b\r\n"
        "\r\n--b\r\n\r\nx\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        "=C3=A4\r\n--a\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        "Subject: y\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        "=C3=B6\r\n--a--\r\n");
}

TEST(a_mailboxs_line_before_a_message_is_passed_over)
{
    becomes(
        "Content-Type: message/rfc822\r\n\r\nFrom a@b Thu Nov 26 23:00:00 2026\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
        "\xe4\r\n",
        "Content-Type: message/rfc822\r\n\r\nFrom a@b Thu Nov 26 23:00:00 2026\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E4\r\n");
}

TEST(a_digest_is_of_messages)
{
    becomes("MIME-Version: 1.0\r\nContent-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain\r\n\r\n\xc3\xa4\r\n--a--\r\n",
            "MIME-Version: 1.0\r\nContent-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n--a--\r\n");
}

TEST(what_is_signed_stays_as_it_is)
{
    static const char around[] =
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
    char           room[1024];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, around);
    gp_put_z(&text, "as =20 it is \r\n--b--\r\n--a\r\nContent-Type: text/plain\r\n\r\n\xe4\r\n--a--\r\n");
    const struct converted *r = convert(gp_said(&text), 1000);
    CHECK(r->is == GP_SEVEN_CAN && gp_starts(gathered(&r->out), around));
    CHECK(mentions(gathered(&r->out), "\r\nas =20 it is \r\n--b--\r\n--a\r\n") &&
          mentions(gathered(&r->out), "\r\n=E4\r\n"));
    text.len = sizeof around - 1;
    gp_put_z(&text, "\xe4\r\n--b--\r\n--a--\r\n\0");
    room[text.len] = '\0';
    can_not(room, "multipart/signed");
}

/* ---- what can not be ------------------------------------------------------------------------------------------------ */
TEST(what_has_no_form_in_7_bits)
{
    can_not("Subject: \xc3\xa4\r\n\r\nx\r\n", "a header field");
    can_not(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nX: \xc3\xa4\r\n\r\nx\r\n--a--\r\n",
        "a header field");
    can_not("MIME-Version: 1.0\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n\xe4\r\n", "not known");
    can_not("MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n\r\n\xe4\r\n", "told apart");
    can_not("MIME-Version: 1.0\r\nno field\r\n\r\n\xe4\r\n", "can't be read");
    can_not("MIME-Version: 1.0\r\nContent-Type: message/partial; id=a\r\n\r\n\xe4\r\n", "message/partial");
}

#define MULTIPART "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"

/* Nobody reads what stands before the first part, but where there is none it may be the text. */
TEST(text_of_a_multipart_without_parts_is_not_lost)
{
    static const char *const lost[] = {
        MULTIPART "\xc3\xa4\r\n",
        MULTIPART "\xc3\xa4",
        MULTIPART "--A\r\n\r\n\xc3\xa4\r\n--A--\r\n",
        MULTIPART "\xc3\xa4\r\n--a--\r\n",
        MULTIPART "--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\xc3\xa4\r\n--a\r\n\r\nx\r\n--a--\r\n",
        MULTIPART "--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\xc3\xa4\r\n--a--\r\n",
        MULTIPART "--a\r\n\r\nx\r\n--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--B\r\n\r\n\xc3\xa4\r\n",
    };
    for (size_t i = 0; i < GP_COUNT(lost); i++) {
        can_not(lost[i], "told apart");
        CHECK(convert_as(true, gp_from(lost[i]), 7)->is == GP_SEVEN_CAN); /* a report has gaps in its stead */
    }
    becomes(MULTIPART "\xc3\xa4\r\n--a\r\n\r\nx\r\n--a--\r\n\xc3\xa4\r\n",
            MULTIPART "??\r\n--a\r\n\r\nx\r\n--a--\r\n??\r\n");
}

TEST(a_comment_behind_a_boundary_is_none_of_it)
{
    becomes(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a(x)\r\n\r\n--a\r\n\r\n\xc3\xa4\r\n--a--\r\n",
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a(x)\r\n\r\n--a\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n--a--\r\n");
}

static void put_nested(struct gp_text *text, unsigned depth)
{
    gp_put_z(text, "MIME-Version: 1.0\r\n");
    for (unsigned i = 0; i < depth; i++) {
        gp_put_z(text, "Content-Type: multipart/mixed; boundary=b");
        gp_put_number(text, i);
        gp_put_z(text, "\r\n\r\n--b");
        gp_put_number(text, i);
        gp_put_z(text, "\r\n");
    }
    gp_put_z(text, "\r\n\xe4\r\n");
}

TEST(depth_and_number_of_parts_are_bounded)
{
    static char    room[64 * 1024];
    struct gp_text text = GP_TEXT(room);
    put_nested(&text, 16);
    CHECK(convert(gp_said(&text), 1000)->is == GP_SEVEN_CAN);
    text.len = 0;
    put_nested(&text, 17);
    CHECK(convert(gp_said(&text), 1000)->is == GP_SEVEN_CAN_NOT);
    text.len = 0;
    gp_put_z(&text, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n");
    for (unsigned i = 0; i < 2047; i++) gp_put_z(&text, "\r\nx\r\n--b\r\n");
    size_t most = text.len;
    gp_put_z(&text, "\r\n\xe4\r\n--b--\r\n");
    CHECK(convert(gp_said(&text), 1000)->is == GP_SEVEN_CAN);
    text.len = most;
    gp_put_z(&text, "\r\nx\r\n--b\r\n\r\n\xe4\r\n--b--\r\n");
    CHECK(convert(gp_said(&text), 1000)->is == GP_SEVEN_CAN_NOT);
}

TEST(a_report_quotes_it_with_gaps)
{
    static const char text[] =
        "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\nSubject: \xe4\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/signed; boundary=a\r\n\r\n--a\r\n\r\n\xe4\r\n--a--\r\n";
    const struct converted *r = convert_as(true, gp_from(text), 1000);
    CHECK(r->is == GP_SEVEN_CAN);
    CHECK(mentions(gathered(&r->out), "Subject: ?\r\n") && mentions(gathered(&r->out), "--a\r\n\r\n?\r\n--a--\r\n"));
}

TEST(what_is_7_bits_needs_nothing)
{
    CHECK(convert(gp_from("Subject: x\r\n\r\nx\r\n"), 1000)->is == GP_SEVEN_ALREADY);
    CHECK(convert(gp_from("Content-Type: multipart/mixed\r\n\r\nx\r\n"), 1000)->is == GP_SEVEN_ALREADY);
    CHECK(convert(GP_NONE, 1000)->is == GP_SEVEN_ALREADY);
}

TEST(long_lines_are_cut_where_no_character_of_theirs_is_lost)
{
    static char    room[16 * 1024];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, "MIME-Version: 1.0\r\nContent-Type: application/x\r\n\r\n");
    for (unsigned i = 0; i < 57 * 54; i++) gp_put_char(&text, '\xff');
    gp_put_z(&text, "\r\n");
    const struct converted *r    = convert(gp_said(&text), 1000);
    gp_str                  body = gathered(&r->out);
    body = gp_tail(body, (size_t)((const char *)memmem(body.ptr, body.len, "\r\n\r\n", 4) - body.ptr) + 4);
    CHECK(gp_starts(body, "////") && gp_ends(body, "\r\nDQo=\r\n")); /* 54 lines are full; then CR LF */
}

static void check_cuts(bool lossy, gp_str bytes)
{
    const struct converted *whole = convert_as(lossy, bytes, SIZE_MAX);
    for (size_t piece = 1; piece < 8; piece += 3) {
        const struct converted *cut = convert_as(lossy, bytes, piece);
        CHECK(cut->is == whole->is);
        if (whole->is == GP_SEVEN_CAN) CHECK_SAME(gathered(&cut->out), gathered(&whole->out));
        whole = cut;
    }
    if (whole->is == GP_SEVEN_CAN) CHECK(gp_is_ascii(gathered(&whole->out)));
}

PROPERTY(what_comes_out_has_7_bits_however_it_was_cut, bytes)
{
    check_cuts(false, bytes);
    check_cuts(true, bytes);
}
