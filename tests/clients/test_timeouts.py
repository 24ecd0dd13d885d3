"""Time limits, on a second server with short ones: negotiation_timeout 3 s, mod_ping every 2 s with timeout_action kill."""

from __future__ import annotations

import asyncio
import pathlib
import time

from harness.lab import Account, Lab
from harness.marks import slow
from harness.stream import Closed, Stream, StreamError, local
from harness.subject import Subject

SHORT = (("loglevel: info\n", "loglevel: info\nnegotiation_timeout: 3\n"),
         ("  mod_ping: {}\n  mod_private", "  mod_ping:\n    send_pings: true\n    ping_interval: 2\n"
                                           "    ping_ack_timeout: 2\n    timeout_action: kill\n  mod_private"))


async def ended_after(stream: Stream, limit: float) -> float:
    """Seconds until the server ends the connection."""
    begin = time.monotonic()
    try:
        while True:
            await stream.recv(limit)
    except (Closed, StreamError):
        return time.monotonic() - begin


@slow
async def test_limits(lab: Lab) -> None:
    """Streams that do not get on are ended in time at each step; a bound session that answers pings lives on."""
    config = (pathlib.Path(__file__).parent / "ejabberd.yml").read_text()
    for old, new in SHORT:
        assert old in config
        config = config.replace(old, new)
    with lab.subject.sibling(config) as server:
        await asyncio.to_thread(server.start)
        account = Account("user", "talk.test")
        await asyncio.to_thread(server.register_many, [(account.user, account.host, account.password)])
        await limits(lab, server, account)


async def limits(lab: Lab, server: Subject, account: Account) -> None:
    """The waiting, all at once."""
    def stream(port: str) -> Stream:
        one = Stream(server.ports[port], account.host, str(server.authority.cert))
        return one

    silent = await stream("c2s").connect()
    no_handshake = await stream("c2s_tls").connect()
    opened = await stream("c2s").connect()
    await opened.open()
    trickling = await stream("c2s").connect()
    await trickling.open()
    authenticated = await stream("c2s").connect()
    await authenticated.open()
    await authenticated.auth_plain(account.user, account.password)
    deaf, alive = await stream("c2s").connect(), await stream("c2s").connect()
    for session in (deaf, alive):
        await session.open()
        await session.auth_plain(account.user, account.password)
        await session.bind()
        session.send("<presence/>")

    async def trickle() -> None:
        for _ in range(30):
            trickling.send(" ")
            await asyncio.sleep(0.3)

    async def answer() -> None:
        end = time.monotonic() + 8
        while (left := end - time.monotonic()) > 0:
            try:
                element = await alive.recv(left)
            except TimeoutError:
                return
            if local(element) == "iq" and element.get("type") == "get":
                alive.send(f"<iq type='result' id='{element.get('id')}'/>")

    tasks = [asyncio.create_task(trickle()), asyncio.create_task(answer())]
    try:
        waited = await asyncio.gather(*(ended_after(one, 12) for one in
                                        (silent, no_handshake, opened, trickling, authenticated, deaf)),
                                      return_exceptions=True)
        names = ("silent", "no TLS handshake", "header only", "white space only", "authenticated only", "deaf to pings")
        late = {name: value for name, value in zip(names, waited, strict=True)
                if not isinstance(value, float) or not 1 < value < 10}
        assert not late, late
        await tasks[1]
        await alive.sync()
    finally:
        tasks[0].cancel()
        for one in (silent, no_handshake, opened, trickling, authenticated, deaf, alive):
            one.cut()
