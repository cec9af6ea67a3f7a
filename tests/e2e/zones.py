"""A mail domain's records, right ones as `gatepost dns --zone` prints them, and each way in which they are not."""
import re

from names import MX, PTR, TLSA, TXT

DOMAIN, HOST, ADDRESS = "shop.example", "mail.shop.example", "198.18.0.1"


def publish(names, zone):
    """Reads the zone file's lines as a name server does, comments left out."""
    names.records.clear()
    for line in zone.splitlines():
        if line.startswith(";") or not line.strip():
            continue
        owner, _, kind, rest = line.split(None, 3)
        owner = owner.rstrip(".")
        if kind == "TXT":
            names.txt(owner, "".join(re.findall(r'"([^"]*)"', rest)))
        elif kind == "SRV":
            priority, weight, port, target = rest.split()
            names.service(owner, int(priority), int(weight), int(port), target)
        elif kind == "TLSA":
            usage, selector, matching, data = rest.split()
            names.tlsa(owner, (int(usage), int(selector), int(matching), data))
        else:
            raise AssertionError(line)
    names.host(HOST, ADDRESS)
    names.pointer(ADDRESS, HOST)
    names.mx(DOMAIN, (10, "mx." + DOMAIN))
    names.host("mx." + DOMAIN, "198.18.0.2")
    names.host("mta-sts." + DOMAIN, "198.18.0.3")


def forget(kind, name):
    return lambda names: names.forget(name, kind)


FAULTS = {  # what is done to the right records: (kind, verdict, what it says)
    "no pointer": (lambda names: names.forget("1.0.18.198.in-addr.arpa", PTR), "ptr", "missing", "has no name"),
    "another's pointer": (lambda names: names.pointer(ADDRESS, "pool.example.net"), "ptr", "wrong", "does not lead back"),
    "no mx": (forget(MX, DOMAIN), "mx", "missing", "nobody is said to take mail"),
    "null mx": (lambda names: names.mx(DOMAIN, (0, ".")), "mx", "wrong", "takes no mail"),
    "two spf": (lambda names: names.txt(DOMAIN, "v=spf1 -all", "v=spf1 mx ~all"), "spf", "wrong", "2 records"),
    "spf of others": (lambda names: names.txt(DOMAIN, "v=spf1 mx -all"), "spf", "wrong", ADDRESS + ", which mail leaves from, gets 'fail'"),
    "spf in a ring": (lambda names: names.txt(DOMAIN, f"v=spf1 include:{DOMAIN} -all"), "spf", "wrong", "more than 10 terms"),
    "no dkim": (forget(TXT, "gp-ed._domainkey." + DOMAIN), "dkim", "missing", "no such record"),
    "another key": (lambda names: names.txt("gp-rsa._domainkey." + DOMAIN, "v=DKIM1; k=rsa; p=AAAA"), "dkim", "wrong", "another key"),
    "no dmarc": (forget(TXT, "_dmarc." + DOMAIN), "dmarc", "missing", "no such record"),
    "sts without a policy's host": (lambda names: names.forget("mta-sts." + DOMAIN, 1), "mta-sts", "wrong", "has no address"),
    "tlsrpt without an address": (lambda names: names.txt("_smtp._tls." + DOMAIN, "v=TLSRPTv1;"), "tlsrpt", "wrong", "no rua="),
    "another certificate's tlsa": (lambda names: [names.tlsa(name, (3, 1, 1, "00" * 32)) for name, kind in [*names.records] if kind == TLSA], "tlsa", "wrong", "fits the certificate"),
    "another server's service": (lambda names: names.service("_submission._tcp." + DOMAIN, 0, 1, 587, "smtp.example.net"), "srv", "wrong", "another server"),
    "a name server that fails": (lambda names: names.fails("_dmarc." + DOMAIN), "dmarc", "unknown", ""),
}
