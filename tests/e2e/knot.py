"""Debian's Knot DNS in a folder of its own: real zones, signed by it, each vouched for by the one above."""
import shutil
import subprocess

from house import free_port, until

CONF = """server:
    rundir: {folder}
    listen: 127.0.0.1@{port}
database:
    storage: {folder}
log:
  - target: stderr
    any: info
policy:
{policies}zone:
{zones}"""
POLICY = """  - id: "{name}"
    manual: on
    single-type-signing: on
    algorithm: {algorithm}
    nsec3: {nsec3}
    nsec3-opt-out: {opt_out}
"""
ZONE = """  - domain: "{name}"
    file: {file}
    zonefile-sync: -1
"""
SIGNED = """    dnssec-signing: on
    dnssec-policy: "{name}"
"""
HEAD = "@ {ttl} SOA ns.example. hostmaster.example. 1 60 60 60 {ttl}\n@ {ttl} NS ns.example.\n"
TTL = 60
KNOTD, KEYMGR = "/usr/sbin/knotd", "/usr/sbin/keymgr"        # a user's PATH has no sbin, and Knot needs no root


def missing():
    return None if shutil.which(KNOTD) and shutil.which(KEYMGR) else "Knot DNS is not installed: scripts/install-deps test"


class Knot:
    """knot.zone("example.", algorithm="ed25519"), knot.add("example.", "@ MX 10 mx.example."), then start(). Zones without an algorithm are not signed."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder, self.port, self.process = folder, None, None
        self.conf, self.policies, self.zones, self.records = folder / "knot.conf", "", "", {}

    def zone(self, name, algorithm=None, nsec3="on", opt_out="off"):
        if algorithm:
            self.policies += POLICY.format(name=name, algorithm=algorithm, nsec3=nsec3, opt_out=opt_out)
        self.zones += ZONE.format(name=name, file=self.file(name)) + (SIGNED.format(name=name) if algorithm else "")
        self.records[name] = HEAD.format(ttl=TTL)
        self.configure()
        if algorithm:
            self.keymgr(name, "generate", "ksk=yes", "zsk=yes", f"algorithm={algorithm}")

    def configure(self):
        self.port = free_port()
        self.conf.write_text(CONF.format(folder=self.folder, port=self.port, policies=self.policies, zones=self.zones))

    def file(self, name):
        return self.folder / f"{name}zone"

    def add(self, zone, *records):
        self.records[zone] += "".join(f"{record}\n" for record in records)

    def keymgr(self, *words):
        return subprocess.run([KEYMGR, "-c", self.conf, *words], check=True, capture_output=True, text=True).stdout

    def delegate(self, above, name, vouched_by=None):
        """vouched_by: the zone whose key the one above vouches for; none for a zone that is not signed."""
        self.add(above, f"{name} {TTL} NS ns.example.", *(self.keymgr(vouched_by, "ds").replace(vouched_by, name).splitlines() if vouched_by else []))

    def start(self):
        for name, records in self.records.items():
            self.file(name).write_text(records)
        while not self.serves():                # the port is free for TCP, and may be somebody's for UDP
            assert "already in use" in self.log(), self.log()
            self.configure()
        return self

    def serves(self):
        """Once all zones are signed; False: it has ended."""
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([KNOTD, "-c", self.conf], stderr=log)
        until("zones that are served", lambda: "server started" in self.log() or self.process.poll() is not None)
        return self.process.poll() is None

    def log(self):
        return (self.folder / "log").read_text()

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
