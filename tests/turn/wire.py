"""A small TURN client over UDP that says exactly what a test wants: right, wrong or hostile."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import socket
import struct

COOKIE = 0x2112A442
BINDING, ALLOCATE, REFRESH, PERMIT, BIND, CONNECT = 1, 3, 4, 8, 9, 10
USERNAME, ERROR, LIFETIME, PEER, REALM, NONCE = 0x6, 0x9, 0xD, 0x12, 0x14, 0x15
INTEGRITY, RELAYED, FAMILY, EVEN_PORT, TRANSPORT = 0x8, 0x16, 0x17, 0x18, 0x19
CHANNEL, DATA, MAPPED, TOKEN, SOFTWARE, ADDITIONAL = 0xC, 0x13, 0x20, 0x22, 0x8022, 0x8000


def xor_address(ip: str, port: int, transaction: bytes) -> bytes:
    """The value of an XOR-…-ADDRESS attribute."""
    address = ipaddress.ip_address(ip)
    mask = struct.pack(">I", COOKIE) + transaction
    mixed = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    return struct.pack(">BBH", 0, 1 if address.version == 4 else 2, port ^ (COOKIE >> 16)) + mixed


def read_address(value: bytes, transaction: bytes) -> tuple[str, int]:
    """The address in such a value."""
    mask = struct.pack(">I", COOKIE) + transaction
    packed = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return str(ipaddress.ip_address(packed)), struct.unpack(">H", value[2:4])[0] ^ (COOKIE >> 16)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


class Answer:
    """A message that came back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.kind, length = struct.unpack(">HH", data[:4])
        self.transaction = data[8:20]
        self.attributes: list[tuple[int, bytes]] = []
        at = 20
        while at < 20 + length:
            kind, size = struct.unpack(">HH", data[at:at + 4])
            self.attributes.append((kind, data[at + 4:at + 4 + size]))
            at += 4 + size + -size % 4

    def get(self, kind: int) -> bytes | None:
        """The first attribute of a type."""
        return next((value for found, value in self.attributes if found == kind), None)

    @property
    def code(self) -> int:
        """The error code, 0 for success."""
        value = self.get(ERROR)
        return 0 if value is None else value[2] * 100 + value[3]

    def address(self, kind: int) -> tuple[str, int]:
        """An address attribute."""
        value = self.get(kind)
        assert value is not None, f"no attribute {kind:#x} in {self.attributes}"
        return read_address(value, self.transaction)


class Client:
    """One five-tuple."""

    def __init__(self, port: int, user: str = "", password: str = "", host: str = "127.0.0.1") -> None:
        self.server = (host, port)
        self.user, self.password = user, password
        self.realm = self.nonce = b""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(3)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def message(self, method: int, attributes: bytes, signed: bool, transaction: bytes, kind: int = 0) -> bytes:
        """A message as bytes; `kind` is the class."""
        if signed:
            attributes += attribute(USERNAME, self.user.encode()) + attribute(REALM, self.realm)
            attributes += attribute(NONCE, self.nonce)
        header = struct.pack(">HHI", method | kind, len(attributes) + (24 if signed else 0), COOKIE) + transaction
        if not signed:
            return header + attributes
        key = hashlib.md5(f"{self.user}:{self.realm.decode()}:{self.password}".encode()).digest()
        return header + attributes + attribute(INTEGRITY, hmac.digest(key, header + attributes, "sha1"))

    def once(self, method: int, attributes: list[tuple[int, bytes]], signed: bool = True,
             transaction: bytes | None = None) -> Answer:
        """One request and its answer."""
        transaction = transaction or os.urandom(12)
        packed = b"".join(attribute(*one) for one in attributes)
        request = self.message(method, packed, signed, transaction)
        self.socket.sendto(request, self.server)
        while True:
            answer = self.socket.recv(4096)
            if answer[8:20] == transaction:
                return Answer(answer)

    def ask(self, method: int, *attributes: tuple[int, bytes], transaction: bytes | None = None) -> Answer:
        """A request, after the challenge if need be."""
        if not self.nonce:
            challenge = self.once(method, [], signed=False)
            assert challenge.code == 401, challenge.code
            self.realm, self.nonce = challenge.get(REALM), challenge.get(NONCE)
        return self.once(method, list(attributes), transaction=transaction)

    def allocate(self, *more: tuple[int, bytes]) -> Answer:
        """Asks for a relay over UDP."""
        return self.ask(ALLOCATE, (TRANSPORT, b"\x11\0\0\0"), *more)

    def peers(self, method: int, *addresses: str, port: int = 9, number: int | None = None) -> Answer:
        """A request about peers: permissions, a channel, or a connection."""
        transaction = os.urandom(12)
        wanted = [(PEER, xor_address(ip, port, transaction)) for ip in addresses]
        if number is not None:
            wanted.insert(0, (CHANNEL, struct.pack(">HH", number, 0)))
        return self.ask(method, *wanted, transaction=transaction)

    def refresh(self, lifetime: int = 600) -> Answer:
        """Prolongs or ends the allocation."""
        return self.ask(REFRESH, (LIFETIME, struct.pack(">I", lifetime)))

    def indicate(self, ip: str, port: int, data: bytes) -> None:
        """A Send indication."""
        transaction = os.urandom(12)
        packed = attribute(PEER, xor_address(ip, port, transaction)) + attribute(DATA, data)
        self.socket.sendto(self.message(6, packed, False, transaction, 0x10), self.server)

    def channel(self, number: int, data: bytes) -> None:
        """ChannelData."""
        self.socket.sendto(struct.pack(">HH", number, len(data)) + data, self.server)
