/* Inside config only: the rows of the schema, the types of their values, and one reading of a set-up. A reading collects
 * problems with the place where they stand; config.c sorts and reports them at the end. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/config.h"

struct config_key;
struct config_items;

/* How values of one type are read and shown. The text that read is given lives until it returns. */
struct config_type {
    const char *what; /* "a duration such as 30s, 5m, 4h or 5d", for problems and the manual */
    /* false: *why says what is wrong with it. */
    bool (*read)(struct config *, const struct config_key *, gp_str text, struct gp_text *why);
    /* The value as YAML; false: there is none with that index. */
    bool (*show)(const struct config *, const struct config_key *, size_t index, struct gp_text *out);
    void (*clear)(struct config *);    /* not NULL: a list, to which read adds; "a, b" where there is room for one text  */
    const char *fields[2];             /* not NULL: an item is a mapping of these two; read gets both, LF between them */
    const struct config_items *items;  /* not NULL: an item is a mapping with keys of its own; no variable can hold such a list */
};
extern const struct config_type config_hostname, config_text, config_path_type, config_number, config_duration, config_size,
    config_flag, config_choice, config_resolver, config_mechanisms, config_networks, config_listens, config_certificates, config_retries, config_route, config_rates, config_sources_type,
    config_protected_names, config_next_hops, config_servers, config_routes, config_providers_type, config_rewrites, config_tls_policies;

struct config_key {
    const char               *name; /* "limits.recipients" */
    const struct config_type *type;
    size_t                    offset, size;  /* of the field; not used where the type knows its own fields        */
    uint64_t                  least, most;   /* of a number, or of the length of a text                            */
    const char               *usual;         /* the default as somebody would write it; NULL: there is none         */
    const char               *help;          /* a sentence or two for the manual                                   */
    const char *const        *choices;       /* of a config_choice, by value; NULL ends them                       */
    unsigned                  types, required; /* of an item's key: a bit for each type of item that has it (0: all have it),
                                                * or that must have it although others have a default                       */
};
extern const struct config_key config_keys[];
extern const size_t            config_key_count;
/* The default where a password signs us in upstream. */
#define CONFIG_SCRAM_MECHANISMS                                                                                        \
    "SCRAM-SHA-512-PLUS SCRAM-SHA-512 SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1"
#define CONFIG_MECHANISMS_FOR_PASSWORDS CONFIG_SCRAM_MECHANISMS " PLAIN LOGIN"
/* The default of `mechanisms` where accounts live elsewhere (config.c). */
#define CONFIG_MECHANISMS_WITHOUT_SCRAM "EXTERNAL OAUTHBEARER XOAUTH2 PLAIN LOGIN CRAM-MD5"
/* All that relay.mechanisms may be, and is by default, where the relay has a token. */
#define CONFIG_MECHANISMS_FOR_TOKENS "OAUTHBEARER XOAUTH2"
const struct config_key       *config_find(gp_str name);     /* NULL: no such key                     */
bool                           config_is_section(gp_str name); /* some key is called "NAME.something"; a section may hold others */

/* Variables that are not named after their key; `before` stands before the value: "submission " of a listen item. */
struct config_alias { const char *variable, *key, *before; };
extern const struct config_alias config_aliases[];
extern const size_t              config_alias_count;
/* "GATEPOST_LIMITS_RECIPIENTS" */
void config_variable(const struct config_key *, struct gp_text *out);

/* ---- a reading ------------------------------------------------------------------------------------------ */
enum { CONFIG_PROBLEMS_MOST = 64, CONFIG_PROBLEM_ROOM = 400, CONFIG_FILE_MOST = 256 * 1024 };
#define CONFIG_FILE_NAME "gatepost.yml"

struct config_place {
    unsigned line;      /* from 1; 0: the file as a whole */
    char     variable[64]; /* not "": in the environment  */
};
struct config_problem {
    struct config_place place;
    char                text[CONFIG_PROBLEM_ROOM];
    size_t              len;
};
struct config_reading {
    struct config        *config;
    struct config_place   places[CONFIG_KEYS_MOST]; /* where each key was given */
    struct config_place   lookup_places[CONFIG_LOOKUPS_MOST];
    struct config_problem problems[CONFIG_PROBLEMS_MOST];
    size_t                problem_count, untold; /* beyond the room for them */
};
void config_problem(struct config_reading *, const struct config_place *, gp_str text);
/* One value (of a list: one more) for the key; what is wrong with it becomes a problem. */
void config_take(struct config_reading *, const struct config_key *, const struct config_place *, gp_str text);
/* The same, of a text that may hold several items. */
void config_take_all(struct config_reading *, const struct config_key *, const struct config_place *, gp_str text);
void config_derive_provider(struct config_reading *); /* relay.via, where a preset knows it */
void config_add_fetcher(struct config *);             /* behind the webhook */
/* What is wrong with a source of tokens, if it is one (sources_oauth.c). */
const char *config_wrong_oauth(const struct config_lookup *);
/* Complains of sources whose process could read secrets of the server (sources_folder.c). Looks at where links lead. */
void config_check_folders(struct config_reading *);
/* https://HOST/..., or http:// to this host; no name or password in it. */
bool config_is_web_uri(const char *uri);
void config_check_webhook(struct config_reading *);
void config_add_webhook(struct config *);       /* as an item behind the sources */
void config_add_events(struct config *);        /* and this behind who fetches tokens */
void config_add_web(struct config *);           /* and this behind that */
bool config_is_loopback(gp_str authority);
/* ---- lists of mappings with keys of their own (items.c) -------------------------------------------------- */
struct config_pair { gp_str name, value; struct config_place place; };
/* An item that is being read, as name and value of each of its keys; it is the one behind those that the list has. */
struct config_item {
    struct config_reading     *reading;
    const struct config_items *list;
    const struct config_place *place;
    const struct config_pair  *pairs;
    size_t                     count;
};
struct config_items {
    const char              *name;               /* "sources", before what is wrong with an item                            */
    const struct config_key *keys;               /* a row's offset is that within an item                                   */
    size_t                   key_count;
    size_t                   offset, size, most; /* of the items in struct config: where, how large one is, how many fit    */
    size_t                   count;              /* where in struct config their number is: a size_t                        */
    const char              *full;               /* what is wrong with one more                                             */
    const char              *no_word;            /* what is wrong with an item that is a word                               */
    bool                     brief;              /* whether a key whose field is all 0 octets is left out when shown    */
    bool (*take)(const struct config_item *);    /* reads one into its place, which is all 0; true: it is good, and counts  */
    unsigned (*type)(const struct config *, size_t index); /* NULL: all are of one type                                     */
};
void config_take_item(const struct config_item *);
/* For take: the defaults of what is not given, what is given, and one key of it alone. false: problems have been told. */
bool config_item_usual(const struct config_item *);
bool config_item_given(const struct config_item *);
bool config_item_key(const struct config_item *, const struct config_pair *);
const struct config_pair *config_item_find(const struct config_item *, const char *name); /* NULL: it is not given */
/* "LIST: WHAT: PROBLEM"; WHAT may be empty. */
void config_item_problem(const struct config_item *, const struct config_place *, gp_str what, gp_str problem);
/* read and show of such a type, if nothing but mappings may stand in the list. */
bool config_read_item(struct config *, const struct config_key *, gp_str text, struct gp_text *why);
bool config_show_item(const struct config *, const struct config_key *, size_t index, struct gp_text *out);

/* The key is now given here: a list starts afresh, config_show knows the source. */
void config_begin(struct config_reading *, const struct config_key *, const struct config_place *, enum config_source);

void config_read_defaults(struct config_reading *);
/* false: it is no set of keys at all, which is one problem; what would be said of missing keys means nothing. */
bool config_read_document(struct config_reading *, gp_str yaml);
void config_read_environment(struct config_reading *);
void config_derive(struct config_reading *);     /* the domain, from the hostname */
void config_find_clashes(struct config_reading *);

/* What a listener of kind legacy has (listen_legacy.c): its options, as of listen.c; what holds before any; whether all is there. */
typedef bool config_option(struct config_listen *, gp_str value, struct gp_text *why);
config_option config_lane_networks, config_lane_domains, config_lane_tls, config_lane_minimum, config_lane_message_size,
    config_lane_messages, config_lane_recipients;
void config_lane_begin(struct config_listen *);
bool config_lane_is_whole(const struct config_listen *, struct gp_text *why);
void config_lane_put(struct gp_text *, const struct config_listen *); /* as they would be read */

/* 'VALUE' as it may stand in a message: shortened, without control characters. */
void config_quote(struct gp_text *, gp_str value);
/* "'VALUE' PROBLEM"; false, for the reader to return. */
bool config_fail(struct gp_text *why, gp_str value, const char *problem);

bool config_read_tls(gp_str word, enum relay_tls *); /* false: no such level */

/* false: gatepost has no such mechanism, and *why says so. */
bool config_is_mechanism(gp_str word, struct gp_text *why);

/* May it stand in a file? No control characters, and UTF-8; for types.c and lists.c. */
bool config_is_text(gp_str, struct gp_text *why);
/* Numbers in the units of the key's type, for types.c and lists.c. */
void config_put_number(struct gp_text *, const struct config_key *, uint64_t number);
bool config_read_number(const struct config_key *, gp_str text, uint64_t *number, struct gp_text *why);

#endif
