/* TXT records: right ones, and each way to be wrong. */
#include "mail/records.h"

#include "check.h"

static const char *broken(const char *kind, gp_str txt)
{
    char                  room[GP_DKIM_KEY_MOST];
    struct gp_text        octets = GP_TEXT(room);
    struct gp_dkim_record key;
    struct gp_dmarc       dmarc;
    switch (kind[0]) {
    case 'k': return gp_dkim_record_read(txt, &key, &octets);
    case 'd': return gp_dmarc_read(txt, &dmarc);
    case 's': return gp_sts_why_broken(txt);
    default: return gp_tlsrpt_why_broken(txt);
    }
}

TEST(records_are_right_or_say_what_is_wrong)
{
    static const struct {
        const char *kind, *txt, *why;
    } cases[] = {
        {"key",    "v=DKIM1; k=rsa; p=AAAA",                                                      NULL                                             },
        { "key",   "p=AA AA",                                                                     NULL                                             },
        { "key",   "v=DKIM1; p=",                                                                 NULL                                             },
        { "key",   " v=DKIM1 ; n=any thing; h=sha1:sha256; s=tlsrpt : email; t=s; p=AAAA;",       NULL                                             },
        { "key",   "k=rsa; v=DKIM1; p=AAAA",                                                      "v= is not DKIM1 and the first tag"              },
        { "key",   "v=DKIM2; p=AAAA",                                                             "v= is not DKIM1 and the first tag"              },
        { "key",   "v=DKIM1; k=dsa; p=AAAA",                                                      "k= names no type of key that is known"          },
        { "key",   "v=DKIM1; h=sha1; p=AAAA",                                                     "h= does not allow sha256"                       },
        { "key",   "v=DKIM1; s=other; p=AAAA",                                                    "s= does not allow email"                        },
        { "key",   "v=DKIM1; p=AA!A",                                                             "p= is not base64, or too long"                  },
        { "key",   "v=DKIM1; k=rsa",                                                              "there is no p= in it"                           },
        { "key",   "v=DKIM1 k=rsa p",                                                             "v= is not DKIM1 and the first tag"              },
        { "key",   "v=DKIM1; nothing; p=AAAA",                                                    "it is no list of tags"                          },
        { "dmarc", "v=DMARC1; p=none",                                                            NULL                                             },
        { "dmarc", "v=DMARC1; p=Reject; sp=none; rua=mailto:a@x.example,mailto:b@x.example!10m;", NULL                                             },
        { "dmarc", "v=dmarc1; p=none",                                                            "it does not begin with v=DMARC1"                },
        { "dmarc", "p=none; v=DMARC1",                                                            "it does not begin with v=DMARC1"                },
        { "dmarc", "v=DMARC1; p=none; rua=https://x.example/r,mailto:a@x.example",                NULL                                             },
        { "dmarc", "v=DMARC1; rua=mailto:a@x.example",                                            "p= is not none, quarantine or reject"           },
        { "dmarc", "v=DMARC1; p=block",                                                           "p= is not none, quarantine or reject"           },
        { "dmarc", "v=DMARC1; p=none; sp=x",                                                      "sp= is not none, quarantine or reject"          },
        { "dmarc", "v=DMARC1; p=none; rua=a@x.example",                                           "rua= is no list of mailto: addresses"           },
        { "sts",   "v=STSv1; id=20260101T000000;",                                                NULL                                             },
        { "sts",   "v=STSv1; id=",                                                                "id= is not 1 to 32 letters and digits"          },
        { "sts",   "v=STSv1; id=2026-01-01",                                                      "id= is not 1 to 32 letters and digits"          },
        { "sts",   "v=STS; id=1",                                                                 "it does not begin with v=STSv1;"                },
        { "tls",   "v=TLSRPTv1; rua=mailto:a@x.example,https://x.example/",                       NULL                                             },
        { "tls",   "v=TLSRPTv1;",                                                                 "there is no rua= in it"                         },
        { "tls",   "v=TLSRPTv1; rua=a@x.example",                                                 "rua= is no list of mailto: and https: addresses"},
        { "tls",   "v=TLSRPT; rua=mailto:a@x.example",                                            "it does not begin with v=TLSRPTv1;"             },
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        const char *why = broken(cases[i].kind, gp_from(cases[i].txt));
        CHECK_IS(gp_from(why ? why : "right"), cases[i].why ? cases[i].why : "right");
    }
}

TEST(a_key_comes_out_with_what_is_said_of_it)
{
    char                  room[GP_DKIM_KEY_MOST];
    struct gp_text        octets = GP_TEXT(room);
    struct gp_dkim_record key;
    CHECK(!gp_dkim_record_read(GP_LIT("v=DKIM1; k=ed25519; t=y; p=aGVs\tbG8="), &key, &octets));
    CHECK(key.ed25519 && key.testing);
    CHECK_IS(key.key, "hello");
}

/* None of the readers looks beyond the record or the room. */
PROPERTY(any_txt_is_a_record_or_says_why_not, bytes)
{
    static const char *const kinds[] = { "key", "dmarc", "sts", "tls" };
    for (size_t i = 0; i < GP_COUNT(kinds); i++) {
        const char *why = broken(kinds[i], bytes);
        CHECK(!why || why[0]);
    }
    if (gp_is_sts(bytes)) CHECK(!gp_is_tlsrpt(bytes) && !gp_is_dmarc(bytes));
}
