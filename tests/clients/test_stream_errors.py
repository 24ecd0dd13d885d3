"""Every stream error of RFC 6120 §4.9.3 that a client can provoke, and what must not be one."""

from __future__ import annotations

import asyncio
import contextlib
import time

from harness.lab import Lab
from harness.marks import alone, cases, slow
from harness.stream import NS_CLIENT, NS_STREAM, Closed, Stream, StreamError, error_of, local, q


async def failure(stream: Stream, timeout: float = 10) -> str:
    """Condition of the stream error that must come now, followed by the end of stream and connection."""
    try:
        element = await stream.recv(timeout)
        while True:
            element = await stream.recv(timeout)
    except StreamError as error:
        condition = error.condition
    except Closed as closed:
        return f"closed without an error: {closed}"
    except TimeoutError:
        return "nothing came"
    try:
        while True:
            await stream.recv(5)
    except Closed:
        pass
    except TimeoutError:
        return f"{condition}, but not closed"
    assert stream.opened, "no stream header before the error (RFC 6120 §4.9.1.2)"
    return condition


GOOD = {"to": "talk.test", "version": "1.0", "xmlns": NS_CLIENT, "xmlns:stream": NS_STREAM}


@cases(
    ("wrong stream namespace", {"xmlns:stream": "http://example.org/streams"}, "invalid-namespace"),
    ("wrong content namespace", {"xmlns": "jabber:wrong"}, "invalid-namespace"),
    ("unknown host", {"to": "unknown.test"}, "host-unknown"),
    ("malformed host", {"to": "a@@b"}, "improper-addressing host-unknown"),
    ("no host", {"to": None}, "improper-addressing host-unknown"),
    ("version 2.0", {"version": "2.0"}, "features unsupported-version"),
    ("version 0.9", {"version": "0.9"}, "unsupported-version features silence"),
    ("from a foreign host", {"from": "x@elsewhere.test"}, "invalid-from features"),
    ("with language", {"xml:lang": "de"}, "features"),
)
async def test_header(lab: Lab, what: str, changes: dict[str, str | None], wanted: str) -> None:
    """RFC 6120 §4.7, §4.8: what is wrong with the header is answered after the server's own header."""
    stream = await lab.stream()
    stream.send(stream.header_text(**changes))
    try:
        got = local(await stream.recv(1 if "silence" in wanted else 10))
    except TimeoutError:
        got = "silence"
    except StreamError as error:
        got = error.condition
        assert stream.opened, "no stream header before the error (RFC 6120 §4.9.1.2)"
    assert got in wanted.split(), got


@cases(
    ("http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not-well-formed invalid-xml bad-format"),
    ("other root", f"<?xml version='1.0'?><stream xmlns='{NS_CLIENT}'>", "invalid-namespace bad-format invalid-xml not-well-formed"),
    ("message as root", f"<message xmlns='{NS_CLIENT}'>", "invalid-namespace bad-format invalid-xml not-well-formed"),
    ("undeclared prefix", "<stream:stream to='talk.test' version='1.0'>",
     "bad-namespace-prefix not-well-formed invalid-namespace invalid-xml"),
    ("unsupported encoding", "<?xml version='1.0' encoding='ISO-8859-1'?><stream:stream to='talk.test' version='1.0' "
     f"xmlns='{NS_CLIENT}' xmlns:stream='{NS_STREAM}'>", "unsupported-encoding not-well-formed"),
    ("doctype", "<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'b'>]><stream:stream to='talk.test' version='1.0' "
     f"xmlns='{NS_CLIENT}' xmlns:stream='{NS_STREAM}'>", "restricted-xml not-well-formed policy-violation"),
)
async def test_prologue(lab: Lab, what: str, text: str, wanted: str) -> None:
    """Bytes that are no stream header."""
    stream = await lab.stream()
    stream.send(text)
    got = await failure(stream, 2)
    assert got in wanted.split(), got


@cases(
    ("mismatched tags", "<message><body></message></body>", "not-well-formed"),
    ("bare ampersand", "<message><body>a & b</body></message>", "not-well-formed"),
    ("duplicate attribute", "<message to='a@b' to='c@d'/>", "not-well-formed"),
    ("bad utf-8", b"<message><body>\xff\xfe</body></message>", "not-well-formed"),
    ("control character", b"<message><body>\x01</body></message>", "not-well-formed"),
    ("undeclared prefix", "<x:message/>", "bad-namespace-prefix not-well-formed"),
    ("unknown entity", "<message><body>&nbsp;</body></message>", "not-well-formed restricted-xml"),
    ("entity declaration", "<!DOCTYPE x [<!ENTITY lol 'lol'>]><message/>", "restricted-xml not-well-formed"),
    ("unsupported stanza", "<note/>", "unsupported-stanza-type"),
    ("foreign namespace", "<message xmlns='urn:example:x'/>", "unsupported-stanza-type invalid-namespace"),
)
async def test_within_session(lab: Lab, what: str, data: str | bytes, wanted: str) -> None:
    """Malformed XML in a session ends it with the right error, and only it."""
    account = lab.account()
    other = await lab.session(account, "other")
    stream = await lab.session(account, "broken")
    stream.send(data)
    got = await failure(stream, 2)
    assert got in wanted.split(), got
    await other.presence(stream.jid, "unavailable")
    await other.sync()


@cases("<!-- comment -->", "<?target data?>")
async def test_restricted_xml(lab: Lab, text: str) -> None:
    """RFC 6120 §11.1: comments and processing instructions."""
    stream = await lab.session(lab.account())
    stream.send(text + "<message/>")
    got = await failure(stream, 2)
    assert got == "restricted-xml", got


async def test_text_between_stanzas(lab: Lab) -> None:
    """Characters other than white space at the top level are bad (or ignored), white space is a keepalive."""
    stream = await lab.session(lab.account())
    stream.send(" \n\t \r\n")
    await stream.sync()
    stream.send("some text")
    with contextlib.suppress(Closed):
        stream.send("<iq type='get' id='x' to='talk.test'><ping xmlns='urn:xmpp:ping'/></iq>")
        try:
            await stream.pick(lambda e: e.get("id") == "x")
        except StreamError as error:
            assert error.condition in ("bad-format", "not-well-formed", "invalid-xml"), error


@cases("before authentication", "in a session")
async def test_oversized_stanza(lab: Lab, when: str) -> None:
    """max_stanza_size is 4000 here: a larger stanza ends the stream with policy-violation."""
    if when == "in a session":
        stream = await lab.session(lab.account(), port="c2s_small")
        stream.send("<message to='talk.test'><body>" + "x" * 3000 + "</body></message>")
        await stream.sync()
    else:
        stream = await lab.stream("c2s_small")
        await stream.open()
    stream.send("<message to='talk.test'><body>" + "x" * 6000 + "</body></message>")
    assert await failure(stream) in ("policy-violation",)


async def test_oversized_attribute(lab: Lab) -> None:
    """A start tag that never ends is refused too, at the size limit."""
    stream = await lab.stream("c2s_small")
    await stream.open()
    stream.send("<message to='" + "x" * 9000)
    assert await failure(stream) == "policy-violation"


async def test_deep_nesting(lab: Lab) -> None:
    """Hundreds of levels in one stanza: delivered, refused, or the stream ended, but the server lives."""
    stream = await lab.session(lab.account())
    depth = 3000
    stream.send(f"<message to='{stream.jid}'>" + "<a xmlns='u'>" * depth + "</a>" * depth + "</message>")
    with contextlib.suppress(StreamError, Closed):
        await stream.sync()
    other = await lab.session(lab.account())
    await other.sync()


async def test_second_bind(lab: Lab) -> None:
    """A second resource on a bound stream is refused without ending the first."""
    stream = await lab.session(lab.account())
    answer = await stream.iq("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>two</resource></bind>")
    assert answer.get("type") == "error" and error_of(answer)[1] in ("not-allowed", "bad-request", "service-unavailable")
    await stream.sync()


@cases(("foreign bare", "somebody@talk.test"), ("foreign resource", "{bare}/other"))
async def test_forged_from(lab: Lab, what: str, sender: str) -> None:
    """RFC 6120 §4.9.3.9: a `from` that is not the sender's: invalid-from."""
    account = lab.account()
    stream = await lab.session(account, "real")
    stream.send(f"<message from='{sender.replace('{bare}', account.jid)}' to='{account.jid}'><body>x</body></message>")
    got = await failure(stream, 2)
    assert got == "invalid-from", got


@cases("{bare}", "{bare}/real")
async def test_own_from(lab: Lab, sender: str) -> None:
    """One's own bare or full JID as `from` is right."""
    account = lab.account()
    stream = await lab.session(account, "real")
    stream.send(f"<message from='{sender.replace('{bare}', account.jid)}' to='{stream.jid}'><body>x</body></message>")
    assert (await stream.message("x")).get("from") == stream.jid


async def test_restart_in_session(lab: Lab) -> None:
    """A second stream header inside the stream is an element like any other, and no stanza."""
    stream = await lab.session(lab.account())
    stream.send(f"<stream:stream to='talk.test' version='1.0' xmlns='{NS_CLIENT}' xmlns:stream='{NS_STREAM}'></stream:stream>")
    assert await failure(stream, 2) == "unsupported-stanza-type"


async def test_polite_end(lab: Lab) -> None:
    """RFC 6120 §4.4: </stream:stream> is answered in kind, then the connection ends."""
    stream = await lab.session(lab.account())
    stream.send("</stream:stream>")
    ends = []
    for _ in range(2):
        try:
            await stream.recv(5)
        except Closed as closed:
            ends.append(str(closed))
    assert stream.closed, ends


async def test_end_without_features(lab: Lab) -> None:
    """Closing directly after the header is fine."""
    stream = await lab.stream()
    await stream.open()
    stream.send("</stream:stream>")
    try:
        await stream.recv(5)
    except Closed:
        assert stream.closed


async def test_kicked_session(lab: Lab) -> None:
    """kick_user ends each session of the account with a stream error and says how many."""
    account = lab.account()
    one, two = await lab.session(account, "one"), await lab.session(account, "two")
    result = await lab.ctl("kick_user", account.user, account.host)
    # "2" in 23.01, "Kicked sessions: 2" since 24.06.
    assert result.code == 0 and result.out.split()[-1:] == ["2"], result
    for stream in (one, two):
        assert await failure(stream) in ("policy-violation", "conflict")


async def test_removed_account(lab: Lab) -> None:
    """unregister ends the sessions of the account."""
    account = lab.account()
    stream = await lab.session(account)
    result = await lab.ctl("unregister", account.user, account.host)
    assert result.code == 0, result
    assert await failure(stream) in ("conflict", "not-authorized", "policy-violation")


async def test_changed_password(lab: Lab) -> None:
    """change_password: the new one works, the old one does not."""
    account = lab.account()
    result = await lab.ctl("change_password", account.user, account.host, "new one")
    assert result.code == 0, result
    stream = await lab.stream()
    await stream.open()
    for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        try:
            await stream.auth_scram(mechanism, account.user, account.password)
            raise AssertionError("old password accepted")
        except Exception as error:
            assert "not-authorized" in str(error), error
    await stream.auth_plain(account.user, "new one")


@slow
async def test_slow_reader_does_not_hurt_others(lab: Lab) -> None:
    """A client that does not read gets its session ended or stalled; its sender and others go on."""
    alice, bob, carol = lab.account(), lab.account(), lab.account()
    stuck = await lab.session(bob)
    stuck.writer.transport.pause_reading()
    a, c = await lab.session(alice), await lab.session(carol)
    text = "x" * 60000
    for number in range(320):
        a.send(f"<message type='chat' to='{stuck.jid}'><body>{number} {text}</body></message>")
        if number % 50 == 0:
            await asyncio.wait_for(a.writer.drain(), 20)
            begin = time.monotonic()
            await c.sync()
            assert time.monotonic() - begin < 3
    # What the mailbox does not hold is stored, one message after the other: on a slow disk that takes a while.
    await a.sync(60)


@alone
async def test_system_shutdown(lab: Lab) -> None:
    """A polite stop sends system-shutdown to the clients; the server starts again with its data."""
    account = lab.account()
    stream = await lab.session(account)
    stop = asyncio.create_task(asyncio.to_thread(lab.subject.stop))
    try:
        assert await failure(stream) == "system-shutdown"
    finally:
        await stop
        await asyncio.to_thread(lab.subject.start)
    again = await lab.authenticated(account)
    assert await again.bind("x") == f"{account.jid}/x"
