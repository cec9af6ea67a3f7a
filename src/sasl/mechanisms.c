/* The mechanisms there are, in the order in which EHLO lists them: some clients take the first that they know. */
#include "sasl/mechanism.h"

#define SCRAM(name, plus, traits, hash)                                                                                \
    {                                                                                                                  \
        name, traits, plus, hash, gp_sasl_scram_step, gp_sasl_scram_client                                             \
    }

/* clang-format off */
static const struct gp_sasl_mech mechanisms[] = {
    SCRAM("SCRAM-SHA-512-PLUS", true,  GP_SASL_BINDS_CHANNEL, GP_SHA512),
    SCRAM("SCRAM-SHA-256-PLUS", true,  GP_SASL_BINDS_CHANNEL, GP_SHA256),
    SCRAM("SCRAM-SHA-1-PLUS",   true,  GP_SASL_BINDS_CHANNEL, GP_SHA1),
    SCRAM("SCRAM-SHA-512",      false, 0,                     GP_SHA512),
    SCRAM("SCRAM-SHA-256",      false, 0,                     GP_SHA256),
    SCRAM("SCRAM-SHA-1",        false, 0,                     GP_SHA1),
    { "EXTERNAL", GP_SASL_NEEDS_PEER, false, GP_HASHES, gp_sasl_external_step, gp_sasl_external_client },
    { "OAUTHBEARER", GP_SASL_NEEDS_TOKEN | GP_SASL_REVEALS_PASSWORD, false, GP_HASHES, gp_sasl_oauthbearer_step, gp_sasl_oauthbearer_client },
    { "XOAUTH2",  GP_SASL_NEEDS_TOKEN | GP_SASL_REVEALS_PASSWORD, false, GP_HASHES, gp_sasl_xoauth2_step, gp_sasl_xoauth2_client },
    { "CRAM-MD5", GP_SASL_NEEDS_SECRET | GP_SASL_SERVER_FIRST, false, GP_MD5, gp_sasl_cram_md5_step, gp_sasl_cram_md5_client },
    { "PLAIN",    GP_SASL_REVEALS_PASSWORD, false, GP_HASHES, gp_sasl_plain_step, gp_sasl_plain_client },
    { "LOGIN",    GP_SASL_REVEALS_PASSWORD, false, GP_HASHES, gp_sasl_login_step, gp_sasl_login_client },
};
/* clang-format on */

const struct gp_sasl_mech *gp_sasl_find(gp_str name)
{
    for (size_t i = 0; i < GP_COUNT(mechanisms); i++)
        if (gp_is(name, mechanisms[i].name)) return &mechanisms[i];
    return NULL;
}

static bool listed(gp_str words, const char *name)
{
    while (words.len > 0)
        if (gp_is(gp_word(&words), name)) return true;
    return false;
}

bool gp_sasl_names(gp_str allowed, unsigned allowed_traits, struct gp_text *out)
{
    size_t   before = out->len;
    unsigned fine   = allowed_traits | GP_SASL_SERVER_FIRST; /* who speaks first is no reason not to offer it */
    for (size_t i = 0; i < GP_COUNT(mechanisms); i++) {
        const struct gp_sasl_mech *mech = &mechanisms[i];
        if ((mech->traits & ~fine) || !listed(allowed, mech->name)) continue;
        if (out->len > before) gp_put_char(out, ' ');
        gp_put_z(out, mech->name);
    }
    return !out->cut;
}
