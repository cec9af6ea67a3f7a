/* A new credential, shown once: as text, as JSON, as a QR code in the terminal or in a file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/credential.h"
#include "cli/files.h"
#include "cli/qr.h"
#include "cli/servers.h"

enum { URL_ROOM = 8 * 1024, PRIVATE = 0600 };

static enum qr_form form_of(const char *file)
{
    if (gp_ends(gp_from(file), ".svg")) return QR_SVG;
    return gp_ends(gp_from(file), ".png") ? QR_PNG : QR_TERMINAL;
}

bool handout_is_good(const struct handout *h, bool has_password)
{
    const char *why = NULL;
    if (h->qr_file && form_of(h->qr_file) == QR_TERMINAL) why = "the name ends in neither .png nor .svg";
    if ((h->qr || h->qr_file) && !has_password) why = "this credential has no password that a phone could use";
    if (why) cli_problem(h->qr_file ? h->qr_file : "--qr", why, NULL);
    return !why;
}

bool handout_is_reached(const struct handout *h, const struct config *config, const char *listeners)
{
    struct server list[CONFIG_LISTEN_MOST];
    if ((!h->qr && !h->qr_file) || servers_among(config, gp_from(listeners), list) > 0) return true;
    cli_problem(h->qr_file ? h->qr_file : "--qr", "clients reach no listener at which this credential may be used",
                "make it without a code, or for a listener of kind submissions or submission that is not on loopback");
    return false;
}

/* ---- the code ------------------------------------------------------------------------------------------------------- */
static bool draw(const char *file, gp_str url, struct gp_text *room)
{
    room->len = 0;
    if (!qr_put(room, url, file ? form_of(file) : QR_TERMINAL, !file && isatty(STDOUT_FILENO))) {
        cli_problem("QR code", "the name and the password are too long for one", "show them as text");
        return false;
    }
    if (file) return file_write(file, PRIVATE, gp_said(room));
    return fwrite(room->ptr, 1, room->len, stdout) == room->len;
}

/* stdout is told not to keep a copy longer than need be; what was drawn is wiped. */
static bool draw_all(const struct handout *h, gp_str url)
{
    struct gp_text room = { .ptr = malloc(QR_TEXT_ROOM), .room = QR_TEXT_ROOM };
    bool           done = room.ptr != NULL;
    if (done && h->qr && !h->json) done = draw(NULL, url, &room);
    if (done && h->qr_file) done = draw(h->qr_file, url, &room);
    if (room.ptr) gp_wipe(room.ptr, room.room);
    free(room.ptr);
    return done;
}

/* ---- text and JSON ---------------------------------------------------------------------------------------------------- */
static int print_json(const struct issued *i, const char *url)
{
    json_t *value = json_pack("{s:s, s:I, s:s}", "user", i->user, "id", (json_int_t)i->id, "label", i->label);
    if (value && i->password && !i->password->from_stdin) {
        (void)json_object_set_new(value, "password", json_string(i->password->text));
        if (url[0]) (void)json_object_set_new(value, "url", json_string(url));
    }
    if (value && i->rotated) (void)json_object_set_new(value, "old_until", user_time_json(i->old_until));
    if (value && i->password)
        (void)json_object_set_new(value, "scram", json_boolean(!i->password->verifier.scram_left_out));
    return user_print_json(value);
}

static void print_name(const struct issued *i)
{
    if (i->label[0])
        (void)printf("    label      %s\n", i->label);
    else
        (void)printf("    id         %" PRId64 "\n", i->id);
}

static void print_notes(const struct issued *i)
{
    char when[USER_TIME_ROOM];
    if (i->rotated && i->old_until)
        (void)printf("\nThe old one works until %s; its uses are in the log.\n", user_time(i->old_until, when));
    if (i->rotated && !i->old_until) (void)puts("\nThe old one does not work any more.");
    if (i->password) user_password_notes(i->password);
}

/* What is to be typed into the device. */
static void print_lanes(const struct config *c)
{
    static const char *const ways[] = {
        [LANE_CLEAR] = "without encryption", [LANE_STARTTLS] = "STARTTLS", [LANE_IMPLICIT] = "TLS (SSL)"
    };
    bool any = false;
    for (size_t i = 0; i < c->listen_count; i++) {
        const struct config_listen *l = &c->listen[i];
        if (l->kind != LISTEN_LEGACY) continue;
        const char *colon = strrchr(l->address, ':');
        (void)printf("%s    server     %s, port %s, %s\n", any ? "" : "\n", c->hostname, colon ? colon + 1 : "?",
                     ways[l->lane.tls]);
        any = true;
    }
    if (!any)
        (void)puts(
            "\nNote: it works nowhere yet, for gatepost.yml has no listener of kind legacy: docs/devices.md says how to add one.");
}

static int print_all(const struct issued *i, const struct config *config)
{
    int put = printf("%s\n\n    user name  %s\n", i->done, i->user);
    print_name(i);
    if (i->password && !i->password->from_stdin)
        put = printf(
            "    password   %s\n\nThis password is shown only now; `gatepost credential rotate` makes another.\n",
            i->password->text);
    if (i->legacy) print_lanes(config);
    print_notes(i);
    return put < 0 ? CLI_FAILED : CLI_DONE;
}

int handout_show(const struct handout *h, const struct config *config, const struct issued *i)
{
    char           room[URL_ROOM];
    struct gp_text url = { .ptr = room, .room = sizeof(room) - 1 };
    if (i->password && !i->legacy)
        servers_put_url(&url, config, gp_from(i->listeners), gp_from(i->user),
                        (gp_str) { i->password->text, i->password->len });
    room[url.len] = '\0';
    int done      = h->json ? print_json(i, room) : print_all(i, config);
    if (done == CLI_DONE && (h->qr || h->qr_file) && !draw_all(h, gp_said(&url))) done = CLI_FAILED;
    gp_wipe(room, sizeof(room));
    return done;
}
