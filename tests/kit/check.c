/* The runner behind check.h: registration, properties with corpus and seeded mutations, vectors. */
#include "check.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TESTS_MOST = 512, INPUT_MOST = 4096, MUTATIONS = 20000 };

static struct kit_entry *first, **last = &first;

void kit_register(struct kit_entry *entry)
{
    *last = entry;
    last  = &entry->next;
}

void kit_check_is(gp_str got, gp_str want, const char *file, int line)
{
    if (gp_same(got, want)) return;
    print_error("got  \"%.*s\"\nwant \"%.*s\"\n", (int)got.len, got.ptr ? got.ptr : "", (int)want.len,
                want.ptr ? want.ptr : "");
    _fail(file, line);
}

char *kit_file(const char *path, size_t *len)
{
    const char *root = getenv("GP_SOURCE_ROOT");
    char        full[2048];
    snprintf(full, sizeof full, "%s/%s", root ? root : ".", path);
    FILE *f = fopen(full, "rb");
    if (!f) fail_msg("%s: cannot be read", full);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *text = malloc((size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, f) != (size_t)size) fail_msg("%s: short read", full);
    fclose(f);
    text[size] = '\0';
    if (len) *len = (size_t)size;
    return text;
}

gp_str kit_hex(const char *hex, char *out, size_t room)
{
    size_t len = 0;
    if (!gp_read_hex(gp_from(hex), out, room, &len)) fail_msg("not hex: %s", hex);
    return (gp_str) { out, len };
}

gp_str kit_base64(const char *text, char *out, size_t room)
{
    size_t len = 0;
    if (!gp_read_base64(gp_from(text), out, room, &len)) fail_msg("not base64: %s", text);
    return (gp_str) { out, len };
}

static struct kit_entry *running;

/* ---- properties --------------------------------------------------------------------------------------- */
static uint64_t seed;

static uint32_t roll(uint32_t below) /* xorshift64*: the same inputs on every machine */
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (uint32_t)((seed * 2685821657736338717ULL) >> 33) % below;
}

static size_t mutate(char *bytes, size_t len)
{
    static const char *const words[] = {
        "\r\n",        "\n", "\r", ".\r\n", "\r\n.\r\n", "\0", "=",          "<",
        ">",           ":",  " ",  "\t",    "\"",        "@",  "EHLO x\r\n", "MAIL FROM:<a@b.c>\r\n",
        "AUTH PLAIN ", "*",  ",",  "\xff",  "\xc3\xa9"
    };
    for (uint32_t n = 1 + roll(6); n > 0; n--) {
        size_t at = len ? roll((uint32_t)len) : 0;
        switch (roll(5)) {
        case 0:
            if (len) bytes[at] = (char)roll(256);
            break;
        case 1: /* cut a piece out */
            if (len) {
                size_t cut = 1 + roll((uint32_t)(len - at));
                memmove(bytes + at, bytes + at + cut, len - at - cut);
                len -= cut;
            }
            break;
        case 2: { /* put a word in */
            const char *word = words[roll(GP_COUNT(words))];
            size_t      size = *word ? strlen(word) : 1;
            if (len + size > INPUT_MOST) break;
            memmove(bytes + at + size, bytes + at, len - at);
            memcpy(bytes + at, word, size);
            len += size;
            break;
        }
        case 3: /* say a piece again */
            if (len) {
                size_t size = 1 + roll((uint32_t)(len - at));
                if (len + size > INPUT_MOST) break;
                memcpy(bytes + len, bytes + at, size);
                len += size;
            }
            break;
        default:
            if (len) bytes[at] ^= (char)(1U << roll(8));
        }
    }
    return len;
}

struct corpus {
    char  *text[256];
    size_t len[256], count;
};

static void read_corpus(const char *name, struct corpus *c)
{
    const char *root = getenv("GP_SOURCE_ROOT");
    char        folder[1024], path[2048];
    snprintf(folder, sizeof folder, "%s/tests/fuzz/%s", root ? root : ".", name);
    struct dirent **files = NULL;
    int             n     = scandir(folder, &files, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "tests/fuzz/%s/%s", name, files[i]->d_name);
        if (files[i]->d_name[0] != '.' && c->count < GP_COUNT(c->text)) {
            c->text[c->count] = kit_file(path, &c->len[c->count]);
            c->count++;
        }
        free(files[i]);
    }
    free(files);
}

static void run_property(void **state)
{
    struct kit_entry *entry = *state;
    static char       bytes[INPUT_MOST];
    struct corpus     c = { 0 };
    read_corpus(entry->name, &c);
    for (size_t i = 0; i < c.count; i++) entry->property((gp_str) { c.text[i], c.len[i] });
    seed               = 0x9E3779B97F4A7C15ULL;
    size_t      len    = 0;
    const char *fewer  = getenv("GP_MUTATIONS"); /* sanitised builds may take fewer */
    long        rounds = fewer ? strtol(fewer, NULL, 10) : MUTATIONS;
    for (long i = 0; i < rounds; i++) {
        if (i % 8 == 0) { /* start again from a corpus entry, or from nothing */
            size_t pick = roll((uint32_t)c.count + 1);
            len         = pick < c.count ? (c.len[pick] < INPUT_MOST ? c.len[pick] : INPUT_MOST) : 0;
            if (len) memcpy(bytes, c.text[pick], len);
        }
        len         = mutate(bytes, len);
        char *exact = malloc(len ? len : 1); /* so that a sanitiser sees one octet too far */
        assert_non_null(exact);
        memcpy(exact, bytes, len);
        entry->property((gp_str) { exact, len });
        free(exact);
    }
    for (size_t i = 0; i < c.count; i++) free(c.text[i]);
}

#ifdef GP_FUZZ
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size));

static int run_input(const uint8_t *data, size_t size)
{
    running->property((gp_str) { (const char *)data, size });
    return 0;
}

/* libFuzzer with its own arguments, on the property of that name. */
static int fuzz(const char *name, int argc, char **argv)
{
    for (running = first; running; running = running->next)
        if (running->property && strcmp(name, running->name) == 0) return LLVMFuzzerRunDriver(&argc, &argv, run_input);
    fprintf(stderr, "%s has no property %s\n", argv[0], name);
    return 1;
}
#endif

int main(int argc, char **argv)
{
#ifdef GP_FUZZ
    if (getenv("PROPERTY")) return fuzz(getenv("PROPERTY"), argc, argv);
#endif
    static struct CMUnitTest tests[TESTS_MOST];
    size_t                   count = 0;
    const char              *only  = argc > 1 ? argv[1] : NULL;
    for (running = first; running && count < TESTS_MOST; running = running->next) {
        if (only && strcmp(only, running->name) != 0) continue;
        tests[count++] = running->property ? (struct CMUnitTest) { running->name, run_property, NULL, NULL, running }
                                           : (struct CMUnitTest) { running->name, running->test, NULL, NULL, NULL };
    }
    const char *name = strrchr(argv[0], '/');
    return _cmocka_run_group_tests(name ? name + 1 : argv[0], tests, count, NULL, NULL);
}
