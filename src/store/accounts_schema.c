/* The tables of accounts.db, as numbered scripts: script n brings version n to n + 1, and none is changed once it was released. */
#include "store/accounts_parts.h"

/* The salt of an RFC 5803 text, "SCRAM-SHA-256$4096:SALT$StoredKey:ServerKey", as the base64 it is there. */
#define AFTER_COUNT(text) "substr(" text ", instr(" text ", ':') + 1)"
#define SALT_OF(text)     "substr(" AFTER_COUNT(text) ", 1, max(0, instr(" AFTER_COUNT(text) ", '$') - 1))"

const char *const accounts_scripts[ACCOUNTS_VERSIONS] = {
    "CREATE TABLE accounts ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT," /* a session must not outlive its account under a new owner of the number */
    "  name TEXT NOT NULL UNIQUE,"
    "  disabled INTEGER NOT NULL DEFAULT 0,"
    "  created INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE credentials ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    "  label TEXT NOT NULL,"
    "  generated INTEGER NOT NULL,"
    "  plain TEXT NOT NULL,"
    "  scram_sha1 TEXT NOT NULL,"
    "  scram_sha256 TEXT NOT NULL,"
    "  cram BLOB,"
    "  cost INTEGER NOT NULL,"       /* of a PLAIN check, in PBKDF2 rounds */
    "  as_hash INTEGER NOT NULL,"    /* and whether a password hash is what costs it */
    "  iterations INTEGER NOT NULL," /* of its SCRAM keys; 0: none */
    "  created INTEGER NOT NULL,"
    "  last_used INTEGER NOT NULL DEFAULT 0,"
    "  last_from TEXT NOT NULL DEFAULT '',"
    "  last_mechanism TEXT NOT NULL DEFAULT ''"
    ") STRICT;"
    "CREATE INDEX credentials_of ON credentials(account, cost, as_hash);"
    "CREATE INDEX credentials_like ON credentials(iterations);"
    "CREATE TABLE identities ("
    "  account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    "  key TEXT NOT NULL,"
    "  address TEXT NOT NULL,"
    "  PRIMARY KEY (account, key)"
    ") STRICT, WITHOUT ROWID;",

    "CREATE INDEX credentials_with_secret ON credentials(id) WHERE cram IS NOT NULL;",

    /* Credentials with a life of their own; the salts and the count that those of one account share. */
    "ALTER TABLE accounts ADD COLUMN mechanisms TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE accounts ADD COLUMN source TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE accounts ADD COLUMN scram_iterations INTEGER NOT NULL DEFAULT 0;" /* 0: not decided */
    "ALTER TABLE accounts ADD COLUMN scram_salt_sha1 TEXT NOT NULL DEFAULT '';"    /* base64 */
    "ALTER TABLE accounts ADD COLUMN scram_salt_sha256 TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE accounts ADD COLUMN scram_salt_sha512 TEXT NOT NULL DEFAULT '';"
    "UPDATE accounts SET scram_iterations = c.iterations, scram_salt_sha1 = " SALT_OF(
        "c.scram_sha1") ","
                        "  scram_salt_sha256 = " SALT_OF(
                            "c.scram_sha256") "  FROM credentials c WHERE c.id = (SELECT MIN(id) FROM credentials"
                                              "                                   WHERE account = accounts.id AND iterations > 0);"
                                              "ALTER TABLE credentials ADD COLUMN kind TEXT NOT NULL DEFAULT 'chosen';"
                                              "UPDATE credentials SET kind = 'generated' WHERE generated;"
                                              "ALTER TABLE credentials DROP COLUMN generated;"
                                              "ALTER TABLE credentials ADD COLUMN subject TEXT NOT NULL DEFAULT '';"
                                              "ALTER TABLE credentials ADD COLUMN scram_sha512 TEXT NOT NULL DEFAULT '';"
                                              "ALTER TABLE credentials ADD COLUMN mechanisms TEXT NOT NULL DEFAULT '';"
                                              "ALTER TABLE credentials ADD COLUMN listeners TEXT NOT NULL DEFAULT '';"
                                              "ALTER TABLE credentials ADD COLUMN networks TEXT NOT NULL DEFAULT '';"
                                              "ALTER TABLE credentials ADD COLUMN senders TEXT NOT NULL DEFAULT '';" /* each as identity_key makes it */
                                              "ALTER TABLE credentials ADD COLUMN hours TEXT NOT NULL DEFAULT '';"
                                              "ALTER TABLE credentials ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;"
                                              "ALTER TABLE credentials ADD COLUMN idle_days INTEGER NOT NULL DEFAULT 0;"
                                              "ALTER TABLE credentials ADD COLUMN replaced_by INTEGER NOT NULL DEFAULT 0;"
                                              "ALTER TABLE credentials ADD COLUMN retires INTEGER NOT NULL DEFAULT 0;"
                                              "ALTER TABLE credentials ADD COLUMN last_tls TEXT NOT NULL DEFAULT '';"
                                              "ALTER TABLE credentials ADD COLUMN last_helo TEXT NOT NULL DEFAULT '';"
                                              "ALTER TABLE credentials ADD COLUMN use_count INTEGER NOT NULL DEFAULT 0;"
                                              "DROP INDEX credentials_of;"
                                              "DROP INDEX credentials_like;"
                                              "CREATE INDEX credentials_of ON credentials(account, cost);"
                                              "CREATE UNIQUE INDEX credentials_label ON credentials(account, label) WHERE label <> '';"
                                              "CREATE UNIQUE INDEX credentials_subject ON credentials(kind, subject) WHERE kind IN ('certificate', 'oauth');"
                                              /* These answer the survey alone, so that it reads no verifier. */
                                              "CREATE INDEX credentials_slow ON credentials(account, cost, as_hash, expires, retires, idle_days, created, last_used)"
                                              "  WHERE cost > 0;"
                                              "CREATE INDEX credentials_scram ON credentials(account, iterations) WHERE iterations > 0;"
                                              "CREATE INDEX credentials_without_sha512 ON credentials(id) WHERE iterations > 0 AND scram_sha512 = '';"
                                              "CREATE INDEX accounts_like ON accounts(scram_iterations) WHERE scram_iterations > 0;"
                                              "CREATE TABLE delegations ("
                                              "  account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
                                              "  may_act_as INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
                                              "  PRIMARY KEY (account, may_act_as)"
                                              ") STRICT, WITHOUT ROWID;"
                                              "CREATE INDEX delegations_to ON delegations(may_act_as);",

    /* What a hash costs is of its scheme and its parameters; before, it was one figure for all. */
    "UPDATE credentials SET cost = password_cost(plain) WHERE as_hash;",

    /* Counts by day (tally.h); account 0 is nobody, so there is no reference that would take them along. */
    "CREATE TABLE tallies ("
    "  account INTEGER NOT NULL,"
    "  kind INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  credential INTEGER NOT NULL,"
    "  day INTEGER NOT NULL,"
    "  count INTEGER NOT NULL,"
    "  first INTEGER NOT NULL,"
    "  last INTEGER NOT NULL,"
    "  example TEXT NOT NULL,"
    "  PRIMARY KEY (account, kind, name, credential, day)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX tallies_on ON tallies(day);"
    "CREATE TRIGGER tallies_of_deleted AFTER DELETE ON accounts BEGIN"
    "  DELETE FROM tallies WHERE account = OLD.id;"
    "END;",

    audit_schema_vault,

    /* Limits (usage.h): what is used up, limits of accounts and credentials of their own, and whom an account has written to. */
    "CREATE TABLE limit_usage ("
    "  scope INTEGER NOT NULL,"
    "  subject INTEGER NOT NULL,"
    "  ends INTEGER NOT NULL,"
    "  states BLOB NOT NULL,"
    "  PRIMARY KEY (scope, subject)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE limits ("
    "  account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    "  credential INTEGER NOT NULL," /* 0: the account's */
    "  what TEXT NOT NULL,"
    "  value TEXT NOT NULL,"
    "  PRIMARY KEY (account, credential, what)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER limits_of_deleted AFTER DELETE ON credentials BEGIN"
    "  DELETE FROM limits WHERE account = OLD.account AND credential = OLD.id;"
    "END;"
    "CREATE TABLE recipients_known ("
    "  account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    "  digest INTEGER NOT NULL,"
    "  seen INTEGER NOT NULL," /* days since 1970 */
    "  PRIMARY KEY (account, digest)"
    ") STRICT, WITHOUT ROWID;",

    /* Nobody asks any more whether it is a hash that costs. */
    "DROP INDEX credentials_slow;"
    "ALTER TABLE credentials DROP COLUMN as_hash;"
    "CREATE INDEX credentials_slow ON credentials(account, cost, expires, retires, idle_days, created, last_used)"
    "  WHERE cost > 0;",

    /* The configuration at the last start: what has changed since goes on record. */
    "CREATE TABLE audit_settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;",

    /* What the guard keeps (places.h). */
    "CREATE TABLE places ("
    "  account INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,"
    "  place TEXT NOT NULL,"
    "  first INTEGER NOT NULL,"
    "  last INTEGER NOT NULL,"
    "  PRIMARY KEY (account, place)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX places_at ON places(place, last);"
    "CREATE TABLE bans ("
    "  network TEXT NOT NULL PRIMARY KEY,"
    "  manual INTEGER NOT NULL,"
    "  made INTEGER NOT NULL,"
    "  until INTEGER NOT NULL," /* 0: it does not end */
    "  offences INTEGER NOT NULL,"
    "  reason TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;",
    /* The brake on stolen accounts (brakes.h). */
    "CREATE TABLE brakes ("
    "  account INTEGER PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE,"
    "  held INTEGER NOT NULL," /* since when; 0: it is not */
    "  why TEXT NOT NULL,"
    "  released INTEGER NOT NULL,"
    "  state BLOB NOT NULL"
    ") STRICT;",

    /* Notices (notices.h): what has been told, and what has still to be. */
    "CREATE TABLE notices ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  cause TEXT NOT NULL UNIQUE,"
    "  kind TEXT NOT NULL,"
    "  account INTEGER NOT NULL," /* 0: the server */
    "  moment INTEGER NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  body TEXT NOT NULL," /* '' when all have been told */
    "  recipients TEXT NOT NULL,"
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  due INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX notices_due ON notices(due) WHERE recipients <> '';"
    "CREATE INDEX notices_by_moment ON notices(moment);"
    "CREATE TRIGGER notices_of_deleted AFTER DELETE ON accounts BEGIN"
    "  DELETE FROM notices WHERE account = OLD.id;"
    "END;",

    /* The order in which an account was given its identities: the first is what a rewrite puts. */
    "ALTER TABLE identities ADD COLUMN position INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX identities_by_key ON identities(key);",

    /* Notices are posted to a webhook, too. */
    "ALTER TABLE notices ADD COLUMN unposted INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX notices_unposted ON notices(id) WHERE unposted;",

    /* told: of which hold the queue knows (brakes.h). */
    "ALTER TABLE brakes ADD COLUMN told INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX brakes_held ON brakes(account) WHERE held > 0;",

    /* What commands say of an account that may have been stolen (brakes.h). */
    "ALTER TABLE brakes ADD COLUMN suspected INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE brakes ADD COLUMN stolen INTEGER NOT NULL DEFAULT 0;",

    /* Credentials for old devices. What is sealed for CRAM-MD5 is looked for apart: it is offered where somebody could use it. */
    "ALTER TABLE credentials ADD COLUMN legacy INTEGER NOT NULL DEFAULT 0;"
    "DROP INDEX credentials_with_secret;"
    "CREATE INDEX credentials_with_secret ON credentials(legacy, id) WHERE cram IS NOT NULL;"
    "CREATE INDEX credentials_legacy ON credentials(account, id) WHERE legacy;",

    /* What the guard has counted (places.h): a row for each slot of its tables. */
    "CREATE TABLE guesses ("
    "  kind INTEGER NOT NULL,"
    "  slot INTEGER NOT NULL,"
    "  key INTEGER NOT NULL,"
    "  empty INTEGER NOT NULL,"
    "  PRIMARY KEY (kind, slot)"
    ") STRICT, WITHOUT ROWID;",

    /* What providers of tokens have given (grants.h). */
    "CREATE TABLE grants ("
    "  provider TEXT PRIMARY KEY,"
    "  kind TEXT NOT NULL,"
    "  serial INTEGER NOT NULL,"
    "  made INTEGER NOT NULL,"
    "  renewed INTEGER NOT NULL,"
    "  ends INTEGER NOT NULL,"
    "  access_ends INTEGER NOT NULL,"
    "  failing INTEGER NOT NULL,"
    "  failures INTEGER NOT NULL,"
    "  why TEXT NOT NULL,"
    "  claimed INTEGER NOT NULL," /* until then somebody fetches */
    "  refresh BLOB NOT NULL"     /* sealed; empty: none */
    ") STRICT, WITHOUT ROWID;",

    /* What accounts sign in with at their providers themselves (grants.h). */
    "ALTER TABLE grants ADD COLUMN account INTEGER REFERENCES accounts(id) ON DELETE CASCADE;"
    "ALTER TABLE grants ADD COLUMN login TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX grants_of ON grants(account) WHERE account IS NOT NULL;"
    "CREATE INDEX grants_made ON grants(made) WHERE account IS NOT NULL;",
};
