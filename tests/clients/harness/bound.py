"""A blocking stream over pyOpenSSL, which can give the channel-binding data that `ssl` cannot."""

from __future__ import annotations

import hashlib
import socket
from types import TracebackType

from .stream import NS_CLIENT, NS_STREAM


class Bound:
    """Direct TLS. `binding` is (type, data) as SCRAM wants it."""

    def __init__(self, port: int, host: str, kind: str) -> None:
        from OpenSSL import SSL, crypto

        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if kind == "tls-unique":
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
        self.host = host
        self.raw = socket.create_connection(("127.0.0.1", port), 10)
        self.connection = SSL.Connection(context, self.raw)
        self.connection.set_tlsext_host_name(host.encode())
        self.connection.set_connect_state()
        self.raw.setblocking(True)
        self.connection.do_handshake()
        if kind == "tls-exporter":
            data = self.connection.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        elif kind == "tls-unique":
            data = self.connection.get_finished()
        else:
            certificate = self.connection.get_peer_certificate()
            data = hashlib.sha256(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)).digest()
        self.binding = (kind, data)

    def __enter__(self) -> Bound:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.connection.close()
        self.raw.close()

    def header(self, more: str = "") -> str:
        """A stream header."""
        return f"<stream:stream to='{self.host}' {more} version='1.0' xmlns='{NS_CLIENT}' xmlns:stream='{NS_STREAM}'>"

    def ask(self, text: str, end: str) -> str:
        """Send something and give what comes up to `end`, or to a failure."""
        self.connection.sendall(text.encode())
        got = b""
        while end.encode() not in got and b"</failure>" not in got:
            got += self.connection.recv(65536)
        return got.decode()
