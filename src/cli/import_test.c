/* Readers of other systems' files: what they make of each, line by line, and of any octets. */
#include "cli/import.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { SAID_ROOM = 64 * 1024 };

/* "LINE field=value ...;" for each entry, "LINE skipped;" and "LINE bad;" for the others. */
static void tell(import_read *read, const char *text, size_t len, struct gp_text *said)
{
    struct import_source s = { .text = malloc(len + 1), .len = len };
    struct import_entry  e;
    const char          *why  = NULL;
    size_t               most = 2 * len + 4; /* a reader that does not move would go on for ever */
    assert_non_null(s.text);
    memcpy(s.text, text, len);
    s.text[len] = '\0';
    for (;;) {
        enum import_step step = read(&s, &e, &why);
        CHECK(most-- > 0 && s.at <= s.len);
        if (step == IMPORT_END) break;
        CHECK(step != IMPORT_BAD || (why && *why));
        gp_put_number(said, (int64_t)e.line);
        if (step == IMPORT_SKIPPED) gp_put_z(said, " skipped");
        if (step == IMPORT_BAD) gp_put_z(said, " bad");
        for (unsigned i = 0; step == IMPORT_ENTRY && i < IMPORT_FIELDS; i++) {
            if (!e.fields[i]) continue;
            gp_put_char(said, ' ');
            gp_put_z(said, import_field_name(i));
            gp_put_char(said, '=');
            gp_put_z(said, e.fields[i]);
        }
        if (step == IMPORT_ENTRY && e.expires_at) {
            gp_put_z(said, " at ");
            gp_put_number(said, e.expires_at);
        }
        gp_put_char(said, ';');
    }
    import_source_free(&s);
    free(s.text);
}

/* clang-format off */
static const struct { import_read *read; const char *text, *said; } files[] = {
    /* RFC 4180, and what spreadsheets make of it */
    { import_csv, "user,hash\r\nanna,$6$x\r\nbert,$6$y\r\n",             "2 user=anna hash=$6$x;3 user=bert hash=$6$y;" },
    { import_csv, "\xef\xbb\xbfUser, Password\nanna,\"a,b\"\"c\"\n",      "2 user=anna password=a,b\"c;" },
    { import_csv, "user,password\n\"anna\",\"two\nlines\"\nbert,x",        "2 user=anna password=two\nlines;4 user=bert password=x;" },
    { import_csv, "user,hash,created\n\nanna,,2026\n\n",                 "3 user=anna;" },
    { import_csv, "user,hash\n\"\",\"\"\n",                              "2;" },
    { import_csv, "user,hash\nanna\nbert,x,y\ncarl,z\n",                 "2 bad;3 bad;4 user=carl hash=z;" },
    { import_csv, "user,hash\nan\"na,x\nbert,\"x\"y\ncarl,z\n",          "2 bad;3 bad;4 user=carl hash=z;" },
    { import_csv, "user,hash\nanna,\"x\n",                               "2 bad;" },
    { import_csv, "anna,secret\nbert,x\n",                               "1 bad;" },
    { import_csv, "user,user\nanna,x\n",                                 "1 bad;" },
    { import_csv, "hash\nanna\n",                                        "1 bad;" },
    { import_csv, "",                                                    "" },
    { import_csv, "user,hash,label,send_as,disabled,mechanisms,listeners,networks,senders,hours,expires,unused,kind,subject\n"
                  "anna,h,l,s,yes,m,i,n,w,o,e,u,k,j\n",
      "2 user=anna hash=h label=l kind=k subject=j send_as=s disabled=yes mechanisms=m listeners=i networks=n senders=w hours=o"
      " expires=e unused=u;" },

    { import_json, "[]",                                                 "" },
    { import_json, " [ ] \n",                                            "" },
    { import_json, "[{\"user\":\"anna\",\"hash\":\"x\"},\n{\"user\":\"bert\",\"password\":\"y\"}]", "1 user=anna hash=x;2 user=bert password=y;" },
    { import_json, "[\n {\"user\": \"anna\", \"send_as\": [\"a@b\", \"@c\"], \"disabled\": true, \"label\": null, \"hours\": \"\"}\n]",
      "2 user=anna send_as=a@b @c disabled=yes;" },
    { import_json, "[{\"user\":\"anna\",\"credentials\":[{\"hash\":\"x\",\"label\":\"a\"},\n{\"hash\":\"y\",\"label\":\"b\",\"created\":null}]}]",
      "1 user=anna hash=x label=a;1 user=anna hash=y label=b;" },
    { import_json, "[{\"user\":\"anna\",\"colour\":\"x\"},{\"user\":7},{\"user\":\"bert\"}]", "1 bad;1 bad;1 user=bert;" },
    { import_json, "[{\"user\":\"anna\"},\n{\"user\":}]",                "1 user=anna;2 bad;" },
    { import_json, "[{\"user\":\"anna\",\"user\":\"bert\"}]",            "1 bad;" },
    { import_json, "[{\"user\":\"anna\"}",                               "1 user=anna;1 bad;" },
    { import_json, "[{\"user\":\"anna\"}] x",                            "1 user=anna;1 bad;" },
    { import_json, "[\"anna\"]",                                         "1 bad;" },
    { import_json, "{\"user\":\"anna\"}",                                "1 bad;" },
    { import_json, "[{\"user\":\"anna\",\"credentials\":[7]}]",          "1 bad;" },
    { import_json, "",                                                   "1 bad;" },

    { import_htpasswd, "# users\nanna:$apr1$x$y\n\nbert:{SHA}z\r\n",     "2 user=anna hash=$apr1$x$y;4 user=bert hash={SHA}z;" },
    { import_htpasswd, "anna\nbert:x:y\ncarl:\ndora:!x\n:y",             "1 bad;2 bad;3 skipped;4 skipped;5 user= hash=y;" },

    { import_passwd_file, "anna:{PLAIN}x::::::\nbert:$1$a$b\n",          "1 user=anna hash={PLAIN}x;2 user=bert hash=$1$a$b;" },
    { import_passwd_file, "anna:x1:5000:5000::/home/anna::userdb_mail=maildir:~/m allow_nets=10.0.0.0/8,2001:db8::/32 nologin\n",
      "1 user=anna hash=x1 networks=10.0.0.0/8,2001:db8::/32;" },
    { import_passwd_file, "anna::5000\n#x\nbert\n",                      "1 skipped;3 bad;" },

    { import_shadow, "root:*:19000:0:99999:7:::\nanna:$y$j9T$a$b:19000:0:99999:7:::\nbert:!$6$x:1::::::\n",
      "1 skipped;2 user=anna hash=$y$j9T$a$b;3 skipped;" },
    { import_shadow, "anna:$6$a$b:19000:0:99999:7::20818:\n",            "1 user=anna hash=$6$a$b at 1798675200000;" },
    { import_shadow, "anna:$6$a$b:19000:0:99999:7::soon:\nbert:x1\n",    "1 bad;2 user=bert hash=x1;" },

    { import_sasldb, "VERSION=3\nformat=print\ntype=hash\nHEADER=END\n anna\\00example.org\\00userPassword\n se\\\\cr\\c3\\a9t\nDATA=END\nmore\n",
      "5 user=anna@example.org password=se\\cr\xc3\xa9t;" },
    { import_sasldb, "VERSION=3\nformat=bytevalue\nHEADER=END\n 616e6e6100007573657250617373776f7264\n 78\nDATA=END\n", "4 user=anna password=x;" },
    { import_sasldb, "VERSION=3\nformat=print\nHEADER=END\n anna\\00a\\00cmusaslsecretOTP\n x\n bert\\00a\n x\n carl\\00a\\00userPassword\n y\\00\n"
                     " dora\\00a\\00userPassword\n z\n", "4 skipped;6 bad;8 bad;10 user=dora@a password=z;" },
    { import_sasldb, "VERSION=3\nformat=print\n",                        "1 bad;" },
    { import_sasldb, "VERSION=3\nformat=bytevalue\nHEADER=END\n 61zz\n 78\n 6\n", "4 bad;6 bad;" },
    { import_sasldb, "anna@example.org: userPassword\nanna@example.org: cmusaslsecretOTP\nbert\n", "1 user=anna@example.org;2 skipped;3 bad;" },
};
/* clang-format on */

TEST(files_are_read_line_by_line)
{
    for (size_t i = 0; i < GP_COUNT(files); i++) {
        static char    room[SAID_ROOM];
        struct gp_text said = GP_TEXT(room);
        print_message("%s\n", files[i].text);
        tell(files[i].read, files[i].text, strlen(files[i].text), &said);
        CHECK_IS(gp_said(&said), files[i].said);
    }
}

/* Any octets but NUL, which the command refuses, come to an end, and every problem has a reason. */
static void read_any(import_read *read, gp_str bytes)
{
    static char    room[SAID_ROOM];
    struct gp_text said = GP_TEXT(room);
    gp_str         text = gp_head(bytes, gp_find(bytes, '\0'));
    tell(read, text.len ? text.ptr : "", text.len, &said);
}

PROPERTY(import_reads_any_csv, bytes)
{
    read_any(import_csv, bytes);
}

PROPERTY(import_reads_any_json, bytes)
{
    read_any(import_json, bytes);
}

PROPERTY(import_reads_any_lines, bytes)
{
    read_any(import_htpasswd, bytes);
    read_any(import_passwd_file, bytes);
    read_any(import_shadow, bytes);
}

PROPERTY(import_reads_any_sasldb, bytes)
{
    read_any(import_sasldb, bytes);
}

/* A cell that was quoted comes back as it was. */
PROPERTY(csv_cells_come_back, bytes)
{
    char           room[8192], said_room[8192], want_room[8192];
    struct gp_text text = GP_TEXT(room), said = GP_TEXT(said_room), want = GP_TEXT(want_room);
    gp_str         cell = gp_head(gp_head(bytes, gp_find(bytes, '\0')), 1024);
    if (cell.len == 0) return;
    gp_put_z(&text, "hash,user\r\n\"");
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.ptr[i] == '"') gp_put_char(&text, '"');
        gp_put_char(&text, cell.ptr[i]);
    }
    gp_put_z(&text, "\",anna\r\n");
    tell(import_csv, room, text.len, &said);
    gp_put_z(&want, "2 user=anna hash=");
    gp_put(&want, cell);
    gp_put_char(&want, ';');
    CHECK_SAME(gp_said(&said), gp_said(&want));
}
