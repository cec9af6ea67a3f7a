/* The words of an AUTH line. Those that are not in the tables are passed over: newer clients say more. */
#include "dovecot/parts.h"

#include <stddef.h>

#define AT(field) offsetof(struct gp_dovecot_request, field)

static const struct word {
    const char *name;
    size_t      at;
} texts[] = {
    {"service",        AT(service)      },
    { "rip",           AT(remote_ip)    },
    { "lip",           AT(local_ip)     },
    { "rport",         AT(remote_port)  },
    { "lport",         AT(local_port)   },
    { "tls_protocol",  AT(tls_version)  },
    { "ssl_protocol",  AT(tls_version)  }, /* up to Dovecot 2.3 */
    { "tls_cipher",    AT(tls_cipher)   },
    { "ssl_cipher",    AT(tls_cipher)   },
    { "session",       AT(session)      },
    { "cert_username", AT(cert_username)},
}, flags[] = {
    {"secured",            AT(secured)          }, /* also "secured=tls" */
    { "valid-client-cert", AT(valid_client_cert)},
    { "no-penalty",        AT(no_penalty)       },
    { "final-resp-ok",     AT(final_resp_ok)    },
    { "nologin",           AT(no_login)         },
};

static void read_word(gp_str word, struct gp_text *room, struct gp_dovecot_request *out)
{
    gp_str value, name = gp_dovecot_name(word, &value);
    for (size_t i = 0; i < GP_COUNT(texts); i++)
        if (value.ptr && gp_dovecot_is(name, texts[i].name))
            *(gp_str *)((char *)out + texts[i].at) = gp_dovecot_unescape(value, room);
    for (size_t i = 0; i < GP_COUNT(flags); i++)
        if (gp_dovecot_is(name, flags[i].name)) *(bool *)((char *)out + flags[i].at) = true;
}

/* It needs no escape, so it is not looked through for any. */
static bool read_initial(gp_str word, struct gp_dovecot_request *out)
{
    gp_str value, name = gp_dovecot_name(word, &value);
    if (!gp_dovecot_is(name, "resp") || !value.ptr) return false;
    if (value.len > 0) out->initial = gp_dovecot_is(value, "=") ? GP_LIT("") : value;
    return true;
}

const char *gp_dovecot_read_request(gp_str words, struct gp_text *room, struct gp_dovecot_request *out)
{
    *out           = (struct gp_dovecot_request) { 0 };
    out->mechanism = gp_cut(&words, '\t');
    if (out->mechanism.len == 0) return "a request without a mechanism";
    while (words.ptr) {
        gp_str word = gp_cut(&words, '\t');
        if (!read_initial(word, out))
            read_word(word, room, out);
        else if (words.ptr)
            return "a request with words after its initial response";
    }
    if (room->cut) return "a request that says too much in escapes";
    return out->service.ptr ? NULL : "a request that names no service";
}
