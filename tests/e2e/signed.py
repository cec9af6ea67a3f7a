"""The small DNS server with DNSSEC: all that it says is one zone, the root, signed as it is asked for (RFC 4034, 4035; NSEC for what is not there).
names.unsigned("plain.example") cuts a zone off that has no proofs; names.forge(...) spoils signatures; names.alias(...) is CNAME."""
import base64
import struct
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from names import HEADER, NOERROR, NXDOMAIN, RECURSION, RESPONSE, SERVFAIL, SOA, TRUNCATED, TTL, Names, read_question, record, wire_name

NS, CNAME, OPT, DS, RRSIG, NSEC, DNSKEY = 2, 5, 41, 43, 46, 47, 48
ECDSA_P256, ZONE_KEY, DAY, UDP_WITH_EDNS, SIGNED_TOO = 13, 257, 86400, 1232, 0x8000


def types(*kinds):
    """The type bit maps of NSEC, of types below 256."""
    bits = bytearray(max(kinds) // 8 + 1)
    for kind in kinds:
        bits[kind // 8] |= 0x80 >> kind % 8
    return bytes([0, len(bits)]) + bytes(bits)


class Signed(Names):
    def __init__(self):
        self.secret = ec.generate_private_key(ec.SECP256R1())
        point = self.secret.public_key().public_numbers()
        self.key = struct.pack("!HBB", ZONE_KEY, 3, ECDSA_P256) + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
        total = sum(octet if n & 1 else octet << 8 for n, octet in enumerate(self.key))
        self.tag = (total + (total >> 16)) & 0xFFFF         # RFC 4034 B
        self.cuts, self.forged, self.stripped = set(), set(), False     # stripped: as a resolver that knows nothing of DNSSEC
        super().__init__()
        self.records["", DNSKEY] = [self.key]

    def anchor(self):
        return f". IN DNSKEY {ZONE_KEY} 3 {ECDSA_P256} {base64.b64encode(self.key[4:]).decode()}\n"

    def unsigned(self, domain):
        self.cuts.add(domain)

    def forge(self, name, kind):
        self.forged.add((name, kind))

    def alias(self, name, target):
        self.records[name, CNAME] = [wire_name(target)]

    # ---- proofs
    def has_proofs(self, name):
        return not self.stripped and not any(name == cut or name.endswith("." + cut) for cut in self.cuts)

    def signature(self, name, kind, datas):
        now, labels = int(time.time()), len([label for label in name.split(".") if label])
        head = struct.pack("!HBBIIIH", kind, ECDSA_P256, labels, TTL, now + DAY, now - DAY, self.tag) + wire_name("")
        both = decode_dss_signature(self.secret.sign(head + b"".join(record(name, kind, data) for data in sorted(datas)), ec.ECDSA(hashes.SHA256())))
        proof = b"".join(half.to_bytes(32, "big") for half in both)
        return head + (proof[::-1] if (name, kind) in self.forged else proof)

    def signed(self, name, kind, datas, proven=True):
        """The records of a set, and its signature."""
        found = [record(name, kind, data) for data in datas]
        return found + ([record(name, RRSIG, self.signature(name, kind, datas))] if proven else [])

    def nothing(self, name, kind, exists):
        """That there is no such record; or no such name."""
        proven = self.has_proofs(name) or kind == DS and name in self.cuts
        said = self.signed("", SOA, [b"\0\0" + struct.pack("!5I", 1, 60, 60, 60, TTL)], proven)
        here = {known for owner, known in self.records if owner == name} | ({NS} if name in self.cuts else set())
        if proven and exists:
            said += self.signed(name, NSEC, [wire_name("\0." + name) + types(RRSIG, NSEC, *here)])
        elif proven:
            for absent in (name, "*." + name.partition(".")[2]):
                said += self.gap(absent)
        return said

    def gap(self, name):
        """Around one name and what is below it, so that nothing else is taken to be missing as well (RFC 4470)."""
        label, dot, above = name.partition(".")
        return self.signed(label[:-1] + chr(ord(label[-1]) - 1) + "~" + dot + above, NSEC, [wire_name(label + "\0" + dot + above) + types(RRSIG, NSEC)])

    # ---- answers
    def found(self, name, kind):
        """Records of the answer, following aliases, and the name where that ends."""
        answers, hops = [], 0
        while kind != CNAME and (name, CNAME) in self.records and hops < 8:
            target = self.records[name, CNAME]
            answers += self.signed(name, CNAME, target, self.has_proofs(name))
            name, hops = self.text(target[0]), hops + 1
        if (name, kind) in self.records:
            answers += self.signed(name, kind, self.records[name, kind], self.has_proofs(name))
            return answers, name, True
        return answers, name, False

    @staticmethod
    def text(wire):
        labels, at = [], 0
        while wire[at]:
            labels.append(wire[at + 1:at + 1 + wire[at]].decode())
            at += 1 + wire[at]
        return ".".join(labels)

    def reply(self, query, most, transport="udp"):
        name, kind, question = read_question(query)
        self.asked.append((name, kind, transport))
        answers, end, there = self.found(name, kind)
        exists = not end or end in self.cuts or any(known == end or known.endswith("." + end) for known, _ in self.records)
        code = SERVFAIL if name in self.failing else NOERROR if exists else NXDOMAIN
        if code == SERVFAIL:
            answers, there = [], True
        authority = [] if there else self.nothing(end, kind, exists)
        more = b"\0" + struct.pack("!HHIH", OPT, UDP_WITH_EDNS, SIGNED_TOO, 0)
        flags, size = RESPONSE | RECURSION | code, HEADER + len(question) + len(b"".join(answers + authority)) + len(more)
        if size > (UDP_WITH_EDNS if transport == "udp" else most):
            flags, answers, authority = flags | TRUNCATED, [], []
        head = query[:2] + struct.pack("!5H", flags | (query[2] << 8 & 0x0100), 1, len(answers), len(authority), 1)
        return head + question + b"".join(answers + authority) + more


