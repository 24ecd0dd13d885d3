"""The server under test: Rookery, or Debian's ejabberd as the oracle.

Both are driven through one interface: start, stop, kill, control commands. Nothing outside the work
folder is written, every port is free at the time of choosing, and every process is ended on close.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from .certs import Authority

PORT_NAMES = ("c2s", "c2s_required", "c2s_tls", "c2s_small", "c2s_cert", "c2s_closed")
HOSTS = ("talk.test", "closenew.test", "closeold.test", "setresource.test", "sha256.test", "anon.test",
         "short.test", "few.test", "bare.test", "modern.test", "guest.test")


@dataclass
class CtlResult:
    """What a control command did: exit code and the two outputs."""

    code: int
    out: str
    err: str


def free_ports(count: int) -> list[int]:
    """Ports which nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass
class Subject:
    """One server with its own folder. Use as a context manager."""

    config_text: str
    name: str = "abstract"
    folder: pathlib.Path = field(default_factory=lambda: pathlib.Path(tempfile.mkdtemp(prefix="rookery-test-")))
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    keep: bool = False

    def __post_init__(self) -> None:
        self.folder.chmod(0o755)
        self.ports = self.ports or dict(zip(PORT_NAMES, free_ports(len(PORT_NAMES)), strict=True))
        self.authority = Authority(self.folder / "certs")
        self.pem = self.authority.server(list(HOSTS))
        self.spool = self.folder / "spool"
        self.logs = self.folder / "logs"
        self.config = self.folder / "ejabberd.yml"
        for one in (self.spool, self.logs):
            one.mkdir(exist_ok=True)
        self.write_config(self.config_text)
        self.prepare()

    # What a driver says about its server.

    def prepare(self) -> None:
        """Anything to be done once before the first start."""

    def command(self) -> list[str]:
        """Command line that runs the server in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Environment of server and control command."""
        raise NotImplementedError

    def owner(self) -> str | None:
        """System user that the server runs as, None for the present one."""
        return None

    def ctl(self, *args: str, timeout: float = 60) -> CtlResult:
        """Run a control command against the running server."""
        raise NotImplementedError

    def register_many(self, accounts: Iterable[tuple[str, str, str]]) -> None:
        """Register (user, host, password) triples by the quickest way."""
        def register(account: tuple[str, str, str]) -> None:
            result = self.ctl("register", *account)
            if result.code != 0:
                raise RuntimeError(f"register {account[:2]}: {result}")

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(register, accounts))

    # Common to all.

    def write_config(self, text: str) -> None:
        """Write the configuration file; @NAME@ are ports and paths of this run."""
        values = {name: str(port) for name, port in self.ports.items()}
        values |= {"pem": str(self.pem), "ca": str(self.authority.cert), "spool": str(self.spool)}
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        self.config.write_text(text)
        self.config.chmod(0o600)
        self.give(self.config)

    def give(self, *paths: pathlib.Path) -> None:
        """Hand paths to the server's system user."""
        owner = self.owner()
        if owner:
            for path in paths:
                shutil.chown(path, owner, owner)

    def start(self, wait: bool = True) -> None:
        """Start the server; with `wait`, return when the first port accepts."""
        log = (self.logs / "stdout.log").open("ab")
        options = {}
        owner = self.owner()
        if owner:
            record = pwd.getpwnam(owner)
            options = {"user": record.pw_uid, "group": record.pw_gid, "extra_groups": []}
        self.process = subprocess.Popen(self.command(), env=self.environment(), cwd=self.spool,
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        start_new_session=True, **options)
        log.close()
        if wait:
            self.wait_for_port()

    def wait_for_port(self, seconds: float = 30) -> None:
        """Wait until every c2s port accepts."""
        deadline = time.monotonic() + seconds
        for port in self.ports.values():
            while True:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                if self.process is None or self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended during its start:\n{self.log_tail()}")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not accept on port {port}:\n{self.log_tail()}")
                time.sleep(0.01)

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of every log file, for messages of failure."""
        text = ""
        for path in sorted(self.logs.glob("*.log")):
            text += f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) + "\n"
        return text

    def stop(self, seconds: float = 20) -> None:
        """End the server politely, then by force."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process = None

    def kill(self) -> None:
        """kill -9, nothing is flushed."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def sibling(self, config_text: str) -> Subject:
        """Another server of the same kind with another configuration, in a folder of its own."""
        return make(self.name, config_text, getattr(self, "bin", None))

    def __enter__(self) -> Subject:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Ejabberd(Subject):
    """Debian's ejabberd 23.01 on its own spool, cookie and distribution port; the system service is not touched."""

    name: str = "ejabberd"

    def owner(self) -> str | None:
        return "ejabberd" if os.getuid() == 0 else None

    def prepare(self) -> None:
        self.dist_port = free_ports(1)[0]
        self.cookie = os.urandom(12).hex()
        self.node = "oracle@localhost"
        script = pathlib.Path("/usr/sbin/ejabberdctl").read_text()
        if os.getuid() != 0:
            script = script.replace("INSTALLUSER=ejabberd", "INSTALLUSER=")
        self.script = self.folder / "ejabberdctl"
        self.script.write_text(script)
        self.script.chmod(0o755)
        self.ctl_config = self.folder / "ejabberdctl.cfg"
        self.ctl_config.write_text(
            f"ERLANG_NODE={self.node}\nERL_DIST_PORT={self.dist_port}\n"
            f'ERL_OPTIONS="-setcookie {self.cookie} -kernel inet_dist_use_interface {{127,0,0,1}} +S 1:1 +sbwt none"\n')
        self.home = self.folder / "home"
        self.home.mkdir(exist_ok=True)
        (self.folder / "inetrc").write_text('{lookup, ["file", "native"]}.\n')
        for path in self.authority.folder.iterdir():
            path.chmod(0o644)
        self.give(self.spool, self.logs, self.home, self.ctl_config)

    def _erl(self) -> list[str]:
        return ["/usr/bin/erl", "+K", "true", "-setcookie", self.cookie, "-erl_epmd_port", str(self.dist_port),
                "-start_epmd", "false", "-kernel", "inet_dist_use_interface", "{127,0,0,1}"]

    def command(self) -> list[str]:
        return [*self._erl(), "+P", "250000", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none",
                "-sname", self.node, "-noinput", "-mnesia", "dir", f'"{self.spool}"', "-s", "ejabberd"]

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8",
                "EJABBERD_CONFIG_PATH": str(self.config), "EJABBERD_LOG_PATH": str(self.logs / "ejabberd.log"),
                "ERL_CRASH_DUMP": str(self.logs / "crash.dump"), "ERL_INETRC": str(self.folder / "inetrc"),
                "ERL_MAX_PORTS": "32000", "ERL_MAX_ETS_TABLES": "1400", "ERL_LIBS": "/usr/lib/x86_64-linux-gnu"}

    def ctl(self, *args: str, timeout: float = 60) -> CtlResult:
        command = [str(self.script), "--config-dir", str(self.folder), "--config", str(self.config),
                   "--ctl-config", str(self.ctl_config), "--logs", str(self.logs), "--spool", str(self.spool), *args]
        done = subprocess.run(command, env=self.environment(), capture_output=True, timeout=timeout, check=False)
        return CtlResult(done.returncode, done.stdout.decode(), done.stderr.decode())

    def register_many(self, accounts: Iterable[tuple[str, str, str]]) -> None:
        rows = ",".join(f'{{<<"{user}"/utf8>>,<<"{host}">>,<<"{word}"/utf8>>}}' for user, host, word in accounts)
        terms = self.folder / "accounts.term"
        terms.write_text(f"[{rows}].\n")
        code = (f'{{ok,[L]}} = file:consult("{terms}"),'
                f"[ok = rpc:call('{self.node}', ejabberd_auth, try_register, [U,H,P]) || {{U,H,P}} <- L],"
                "halt(0).")
        # An own short name: without listening it needs neither epmd nor a port.
        subprocess.run([*self._erl(), "-dist_listen", "false", "-sname", "registrar@localhost", "-hidden",
                        "-noinput", "-eval", code],
                       env=self.environment(), check=True, timeout=60, capture_output=True)


@dataclass
class Rookery(Subject):
    """Rookery from a folder with its two binaries."""

    name: str = "rookery"
    bin: pathlib.Path = pathlib.Path("target/debug")

    def prepare(self) -> None:
        self.folder.chmod(0o700)
        for path in (self.spool, self.logs):
            path.chmod(0o700)
        for path in self.authority.folder.iterdir():
            path.chmod(0o600)

    def command(self) -> list[str]:
        return [str(self.bin / "rookery"), "serve", "--config", str(self.config)]

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8",
                "SPOOL_DIR": str(self.spool), "LOGS_DIR": str(self.logs),
                "ROOKERY_METRICS": "off",  # Several servers run at once, and the default port is one.
                **{key: value for key, value in os.environ.items() if key.startswith("RUST_")}}

    def ctl(self, *args: str, timeout: float = 60) -> CtlResult:
        done = subprocess.run([str(self.bin / "rookeryctl"), "--config", str(self.config), *args], cwd=self.spool,
                              env=self.environment(), capture_output=True, timeout=timeout, check=False)
        return CtlResult(done.returncode, done.stdout.decode(), done.stderr.decode())


def make(name: str, config_text: str, binaries: pathlib.Path | None = None, **options: object) -> Subject:
    """The driver called `name`."""
    if name == "ejabberd":
        if not pathlib.Path("/usr/sbin/ejabberdctl").exists():
            raise SystemExit("ejabberd is not installed (Debian package ejabberd): the oracle cannot run")
        return Ejabberd(config_text, **options)
    if name == "rookery":
        folder = (binaries or pathlib.Path(os.environ.get("ROOKERY_BIN", "target/debug"))).resolve()
        for binary in ("rookery", "rookeryctl"):
            if not (folder / binary).is_file():
                raise SystemExit(f"{folder / binary} does not exist: build it, or name its folder with --bin")
        return Rookery(config_text, bin=folder, **options)
    raise SystemExit(f"unknown subject {name}: ejabberd or rookery")
