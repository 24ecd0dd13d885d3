"""SASL2 (XEP-0388) and Bind 2 (XEP-0386) on raw streams: one exchange for log-in, resource and stream management."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import xml.etree.ElementTree as ET

from harness import sasl
from harness.bound import Bound
from harness.lab import Account, Lab
from harness.stream import (NS_BIND, NS_CLIENT, NS_SASL, NS_SASL2, NS_SM, NS_STREAM, Closed, SaslFailure, Stream,
                            StreamError, local, q)

NS_BIND2 = "urn:xmpp:bind:0"
NS_BINDINGS = "urn:xmpp:sasl-cb:0"
AGENT = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>tests</software></user-agent>"
ENABLE = f"<enable xmlns='{NS_SM}' resume='true'/>"
BODY = q(NS_CLIENT, "body")


def bind2(tag: str = "t", inner: str = "") -> str:
    """A request for a resource."""
    return f"<bind xmlns='{NS_BIND2}'><tag>{tag}</tag>{inner}</bind>"


async def opened(lab: Lab, account: Account, port: str = "c2s_required", **options: object) -> Stream:
    """An encrypted stream whose header says who the client is."""
    stream = await lab.stream(port, account.host, **options)
    await stream.open()
    await stream.starttls(**{"from": account.jid})
    assert offered(stream.features), "SASL2 is not offered"
    return stream


def request(mechanism: str, initial: str | None, inline: str = "") -> str:
    """<authenticate/>."""
    inner = f"<initial-response>{initial}</initial-response>" if initial is not None else ""
    return f"<authenticate xmlns='{NS_SASL2}' mechanism='{mechanism}'>{inner}{inline}</authenticate>"


async def plain(stream: Stream, account: Account, inline: str = "", **other: str) -> ET.Element:
    """PLAIN, with the account's own `user` and `password` or others; gives <success/>."""
    initial = sasl.plain(other.get("user", account.user), other.get("password", account.password))
    answer = await stream.sasl_step(request("PLAIN", initial, inline))
    return succeeded(stream, answer)


async def scram(stream: Stream, mechanism: str, user: str, password: str, inline: str = "",
                **options: object) -> tuple[ET.Element, str]:
    """SCRAM; gives <success/> and the server's first message."""
    exchange = sasl.Scram(sasl.HASHES[mechanism], user, password, **options)
    challenge = await stream.sasl_step(request(mechanism, exchange.first(), inline))
    assert challenge.tag == q(NS_SASL2, "challenge"), challenge.tag
    answer = await stream.sasl_step(f"<response xmlns='{NS_SASL2}'>{exchange.final(challenge.text or '')}</response>")
    exchange.verify(answer.findtext(q(NS_SASL2, "additional-data")) or "")
    return succeeded(stream, answer), base64.b64decode(challenge.text or "").decode()


def succeeded(stream: Stream, answer: ET.Element) -> ET.Element:
    """Check <success/>, and remember who the stream is."""
    assert answer.tag == q(NS_SASL2, "success"), answer.tag
    stream.jid = answer.findtext(q(NS_SASL2, "authorization-identifier")) or ""
    return answer


def offered(features: ET.Element, namespace: str = NS_SASL2) -> list[str]:
    """Mechanisms of one profile."""
    return [one.text or "" for one in features.iter(q(namespace, "mechanism"))]


async def session(lab: Lab, account: Account, inline: str) -> tuple[Stream, ET.Element]:
    """A bound stream, with <success/>; the features that come after it are in `features`."""
    stream = await opened(lab, account)
    success = await plain(stream, account, inline)
    stream.features = await stream.recv()
    assert stream.features.tag == q(NS_STREAM, "features"), stream.features.tag
    return stream, success


async def test_offer(lab: Lab) -> None:
    """Over TLS, to clients that say who they are; with what can be asked for inline."""
    account = lab.account()
    stream = await opened(lab, account)
    offer = stream.features.find(q(NS_SASL2, "authentication"))
    assert offer is not None and offered(stream.features) == stream.mechanisms()
    inline = offer.find(q(NS_SASL2, "inline"))
    assert inline is not None and inline.find(q(NS_SM, "sm")) is not None
    path = f"{q(NS_BIND2, 'bind')}/{q(NS_BIND2, 'inline')}/{q(NS_BIND2, 'feature')}"
    assert [one.get("var") for one in inline.findall(path)] == [NS_SM]
    # In clear, and to somebody who does not say who it is, there is none.
    stream = await lab.stream()
    await stream.open(**{"from": account.jid})
    assert not offered(stream.features) and stream.mechanisms()
    try:
        await plain(stream, account)
        raise AssertionError("authenticated in clear")
    except SaslFailure as failure:
        assert failure.condition == "encryption-required", failure
    stream = await lab.stream("c2s_required")
    await stream.open()
    await stream.starttls()
    assert not offered(stream.features) and stream.mechanisms()
    try:
        await plain(stream, account)
        raise AssertionError("authenticated by what was not offered")
    except SaslFailure as failure:
        assert failure.condition == "invalid-mechanism", failure


async def test_scram(lab: Lab) -> None:
    """Each hash, with the server's proof; no new stream follows, and the session is there."""
    for mechanism in sasl.HASHES:
        account = lab.account()
        stream = await opened(lab, account)
        success, _ = await scram(stream, mechanism, account.user, account.password, bind2("scram"))
        assert stream.jid.startswith(f"{account.jid}/scram/"), stream.jid
        assert success.find(q(NS_BIND2, "bound")) is not None
        stream.features = await stream.recv()
        assert stream.features.find(q(NS_BIND, "bind")) is None and not offered(stream.features)
        await stream.sync()


async def test_wrong_password_and_unknown_user_are_alike(lab: Lab) -> None:
    """The stream stays open, and the right password then works."""
    account = lab.account()
    said = []
    for user in (account.user, "nobody-here"):
        stream = await opened(lab, Account(user, account.host))
        for mechanism in ("PLAIN", "SCRAM-SHA-256"):
            try:
                if mechanism == "PLAIN":
                    await plain(stream, account, user=user, password="wrong")
                else:
                    await scram(stream, mechanism, user, "wrong")
                raise AssertionError("wrong password accepted")
            except SaslFailure as failure:
                said.append((failure.condition, failure.text))
        if user == account.user:
            await plain(stream, account)
    assert said == [("not-authorized", "Invalid username or password")] * 4, said


def _bound(lab: Lab, account: Account, mechanism: str, kind: str) -> None:
    with Bound(lab.subject.ports["c2s_tls"], account.host, kind) as stream:
        features = stream.ask(stream.header(f"from='{account.jid}'"), "</stream:features>")
        assert NS_SASL2 in features, "SASL2 is not offered"
        exchange = sasl.Scram(sasl.HASHES[mechanism], account.user, account.password, stream.binding)
        answer = stream.ask(request(f"{mechanism}-PLUS", exchange.first(), bind2()), "</challenge>")
        assert "</challenge>" in answer, answer
        challenge = answer.partition(">")[2].partition("<")[0]
        # XEP-0474: the server's signature covers what it offered.
        root = ET.fromstring(features[features.index("<stream:stream"):] + "</stream:stream>")
        assert f"h={hash_of(root, NS_SASL2, mechanism)}" in base64.b64decode(challenge).decode()
        answer = stream.ask(f"<response xmlns='{NS_SASL2}'>{exchange.final(challenge)}</response>", "</success>")
        assert "</success>" in answer and f"{account.jid}/t/" in answer, answer
        exchange.verify(answer.partition("<additional-data>")[2].partition("<")[0])


def hash_of(features: ET.Element, namespace: str, mechanism: str) -> str:
    """Attribute `h` of XEP-0474 for the offer of one profile."""
    kinds = [one.get("type") or "" for one in features.iter(q(NS_BINDINGS, "channel-binding"))]
    text = "\x1e".join(sorted(offered(features, namespace))) + "\x1f" + "\x1e".join(sorted(kinds))
    return sasl.b64(hashlib.new(sasl.HASHES[mechanism], text.encode()).digest())


async def test_channel_binding(lab: Lab) -> None:
    """-PLUS with both types, and the hash over the offer."""
    for mechanism in sasl.HASHES:
        for kind in ("tls-exporter", "tls-server-end-point"):
            await asyncio.to_thread(_bound, lab, lab.account(), mechanism, kind)


async def test_downgrade_is_noticed(lab: Lab) -> None:
    """RFC 5802 §6, XEP-0474: `y` is refused where -PLUS is offered; the hash is there without -PLUS too."""
    account = lab.account()
    stream = await opened(lab, account)
    try:
        await scram(stream, "SCRAM-SHA-1", account.user, account.password, gs2_flag="y")
        raise AssertionError("downgrade accepted")
    except SaslFailure as failure:
        assert failure.condition == "not-authorized", failure
    features = stream.features
    _, challenge = await scram(stream, "SCRAM-SHA-512", account.user, account.password)
    assert f"h={hash_of(features, NS_SASL2, 'SCRAM-SHA-512')}" in challenge.split(","), challenge


async def test_nobody_becomes_somebody_else(lab: Lab) -> None:
    """Attack class 8: neither by authorisation identity nor by stream header."""
    mine, other = lab.account(), lab.account()
    for header, authzid, condition in ((mine, other.jid, "invalid-authzid"), (other, other.jid, "invalid-authzid"),
                                       (other, "", "not-authorized"), (other, mine.jid, "not-authorized")):
        stream = await opened(lab, header)
        try:
            await stream.sasl_step(request("PLAIN", sasl.plain(mine.user, mine.password, authzid), bind2()))
            raise AssertionError(f"{header.user} {authzid} let in")
        except SaslFailure as failure:
            assert failure.condition == condition, (failure, header.user, authzid)
        try:
            await scram(stream, "SCRAM-SHA-256", mine.user, mine.password, bind2(), authzid=authzid)
            raise AssertionError(f"{header.user} {authzid} let in")
        except SaslFailure as failure:
            assert failure.condition == condition, (failure, header.user, authzid)
    stream = await lab.stream("c2s_required")
    await stream.open()
    try:
        await stream.starttls(**{"from": "user1@short.test"})
        raise AssertionError("a header of another host")
    except StreamError as error:
        assert error.condition == "invalid-from", error


async def test_external(lab: Lab) -> None:
    """With a client certificate, for its own account only."""
    account, other = lab.account(), lab.account()
    cert, key = await asyncio.to_thread(lab.subject.authority.client, account.jid)
    stream = await opened(lab, account, "c2s_cert", cert=(str(cert), str(key)))
    assert "EXTERNAL" in offered(stream.features)
    try:
        await stream.sasl_step(request("EXTERNAL", sasl.b64(other.jid), bind2()))
        raise AssertionError("foreign account opened")
    except SaslFailure as failure:
        assert failure.condition == "invalid-authzid", failure
    # XEP-0388 §2.2: an empty element is an empty response.
    succeeded(stream, await stream.sasl_step(request("EXTERNAL", "", bind2())))
    assert stream.jid.startswith(f"{account.jid}/t/")


async def test_anonymous(lab: Lab) -> None:
    """Where anonymous log-in is on, nobody has to say who it is."""
    names = set()
    for _ in range(2):
        stream = await lab.stream("c2s_required", "anon.test")
        await stream.open()
        await stream.starttls()
        assert "ANONYMOUS" in offered(stream.features)
        succeeded(stream, await stream.sasl_step(request("ANONYMOUS", None, bind2())))
        names.add(stream.jid.partition("@")[0])
        await stream.recv()
        await stream.sync()
    assert len(names) == 2 and all(names)


async def test_stream_goes_on(lab: Lab) -> None:
    """Without a request for a resource: features at once, then binding by IQ on the same stream."""
    account = lab.account()
    stream = await opened(lab, account)
    await plain(stream, account, AGENT)
    assert stream.jid == account.jid
    features = await stream.recv()
    assert features.find(q(NS_BIND, "bind")) is not None and not offered(features)
    assert await stream.bind("r") == f"{account.jid}/r"
    stream.send("<presence/>")
    await stream.presence(stream.jid)
    stream.send(request("PLAIN", sasl.plain(account.user, account.password)))
    try:
        await stream.recv()
        raise AssertionError("authenticated twice")
    except StreamError as error:
        assert error.condition == "unsupported-stanza-type", error


async def test_early_data(lab: Lab) -> None:
    """What is sent before success is not taken for what the account says afterwards."""
    account, bob = lab.account(), lab.account()
    receiver = await lab.session(bob)
    stream = await opened(lab, account)
    stream.send(request("PLAIN", sasl.plain(account.user, account.password), bind2())
                + f"<message to='{receiver.jid}'><body>early</body></message>")
    try:
        await stream.recv()
        raise AssertionError("went on")
    except StreamError as error:
        assert error.condition == "policy-violation", error
    await receiver.settled()
    # What follows success is part of the stream, whether or not the features have been read.
    stream = await opened(lab, account)
    await plain(stream, account, bind2())
    stream.send(f"<message to='{receiver.jid}'><body>in time</body></message>")
    assert (await receiver.message()).findtext(BODY) == "in time"


async def test_resources_of_a_client(lab: Lab) -> None:
    """A client with an id has the same resource each time, and its earlier sessions end; the id is not in it."""
    for host in ("talk.test", "closenew.test", "setresource.test"):
        account = lab.account(host)
        first, _ = await session(lab, account, AGENT + bind2("one"))
        bystander, _ = await session(lab, account, bind2("one"))
        assert first.jid != bystander.jid and "d4565fa7" not in first.jid
        again, _ = await session(lab, account, AGENT + bind2("one"))
        assert again.jid == first.jid
        other, _ = await session(lab, account, AGENT + bind2("two"))
        assert other.jid == first.jid.replace("/one/", "/two/")
        for ended in (first, again):
            try:
                await ended.expect(lambda _: False, 5)
            except StreamError as error:
                assert (error.condition, error.text) == ("conflict", "Replaced by new connection"), error
        await other.sync()
        await bystander.sync()


async def test_offline_messages(lab: Lab) -> None:
    """They wait for the first presence, as there is no archive to fetch them from."""
    alice, bob = lab.account(), lab.account()
    sender = await lab.session(alice)
    sender.send(f"<message type='chat' to='{bob.jid}'><body>kept</body></message>")
    await sender.sync()
    stream, _ = await session(lab, bob, bind2())
    stream.send("<presence/>")
    assert (await stream.message()).findtext(BODY) == "kept"


async def test_resumption(lab: Lab) -> None:
    """A session goes on with success alone, with what it missed; one that cannot is replaced by a new one."""
    alice, bob = lab.account(), lab.account()
    stream, success = await session(lab, bob, AGENT + bind2("t", ENABLE))
    enabled = success.find(f"{q(NS_BIND2, 'bound')}/{q(NS_SM, 'enabled')}")
    assert enabled is not None and enabled.get("resume") == "true"
    assert stream.features.find(q(NS_SM, "sm")) is None
    ident, jid = enabled.get("id"), stream.jid
    stream.send("<presence/>")
    await stream.presence(jid)
    stream.cut()
    sender = await lab.session(alice)
    sender.send(f"<message type='chat' to='{jid}'><body>missed</body></message>")
    await sender.sync()
    resume = f"<resume xmlns='{NS_SM}' h='1' previd='{ident}'/>"
    stream = await opened(lab, bob)
    success = await plain(stream, bob, AGENT + resume + bind2("t", ENABLE))
    resumed = success.find(q(NS_SM, "resumed"))
    assert resumed is not None and resumed.get("h") == "1" and resumed.get("previd") == ident
    assert success.find(q(NS_BIND2, "bound")) is None and stream.jid == jid
    # No features come before it.
    message = await stream.expect(lambda e: e.tag != q(NS_SM, "r"))
    assert message.findtext(BODY) == "missed", ET.tostring(message)
    await stream.sync()
    # Somebody else's id, with the right password of another account.
    thief = await opened(lab, alice)
    success = await plain(thief, alice, resume + bind2("t", ENABLE))
    failed = success.find(q(NS_SM, "failed"))
    assert failed is not None and local(failed[0]) == "item-not-found" and failed.get("h") is None
    assert success.find(f"{q(NS_BIND2, 'bound')}/{q(NS_SM, 'enabled')}") is not None
    assert thief.jid.startswith(f"{alice.jid}/t/")
    await stream.sync()


async def test_resumption_of_an_ended_session(lab: Lab) -> None:
    """The client learns how far it had come, and gets a new session in the same answer."""
    account = lab.account()
    stream, success = await session(lab, account, bind2("t", ENABLE))
    enabled = success.find(f"{q(NS_BIND2, 'bound')}/{q(NS_SM, 'enabled')}")
    assert enabled is not None
    await stream.sync()
    await stream.close()
    stream, success = await session(
        lab, account, f"<resume xmlns='{NS_SM}' h='0' previd='{enabled.get('id')}'/>" + bind2("t", ENABLE))
    failed = success.find(q(NS_SM, "failed"))
    assert failed is not None and local(failed[0]) == "item-not-found" and failed.get("h") == "1"
    assert success.find(f"{q(NS_BIND2, 'bound')}/{q(NS_SM, 'enabled')}") is not None
    await stream.sync()


async def test_without_stream_management(lab: Lab) -> None:
    """A host without mod_stream_mgmt offers none, and refuses what is asked for nevertheless."""
    account = lab.account("bare.test")
    stream = await opened(lab, account)
    offer = stream.features.find(q(NS_SASL2, "authentication"))
    assert offer is not None and offer.find(f".//{q(NS_SM, 'sm')}") is None
    assert offer.find(f".//{q(NS_BIND2, 'feature')}") is None
    success = await plain(stream, account, f"<resume xmlns='{NS_SM}' h='0' previd='x'/>" + bind2("t", ENABLE))
    for path in (q(NS_SM, "failed"), f"{q(NS_BIND2, 'bound')}/{q(NS_SM, 'failed')}"):
        failed = success.find(path)
        assert failed is not None and local(failed[0]) == "service-unavailable", ET.tostring(success)
    await stream.recv()
    await stream.sync()


async def test_access_rule(lab: Lab) -> None:
    """Who is denied by the listener gets no session, neither with success nor afterwards."""
    account = Account("blocked1", "talk.test")
    stream = await opened(lab, account)
    success = await plain(stream, account, bind2())
    assert success.find(q(NS_BIND2, "bound")) is None and stream.jid == account.jid
    features = await stream.recv()
    assert features.find(q(NS_BIND, "bind")) is not None
    answer = await stream.iq("set", f"<bind xmlns='{NS_BIND}'/>")
    assert answer.get("type") == "error"


async def test_ban(lab: Lab) -> None:
    """The right password of a banned account: account-disabled, with the reason."""
    account = lab.account()
    assert (await lab.ctl("ban_account", account.user, account.host, "Spam")).code == 0
    stream = await opened(lab, account)
    try:
        await plain(stream, account, bind2())
        raise AssertionError("let in")
    except SaslFailure as failure:
        assert (failure.condition, failure.text) == ("account-disabled", "Account is banned: Spam"), failure


async def test_too_many_failures(lab: Lab) -> None:
    """Five in both profiles together end the stream."""
    account = lab.account()
    stream = await opened(lab, account)
    wrong = sasl.plain(account.user, "wrong")
    for attempt in range(5):
        try:
            await stream.sasl_step(request("PLAIN", wrong) if attempt % 2 else
                                   f"<auth xmlns='{NS_SASL}' mechanism='PLAIN'>{wrong}</auth>")
        except SaslFailure:
            pass
    try:
        await stream.recv()
        raise AssertionError("a sixth attempt")
    except StreamError as error:
        assert error.condition == "policy-violation", error
    except Closed as closed:
        raise AssertionError("no reason") from closed
