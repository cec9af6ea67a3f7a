/* What else a source's process could read. It may read the whole folder of its file, so that a new file can take the place of the
 * old one, and nothing keeps one file in a folder from it: so no secret of the server may lie there, or below. */
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"

/* ---- paths ------------------------------------------------------------------------------------------------------------- */
/* Without "." and "..", for what is not there yet. "/" becomes "". */
static void tidy(char *path)
{
    char           copy[CONFIG_PATH];
    struct gp_text out = { .ptr = path, .room = CONFIG_PATH - 1 };
    memcpy(copy, path, sizeof copy);
    for (gp_str rest = gp_from(copy); rest.ptr;) {
        gp_str word = gp_cut(&rest, '/');
        if (gp_same(word, GP_LIT(".."))) {
            while (out.len && path[--out.len] != '/') continue;
        } else if (word.len && !gp_same(word, GP_LIT("."))) {
            gp_put_char(&out, '/');
            gp_put(&out, word);
        }
    }
    path[out.len] = '\0';
}

/* Absolute, and where it leads, if it is there: a link may lead anywhere. */
static bool find(const struct config *c, const char *path, char out[static CONFIG_PATH])
{
    memset(out, 0, CONFIG_PATH);
    if (!config_path(c, path, out)) return false;
    char *real = realpath(out, NULL);
    bool  fits = !real || gp_copy_z(gp_from(real), out, CONFIG_PATH);
    free(real);
    tidy(out);
    return fits;
}

static bool find_folder(const struct config *c, const char *path, char out[static CONFIG_PATH])
{
    char   folder[CONFIG_PATH];
    gp_str whole = gp_from(path);
    size_t len   = whole.len;
    while (len && path[len - 1] != '/') len--;
    return gp_copy_z(len ? gp_head(whole, len) : GP_LIT("."), folder, sizeof folder) && find(c, folder, out);
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return gp_same(gp_head(gp_from(path), len), gp_from(folder)) && (path[len] == '/' || path[len] == '\0');
}

/* ---- what lies where ---------------------------------------------------------------------------------------------------- */
static bool has(const struct config *c, const char *folder, const char *file)
{
    char path[CONFIG_PATH];
    return file[0] && (!find(c, file, path) || is_below(path, folder));
}

static bool is_of_the_server(const struct config *c, const char *folder)
{
    static const char *const own[] = { "vault", "queue", "tls", "run" };
    for (size_t i = 0; i < GP_COUNT(own); i++) {
        char path[CONFIG_PATH];
        if (has(c, folder, own[i]) || !find(c, own[i], path) || is_below(folder, path)) return true;
    }
    return has(c, folder, ".");
}

static bool has_secrets(const struct config *c, const struct config_lookup *own, const char *folder)
{
    if (is_of_the_server(c, folder)) return true;
    if (has(c, folder, c->relay.password_file) || has(c, folder, c->relay.token_file)) return true;
    if (has(c, folder, c->notices.webhook_secret_file) || has(c, folder, c->events.webhook_secret_file)) return true;
    for (size_t i = 0; i < c->certificate_count; i++)
        if (has(c, folder, c->certificates[i].key)) return true;
    for (size_t i = 0; i < c->lookup_count; i++) {
        const struct config_lookup *l = &c->lookups[i];
        if (l != own && (has(c, folder, l->password_file) || has(c, folder, l->token_file))) return true;
    }
    return false;
}

/* The file that a source reads again; NULL: it has none. */
static const char *file_of(const struct config_lookup *l, const char **key)
{
    static const char sqlite[] = "sqlite:";
    *key                       = l->path[0] ? "path" : l->keys_file[0] ? "keys_file" : "uri";
    if (l->path[0]) return l->path;
    if (l->keys_file[0]) return l->keys_file;
    return l->type == LOOKUP_SQL && gp_starts(gp_from(l->uri), sqlite) ? l->uri + sizeof sqlite - 1 : NULL;
}

static void complain(struct config_reading *reading, size_t index, const char *key)
{
    char           room[CONFIG_PROBLEM_ROOM];
    struct gp_text text = GP_TEXT(room);
    gp_put_z(&text, "sources: ");
    gp_put_z(&text, reading->config->lookups[index].name);
    gp_put_z(&text, ": ");
    gp_put_z(&text, key);
    gp_put_z(
        &text,
        " has secrets beside or below it, which its process could read: give it a folder of its own, such as sources/people");
    config_problem(reading, &reading->lookup_places[index], gp_said(&text));
}

void config_check_folders(struct config_reading *reading)
{
    const struct config *c = reading->config;
    for (size_t i = 0; i < c->lookup_count && c->dir[0]; i++) {
        char        folder[CONFIG_PATH];
        const char *key, *file = file_of(&c->lookups[i], &key);
        if (file && (!find_folder(c, file, folder) || has_secrets(c, &c->lookups[i], folder)))
            complain(reading, i, key);
    }
}
