"""XEP-0198 on raw streams: acknowledgements, limits, resumption after a cut connection, expiry."""

from __future__ import annotations

import asyncio
import contextlib
import xml.etree.ElementTree as ET

from harness.lab import Account, Lab
from harness.marks import cases, slow
from harness.sm import Managed
from harness.stream import NS_CLIENT, NS_SM, NS_STANZAS, Closed, Stream, StreamError, local, q

BODY = q(NS_CLIENT, "body")


async def managed(lab: Lab, account: Account, resource: str = "sm") -> tuple[Stream, Managed]:
    """A session with resumable stream management and presence sent."""
    stream = await lab.authenticated(account)
    await stream.bind(resource)
    state = Managed()
    enabled = await state.enable(stream)
    assert enabled.tag == q(NS_SM, "enabled") and enabled.get("resume") in ("true", "1") and state.ident
    state.send("<presence/>")
    await stream.presence(stream.jid)
    return stream, state


async def taken(stream: Stream, count: int) -> list[str]:
    """Bodies of the next `count` messages."""
    return [(await stream.message()).findtext(BODY) or "" for _ in range(count)]


async def test_acknowledgements_count_stanzas(lab: Lab) -> None:
    """h counts messages, presences and IQs after <enable/>, and nothing else; the limits of h are 32 bits."""
    stream, state = await managed(lab, lab.account())
    for number in range(20):
        state.send(f"<message to='{stream.jid}' id='m{number}'><body>{number}</body></message>")
    stream.send(" \n ")
    state.send("<iq type='get' id='p' to='talk.test'><ping xmlns='urn:xmpp:ping'/></iq>")
    await state.request()
    assert state.acked == 22
    stream.send(f"<r xmlns='{NS_SM}'/><r xmlns='{NS_SM}'/>")
    await stream.sync()
    assert state.acked == 22


async def test_server_asks_for_acknowledgements(lab: Lab) -> None:
    """The server sends <r/> for what it delivers."""
    alice, bob = lab.account(), lab.account()
    stream, state = await managed(lab, alice)
    state.answer_requests = False
    sender = await lab.session(bob)
    stream.raw_in = b""
    for number in range(10):
        sender.send(f"<message type='chat' to='{stream.jid}'><body>{number}</body></message>")
    assert await taken(stream, 10) == [str(n) for n in range(10)]
    for _ in range(50):
        if f"<r xmlns='{NS_SM}'/>".encode() in stream.raw_in:
            return
        await stream.read_more(5)
    raise AssertionError("no request for an acknowledgement")


async def test_enable_twice(lab: Lab) -> None:
    """A second <enable/> is refused with unexpected-request, or ignored by an error; the session goes on."""
    stream, _ = await managed(lab, lab.account())
    stream.send(f"<enable xmlns='{NS_SM}'/>")
    answer = await stream.recv()
    assert answer.tag == q(NS_SM, "failed"), answer.tag
    assert answer.find(q(NS_STANZAS, "unexpected-request")) is not None, ET.tostring(answer)
    await stream.sync()


async def test_enable_before_bind(lab: Lab) -> None:
    """Before a resource is bound: unexpected-request."""
    stream = await lab.authenticated(lab.account())
    stream.send(f"<enable xmlns='{NS_SM}' resume='true'/>")
    answer = await stream.recv()
    assert answer.tag == q(NS_SM, "failed")
    assert answer.find(q(NS_STANZAS, "unexpected-request")) is not None, ET.tostring(answer)


async def test_acknowledging_too_much(lab: Lab) -> None:
    """An h above what was sent: stream error undefined-condition with handled-count-too-high (XEP-0198 §4)."""
    stream, _ = await managed(lab, lab.account())
    stream.tap = None
    stream.send(f"<a xmlns='{NS_SM}' h='4000'/>")
    try:
        await stream.sync()
        while True:
            await stream.recv(2)
    except StreamError as error:
        assert error.condition == "undefined-condition", error
        assert b"handled-count-too-high" in stream.raw_in
    except (TimeoutError, Closed) as nothing:
        raise AssertionError("no stream error") from nothing


async def test_resume_after_a_cut(lab: Lab) -> None:
    """Nothing lost, nothing twice, in order, in both directions; others do not see the session leave."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    peer = await lab.session(bob)
    stream, state = await managed(lab, alice)
    await peer.presence(stream.jid)
    peer.send(f"<message type='chat' to='{stream.jid}'><body>before</body></message>")
    await stream.message("before")
    stream.cut()
    await asyncio.sleep(0.2)
    for number in range(10):
        peer.send(f"<message type='chat' to='{stream.jid}'><body>while {number}</body></message>")
        state.stream = None
        state.send(f"<message type='chat' to='{peer.jid}'><body>mine {number}</body></message>")
    await peer.sync()
    again = await lab.authenticated(alice)
    resumed = await state.resume(again)
    assert resumed.tag == q(NS_SM, "resumed"), ET.tostring(resumed)
    assert resumed.get("previd") == state.ident
    assert await taken(again, 10) == [f"while {n}" for n in range(10)]
    assert await taken(peer, 10) == [f"mine {n}" for n in range(10)]
    peer.send(f"<message type='chat' to='{stream.jid}'><body>after</body></message>")
    assert (await again.message()).findtext(BODY) == "after"
    await state.request()
    await peer.sync()
    assert not [e for e in peer.inbox if e.get("type") == "unavailable"], "seen as gone"
    assert not [e for e in again.inbox if local(e) == "message"]


async def test_unacknowledged_stanzas_come_again(lab: Lab) -> None:
    """What was written to the old connection but not acknowledged is sent again on resumption, once."""
    alice, bob = lab.account(), lab.account()
    peer = await lab.session(bob)
    stream, state = await managed(lab, alice)
    await state.request()
    stream.send(f"<a xmlns='{NS_SM}' h='{state.handled_in}'/>")
    await stream.sync()
    state.answer_requests = False
    handled = state.handled_in
    for number in range(5):
        peer.send(f"<message type='chat' to='{stream.jid}'><body>{number}</body></message>")
    assert await taken(stream, 5) == list("01234")
    stream.cut()
    state.handled_in = handled + 2
    again = await lab.authenticated(alice)
    state.answer_requests = True
    assert (await state.resume(again)).tag == q(NS_SM, "resumed")
    assert await taken(again, 3) == list("234")
    await again.sync()
    assert not [e for e in again.inbox if local(e) == "message"]


async def test_resume_while_the_old_connection_lives(lab: Lab) -> None:
    """The new connection takes over, the old one is ended."""
    account = lab.account()
    stream, state = await managed(lab, account)
    again = await lab.authenticated(account)
    assert (await state.resume(again)).tag == q(NS_SM, "resumed")
    await again.sync()
    stream.tap = None
    try:
        while True:
            await stream.recv(5)
    except (Closed, StreamError):
        pass


@cases("unknown", "foreign", "after close")
async def test_resume_refused(lab: Lab, how: str) -> None:
    """item-not-found for an unknown, foreign or ended session, and a normal bind still works."""
    account = lab.account()
    state = Managed()
    state.ident = "AAAA"
    if how == "foreign":
        _, state = await managed(lab, lab.account())
    if how == "after close":
        stream, state = await managed(lab, account)
        stream.tap = None
        await stream.close()
    fresh = await lab.authenticated(account)
    answer = await state.resume(fresh)
    assert answer.tag == q(NS_SM, "failed"), ET.tostring(answer)
    assert answer.find(q(NS_STANZAS, "item-not-found")) is not None, ET.tostring(answer)
    assert await fresh.bind("x") == f"{account.jid}/x"


@slow
async def test_expired_session(lab: Lab) -> None:
    """After resume_timeout (2 s on short.test): unavailable is told, queued messages go offline, <failed/> tells h."""
    alice, bob = lab.account("short.test"), lab.account("short.test")
    await lab.friends(alice, bob)
    peer = await lab.session(bob)
    stream, state = await managed(lab, alice)
    await peer.presence(stream.jid)
    await state.request()
    sent = state.sent
    stream.cut()
    await asyncio.sleep(0.2)
    peer.send(f"<message type='chat' to='{stream.jid}'><body>waits</body></message>")
    await peer.presence(stream.jid, "unavailable", 8)
    fresh = await lab.authenticated(alice)
    acked = state.acked
    answer = await state.resume(fresh)
    assert answer.tag == q(NS_SM, "failed") and answer.find(q(NS_STANZAS, "item-not-found")) is not None
    assert answer.get("h") == str(sent), (answer.attrib, sent, acked)
    await fresh.bind("sm")
    fresh.send("<presence/>")
    message = await fresh.message("waits")
    assert message.find("{urn:xmpp:delay}delay") is not None
    await fresh.sync()
    assert not [e for e in fresh.inbox if local(e) == "message"]


@slow
async def test_queue_limit(lab: Lab) -> None:
    """max_ack_queue is 20 on short.test: a client that never acknowledges is cut off, and nothing is lost."""
    alice, bob = lab.account("short.test"), lab.account("short.test")
    peer = await lab.session(bob)
    stream, state = await managed(lab, alice)
    state.answer_requests = False
    for number in range(60):
        peer.send(f"<message type='chat' to='{alice.jid}'><body>{number}</body></message>")
    await peer.sync()
    got = set()
    try:
        while True:
            got.add((await stream.recv(20)).findtext(BODY))
    except StreamError as error:
        assert error.condition in ("policy-violation", "resource-constraint"), error
    except Closed:
        pass
    except TimeoutError:
        raise AssertionError("not cut off") from None
    fresh = await lab.session(alice, "next")
    wanted = {str(n) for n in range(60)}
    with contextlib.suppress(AssertionError):
        while not wanted <= got:
            got.add((await fresh.message(timeout=6)).findtext(BODY))
    assert wanted <= got, f"lost: {sorted(wanted - got, key=int)}"


@slow
async def test_ack_timeout(lab: Lab) -> None:
    """ack_timeout is 3 s on short.test: a client that does not answer <r/> is cut off; the session can be resumed."""
    alice, bob = lab.account("short.test"), lab.account("short.test")
    peer = await lab.session(bob)
    stream, state = await managed(lab, alice)
    state.answer_requests = False
    peer.send(f"<message type='chat' to='{stream.jid}'><body>unanswered</body></message>")
    await stream.message("unanswered")
    try:
        while True:
            await stream.recv(8)
    except (Closed, StreamError):
        pass
    state.answer_requests = True
    again = await lab.authenticated(alice)
    assert (await state.resume(again)).tag == q(NS_SM, "resumed")
    await again.sync()


async def test_not_resumable(lab: Lab) -> None:
    """<enable/> without resume gives no id; after a cut the session is gone at once and its queue goes offline."""
    alice, bob = lab.account(), lab.account()
    stream = await lab.authenticated(alice)
    await stream.bind("plain")
    state = Managed()
    enabled = await state.enable(stream, "")
    assert enabled.tag == q(NS_SM, "enabled") and enabled.get("id") is None and enabled.get("resume") is None
    stream.send("<presence/>")
    await stream.presence(stream.jid)
    stream.cut()
    await asyncio.sleep(0.2)
    peer = await lab.session(bob)
    peer.send(f"<message type='chat' to='{stream.jid}'><body>later</body></message>")
    await peer.sync()
    fresh = await lab.session(alice, "next")
    await fresh.message("later")
