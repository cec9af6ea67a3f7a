/* For the tests of this folder: a directory with a gatepost.yml in it is read the whole way; what is said of it is kept. */
#ifndef CONFIG_TEST_BED_H
#define CONFIG_TEST_BED_H

#include "check.h"

#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"

#define H "hostname: mail.example.org\n"
#define LDAP "name: staff, type: ldap, uri: 'ldaps://ldap.example.org', base: 'dc=example,dc=org'"

static struct config  config;
static char           said_room[1 << 16];
static struct gp_text said;

static inline void put_line(void *owner, gp_str line)
{
    gp_put(owner, line);
    gp_put_char(owner, '\n');
}

/* The whole way, from a directory with this gatepost.yml in it (NULL: none). */
static inline bool read_set_up(const char *yaml)
{
    char dir[] = "/tmp/gatepost-config-XXXXXX", path[64];
    said       = GP_TEXT(said_room);
    CHECK(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/gatepost.yml", dir);
    FILE *file = yaml ? fopen(path, "w") : NULL;
    if (yaml) {
        CHECK(file);
        CHECK(fputs(yaml, file) >= 0);
        CHECK(fclose(file) == 0);
    }
    bool sound = config_read(dir, &config, put_line, &said);
    if (yaml) CHECK(unlink(path) == 0);
    CHECK(rmdir(dir) == 0);
    return sound;
}

#endif
