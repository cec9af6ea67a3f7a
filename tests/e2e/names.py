"""A small DNS server on loopback, over UDP and TCP: what it says is a table, so that each test can make up domains of its own."""
import ipaddress
import random
import socketserver
import struct
import threading

A, SOA, PTR, MX, TXT, AAAA, SRV, TLSA = 1, 6, 12, 15, 16, 28, 33, 52
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
IN, HEADER, UDP_MOST, TTL = 1, 12, 512, 0       # TTL 0: nothing is remembered from one test to the next
RESPONSE, TRUNCATED, RECURSION = 0x8000, 0x0200, 0x0080
NULL_MX = [(0, ".")]                            # RFC 7505


def wire_name(name):
    labels = [label.encode() for label in name.strip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def read_question(query):
    """Name, type, and the octets of the question."""
    labels, at = [], HEADER
    while length := query[at]:
        labels.append(query[at + 1:at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels).lower(), struct.unpack_from("!H", query, at + 1)[0], query[HEADER:at + 5]


def record(name, kind, data):
    return wire_name(name) + struct.pack("!HHIH", kind, IN, TTL, len(data)) + data


class OverUdp(socketserver.BaseRequestHandler):
    def handle(self):
        query, sock = self.request
        if (reply := self.server.names.reply(query, UDP_MOST)) is not None:
            sock.sendto(reply, self.client_address)


class OverTcp(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(2)) == 2:
            query = self.rfile.read(struct.unpack("!H", head)[0])
            if (reply := self.server.names.reply(query, 0xFFFF, "tcp")) is None:
                return
            self.wfile.write(struct.pack("!H", len(reply)) + reply)


class UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True


class Names:
    """names.mx("a.test.example", (10, "mx.example")), names.host("mx.example", "127.0.0.2"), names.fails("b.example")."""

    def __init__(self):
        self.records, self.failing, self.asked = {}, set(), []
        self.servers, self.port = [], 0
        while not self.open():
            pass

    def open(self, port=0):
        """The same port for UDP and TCP; False: the second one was somebody else's."""
        tcp = TcpServer(("127.0.0.1", port or random.randint(20000, 32000)), OverTcp, bind_and_activate=False)
        try:
            tcp.server_bind()
            udp = UdpServer(tcp.server_address, OverUdp)
        except OSError:
            tcp.server_close()
            return False
        tcp.server_activate()
        self.port, self.servers = udp.server_address[1], [udp, tcp]
        for server in self.servers:
            server.names = self
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return True

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.servers = []

    # ---- the table
    def mx(self, domain, *hosts):
        self.records[domain, MX] = [struct.pack("!H", preference) + wire_name(name) for preference, name in hosts]

    def host(self, name, *addresses):
        for address in map(ipaddress.ip_address, addresses):
            self.records.setdefault((name, A if address.version == 4 else AAAA), []).append(address.packed)

    def txt(self, name, *texts):
        """Instead of what there was; strings of 255 octets at most."""
        cut = [[text.encode()[i:i + 255] for i in range(0, len(text), 255)] for text in texts]
        self.records[name.lower(), TXT] = [b"".join(bytes([len(part)]) + part for part in parts) for parts in cut]

    def pointer(self, address, *names):
        self.records[ipaddress.ip_address(address).reverse_pointer, PTR] = [wire_name(name) for name in names]

    def service(self, name, priority, weight, port, target):
        self.records[name, SRV] = [struct.pack("!3H", priority, weight, port) + wire_name(target)]

    def tlsa(self, name, *records):
        self.records[name, TLSA] = [bytes(head) + bytes.fromhex(data) for *head, data in records]

    def forget(self, name, kind):
        self.records.pop((name, kind), None)

    def fails(self, name):
        self.failing.add(name)

    def works(self, name):
        self.failing.remove(name)

    # ---- answers
    def reply(self, query, most, transport="udp"):
        name, kind, question = read_question(query)
        self.asked.append((name, kind, transport))
        found = self.records.get((name, kind), [])
        exists = not name or any(known == name or known.endswith("." + name) for known, _ in self.records)
        code = SERVFAIL if name in self.failing else NOERROR if exists else NXDOMAIN
        found = [] if code else found
        answers = b"".join(record(name, kind, data) for data in found)
        authority = b"" if found or code == SERVFAIL else record(name.rpartition(".")[2], SOA, b"\0\0" + struct.pack("!5I", 1, 60, 60, 60, TTL))
        flags, whole = RESPONSE | RECURSION | code, HEADER + len(question) + len(answers) + len(authority) <= most
        if not whole:
            flags, answers, authority, found = flags | TRUNCATED, b"", b"", []
        head = query[:2] + struct.pack("!5H", flags | (query[2] << 8 & 0x0100), 1, len(found), 1 if authority else 0, 0)
        return head + question + answers + authority
