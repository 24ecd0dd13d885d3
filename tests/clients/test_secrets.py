"""Nothing that is secret reaches a log, the audit record, a process list or, as clear text, the database."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import pathlib

from harness import sasl
from harness.lab import Lab
from harness.marks import slow
from harness.stream import Closed, SaslFailure, Stream, StreamError
from harness.subject import Subject

HOST = "talk.test"
# What no file may hold. Each is said once, in one place, so that a find tells where it came from.
PASSWORDS = {name: f"canary-password-{name}" for name in
             ("argument", "changed", "wrong", "checked", "stanza", "broken", "scram", "refused", "config")}
BODIES = {name: f"canary-body-{name}" for name in ("chat", "offline", "vcard", "private", "malformed", "bounced")}


def forms(secret: str) -> set[bytes]:
    """As it is, and as base64 at each of the three places where it may begin in a group."""
    found = {secret.encode()}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + secret.encode()).decode()
        # The first and the last group hold what stands beside it.
        found.add(text[4:-4].encode())
    return found


def finds(secrets: dict[str, str], paths: list[pathlib.Path]) -> list[str]:
    """Which secret is in which file."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            found += [f"{name} in {path.name}" for name, secret in secrets.items()
                      if any(form in content for form in forms(secret))]
    return found


async def ended(stream: Stream) -> None:
    """Read until the server ends it, or has nothing more to say."""
    with contextlib.suppress(Closed, StreamError, TimeoutError):
        while True:
            await stream.recv(1)
    stream.cut()


@slow
async def test_canaries(lab: Lab) -> None:
    """Passwords and bodies go through everything that takes them, at `loglevel: debug`; then all files are searched."""
    config = (pathlib.Path(__file__).parent / "ejabberd.yml").read_text()
    assert "loglevel: info\n" in config
    config = config.replace("loglevel: info\n", "loglevel: debug\n")
    with lab.subject.sibling(config) as server:
        await asyncio.to_thread(server.start)
        await commands(server)
        await log_ins(server)
        await stanzas(server)
        process = pathlib.Path("/proc") / str(server.process.pid)
        shown = finds(PASSWORDS | BODIES, [process / "cmdline", process / "environ"])
        await asyncio.to_thread(server.stop)
        logs = [path for path in server.logs.rglob("*") if path.is_file()]
        logs += [path for path in server.spool.rglob("*.log") if path.is_file()]
        assert sum(path.stat().st_size for path in logs) > 2_000, logs
        data = [path for path in server.spool.rglob("*") if path.is_file()]
        assert data
        shown += finds(PASSWORDS | BODIES, logs) + finds(PASSWORDS, data)
        assert not shown, shown


async def commands(server: Subject) -> None:
    """Passwords as arguments, right, wrong, one too many."""
    async def ctl(*words: str) -> int:
        return (await asyncio.to_thread(server.ctl, *words)).code

    assert await ctl("register", "alice", HOST, PASSWORDS["argument"]) == 0
    assert await ctl("register", "bob", HOST, "ordinary-password") == 0
    assert await ctl("register", "alice", HOST, PASSWORDS["refused"]) == 1
    assert await ctl("register", "al ice", HOST, PASSWORDS["refused"]) == 1
    assert await ctl("register", "alice", HOST, PASSWORDS["refused"], "more") != 0
    assert await ctl("check_password", "alice", HOST, PASSWORDS["checked"]) == 1
    assert await ctl("check_password", "alice", HOST, PASSWORDS["argument"]) == 0
    assert await ctl("change_password", "alice", HOST, PASSWORDS["changed"]) == 0
    good = server.config.read_text()
    server.config.write_text(f"{good}\nsql_pasword: {PASSWORDS['config']}\nsql_password: [{PASSWORDS['config']}]\n")
    assert await ctl("reload_config") != 0
    server.config.write_text(good)


async def log_ins(server: Subject) -> None:
    """By each mechanism, well, ill and half."""
    async def stream() -> Stream:
        one = await Stream(server.ports["c2s"], HOST, str(server.authority.cert)).connect()
        await one.open()
        return one

    for password in (PASSWORDS["changed"], PASSWORDS["wrong"]):
        for mechanism in ("PLAIN", "SCRAM-SHA-1"):
            one = await stream()
            with contextlib.suppress(SaslFailure):
                if mechanism == "PLAIN":
                    await one.auth_plain("alice", password)
                else:
                    await one.auth_scram(mechanism, "alice", password)
            one.cut()
    one = await stream()
    broken = sasl.b64(f"\0alice\0{PASSWORDS['broken']}\0{PASSWORDS['broken']}")
    for text in (broken, broken[:-3] + "*", PASSWORDS["broken"]):
        one.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{text}</auth>")
    await ended(one)
    one = await stream()
    scram = sasl.b64(f"n,,n=alice,r={PASSWORDS['scram']}")
    one.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>{scram}</auth>")
    await one.recv(5)
    one.send(f"<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{sasl.b64(PASSWORDS['scram'])}</response>")
    one.send("</stream:stream>")
    await ended(one)


async def stanzas(server: Subject) -> None:
    """Bodies that are delivered, kept, sent back and not understood."""
    one = await Stream(server.ports["c2s_required"], HOST, str(server.authority.cert)).connect()
    await one.open()
    await one.starttls()
    await one.auth_plain("alice", PASSWORDS["changed"])
    own = await one.bind("canary")
    one.send("<presence/>")
    for to, name in ((own, "chat"), (f"bob@{HOST}", "offline"), ("nobody@nowhere.test", "bounced")):
        one.send(f"<message type='chat' to='{to}' id='{name}'><body>{BODIES[name]}</body></message>")
    await one.iq("set", f"<vCard xmlns='vcard-temp'><FN>{BODIES['vcard']}</FN></vCard>")
    await one.iq("set", "<query xmlns='jabber:iq:private'>"
                        f"<storage xmlns='storage:canary'>{BODIES['private']}</storage></query>")
    register = f"<username>alice</username><password>{PASSWORDS['stanza']}</password>"
    await one.iq("set", f"<query xmlns='jabber:iq:register'>{register}</query>", to=HOST)
    one.send(f"<message to='bob@{HOST}'><body>{BODIES['malformed']}<wrong></body></message>")
    await ended(one)
