/* Which messages are alike: what differs from copy to copy does not matter, what is another text does. */
#include "check.h"

#include "mail/likeness.h"

static uint64_t digest_in(gp_str text, size_t piece)
{
    struct gp_likeness l;
    gp_likeness_init(&l);
    for (; text.len > 0; text = gp_tail(text, piece)) gp_likeness_add(&l, gp_head(text, piece));
    return gp_likeness_digest(&l);
}

static uint64_t of(const char *text)
{
    return digest_in(gp_from(text), SIZE_MAX);
}

#define TEXT "Your parcel could not be delivered, and waits for you at our depot.\r\n"

TEST(copies_are_alike_and_other_texts_are_not)
{
    uint64_t one = of("From: a@b\r\nSubject: Parcel 17\r\n\r\nDear Anna,\r\n\r\n" TEXT);
    CHECK(one != 0);
    CHECK(one == of("Date: x\r\nSUBJECT: parcel 99\r\nX: y\r\n\r\nDear Bert Miller,\r\n\r\n" TEXT));
    CHECK(of("Subject: Parcel\r\n\r\n--=_b1\r\nContent-Type: text/plain\r\n\r\nDear Anna,\r\n" TEXT) ==
          of("Subject:\r\n Parcel\r\n\r\n--=_b22\r\nContent-Type: text/plain\r\n\r\nDear Bert,\r\n" TEXT));
    CHECK(one != of("Subject: Parcel\r\n\r\nDear Anna,\r\n\r\nYour parcel was delivered today, in the morning.\r\n"));
    CHECK(one != of("Subject: Invoice\r\n\r\nDear Anna,\r\n\r\n" TEXT));
    CHECK(of("") == 0 && of("Subject: Hi\r\n\r\nyes\r\n") == 0);
}

PROPERTY(any_split_has_the_same_digest, bytes)
{
    uint64_t whole = digest_in(bytes, SIZE_MAX);
    for (size_t piece = 1; piece < 8; piece++) CHECK(digest_in(bytes, piece) == whole);
}
