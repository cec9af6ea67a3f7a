/* SipHash-2-4 as its paper has it: two rounds for each eight octets, four at the end. */
#include "policy/keyed.h"

#include <string.h>

enum { WORD = 8, BITS = 64, LENGTH_AT = 56, ROUNDS = 2, LAST_ROUNDS = 4, LAST_MARK = 0xff };

struct state {
    uint64_t a, b, c, d;
};

static uint64_t turn(uint64_t x, unsigned by)
{
    return x << by | x >> (BITS - by);
}

/* The amounts are the paper's. */
static void mix(struct state *s, unsigned rounds)
{
    while (rounds-- > 0) {
        s->a += s->b;
        s->c += s->d;
        s->b = turn(s->b, 13) ^ s->a;
        s->d = turn(s->d, 16) ^ s->c;
        s->a = turn(s->a, 32) + s->d;
        s->c += s->b;
        s->d = turn(s->d, 21) ^ s->a;
        s->b = turn(s->b, 17) ^ s->c;
        s->c = turn(s->c, 32);
    }
}

static uint64_t word_at(const void *octets, size_t len)
{
    const unsigned char *at   = octets;
    uint64_t             word = 0;
    for (size_t i = len; i > 0; i--) word = word << WORD | at[i - 1];
    return word;
}

static void take(struct state *s, uint64_t word)
{
    s->d ^= word;
    mix(s, ROUNDS);
    s->a ^= word;
}

uint64_t keyed_hash(const uint8_t key[static KEYED_KEY], gp_str data)
{
    uint64_t first = word_at(key, WORD), second = word_at(key + WORD, WORD), length = (uint64_t)data.len << LENGTH_AT;
    struct state s = { first ^ 0x736f6d6570736575U, second ^ 0x646f72616e646f6dU, first ^ 0x6c7967656e657261U,
                       second ^ 0x7465646279746573U };
    for (; data.len >= WORD; data = gp_tail(data, WORD)) take(&s, word_at(data.ptr, WORD));
    take(&s, length | word_at(data.ptr, data.len));
    s.c ^= LAST_MARK;
    mix(&s, LAST_ROUNDS);
    return s.a ^ s.b ^ s.c ^ s.d;
}
