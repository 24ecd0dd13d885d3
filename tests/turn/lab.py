"""One server for all tests of TURN, with a listener for each kind of configuration."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator

import wire

TEST_MODE = "turn_ipv4_address: 127.0.0.1, turn_loopback_for_tests: true, turn_max_allocations: 200, turn_max_permissions: 200"
# Kind, transport, address, options.
LISTENERS = {
    "relay": ("udp", "127.0.0.1", f"{TEST_MODE}, turn_min_port: 20000, turn_max_port: 23999"),
    "tcp": ("tcp", "127.0.0.1", f"{TEST_MODE}, turn_min_port: 20000, turn_max_port: 23999"),
    "tls": ("tcp", "127.0.0.1", f"{TEST_MODE}, turn_min_port: 20000, turn_max_port: 23999, tls: true"),
    # As it would be in the open, but on this machine.
    "own_certificate": ("tcp", "127.0.0.1", f"{TEST_MODE}, turn_min_port: 20000, turn_max_port: 23999, tls: true, certfile: {{folder}}/own.pem"),
    "strict": ("udp", "127.0.0.1", "turn_ipv4_address: 127.0.0.4, turn_ipv6_address: '::2', turn_max_allocations: 3, "
               "turn_max_permissions: 1000, turn_whitelist: 192.0.2.77, turn_min_port: 24000, turn_max_port: 24999, "
               "server_name: Rookery"),
    "own": ("udp", "127.0.0.1", "turn_ipv4_address: 127.0.0.2, turn_min_port: 25000, turn_max_port: 25999"),
    "few": ("udp", "127.0.0.1", "turn_ipv4_address: 127.0.0.3, turn_min_port: 26000, turn_max_port: 26003"),
}


def free_ports(count: int) -> list[int]:
    """Ports that are free for TCP now, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Lab:
    """The server and what tests need of it."""

    def __init__(self, binaries: pathlib.Path) -> None:
        self.binaries = binaries
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rookery-turn-"))
        names = [*LISTENERS, "c2s", "first", "second"]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.config = self.folder / "ejabberd.yml"
        self.certificate("first.example")
        self.config.write_text(self.configuration())
        self.config.chmod(0o600)
        self.process: subprocess.Popen[bytes] | None = None

    def configuration(self) -> str:
        """The server's configuration."""
        lines = ["hosts: [localhost]", "acl: {local: {user_regexp: ''}}", "access_rules: {local: {allow: local}}",
                 "auth_stored_password_types: [scram_sha256]", "listen:",
                 f"  - {{port: {self.ports['c2s']}, ip: 127.0.0.1, module: ejabberd_c2s, starttls: true}}"]
        for kind, (transport, ip, options) in LISTENERS.items():
            lines.append(f"  - {{port: {self.ports[kind]}, ip: {ip}, transport: {transport}, module: ejabberd_stun, "
                         f"use_turn: true, {options.replace('{folder}', str(self.folder))}}}")
        # Two addresses with the same two ports: RFC 5780.
        lines += [f"  - {{port: {self.ports[port]}, ip: 127.0.0.{ip}, transport: udp, module: ejabberd_stun}}"
                  for ip in (61, 62) for port in ("first", "second")]
        lines += ["modules:", "  mod_admin_extra: {}", "  mod_private: {}", "  mod_stun_disco: {secret: test secret}", ""]
        return "\n".join(lines)

    def certificate(self, name: str) -> str:
        """Makes the certificate of the listener that has one of its own, and gives it in PEM."""
        made, own = (self.folder / one for one in ("made.pem", "own.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                        "-keyout", made, "-out", self.folder / "cert.pem"], check=True, capture_output=True)
        pem = (self.folder / "cert.pem").read_text()
        made.write_text(pem + made.read_text())
        made.chmod(0o600)
        made.replace(own)
        return pem

    def start(self) -> None:
        """Starts the server and waits for it."""
        log = (self.folder / "log").open("wb")
        command = [self.binaries / "rookery", "--config", self.config, "--spool", self.folder / "spool"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        # As early as it can be: an account that is made in the first moment can log in to relays like any other.
        deadline = time.monotonic() + 20
        while not self.is_registered("alice"):
            if time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text())
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports["c2s"]), 1):
                break
            time.sleep(0.05)
        else:
            raise RuntimeError((self.folder / "log").read_text())
        for user in ("bob", "quota"):
            self.register(user)

    def is_registered(self, user: str) -> bool:
        """Tries to make an account."""
        try:
            self.register(user)
        except AssertionError:
            return False
        return True

    def stop(self) -> None:
        """Ends the server and removes its folder."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What the server has said."""
        return (self.folder / "log").read_text()

    def says(self, text: str) -> bool:
        """Whether it has said that, or does soon: lines are written by a thread of their own."""
        deadline = time.monotonic() + 10
        while text not in self.log():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def ctl(self, *words: str, fails: bool = False) -> str:
        """A control command that must succeed, or fail; its output."""
        command = [str(self.binaries / "rookery"), "ctl", "--spool", str(self.folder / "spool"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode != 0) == fails, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr if fails else done.stdout

    def register(self, user: str) -> None:
        """Makes an account with the password `secret`."""
        self.ctl("register", user, "localhost", "secret")

    @contextlib.contextmanager
    def client(self, kind: str, user: str = "alice", source: str = "127.0.0.1") -> Iterator[wire.Client]:
        """A client of a listener; its allocation ends with it."""
        with wire.Client(self.ports[kind], user, "secret") as client:
            client.socket.bind((source, 0))
            try:
                yield client
            finally:
                client.socket.settimeout(1)
                if client.nonce:
                    with contextlib.suppress(OSError):
                        client.refresh(0)

    @contextlib.contextmanager
    def listening(self, ip: str = "127.0.0.1") -> Iterator[socket.socket]:
        """A service on this machine, to be reached or not."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind((ip, 0))
            one.settimeout(3)
            yield one

    @contextlib.contextmanager
    def echo(self) -> Iterator[int]:
        """coturn's peer, which sends everything back; its port."""
        with self.listening() as one:
            port = one.getsockname()[1]
        peer = subprocess.Popen(["turnutils_peer", "-p", str(port), "-L", "127.0.0.1"], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, env={**os.environ})
        try:
            time.sleep(0.5)
            yield port
        finally:
            peer.kill()
            peer.wait()
