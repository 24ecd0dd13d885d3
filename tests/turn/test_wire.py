"""What the relay refuses, and how: the deny matrix, quotas, ports, answers to strangers, accounts that go."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import ssl
import struct
import time

import wire
from lab import Lab

DENIED_V4 = ("0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 "
             "192.0.0.8 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.2 192.168.0.1 192.175.48.1 198.18.0.1 "
             "198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255").split()
DENIED_V6 = ":: ::1 100::1 fc00::1 fd00::1 fe80::1 fec0::1 ff02::1 2001:db8::1 2001:2::1 3fff::1 5f00::1".split()


def encodings(ip: str) -> list[str]:
    """Every way in which an IPv6 address carries an IPv4 one."""
    bits = int(ipaddress.IPv4Address(ip))
    made = (bits, 0xFFFF << 32 | bits, 0xFFFF0000 << 32 | bits, 0x64FF9B << 96 | bits, 0x64FF9B0001 << 80 | bits,
            0x2002 << 112 | bits << 80, 0x20010000 << 96 | bits ^ 0xFFFFFFFF)
    return [str(ipaddress.IPv6Address(one)) for one in made]


def test_deny_matrix(lab: Lab) -> None:
    """CreatePermission, ChannelBind and Send to each special range in each encoding: 403, and nothing passes."""
    with lab.client("strict") as v4, lab.client("strict") as v6:
        assert v4.allocate().code == 0
        assert v6.allocate((wire.FAMILY, b"\2\0\0\0")).code == 0, "the relay has an IPv6 address"
        for ip in DENIED_V4:
            assert v4.peers(wire.PERMIT, ip).code == 403, ip
            assert v4.peers(wire.BIND, ip, number=0x4001).code == 403, ip
        for ip in DENIED_V6 + [one for ip in DENIED_V4 for one in encodings(ip)]:
            assert v6.peers(wire.PERMIT, ip).code == 403, ip
            assert v6.peers(wire.BIND, ip, number=0x4001).code == 403, ip
        # The other family is no way around.
        assert v4.peers(wire.PERMIT, "::ffff:127.0.0.1").code == 443
        assert v4.peers(wire.PERMIT, "1.1.1.1").code == 0, "a global address is allowed"


def test_each_address_of_a_request_is_judged(lab: Lab) -> None:
    """One allowed address does not let others in, in whatever order."""
    with lab.client("strict") as client, lab.listening() as victim:
        assert client.allocate().code == 0
        # 192.0.2.77 is on the whitelist of that listener.
        for order in (("192.0.2.77", "127.0.0.1"), ("127.0.0.1", "192.0.2.77")):
            assert client.peers(wire.PERMIT, *order).code == 403, order
        client.indicate("127.0.0.1", victim.getsockname()[1], b"intruder")
        client.channel(0x4001, b"intruder")
        assert client.peers(wire.PERMIT, "192.0.2.77").code == 0
        client.indicate("127.0.0.1", victim.getsockname()[1], b"intruder")
        victim.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            raise AssertionError(f"the relay let {victim.recv(100)!r} through")


def test_own_relays_and_nothing_beside_them(lab: Lab) -> None:
    """Two relays of this server talk to each other; other ports of its address are out of reach."""
    with lab.client("own") as one, lab.client("own") as two, lab.listening("127.0.0.2") as victim:
        first, second = one.allocate().address(wire.RELAYED), two.allocate().address(wire.RELAYED)
        assert first[0] == "127.0.0.2"
        assert one.peers(wire.BIND, second[0], port=second[1], number=0x4001).code == 0
        assert two.peers(wire.BIND, first[0], port=first[1], number=0x4002).code == 0
        one.channel(0x4001, b"hello")
        assert two.socket.recv(100) == struct.pack(">HH", 0x4002, 5) + b"hello"
        port = victim.getsockname()[1]
        assert one.peers(wire.BIND, "127.0.0.2", port=port, number=0x4003).code == 0, "the address is permitted"
        one.channel(0x4003, b"intruder")
        one.indicate("127.0.0.2", port, b"intruder")
        victim.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            raise AssertionError(f"the relay let {victim.recv(100)!r} through")


def test_a_range_that_is_used_up(lab: Lab) -> None:
    """508 at once, and ports come back."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(lab.client("few")) for _ in range(5)]
        codes = [client.allocate().code for client in clients]
        assert codes == [0, 0, 0, 0, 508], codes
        assert clients[0].refresh(0).code == 0
        assert clients[4].allocate().code == 0


def test_quota_of_an_account(lab: Lab) -> None:
    """486 beyond `turn_max_allocations`; 437 for a second one of a five-tuple, the same for a retransmission."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(lab.client("strict", "quota")) for _ in range(4)]
        assert [client.allocate().code for client in clients] == [0, 0, 0, 486]
        assert clients[0].allocate().code == 437
        assert clients[0].refresh(0).code == 0
        transaction = os.urandom(12)
        wanted = (wire.TRANSPORT, b"\x11\0\0\0")
        first, again = (clients[0].ask(wire.ALLOCATE, wanted, transaction=transaction) for _ in range(2))
        assert first.code == again.code == 0 and first.get(wire.RELAYED) == again.get(wire.RELAYED)


def test_ports_are_unpredictable(lab: Lab) -> None:
    """Ports of one client after the other do not follow each other."""
    ports = []
    for _ in range(24):
        with lab.client("relay") as client:
            ports.append(client.allocate().address(wire.RELAYED)[1])
            assert client.refresh(0).code == 0
    near = sum(abs(a - b) < 8 for a, b in zip(ports, ports[1:], strict=False))
    assert near < 6, ports


def test_even_port_and_reservation(lab: Lab) -> None:
    """EVEN-PORT, and the token for the next one, once."""
    with lab.client("relay") as one, lab.client("relay") as two, lab.client("relay") as three:
        answer = one.allocate((wire.EVEN_PORT, b"\x80"))
        port, token = answer.address(wire.RELAYED)[1], answer.get(wire.TOKEN)
        assert port % 2 == 0 and token is not None
        assert two.allocate((wire.TOKEN, token)).address(wire.RELAYED)[1] == port + 1
        assert three.allocate((wire.TOKEN, token)).code == 508


def test_two_families(lab: Lab) -> None:
    """ADDITIONAL-ADDRESS-FAMILY gives two relays; a family that is not there is 440."""
    with lab.client("strict") as one, lab.client("relay") as two:
        answer = one.allocate((wire.ADDITIONAL, b"\2\0\0\0"))
        relayed = [wire.read_address(value, answer.transaction)[0] for kind, value in answer.attributes
                   if kind == wire.RELAYED]
        assert relayed == ["127.0.0.4", "::2"], relayed
        assert two.allocate((wire.FAMILY, b"\2\0\0\0")).code == 440


def test_answers_to_strangers(lab: Lab) -> None:
    """No SOFTWARE before the log-in, no reason phrase, and over time no more bytes than were sent."""
    with lab.client("strict") as client:
        binding = client.once(wire.BINDING, [], signed=False)
        assert binding.address(wire.MAPPED) == client.socket.getsockname()
        challenge = client.once(wire.ALLOCATE, [], signed=False)
        assert challenge.code == 401
        for answer in (binding, challenge):
            assert answer.get(wire.SOFTWARE) is None and len(answer.data) <= 120, len(answer.data)
        assert client.allocate().get(wire.SOFTWARE) == b"Rookery"
    with lab.client("relay", source="127.0.0.9") as flood:
        request = flood.message(wire.ALLOCATE, b"", False, os.urandom(12))
        sent = received = 0
        begin = time.monotonic()
        # Fewer messages than an address may send: what is not answered is not answered for the bytes.
        for _ in range(350):
            flood.socket.sendto(request, flood.server)
            sent += len(request)
        flood.socket.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while True:
                received += len(flood.socket.recv(4096))
        trickle = 256 * (time.monotonic() - begin)
        assert sent < received <= sent + 8192 + trickle, (received, sent, trickle)


def test_garbage_gets_no_answer(lab: Lab) -> None:
    """Bytes that are no message of ours, one by one: silence, and the server lives."""
    with lab.client("strict") as client:
        right = client.message(wire.ALLOCATE, wire.attribute(wire.TRANSPORT, b"\x11\0\0\0"), False, os.urandom(12))
        client.socket.settimeout(0.3)
        for data in (b"", b"\0", right[:19], right[:-1], right + b"\0", b"\xff" * 40, b"\x40\x01\xff\xff",
                     right[:2] + b"\xff\xfc" + right[4:], os.urandom(1400), b"\0\1\0\4" + right[4:20] + b"\0\6\0\xff"):
            client.socket.sendto(data, client.server)
        with contextlib.suppress(TimeoutError):
            raise AssertionError(f"answered {client.socket.recv(4096)!r}")
        client.socket.settimeout(3)
        assert client.once(wire.BINDING, [], signed=False).code == 0


def test_a_listener_with_its_own_certificate(lab: Lab) -> None:
    """`certfile` of the listener, whatever name the client asks for; a renewed one after a reload."""
    address = ("127.0.0.1", lab.ports["own_certificate"])
    first = (lab.folder / "cert.pem").read_text()
    assert ssl.get_server_certificate(address).split() == first.split()
    second = lab.certificate("second.example")
    assert ssl.get_server_certificate(address).split() == first.split()
    lab.ctl("reload_config")
    assert ssl.get_server_certificate(address).split() == second.split()
    assert ssl.get_server_certificate(("127.0.0.1", lab.ports["tls"])).split() != second.split()


def test_wrong_passwords_and_names(lab: Lab) -> None:
    """401 for a wrong password and for nobody, 438 for a nonce that is not ours, 441 for another user."""
    with lab.client("strict") as client:
        client.password = "wrong"
        assert client.allocate().code == 401
        client.user = "nobody"
        assert client.allocate().code == 401
        client.nonce = b"obMatJos2gAAAxxxxxxxxxxxxxxxx"
        assert client.allocate().code == 438
    with lab.client("strict") as client:
        assert client.allocate().code == 0
        client.user = "bob"
        assert client.refresh().code == 441



def test_keys_of_another_realm(lab: Lab) -> None:
    """No clear text is stored: after a change of the realm a log-in works once the password was shown again."""
    before = lab.config.read_text()
    lab.register("mover")
    try:
        lab.config.write_text(before.replace("127.0.0.3,", "127.0.0.3, auth_realm: moved,"))
        lab.ctl("reload_config")
        with lab.client("few", "mover") as client:
            assert client.allocate().code == 401 and client.realm == b"moved"
            assert lab.says("keys for relays are of another realm")
            lab.ctl("check_password", "mover", "localhost", "secret")
            assert client.allocate().code == 0
        with lab.client("relay", "mover") as client:
            assert client.allocate().code == 0, "and in the realm of the other listeners too"
    finally:
        lab.config.write_text(before)
        lab.ctl("reload_config")
    key = lab.folder / "spool" / "relay.key"
    assert key.stat().st_mode & 0o7777 == 0o600 and key.stat().st_size == 32
    key.chmod(0o640)
    try:
        assert "relay.key" in lab.ctl("reload_config", fails=True), "a key that others may read is refused"
    finally:
        key.chmod(0o600)


def test_a_removed_account_loses_its_relay(lab: Lab) -> None:
    """Removal and a change of password end allocations within a second, over UDP."""
    for user, command in (("gone", ("unregister", "gone", "localhost")),
                          ("changed", ("change_password", "changed", "localhost", "another")),
                          ("banned", ("ban_account", "banned", "localhost", "test"))):
        lab.register(user)
        with lab.client("relay", user) as client, lab.listening() as peer:
            ip, port = peer.getsockname()
            assert client.allocate().code == 0
            assert client.peers(wire.BIND, ip, port=port, number=0x4001).code == 0
            client.channel(0x4001, b"before")
            assert peer.recv(100) == b"before"
            lab.ctl(*command)
            time.sleep(1)
            client.channel(0x4001, b"after")
            peer.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                raise AssertionError(f"still relays {peer.recv(100)!r}")
            assert client.refresh().code in (401, 437)
            assert client.allocate().code == 401, "and it gets no other"
