"""A certificate authority of our own, so that every certificate in these tests is verified as a real one would be."""
import ipaddress
import pathlib
import subprocess


class Authority:
    def __init__(self, folder, name="gatepost test CA"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self._openssl("req", "-x509", *self._new_key("ca.key"), "-days", "2", "-subj", f"/CN={name}", "-out", "ca.pem")

    @staticmethod
    def _new_key(file, kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        return "-newkey", *kind, "-nodes", "-keyout", file

    def _openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def issue(self, label, *names, days=2, digest="-sha256", **key):
        """Certificate and key files for host names and addresses; the label tells two for the same names apart. days: -1 is over."""
        self._openssl("req", "-new", *self._new_key(f"{label}.key", **key), "-subj", f"/CN={names[0]}", "-out", f"{label}.csr")
        (self.folder / f"{label}.san").write_text("subjectAltName=" + ",".join(map(self._alternative, names)) + "\n")
        self._openssl("x509", "-req", "-in", f"{label}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days), digest,
                      "-extfile", f"{label}.san", "-out", f"{label}.pem")
        return self.folder / f"{label}.pem", self.folder / f"{label}.key"

    @staticmethod
    def _alternative(name):
        try:
            ipaddress.ip_address(name)
            return f"IP:{name}"
        except ValueError:
            return f"DNS:{name}"
