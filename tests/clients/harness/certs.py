"""Throw-away certificates: one authority, one server certificate for all hosts, client certificates."""

from __future__ import annotations

import pathlib
import subprocess


def _openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Authority:
    """A certificate authority in a folder, made with the openssl command."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.cert = folder / "ca.pem"
        self.key = folder / "ca.key"
        if not self.cert.exists():
            _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-sha256",
                     "-subj", "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", str(self.key), "-out", str(self.cert))

    def _issue(self, name: str, subject: str, san: str, usage: str) -> tuple[pathlib.Path, pathlib.Path]:
        key, csr = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        cert, extensions = self.folder / f"{name}.crt", self.folder / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName={san}\nbasicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n"
            "keyUsage=digitalSignature,keyEncipherment\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-sha256", "-subj", subject,
                 "-keyout", str(key), "-out", str(csr))
        _openssl("x509", "-req", "-in", str(csr), "-CA", str(self.cert), "-CAkey", str(self.key),
                 "-CAcreateserial", "-days", "3650", "-sha256", "-extfile", str(extensions), "-out", str(cert))
        return cert, key

    def server(self, hosts: list[str]) -> pathlib.Path:
        """A PEM file with key and chain, the key last, so that the server has to sort the parts."""
        pem = self.folder / "server.pem"
        if not pem.exists():
            # The address is there for a client library that checks it instead of the XMPP domain.
            san = ",".join([*(f"DNS:{host}" for host in hosts), "IP:127.0.0.1"])
            cert, key = self._issue("server", f"/CN={hosts[0]}", san, "serverAuth")
            pem.write_text(cert.read_text() + self.cert.read_text() + key.read_text())
        return pem

    def client(self, jid: str) -> tuple[pathlib.Path, pathlib.Path]:
        """Certificate and key whose xmppAddr (RFC 6120 §13.7.1.4) is `jid`."""
        name = "client-" + jid.replace("@", "-at-")
        cert = self.folder / f"{name}.crt"
        if cert.exists():
            return cert, self.folder / f"{name}.key"
        return self._issue(name, f"/CN={jid}", f"otherName:1.3.6.1.5.5.7.8.5;UTF8:{jid}", "clientAuth")
