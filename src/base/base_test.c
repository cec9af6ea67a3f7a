/* Slices, numbers, bounded text, buffers and arenas. */
#include "base/base.h"

#include "check.h"

#include <string.h>

TEST(slices_compare)
{
    CHECK(gp_from(NULL).ptr == NULL && gp_from("").ptr != NULL);
    CHECK(gp_same(GP_NONE, GP_LIT("")) && gp_same(GP_LIT("a"), GP_LIT("a")) && !gp_same(GP_LIT("a"), GP_LIT("A")));
    CHECK(gp_alike(GP_LIT("EhLo"), GP_LIT("eHlO")) && !gp_alike(GP_LIT("EHLO"), GP_LIT("EHLO ")));
    CHECK(!gp_alike(GP_LIT("@["), GP_LIT("`{"))); /* a letter's bit is not enough to be a letter */
    CHECK(!gp_alike(GP_LIT("\xc4"), GP_LIT("\xe4")));
    CHECK(gp_is(GP_LIT("quit"), "QUIT") && gp_starts(GP_LIT("AUTH x"), "auth ") && !gp_starts(GP_LIT("AUT"), "AUTH"));
    CHECK(gp_ends(GP_LIT("a.PEM"), ".pem") && !gp_ends(GP_LIT("m"), "pem") && gp_ends(GP_NONE, ""));
}

TEST(slices_are_cut)
{
    gp_str rest = GP_LIT("a,,b");
    CHECK_IS(gp_cut(&rest, ','), "a");
    CHECK_IS(gp_cut(&rest, ','), "");
    CHECK_IS(gp_cut(&rest, ','), "b");
    CHECK(rest.ptr == NULL);
    rest = GP_LIT("a,");
    CHECK_IS(gp_cut(&rest, ','), "a");
    CHECK(rest.ptr != NULL && rest.len == 0); /* something followed, and it is empty */
    rest = GP_LIT("  MAIL   FROM:<> ");
    CHECK_IS(gp_word(&rest), "MAIL");
    CHECK_IS(rest, "  FROM:<> ");
    CHECK_IS(gp_word(&rest), "FROM:<>");
    CHECK_IS(gp_word(&rest), "");
    CHECK_IS(gp_trim(GP_LIT(" \t x y\t ")), "x y");
    CHECK_IS(gp_trim(GP_LIT(" \t ")), "");
    CHECK_IS(gp_head(GP_LIT("abc"), 9), "abc");
    CHECK_IS(gp_tail(GP_LIT("abc"), 2), "c");
    CHECK_IS(gp_tail(GP_LIT("abc"), 9), "");
    CHECK(gp_tail(GP_NONE, 3).len == 0 && gp_find(GP_NONE, 'x') == 0 && gp_find(GP_LIT("abc"), 'c') == 2);
}

TEST(copies_end_in_nul_and_have_no_other)
{
    char out[4];
    CHECK(gp_copy_z(GP_LIT("abc"), out, sizeof out) && strcmp(out, "abc") == 0);
    CHECK(gp_copy_z(GP_NONE, out, sizeof out) && out[0] == '\0');
    CHECK(!gp_copy_z(GP_LIT("abcd"), out, sizeof out));
    CHECK(!gp_copy_z(GP_LIT("a\0b"), out, sizeof out));
    CHECK(!gp_copy_z(GP_LIT(""), out, 0));
}

TEST(numbers_are_digits_and_nothing_else)
{
    static const struct {
        const char *text;
        uint64_t    most, number;
        bool        right;
    } cases[] = {
  /* clang-format off */
        { "0", 9, 0, true }, { "007", 9, 7, true }, { "9", 9, 9, true }, { "10", 9, 0, false }, { "", 9, 0, false },
        { "-1", 9, 0, false }, { "+1", 9, 0, false }, { " 1", 9, 0, false }, { "1 ", 9, 0, false }, { "0x1", 9, 0, false },
        { "18446744073709551615", UINT64_MAX, UINT64_MAX, true }, { "18446744073709551616", UINT64_MAX, 0, false },
        { "99999999999999999999999", UINT64_MAX, 0, false },
  /* clang-format on */
    };
    for (size_t i = 0; i < GP_COUNT(cases); i++) {
        uint64_t number = 42;
        CHECK(gp_read_number(gp_from(cases[i].text), cases[i].most, &number) == cases[i].right);
        CHECK(number == (cases[i].right ? cases[i].number : 42));
    }
}

TEST(text_takes_all_of_a_piece_or_nothing)
{
    char           room[8];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, "12345");
    gp_put_z(&text, "6789");
    CHECK(text.cut);
    gp_put_char(&text, '6');
    gp_put_digits(&text, 7, 3);
    CHECK_IS(gp_said(&text), "123456");
    gp_put_digits(&text, 7, 2);
    CHECK_IS(gp_said(&text), "12345607");
}

TEST(numbers_are_written)
{
    char           room[64];
    struct gp_text text = GP_TEXT(room);
    gp_put_number(&text, INT64_MIN);
    gp_put_number(&text, 0);
    gp_put_number(&text, -1);
    gp_put_number(&text, INT64_MAX);
    gp_put_digits(&text, 1234, 2);
    CHECK(!text.cut);
    CHECK_IS(gp_said(&text), "-92233720368547758080-192233720368547758071234");
}

TEST(a_buffer_keeps_to_its_bound)
{
    struct gp_buffer buffer = { 0 };
    CHECK(gp_buffer_add(&buffer, GP_LIT("hello "), 10));
    CHECK(!gp_buffer_add(&buffer, GP_LIT("world"), 10));
    CHECK_IS(gp_buffer_all(&buffer), "hello ");
    CHECK(gp_buffer_add(&buffer, GP_LIT("you!"), 10));
    gp_buffer_took(&buffer, 6);
    CHECK_IS(gp_buffer_all(&buffer), "you!");
    gp_buffer_took(&buffer, 4);
    CHECK(buffer.ptr == NULL && buffer.room == 0);
    CHECK(gp_buffer_all(&buffer).len == 0);
    gp_buffer_free(&buffer);
}

/* However bytes come and go, what comes out is what went in, and memory stays in proportion to what is held. */
PROPERTY(a_buffer_is_a_queue_of_octets, bytes)
{
    struct gp_buffer buffer = { 0 };
    size_t           in = 0, out = 0;
    for (size_t step = 1; in < bytes.len; step = step % 13 + 1) {
        gp_str piece = gp_head(gp_tail(bytes, in), step * 7);
        CHECK(gp_buffer_add(&buffer, piece, 8192));
        in += piece.len;
        gp_str all = gp_buffer_all(&buffer);
        CHECK_SAME(all, gp_head(gp_tail(bytes, out), in - out));
        size_t take = step * 5 < all.len ? step * 5 : all.len;
        gp_buffer_took(&buffer, take);
        out += take;
        CHECK(buffer.room <= 256 || buffer.room <= 8 * (all.len + 64));
    }
    CHECK_SAME(gp_buffer_all(&buffer), gp_tail(bytes, out));
    gp_buffer_free(&buffer);
}

TEST(an_arena_keeps_to_its_bound)
{
    struct gp_arena arena = { .most = 4096 };
    gp_str          first = gp_arena_copy(&arena, GP_LIT("first"));
    for (int i = 0; i < 100; i++) (void)!gp_arena_take(&arena, 33);
    CHECK_IS(first, "first"); /* later blocks leave it where it is */
    CHECK(arena.used <= arena.most);
    CHECK(gp_arena_take(&arena, 4096) == NULL && gp_arena_take(&arena, SIZE_MAX) == NULL);
    CHECK(gp_arena_copy(&arena, (gp_str) { first.ptr, 5000 }).ptr == NULL);
    gp_arena_reset(&arena);
    CHECK(arena.used == 0);
    void *whole = gp_arena_take(&arena, 4096);
    CHECK(whole && (uintptr_t)whole % _Alignof(max_align_t) == 0);
    memset(whole, 1, 4096);
    gp_arena_reset(&arena);
    CHECK(gp_arena_take(&(struct gp_arena) { 0 }, 0) == NULL);
}
