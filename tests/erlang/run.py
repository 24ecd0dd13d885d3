#!/usr/bin/env python3
"""The Erlang door against Debian's real `erl`, `epmd` and `ejabberdctl`.

    run.py --bin target/debug [--only WORD]

Starts and stops everything itself, on free ports and with its own epmd, so that nodes of this machine are left alone.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

COOKIE = "the-right-cookie"
CONFIG = "hosts: [localhost]\nlisten: []\nmodules:\n  mod_admin_extra: {}\n"
PATIENCE = 40.0
EJABBERDCTL = "/usr/sbin/ejabberdctl"


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check(what: str, right: bool, shown: object = "") -> None:
    """One fact."""
    if not right:
        raise AssertionError(f"{what}\n{shown}")


class Place:
    """A folder with a configuration, a cookie and what Debian's script needs; and the server on it."""

    def __init__(self, binaries: pathlib.Path, folder: pathlib.Path, cfg: str, epmd_port: int | None = None) -> None:
        self.server_path, self.folder = binaries / "rookery", folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.env = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        if epmd_port:
            self.env["ERL_EPMD_PORT"] = str(epmd_port)
        (folder / "ejabberd.yml").write_text(CONFIG)
        (folder / "ejabberdctl.cfg").write_text(cfg)
        (folder / "inetrc").write_text("")
        (folder / "ctl.cfg").write_text(f". {folder}/ejabberdctl.cfg\nEXEC_CMD=as_current_user\n")
        self.script = EJABBERDCTL
        if os.geteuid() != 0:  # The script lets root and ejabberd in; here it is somebody else.
            script = pathlib.Path(EJABBERDCTL).read_text().replace("INSTALLUSER=ejabberd", "INSTALLUSER=")
            self.script = str(folder / "ejabberdctl")
            pathlib.Path(self.script).write_text(script)
            pathlib.Path(self.script).chmod(0o700)
        self.process: subprocess.Popen[str] | None = None

    def cookie(self, text: str = COOKIE, mode: int = 0o400) -> None:
        """Writes the cookie."""
        path = self.home / ".erlang.cookie"
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(mode)

    @property
    def log(self) -> str:
        """What the server has said."""
        return (self.folder / "out.log").read_text()

    def wait_log(self, words: str) -> None:
        """The log is written a moment after the fact."""
        end = time.monotonic() + PATIENCE
        while words not in self.log:
            check(f"the log says {words!r}", time.monotonic() < end, self.log)
            time.sleep(0.05)

    def start(self, wait: bool = True) -> None:
        """Starts the server; it is ready when it says so."""
        command = [str(self.server_path), "--config", str(self.folder / "ejabberd.yml"), "--metrics", "off"]
        with open(self.folder / "out.log", "a") as out:
            self.process = subprocess.Popen(command, env=self.env, stdout=out, stderr=out, text=True)
        end = time.monotonic() + PATIENCE
        while wait and "Stop with Ctrl-C" not in self.log:
            check("the server starts", self.process.poll() is None and time.monotonic() < end, self.log)
            time.sleep(0.02)

    def stop(self) -> None:
        """Stops the server if it runs."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)

    def port(self) -> int:
        """Where the door is."""
        found = re.search(r"listening +\S+?:(\d+) +\(erlang", self.log)
        check("the door is told at the start", found is not None, self.log)
        return int(found[1]) if found else 0

    def ctl(self, *words: str, **env: str) -> tuple[int, str]:
        """Debian's ejabberdctl: exit code and standard output."""
        command = [self.script, "--config-dir", str(self.folder), "--ctl-config", str(self.folder / "ctl.cfg"),
                   "--spool", str(self.home), "--logs", str(self.home), *words]
        done = subprocess.run(command, env=self.env | env, capture_output=True, timeout=PATIENCE, cwd="/")
        # `erl -noinput` writes Latin-1, whatever the locale.
        return done.returncode, done.stdout.decode("latin-1")

    def erl(self, code: str, *flags: str) -> str:
        """Evaluates Erlang code in a real node; what it prints."""
        code = f"{code}, halt(0)."
        command = ["erl", "-noshell", "-hidden", *flags, "-eval", code]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=PATIENCE, cwd="/")
        return done.stdout + done.stderr

    def epmd(self, *words: str) -> str:
        """Debian's epmd as a client."""
        command = ["epmd", "-port", self.env["ERL_EPMD_PORT"], *words]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=PATIENCE).stdout


@contextlib.contextmanager
def running(place: Place) -> Iterator[Place]:
    """A server for as long as the block lasts; its log is shown when something goes wrong."""
    try:
        place.start()
        yield place
    except BaseException:
        sys.stderr.write(f"--- log of {place.folder.name}\n{place.log}\n---\n")
        raise
    finally:
        place.stop()


def values(output: str) -> list[str]:
    """The lines that `show` printed."""
    return [line[2:] for line in output.splitlines() if line.startswith("> ")]


def show(*expressions: str) -> str:
    """Code that prints the value of each expression on a line."""
    return ", ".join(f'io:format("> ~0p~n", [begin {expression} end])' for expression in expressions)


def handshake(port: int, cookie: str, source: str = "127.0.0.1", name: str = "guess@localhost",
              then: Callable[[socket.socket], str] = lambda _: "ok") -> str:
    """The connecting side by hand: `ok` (or what `then` gives), `wrong` or `closed` (not even answered)."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0)) as peer:
        def read() -> bytes:
            size = peer.recv(2, socket.MSG_WAITALL)
            return peer.recv(struct.unpack(">H", size)[0], socket.MSG_WAITALL) if size else b""

        def write(message: bytes) -> None:
            peer.sendall(struct.pack(">H", len(message)) + message)

        try:
            flags = 0x1000000 | 0x4 | 0x10 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x20000 | 0x40000
            write(struct.pack(">cQIH", b"N", flags, 7, len(name)) + name.encode())
            status = read()
            if not status.startswith(b"s"):
                return "closed"
            if status == b"salive":  # The last connection of this name is not yet seen to have ended.
                write(b"strue")
            challenge = struct.unpack(">cQI", read()[:13])[2]
            digest = hashlib.md5(f"{cookie}{challenge}".encode()).digest()
            write(struct.pack(">cI", b"r", 1) + digest)
            return then(peer) if read().startswith(b"a") else "wrong"
        except ConnectionError:
            return "closed"


def test_short_name(binaries: pathlib.Path, folder: pathlib.Path) -> None:
    """A short name; no epmd runs, so the server is one; everything that answers, and what does not."""
    epmd_port = free_port()
    place = Place(binaries, folder, "ERLANG_NODE=ejabberd@localhost\n", epmd_port)
    place.cookie()
    with running(place):
        names = place.epmd("-names")
        check("epmd -names lists the node", f"name ejabberd at port {place.port()}" in names, names)
        check("nobody can end our epmd", "not allowed" in place.epmd("-kill").lower())
        node = "ejabberd@localhost"
        out = place.erl(show(
            f"net_adm:ping('{node}')",
            "net_adm:ping('nobody@localhost')",
            f"rpc:call('{node}', erlang, node, [])",
            f"erpc:call('{node}', erlang, nodes, [connected])",
            f"gen_server:call({{rex, '{node}'}}, {{call, erlang, node, [], group_leader()}})",
            f"rpc:call('{node}', ejabberd_admin, register, [\"ann\", <<\"localhost\">>, \"s3cret\"])",
            f"rpc:call('{node}', ejabberd_admin, register, [\"ann\", <<\"localhost\">>, \"s3cret\"])",
            f"erpc:call('{node}', ejabberd_admin, registered_users, [<<\"localhost\">>])",
            f"rpc:call('{node}', mod_admin_extra, check_account, [\"nobody\", \"localhost\"])",
            f"rpc:call('{node}', ejabberd_commands, execute_command2, [check_account, [\"ann\", \"localhost\"], #{{}}])",
            f"rpc:call('{node}', ejabberd_admin, register, [1, 2, 3])",
            f"rpc:call('{node}', os, cmd, [\"id\"])",
            f"rpc:call('{node}', erl_eval, exprs, [[], []])",
            f"try erpc:call('{node}', os, cmd, [\"id\"]) catch error:{{exception, Why, _}} -> Why end",
            f"try erpc:call('{node}', fun() -> 1 end) catch error:{{exception, Why2, _}} -> Why2 end",
            f"gen_server:call({{rex, '{node}'}}, {{call, os, cmd, [\"id\"], group_leader()}})",
            f"try gen_server:call({{nosuch, '{node}'}}, hello) catch exit:{{Gone, _}} -> Gone end",
            f"{{P, M}} = spawn_monitor('{node}', os, cmd, [\"id\"]), receive {{'DOWN', M, process, P, {{R, _}}}} -> R after 5000 -> late end",
            f"process_flag(trap_exit, true), L = spawn_link('{node}', erlang, node, []), receive {{'EXIT', L, E}} -> E after 5000 -> late end",
            f"[rpc:call('{node}', erlang, node, []) =:= '{node}' || _ <- lists:seq(1, 200)] =:= lists:duplicate(200, true)",
            f"lists:usort(rpc:parallel_eval([{{erlang, is_alive, []}} || _ <- [1]]) ++ [erpc:receive_response(Q) || Q <- [erpc:send_request('{node}', erlang, is_alive, []) || _ <- lists:seq(1, 50)]])",
        ), "-sname", "tester@localhost")
        expected = [
            "pong", "pang", node, r"\[tester@localhost\]", node,
            r'\{ok,"User ann@localhost successfully registered"\}',
            r'\{error,conflict,10090,".*already registered"\}',
            r'\[<<"ann">>\]', "error|1", "ok|0",
            r"\{badrpc,\{'EXIT',\{badarg,\[\{ejabberd_admin,register,\[1,2,3\],\[\]\}\]\}\}\}",
            r"\{badrpc,\{'EXIT',\{undef,\[\{os,cmd,\[\"id\"\],\[\]\}\]\}\}\}",
            r"\{badrpc,\{'EXIT',\{undef,.*", "undef", "undef",
            r"\{badrpc,\{'EXIT',\{undef,.*", "noproc", "undef", "normal", "true", r"\[true\]",
        ]
        got = values(out)
        check("every expression has a value", len(got) == len(expected), out)
        for pattern, value in zip(expected, got, strict=True):
            check(f"wanted {pattern}", re.fullmatch(pattern, value.replace("'" + node + "'", node)) is not None, f"{value}\n{out}")
        place.wait_log("[redacted]")
        check("secrets are not in the audit", "s3cret" not in place.log, place.log)
        check("calls are in the audit", "command node=tester@localhost" in place.log, place.log)
        dynamic = place.erl(
            f"true = net_kernel:connect_node('{node}'), " + show(f"rpc:call('{node}', erlang, node, [])", "node() =/= nonode@nohost"),
            "-sname", "undefined@localhost")
        check("a node can get its name from us", values(dynamic) in ([node, "true"], [f"'{node}'", "true"]), dynamic)
        wrong_cookies(place, node)
        # The end: monitors of nodes hear of it, and the process is gone.
        out = place.erl(show(
            f"monitor_node('{node}', true), 0 = rpc:call('{node}', ejabberd_ctl, process, [[\"stop\"]]), "
            f"receive {{nodedown, '{node}'}} -> down after 10000 -> late end"), "-sname", "watcher@localhost")
        check("a stop is answered, then the node is down", values(out) == ["down"], out)
        check("the server ends well", place.process is not None and place.process.wait(PATIENCE) == 0)


def wrong_cookies(place: Place, node: str) -> None:
    """Refused, logged without the cookie, and limited by source."""
    out = place.erl(show(f"net_adm:ping('{node}')"), "-sname", "thief@localhost", "-setcookie", "guessed-wrong")
    check("a wrong cookie is refused", values(out) == ["pang"], out)
    place.wait_log("wrong cookie")
    check("it is logged without the cookie", "guessed-wrong" not in place.log, place.log)
    port = place.port()
    results = [handshake(port, f"guess{number}", "127.0.0.2") for number in range(30)]
    check("a flood of wrong cookies is limited", 10 <= results.count("wrong") <= 13 and results[-1] == "closed", results)
    check("even the right one has to wait then", handshake(port, COOKIE, "127.0.0.2") == "closed")
    check("others are not concerned", handshake(port, COOKIE, "127.0.0.1") == "ok")
    check("neither cookie nor digest is told", COOKIE not in place.log)
    time.sleep(3.1)
    check("and attempts come back", handshake(port, COOKIE, "127.0.0.2") == "ok")


def test_debian_script(binaries: pathlib.Path, folder: pathlib.Path) -> None:
    """Debian's ejabberdctl drives the server, with the same ejabberdctl.cfg and cookie."""
    place = Place(binaries, folder, "ERLANG_NODE=ejabberd@localhost\n", free_port())
    place.cookie()
    with running(place):
        by_script(place)
        check("the server ends well", place.process is not None and place.process.wait(PATIENCE) == 0)
        check("nobody answers", place.ctl("status")[0] == 3)


def by_script(place: Place) -> None:
    """Command lines, their exit codes and what they print."""
    for words, code, pattern in [
        (("status",), 0, r"The node ejabberd@localhost is started with status: started\nrookery \S+ is running in that node\n"),
        (("register", "bob", "localhost", "pw"), 0, r"User bob@localhost successfully registered\n"),
        (("register", "bob", "localhost", "pw"), 1, r"Error: conflict: User bob@localhost already registered\n"),
        (("registered_users", "localhost"), 0, r"bob\n"),
        (("connected_users",), 0, r""),
        (("unregister", "bob", "localhost"), 0, r"(User.*\n)?"),
        (("register", "x"), 2, r"(?s).*requires 2 more argument.*"),
        (("ping",), 0, r"pong\n"),
        (("--version", "0", "register", "jürgen", "localhost", "pw"), 0, r"User jürgen@localhost successfully registered\n"),
        (("stop",), 0, r""),
    ]:
        got, out = place.ctl(*words)
        check(f"ejabberdctl {' '.join(words)}", got == code and re.fullmatch(pattern, out) is not None, f"{got}\n{out}")


def test_long_name(binaries: pathlib.Path, folder: pathlib.Path) -> None:
    """A long name and a range of ports; the real epmd runs, ends, and is replaced."""
    epmd_port = free_port()
    first = free_port()
    cfg = f'# an operator\'s file\nERLANG_NODE=chat@127.0.0.1\nFIREWALL_WINDOW={first}-{first + 5}\n'
    place = Place(binaries, folder, cfg, epmd_port)
    subprocess.run(["epmd", "-port", str(epmd_port), "-daemon", "-relaxed_command_check", "-address", "127.0.0.1"],
                   check=True, env=place.env)
    try:
        taken = socket.create_server(("127.0.0.1", first))
        with running(place), taken:
            path = place.home / ".erlang.cookie"
            check("a cookie is made, for its owner alone", stat.S_IMODE(path.stat().st_mode) == 0o400)
            check("it has full strength", re.fullmatch(r"[\w-]{22}", path.read_text()) is not None)
            check("the port is in the range", first < place.port() <= first + 5)
            check("the real epmd knows it", f"name chat at port {place.port()}" in place.epmd("-names"))
            out = place.erl(show("net_adm:ping('chat@127.0.0.1')", "erpc:call('chat@127.0.0.1', net_kernel, longnames, [])"),
                            "-name", "tester@127.0.0.1")
            check("long names speak with long names", values(out) == ["pong", "true"], out)
            second = Place(binaries, folder / "second", cfg, epmd_port)
            second.start(wait=False)
            assert second.process is not None
            check("a name that is taken is refused", second.process.wait(PATIENCE) != 0 and "epmd" in second.log, second.log)
            place.epmd("-kill")
            end = time.monotonic() + PATIENCE
            while "name chat" not in place.epmd("-names"):
                check("the server does epmd's work when it is gone", time.monotonic() < end, place.log)
                time.sleep(0.1)
            out = place.erl(show("net_adm:ping('chat@127.0.0.1')"), "-name", "tester@127.0.0.1")
            check("and nodes find it again", values(out) == ["pong"], out)
    finally:
        place.epmd("-kill")


def test_epmd_alone(binaries: pathlib.Path, folder: pathlib.Path) -> None:
    """`rookery epmd` serves two real nodes."""
    epmd_port = free_port()
    place = Place(binaries, folder, "", epmd_port)
    place.cookie()
    process = subprocess.Popen([place.server_path, "epmd"], env=place.env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        check("it says where it is", str(epmd_port) in process.stdout.readline())
        code = ("{ok, _} = {ok, os:cmd(\"sleep 0\")}, " + show(
            "P = open_port({spawn, \"erl -noinput -hidden -sname other@localhost\"}, []), "
            "F = fun F(0) -> pang; F(N) -> case net_adm:ping(other@localhost) of pong -> pong; pang -> timer:sleep(100), F(N - 1) end end, "
            "A = F(80), {ok, Names} = erl_epmd:names(\"localhost\"), rpc:cast(other@localhost, erlang, halt, []), "
            "{A, lists:sort([N || {N, _} <- Names])}"))
        out = place.erl(code, "-sname", "one@localhost")
        check("real nodes find each other", values(out) == ['{pong,["one","other"]}'], out)
    finally:
        process.send_signal(signal.SIGTERM)
        check("it ends well", process.wait(PATIENCE) == 0)
        process.stdout.close()


def authority(folder: pathlib.Path, name: str) -> None:
    """A certificate authority, and a certificate for localhost from it."""
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    openssl("req", "-x509", *curve, "-subj", f"/CN={name} authority", "-keyout", f"{name}-ca.key", "-out", f"{name}-ca.pem")
    openssl("req", "-x509", *curve, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-addext", "basicConstraints=critical,CA:FALSE", "-CA", f"{name}-ca.pem", "-CAkey", f"{name}-ca.key",
            "-keyout", f"{name}.key", "-out", f"{name}.pem")


def options(folder: pathlib.Path, own: str | None, trusted: str, file: str) -> pathlib.Path:
    """A file for -ssl_dist_optfile."""
    pair = f'{{certfile, "{folder}/{own}.pem"}}, {{keyfile, "{folder}/{own}.key"}}, ' if own else ""
    side = f'[{pair}{{cacertfile, "{folder}/{trusted}-ca.pem"}}, {{verify, verify_peer}}]'
    path = folder / file
    path.write_text(f"[{{server, {side}}},\n {{client, {side}}}].\n")
    return path


def test_tls(binaries: pathlib.Path, folder: pathlib.Path) -> None:
    """Distribution over TLS with certificates on both sides, on a fixed port without epmd."""
    port = free_port()
    folder.mkdir()
    certs = folder / "certs"
    certs.mkdir()
    authority(certs, "ours")
    authority(certs, "theirs")
    for key in certs.glob("*.key"):
        key.chmod(0o600)
    good = options(certs, "ours", "ours", "good.conf")
    foreign = options(certs, "theirs", "ours", "foreign.conf")
    nothing = options(certs, None, "ours", "nothing.conf")
    distrusts = options(certs, "ours", "theirs", "distrusts.conf")
    cfg = f'ERLANG_NODE=ejabberd@localhost\nERL_DIST_PORT={port}\nERL_OPTIONS="-proto_dist inet_tls -ssl_dist_optfile {good}"\n'
    place = Place(binaries, folder / "server", cfg)
    place.cookie()
    with running(place):
        flags = ["-sname", "tls@localhost", "-start_epmd", "false", "-erl_epmd_port", str(port), "-dist_listen", "false",
                 "-kernel", "net_setuptime", "5"]

        def ping(*more: str) -> list[str]:
            return values(place.erl(show("net_adm:ping(ejabberd@localhost)"), *flags, *more))

        def tls(file: pathlib.Path) -> list[str]:
            return ["-proto_dist", "inet_tls", "-ssl_dist_optfile", str(file)]

        check("both sides show certificates and are content", ping(*tls(good)) == ["pong"])
        check("a certificate of another authority is refused", ping(*tls(foreign)) == ["pang"])
        check("no certificate is refused", ping(*tls(nothing)) == ["pang"])
        check("who does not trust ours does not connect", ping(*tls(distrusts)) == ["pang"])
        check("nobody speaks in clear", ping() == ["pang"])
        check("TLS is no substitute for the cookie", ping(*tls(good), "-setcookie", "wrong") == ["pang"])
        code, out = place.ctl("status")
        check("Debian's ejabberdctl over TLS", code == 0 and "is running in that node" in out, out)
        big = " ".join(f"u{number}" for number in range(3))
        check("registering over TLS", place.ctl("register", "tls", "localhost", big)[0] == 0)


def test_off(binaries: pathlib.Path, folder: pathlib.Path) -> None:
    """Without anybody asking there is no door; a bad cookie file stops the start."""
    shipped = pathlib.Path("/etc/ejabberd/ejabberdctl.cfg")
    text = "# ERLANG_NODE=ejabberd@localhost\nERL_OPTIONS=\"-env ERL_CRASH_DUMP_BYTES 0\"\n"
    with contextlib.suppress(PermissionError, FileNotFoundError):
        # Its folder for the pid file belongs to ejabberd's user, who could mislead a server that root runs.
        text = "".join(line for line in shipped.read_text().splitlines(True) if "EJABBERD_PID_PATH" not in line)
    place = Place(binaries, folder, text, free_port())
    with running(place):
        check("nobody asked", "(erlang" not in place.log and not (place.home / ".erlang.cookie").exists(), place.log)
    open_cookie = Place(binaries, folder / "open", "ERLANG_NODE=x@localhost\n", free_port())
    open_cookie.cookie(mode=0o644)
    open_cookie.start(wait=False)
    assert open_cookie.process is not None
    check("a cookie that others can read stops the start", open_cookie.process.wait(PATIENCE) == 1)
    cure = re.search(rf"chmod [46]00 '?{re.escape(str(open_cookie.home))}/\.erlang\.cookie'?", open_cookie.log)
    check("with the cure", cure is not None, open_cookie.log)


def test_ticks_and_limits(binaries: pathlib.Path, folder: pathlib.Path) -> None:
    """A silent peer hears ticks and is given up; frames that are too long or make no sense end the connection."""
    port = free_port()
    cfg = f'ERLANG_NODE=x@localhost\nERL_DIST_PORT={port}\nERL_OPTIONS="-kernel net_ticktime 4 -setcookie given"\n'
    place = Place(binaries, folder, cfg)

    def rest(peer: socket.socket) -> str:
        data = b""
        while piece := peer.recv(4096):
            data += piece
        return f"{len(data)}" if set(data) <= {0} else "not ticks"

    def silent(peer: socket.socket) -> str:
        return "given up" if int(rest(peer)) >= 12 else "no ticks"

    def sends(data: bytes) -> Callable[[socket.socket], str]:
        def then(peer: socket.socket) -> str:
            began = time.monotonic()
            peer.sendall(data)
            rest(peer)
            return "at once" if time.monotonic() - began < 3 else "late"
        return then

    with running(place):
        check("no cookie file is needed", not (place.home / ".erlang.cookie").exists())
        for data in [b"\xff\xff\xff\xff", b"\0\0\0\3abc", b"\0\0\0\4\x83\x44\0\0", b"\0\0\0\5p\x83\x50\0\0"]:
            check(f"{data!r} ends the connection", handshake(port, "given", then=sends(data)) == "at once", place.log)
        check("a silent peer is told and given up", handshake(port, "given", then=silent) == "given up", place.log)
        place.wait_log("longer than allowed")
        place.wait_log("silent for too long")
        check("half a handshake is given up", half_a_handshake(port) < 10)


def half_a_handshake(port: int) -> float:
    """How long a connection without a word lasts, in seconds."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as peer:
        peer.recv(1)
    return time.monotonic() - began


TESTS = [test_tls, test_debian_script, test_short_name, test_ticks_and_limits, test_long_name, test_epmd_alone, test_off]


def main() -> int:
    """Runs the tests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="the folder of rookery")
    parser.add_argument("--only", default="", help="tests whose name contains this")
    arguments = parser.parse_args()
    tests = [test for test in TESTS if arguments.only in test.__name__]

    def report(test: Callable[[pathlib.Path, pathlib.Path], None]) -> bool:
        word = "ok"
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="erlang-") as folder:
            try:
                test(arguments.bin.resolve(), pathlib.Path(folder) / test.__name__)
            except Exception as error:  # noqa: BLE001 - each test is reported
                word = f"FAILED: {type(error).__name__}: {error}"
        print(f"{test.__name__:24} {time.monotonic() - began:5.1f} s  {word}", flush=True)
        return word == "ok"

    # Most of their time they wait for Erlang's machine to start.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return 0 if all(list(pool.map(report, tests))) else 1


if __name__ == "__main__":
    sys.exit(main())
