/* One reading of a set-up: defaults, then the file, then the environment, then what all of them together mean; the problems
 * of all four are reported in the order of their lines. */
#include "config/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- problems ------------------------------------------------------------------------------------------- */
/* The file as a whole comes first, then its lines, then the environment. */
static unsigned rank(const struct config_place *place)
{
    return place->variable[0] ? UINT_MAX : place->line;
}

static void put_place(struct gp_text *out, const struct config_place *place)
{
    gp_put_z(out, place->variable[0] ? place->variable : CONFIG_FILE_NAME);
    if (place->line) {
        gp_put_char(out, ':');
        gp_put_number(out, place->line);
    }
    gp_put_z(out, ": ");
}

void config_problem(struct config_reading *reading, const struct config_place *place, gp_str text)
{
    if (reading->problem_count == CONFIG_PROBLEMS_MOST) {
        reading->untold++;
        return;
    }
    size_t at = reading->problem_count++;
    while (at > 0 && rank(&reading->problems[at - 1].place) > rank(place)) {
        reading->problems[at] = reading->problems[at - 1];
        at--;
    }
    struct config_problem *problem = &reading->problems[at];
    problem->place                 = *place;
    problem->len                   = text.len < sizeof problem->text ? text.len : sizeof problem->text;
    if (text.len) memcpy(problem->text, text.ptr, problem->len);
}

static void report_untold(size_t untold, void (*report)(void *owner, gp_str line), void *owner)
{
    char           room[sizeof CONFIG_FILE_NAME + 64];
    struct gp_text line = GP_TEXT(room);
    gp_put_z(&line, CONFIG_FILE_NAME ": and ");
    gp_put_number(&line, (int64_t)untold);
    gp_put_z(&line, untold == 1 ? " more problem" : " more problems");
    report(owner, gp_said(&line));
}

static bool report_all(const struct config_reading *reading, void (*report)(void *owner, gp_str line), void *owner)
{
    for (size_t i = 0; i < reading->problem_count; i++) {
        char           room[CONFIG_PROBLEM_ROOM + sizeof(struct config_place) + sizeof CONFIG_FILE_NAME + 16];
        struct gp_text line                  = GP_TEXT(room);
        const struct config_problem *problem = &reading->problems[i];
        put_place(&line, &problem->place);
        gp_put(&line, (gp_str) { problem->text, problem->len });
        report(owner, gp_said(&line));
    }
    if (reading->untold) report_untold(reading->untold, report, owner);
    return reading->problem_count == 0;
}

/* ---- values --------------------------------------------------------------------------------------------- */
void config_begin(struct config_reading *reading, const struct config_key *key, const struct config_place *place,
                  enum config_source source)
{
    size_t row                    = (size_t)(key - config_keys);
    reading->places[row]          = *place;
    reading->config->sources[row] = (unsigned char)source;
    if (key->type->clear) key->type->clear(reading->config);
}

void config_take(struct config_reading *reading, const struct config_key *key, const struct config_place *place,
                 gp_str text)
{
    char           why_room[CONFIG_PROBLEM_ROOM], room[CONFIG_PROBLEM_ROOM];
    struct gp_text why = GP_TEXT(why_room), problem = GP_TEXT(room);
    if (key->type->read(reading->config, key, text, &why)) return;
    gp_put_z(&problem, key->name);
    gp_put_z(&problem, ": ");
    gp_put(&problem, gp_said(&why));
    config_problem(reading, place, gp_said(&problem));
}

void config_take_all(struct config_reading *reading, const struct config_key *key, const struct config_place *place,
                     gp_str text)
{
    if (!key->type->clear) {
        config_take(reading, key, place, text);
        return;
    }
    while (text.ptr) config_take(reading, key, place, gp_trim(gp_cut(&text, ',')));
}

void config_read_defaults(struct config_reading *reading)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        config_begin(reading, key, &(struct config_place) { 0 }, CONFIG_DEFAULT);
        bool empty = key->type->clear && key->usual && !key->usual[0]; /* a list of nothing */
        if (key->usual && !empty) config_take_all(reading, key, &(struct config_place) { 0 }, gp_from(key->usual));
    }
}

/* Most sources can check a password that they are shown and nothing else; a client that takes SCRAM because it is offered would fail
 * there with a right password. */
static void derive_mechanisms(struct config_reading *reading)
{
    struct config *config = reading->config;
    unsigned char *from   = &config->sources[config_find(GP_LIT("mechanisms")) - config_keys];
    struct gp_text out    = { .ptr = config->mechanisms, .room = sizeof config->mechanisms - 1 };
    bool           some   = false;
    for (size_t i = 0; i < config->lookup_count; i++) some |= config->lookups[i].type != LOOKUP_OAUTH;
    if (!some || *from != CONFIG_DEFAULT) return;
    *from = CONFIG_FROM_SOURCES;
    gp_put_z(&out, CONFIG_MECHANISMS_WITHOUT_SCRAM);
    config->mechanisms[out.len] = '\0';
}

enum relay_proof config_relay_proof(const struct config *config)
{
    if (config->relay.kind != RELAY_SMARTHOST) return RELAY_NO_PROOF;
    if (config->relay.provider[0]) return RELAY_PROVIDER;
    if (config->relay.token_file[0]) return RELAY_TOKEN;
    if (config->relay.password_file[0]) return RELAY_PASSWORD;
    return config_relay_presents(config) ? RELAY_CERTIFICATE : RELAY_NO_PROOF;
}

bool config_proof_is_token(enum relay_proof proof)
{
    return proof == RELAY_TOKEN || proof == RELAY_PROVIDER;
}

bool config_relay_presents(const struct config *config)
{
    return config->relay.kind == RELAY_SMARTHOST && config->relay.certificate_file[0];
}

/* What a password is for is of no use to who has a token, and nothing but EXTERNAL to who has a certificate alone. */
static void derive_relay_mechanisms(struct config_reading *reading)
{
    struct config   *config = reading->config;
    enum relay_proof proof  = config_relay_proof(config);
    bool             shows  = config_relay_presents(config);
    unsigned char   *from   = &config->sources[config_find(GP_LIT("relay.mechanisms")) - config_keys];
    char             usual[sizeof config->relay.mechanisms];
    struct gp_text   out = { .ptr = config->relay.mechanisms, .room = sizeof config->relay.mechanisms - 1 };
    if (*from != CONFIG_DEFAULT || (!config_proof_is_token(proof) && !shows)) return;
    *from = CONFIG_FROM_PROOF;
    (void)gp_copy_z(gp_from(config->relay.mechanisms), usual, sizeof usual);
    if (shows) gp_put_z(&out, proof == RELAY_CERTIFICATE ? "EXTERNAL" : "EXTERNAL ");
    if (proof != RELAY_CERTIFICATE) gp_put_z(&out, config_proof_is_token(proof) ? CONFIG_MECHANISMS_FOR_TOKENS : usual);
    config->relay.mechanisms[out.len] = '\0';
}

static void derive_tls_reports(struct config *config)
{
    char          *contact = config->tls_reports.contact;
    struct gp_text out     = { .ptr = contact, .room = sizeof(config->tls_reports.contact) - 1 };
    gp_str         domain  = gp_head(gp_from(config->domain), sizeof(config->tls_reports.organization) - 1);
    if (!config->tls_reports.organization[0])
        (void)gp_copy_z(domain, config->tls_reports.organization, sizeof(config->tls_reports.organization));
    if (contact[0]) return;
    gp_put_z(&out, "postmaster@");
    gp_put_z(&out, config->domain);
    contact[out.len] = '\0';
}

/* mail.example.org serves example.org; a name of one or two labels serves itself. */
static void derive_domain(struct config *config)
{
    gp_str rest = gp_from(config->hostname);
    if (config->domain[0]) return;
    (void)gp_cut(&rest, '.');
    bool is_parent = rest.ptr && gp_find(rest, '.') < rest.len;
    (void)gp_copy_z(is_parent ? rest : gp_from(config->hostname), config->domain, sizeof config->domain);
    config->sources[config_find(GP_LIT("domain")) - config_keys] = CONFIG_DERIVED;
}

void config_derive(struct config_reading *reading)
{
    struct config *config = reading->config;
    derive_mechanisms(reading);
    config_derive_provider(reading);
    derive_relay_mechanisms(reading);
    config_add_webhook(config);
    config_add_fetcher(config);
    config_add_events(config);
    config_add_web(config);
    derive_domain(config);
    derive_tls_reports(config);
}

/* ---- the file ------------------------------------------------------------------------------------------- */
static void complain_errno(struct config_reading *reading, const char *what)
{
    char           room[CONFIG_PROBLEM_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, what);
    gp_put_z(&text, strerror(errno));
    config_problem(reading, &(struct config_place) { 0 }, gp_said(&text));
}

static bool read_all(int fd, struct gp_buffer *into)
{
    char    piece[4096];
    ssize_t got;
    while ((got = read(fd, piece, sizeof piece)) > 0)
        if (!gp_buffer_add(into, (gp_str) { piece, (size_t)got }, CONFIG_FILE_MOST)) {
            errno = EFBIG;
            return false;
        }
    return got == 0;
}

/* Without a file the environment must say it all. */
static bool read_file(struct config_reading *reading)
{
    char             path[CONFIG_PATH];
    struct gp_buffer text    = { 0 };
    bool             is_read = false;
    if (!config_path(reading->config, CONFIG_FILE_NAME, path)) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT) return true;
        complain_errno(reading, "cannot be opened: ");
        return false;
    }
    if (read_all(fd, &text))
        is_read = config_read_document(reading, gp_buffer_all(&text));
    else
        complain_errno(reading, "cannot be read: ");
    gp_buffer_free(&text);
    close(fd);
    return is_read;
}

static bool find_dir(struct config_reading *reading, const char *dir)
{
    char *whole = realpath(dir, NULL);
    bool  fits  = whole && gp_copy_z(gp_from(whole), reading->config->dir, sizeof reading->config->dir);
    if (!whole)
        complain_errno(reading, "its directory cannot be opened: ");
    else if (!fits)
        config_problem(reading, &(struct config_place) { 0 }, GP_LIT("the path of its directory is too long"));
    free(whole);
    return fits;
}

bool config_read(const char *dir, struct config *out, void (*report)(void *owner, gp_str line), void *owner)
{
    struct config_reading *reading = calloc(1, sizeof *reading);
    if (!reading) {
        report(owner, GP_LIT(CONFIG_FILE_NAME ": cannot be read: no memory"));
        return false;
    }
    *out            = (struct config) { 0 };
    reading->config = out;
    config_read_defaults(reading);
    bool is_read = find_dir(reading, dir) && read_file(reading);
    config_read_environment(reading);
    config_derive(reading);
    if (is_read)
        config_find_clashes(reading);
    else
        out->dir[0] = '\0';
    bool sound = report_all(reading, report, owner);
    free(reading);
    return sound;
}

bool config_path(const struct config *config, const char *path, char out[static CONFIG_PATH])
{
    struct gp_text text = { .ptr = out, .room = CONFIG_PATH };
    if (path[0] != '/') {
        gp_put_z(&text, config->dir);
        gp_put_char(&text, '/');
    }
    gp_put_z(&text, path);
    gp_put_char(&text, '\0');
    return !text.cut;
}
