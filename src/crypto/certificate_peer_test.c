/* Certificates of clients, made here: whom they stand for, and who vouches for them. */
#include "check.h"
#include "crypto/key.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { DAY = 86400, DER_ROOM = GP_PEER_CHAIN_MOST + 4096, RSA_WEAK = 1024 };
#define NOW ((gp_time)1764000000 * 1000)

/* ---- making certificates ------------------------------------------------------------------------------------- */
struct wish {
    const char *name, *alternative, *usage, *constraints; /* NULL: without that extension */
    long        from, until;                              /* days from NOW                */
    bool        weak;
};
struct made {
    X509          *certificate;
    struct gp_key *key;
};

static void extend(X509 *certificate, int id, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = value ? X509V3_EXT_conf_nid(NULL, &context, id, value) : NULL;
    CHECK(!value || (extension && X509_add_ext(certificate, extension, -1) == 1));
    X509_EXTENSION_free(extension);
}

static struct made make(const struct wish *w, const struct made *issuer)
{
    struct made m       = { X509_new(), w->weak ? gp_key_new(GP_KEY_RSA, RSA_WEAK) : gp_key_new(GP_KEY_EC, 0) };
    X509_NAME  *subject = X509_get_subject_name(m.certificate);
    time_t      now     = (time_t)(NOW / 1000);
    assert_non_null(m.key);
    CHECK(X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"Example, Inc.", -1, -1, 0) &&
          X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)w->name, -1, -1, 0));
    CHECK(X509_set_version(m.certificate, 2) && ASN1_INTEGER_set(X509_get_serialNumber(m.certificate), 7));
    CHECK(X509_set_issuer_name(m.certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject));
    CHECK(X509_time_adj_ex(X509_getm_notBefore(m.certificate), (int)w->from, 0, &now) &&
          X509_time_adj_ex(X509_getm_notAfter(m.certificate), (int)w->until, 0, &now));
    CHECK(X509_set_pubkey(m.certificate, gp_key_of(m.key)));
    extend(m.certificate, NID_subject_alt_name, w->alternative);
    extend(m.certificate, NID_ext_key_usage, w->usage);
    extend(m.certificate, NID_basic_constraints, w->constraints);
    CHECK(X509_sign(m.certificate, gp_key_of(issuer ? issuer->key : m.key), EVP_sha256()) > 0);
    return m;
}

static void done_with(struct made *m)
{
    X509_free(m->certificate);
    gp_key_close(m->key);
}

static void put_der(struct gp_text *out, const struct made *m)
{
    unsigned char *der = NULL;
    int            len = i2d_X509(m->certificate, &der);
    gp_put(out, (gp_str) { (const char *)der, (size_t)len });
    OPENSSL_free(der);
}

static void put_pem(struct gp_text *out, const struct made *m)
{
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_X509(bio, m->certificate) == 1);
    CHECK(gp_bio_into(bio, true, out));
}

/* ---- the tests ------------------------------------------------------------------------------------------------- */
#define CA_WISH(name)                                                                                                  \
    {                                                                                                                  \
        name, NULL, NULL, "critical,CA:TRUE", -10, 100, false                                                          \
    }
static const struct wish roots[] = { CA_WISH("Root"), CA_WISH("Other root") };
static const struct wish middle  = CA_WISH("Middle");

/* clang-format off */
static const struct { struct wish leaf; bool usable; const char *why; } leaves[] = {
    { { "anna", "email:anna@example.org", "clientAuth",            "CA:FALSE", -1, 30,  false }, true,  NULL },
    { { "anna", "email:anna@example.org", "clientAuth,serverAuth", NULL,       -1, 30,  false }, true,  NULL },
    { { "anna", "email:anna@example.org", NULL,                    NULL,       -1, 30,  false }, true,  NULL },
    { { "anna", "email:anna@example.org", "serverAuth",            NULL,       -1, 30,  false }, false, "the certificate is not for TLS clients" },
    { { "anna", "email:anna@example.org", "emailProtection",       NULL,       -1, 30,  false }, false, "the certificate is not for TLS clients" },
    { { "anna", "email:anna@example.org", "clientAuth",            NULL,       -9, -1,  false }, false, "the certificate has expired"            },
    { { "anna", "email:anna@example.org", "clientAuth",            NULL,        1, 30,  false }, false, "the certificate is not valid yet"       },
    { { "anna", "email:anna@example.org", "clientAuth",            NULL,       -1, 30,  true  }, false, "its key is too weak"                    },
};
/* clang-format on */

static void look(const struct made *const *chain, size_t count, const struct made *trusted,
                 struct gp_certificate_peer *p)
{
    static char    der_room[DER_ROOM], pem_room[DER_ROOM];
    struct gp_text der = GP_TEXT(der_room), pem = GP_TEXT(pem_room);
    for (size_t i = 0; i < count; i++) put_der(&der, chain[i]);
    if (trusted) put_pem(&pem, trusted);
    struct gp_trust *trust = gp_trust_open(gp_said(&pem));
    CHECK(!trusted == !trust && gp_certificate_peer(gp_said(&der), trust, NOW, p));
    gp_trust_close(trust);
}

TEST(a_chain_is_verified_when_a_trusted_one_vouches_for_it)
{
    struct gp_certificate_peer p;
    struct made root = make(&roots[0], NULL), other = make(&roots[1], NULL), between = make(&middle, &root);
    for (size_t i = 0; i < GP_COUNT(leaves); i++) {
        struct made              leaf    = make(&leaves[i].leaf, &between);
        const struct made *const whole[] = { &leaf, &between };
        look(whole, 2, &root, &p);
        CHECK(p.usable == leaves[i].usable && p.verified == leaves[i].usable);
        CHECK_IS(gp_from(p.why), leaves[i].why ? leaves[i].why : "");
        look(whole, 2, &between, &p); /* it is enough that the one in between is trusted */
        CHECK(p.verified == leaves[i].usable);
        look(whole, 1, &root, &p);
        CHECK(p.usable == leaves[i].usable && !p.verified && p.why);
        look(whole, 2, &other, &p);
        CHECK(p.usable == leaves[i].usable && !p.verified && p.why);
        look(whole, 2, NULL, &p);
        CHECK(p.usable == leaves[i].usable && !p.verified);
        if (p.usable) CHECK_IS(gp_from(p.why), "nobody is trusted to vouch for it");
        done_with(&leaf);
    }
    done_with(&between);
    done_with(&other);
    done_with(&root);
}

TEST(a_fingerprint_is_that_of_the_first_certificate)
{
    static char                room[DER_ROOM];
    uint8_t                    print[GP_PEER_FINGERPRINT];
    struct gp_text             pem = GP_TEXT(room);
    struct gp_certificate_peer p;
    struct made                root = make(&roots[0], NULL), leaf = make(&leaves[0].leaf, &root);
    const struct made *const   alone[] = { &leaf };
    look(alone, 1, NULL, &p);
    put_pem(&pem, &leaf);
    put_pem(&pem, &root);
    CHECK(gp_certificate_fingerprint(gp_said(&pem), print) && memcmp(print, p.fingerprint, sizeof(print)) == 0);
    CHECK(!gp_certificate_fingerprint(gp_tail(gp_said(&pem), pem.len / 2 + 40), print) ||
          memcmp(print, p.fingerprint, sizeof(print)) != 0);
    CHECK(!gp_certificate_fingerprint(GP_LIT(""), print) && !gp_certificate_fingerprint(GP_LIT("sha256:00"), print));
    done_with(&leaf);
    done_with(&root);
}

TEST(who_is_no_authority_can_not_vouch)
{
    static const struct wish   user        = { "user", NULL, NULL, "CA:FALSE", -1, 30, false };
    static const struct wish   aged        = { "Aged", NULL, NULL, "critical,CA:TRUE", -9, -1, false };
    static const struct wish   for_servers = { "Servers", NULL, "serverAuth", "critical,CA:TRUE", -1, 30, false };
    const struct wish *const   vouchers[]  = { &user, &aged, &for_servers };
    struct gp_certificate_peer p;
    struct made                root = make(&roots[0], NULL);
    for (size_t i = 0; i < GP_COUNT(vouchers); i++) {
        struct made              voucher = make(vouchers[i], &root), leaf = make(&leaves[0].leaf, &voucher);
        const struct made *const chain[] = { &leaf, &voucher };
        look(chain, 2, &root, &p);
        CHECK(p.usable && !p.verified && p.why);
        done_with(&leaf);
        done_with(&voucher);
    }
    done_with(&root);
}

TEST(a_forged_signature_is_found_out)
{
    struct gp_certificate_peer p;
    struct made root = make(&roots[0], NULL), forger = make(&roots[0], NULL); /* the same name, another key */
    struct made leaf                 = make(&leaves[0].leaf, &forger);
    const struct made *const chain[] = { &leaf, &forger };
    look(chain, 2, &root, &p);
    CHECK(p.usable && !p.verified);
    done_with(&leaf);
    done_with(&forger);
    done_with(&root);
}

TEST(names_are_told_as_they_stand_there)
{
    static const struct wish w = {
        "J\xc3\xb6rg", "email:a@example.org,DNS:x.example.org,email:B@EXAMPLE.ORG", NULL, NULL, -1, 30, false
    };
    char                       room[DER_ROOM];
    struct gp_text             der  = GP_TEXT(room);
    struct made                leaf = make(&w, NULL);
    struct gp_certificate_peer p;
    uint8_t                    want[GP_DIGEST_MOST];
    const struct made *const   chain[] = { &leaf };
    look(chain, 1, &leaf, &p); /* pinned by the file itself */
    CHECK(p.verified && p.email_count == 2);
    CHECK_IS(gp_from(p.emails[0]), "a@example.org");
    CHECK_IS(gp_from(p.emails[1]), "B@EXAMPLE.ORG");
    CHECK_IS(gp_from(p.subject), "CN=J\xc3\xb6rg,O=Example\\, Inc.");
    put_der(&der, &leaf);
    CHECK(gp_digest(GP_SHA256, gp_said(&der), want) && memcmp(want, p.fingerprint, sizeof p.fingerprint) == 0);
    done_with(&leaf);
}

/* A NUL in an address, so that who reads it as C text sees another. */
static void add_spoilt(X509 *certificate, const char *octets, int len)
{
    GENERAL_NAMES  *names = GENERAL_NAMES_new();
    GENERAL_NAME   *name  = GENERAL_NAME_new();
    ASN1_IA5STRING *text  = ASN1_IA5STRING_new();
    CHECK(ASN1_STRING_set(text, octets, len));
    GENERAL_NAME_set0_value(name, GEN_EMAIL, text);
    CHECK(sk_GENERAL_NAME_push(names, name));
    CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1);
    GENERAL_NAMES_free(names);
}

TEST(an_address_that_is_not_what_it_seems_is_no_address)
{
    static const struct {
        const char *octets;
        int         len;
    } spoilt[] = {
        {"boss@example.org\0.evil.example", 30},
        { "boss@example.org\n",             17},
        { "",                               0 },
        { "a b@example.org",                15},
        { "\xc3\xbc@example.org",           14}
    };
    static const struct wish   w = { "x", NULL, NULL, NULL, -1, 30, false };
    struct gp_certificate_peer p;
    for (size_t i = 0; i < GP_COUNT(spoilt); i++) {
        struct made              leaf    = make(&w, NULL);
        const struct made *const chain[] = { &leaf };
        add_spoilt(leaf.certificate, spoilt[i].octets, spoilt[i].len);
        CHECK(X509_sign(leaf.certificate, gp_key_of(leaf.key), EVP_sha256()) > 0);
        look(chain, 1, &leaf, &p);
        CHECK(p.usable && p.email_count == 0);
        done_with(&leaf);
    }
}

TEST(what_is_no_chain_is_refused)
{
    static char                room[DER_ROOM];
    struct gp_certificate_peer p;
    struct gp_text             der  = GP_TEXT(room);
    struct made                leaf = make(&leaves[0].leaf, NULL);
    CHECK(!gp_certificate_peer(GP_NONE, NULL, NOW, &p) && !gp_certificate_peer(GP_LIT("x"), NULL, NOW, &p));
    put_der(&der, &leaf);
    size_t one = der.len;
    CHECK(gp_certificate_peer(gp_said(&der), NULL, NOW, &p) && !p.verified && !gp_trust_open(GP_LIT("nonsense")));
    for (size_t len = 0; len < one; len++) CHECK(!gp_certificate_peer(gp_head(gp_said(&der), len), NULL, NOW, &p));
    gp_put_char(&der, 'x');
    CHECK(!gp_certificate_peer(gp_said(&der), NULL, NOW, &p));
    der.len--;
    for (unsigned i = 1; i < GP_PEER_CERTIFICATES_MOST; i++) put_der(&der, &leaf);
    CHECK(gp_certificate_peer(gp_said(&der), NULL, NOW, &p));
    put_der(&der, &leaf);
    CHECK(!gp_certificate_peer(gp_said(&der), NULL, NOW, &p)); /* one too many */
    done_with(&leaf);
}

PROPERTY(a_strangers_chain_is_read_or_refused, bytes)
{
    struct gp_certificate_peer p;
    if (!gp_certificate_peer(bytes, NULL, NOW, &p)) return;
    CHECK(!p.verified && p.why && p.email_count <= GP_PEER_EMAILS_MOST);
    CHECK(gp_is_utf8(gp_from(p.subject)));
}
