"""Client side of SASL PLAIN (RFC 4616) and SCRAM (RFC 5802, 7677) for raw streams, written only from the RFCs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets


def b64(data: bytes | str) -> str:
    """Base64 text of bytes or of UTF-8 text."""
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def plain(user: str, password: str, authzid: str = "") -> str:
    """Initial response of PLAIN."""
    return b64(f"{authzid}\0{user}\0{password}")


class Scram:
    """One SCRAM exchange. `hash_name` is a hashlib name; `binding` is (type, data) for the -PLUS variants."""

    def __init__(self, hash_name: str, user: str, password: str,
                 binding: tuple[str, bytes] | None = None, gs2_flag: str | None = None,
                 authzid: str = "") -> None:
        self.hash_name = hash_name
        self.password = password
        self.binding = binding
        flag = gs2_flag or (f"p={binding[0]}" if binding else "n")
        self.gs2 = f"{flag},{'a=' + authzid if authzid else ''},"
        name = user.replace("=", "=3D").replace(",", "=2C")
        self.first_bare = f"n={name},r={secrets.token_urlsafe(18)}"

    def first(self) -> str:
        """Base64 of client-first-message."""
        return b64(self.gs2 + self.first_bare)

    def final(self, challenge: str) -> str:
        """Base64 of client-final-message for the server's base64 challenge."""
        server_first = base64.b64decode(challenge).decode()
        parts = dict(part.split("=", 1) for part in server_first.split(","))
        nonce = self.first_bare.split(",r=", 1)[1]
        if not parts["r"].startswith(nonce) or parts["r"] == nonce:
            raise AssertionError(f"the server's nonce does not extend ours: {server_first}")
        self.iterations = int(parts["i"])
        salted = hashlib.pbkdf2_hmac(self.hash_name, self.password.encode(),
                                     base64.b64decode(parts["s"]), self.iterations)
        client_key = hmac.digest(salted, b"Client Key", self.hash_name)
        stored_key = hashlib.new(self.hash_name, client_key).digest()
        header = self.gs2.encode() + (self.binding[1] if self.binding else b"")
        without_proof = f"c={b64(header)},r={parts['r']}"
        auth = f"{self.first_bare},{server_first},{without_proof}".encode()
        signature = hmac.digest(stored_key, auth, self.hash_name)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", self.hash_name)
        self.expected = "v=" + b64(hmac.digest(server_key, auth, self.hash_name))
        return b64(f"{without_proof},p={b64(proof)}")

    def verify(self, success: str) -> None:
        """Check the server's signature in the text of <success/>."""
        got = base64.b64decode(success).decode()
        if got != self.expected:
            raise AssertionError(f"wrong server signature {got}, expected {self.expected}")


HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
