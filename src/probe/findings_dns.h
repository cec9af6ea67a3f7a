/* Findings about the DNS records of a domain. See findings.h. */
/* clang-format off */
FINDING(DNS_ADDRESS, "dns-address", PROBE_DNS, PROBE_ERROR, "The server's name has no address",
        "No client that is set up with that name finds it.", [PROBE_GATEPOST] = "add A and AAAA records for it; `gatepost dns` prints what else is wanted")
FINDING(DNS_POINTER, "dns-ptr", PROBE_DNS, PROBE_ERROR, "An address that mail leaves from has no name that leads back to it",
        "Many receivers, the large ones among them, refuse mail from such an address (RFC 8601 3 calls the test iprev).", [PROBE_GATEPOST] = "have who gave you the address set its PTR to the server's name")
FINDING(DNS_POINTER_OTHER, "dns-ptr-other", PROBE_DNS, PROBE_WARNING, "An address that mail leaves from has another name than the server says",
        "Receivers that compare the name in EHLO with the address's own hold it against the mail.", [PROBE_GATEPOST] = "make `hostname` and the PTR the same")
FINDING(DNS_MX, "dns-mx", PROBE_DNS, PROBE_ERROR, "The domain takes no mail",
        "Answers and bounces do not arrive, and receivers refuse mail from a domain that they could not write to (RFC 7505 4.2).", [PROBE_GATEPOST] = "an MX that names the server which takes the domain's mail, and an address for that")
FINDING(DNS_SPF, "dns-spf", PROBE_DNS, PROBE_ERROR, "SPF is missing, broken, or leaves the sender out",
        "RFC 7208: receivers refuse or sort out mail that it does not cover; one with an error counts as none, or is refused for it.", [PROBE_GATEPOST] = "`gatepost dns` prints a record that fits")
FINDING(DNS_SPF_OPEN, "dns-spf-open", PROBE_DNS, PROBE_WARNING, "SPF lets too many send, or may leave the provider out",
        "With +all anybody may send for the domain. A provider's addresses are covered by the include: that it names.", [PROBE_GATEPOST] = "end the record with ~all or -all; see the provider's manual")
FINDING(DNS_DKIM, "dns-dkim", PROBE_DNS, PROBE_ERROR, "A key that signs mail is not in DNS",
        "RFC 6376 6.1.2: signatures made with it fail, and with them DMARC.", [PROBE_GATEPOST] = "`gatepost dns` prints the record; `gatepost dkim publish-check` looks again")
FINDING(DNS_DKIM_TESTING, "dns-dkim-testing", PROBE_DNS, PROBE_WARNING, "A DKIM key says that it is for testing",
        "RFC 6376 3.6.1: with t=y receivers may treat signed mail as unsigned.", [PROBE_GATEPOST] = "take t=y out of the record")
FINDING(DNS_DMARC, "dns-dmarc", PROBE_DNS, PROBE_WARNING, "There is no DMARC record that receivers can read",
        "RFC 7489: nobody learns who sends in the domain's name, and the large receivers ask for one of who sends much.", [PROBE_GATEPOST] = "begin with v=DMARC1; p=none; rua=mailto:ADDRESS")
FINDING(DNS_STS, "dns-mta-sts", PROBE_DNS, PROBE_WARNING, "MTA-STS is announced, and cannot be used",
        "RFC 8461 3.1: senders that look for the policy do not find it, and go without.", [PROBE_GATEPOST] = "mend the record and its host, or take the record out")
FINDING(DNS_TLSRPT, "dns-tlsrpt", PROBE_DNS, PROBE_WARNING, "The TLSRPT record cannot be read",
        "RFC 8460 3: no reports come.", [PROBE_GATEPOST] = "v=TLSRPTv1; rua=mailto:ADDRESS")
FINDING(DNS_TLSA, "dns-tlsa", PROBE_DNS, PROBE_ERROR, "TLSA records do not fit the certificate",
        "RFC 7672 2.2: who believes them does not connect.", [PROBE_GATEPOST] = "`gatepost dns` prints the record; put the next one in before each new key")
FINDING(DNS_SRV, "dns-srv", PROBE_DNS, PROBE_WARNING, "SRV records lead mail programs elsewhere",
        "RFC 6186 3: programs that set themselves up connect to what they name.", [PROBE_GATEPOST] = "`gatepost dns` prints those that fit")
FINDING(DNS_DNSSEC, "dns-dnssec", PROBE_DNS, PROBE_ERROR, "The resolver drops DNSSEC, and relay.dnssec is required",
        "No mail leaves by MX: what cannot be proven is not believed.", [PROBE_GATEPOST] = "a resolver on this host (unbound, knot-resolver), and the package dns-root-data")
FINDING(DNS_SILENT, "dns-silent", PROBE_DNS, PROBE_NOTE, "DNS did not say all that was asked",
        "What could not be asked was not judged.", [PROBE_GATEPOST] = "look again later, or with --dns-server")
