/* What a client has to be told: where this server is reached, and how one signs in there. Pure. */
#ifndef CLI_SERVERS_H
#define CLI_SERVERS_H

#include "config/config.h"

struct server {
    bool        implicit_tls; /* else STARTTLS                     */
    uint16_t    port;
    const char *mechanisms;   /* that it lists                     */
    bool        asks;         /* its clients for a certificate     */
};
/* The listeners that others can reach (all, if none but this host can), TLS from the first octet first (RFC 8314 3.3), each once. */
size_t servers_of(const struct config *, struct server out[static CONFIG_LISTEN_MOST]);

/* Those of them that are such a listener; `listeners`: words, "" means any. What a credential may use. */
size_t servers_among(const struct config *, gp_str listeners, struct server out[static CONFIG_LISTEN_MOST]);

/* "smtps://USER:PASSWORD@HOST:465", or smtp:// where STARTTLS is all there is; percent-encoded (RFC 3986). Nothing: none is among
 * `listeners`. */
void servers_put_url(struct gp_text *, const struct config *, gp_str listeners, gp_str user, gp_str password);
/* RFC 6186, RFC 8314 5.1: lines of a zone file. */
void servers_put_records(struct gp_text *, const struct config *);

/* Of the mechanisms that the server lists, those among `own`, which are the account's; EXTERNAL where certificates are asked for. */
void servers_put_mechanisms(struct gp_text *, const struct server *, gp_str own);

/* Mozilla's autoconfiguration, clientConfig 1.1, for one user with such mechanisms. false: the user name cannot stand in XML. */
bool servers_put_autoconfig(struct gp_text *, const struct config *, gp_str user, gp_str own);

#endif
