"""Messages on raw streams: RFC 6121 §8 delivery rules, offline store (XEP-0160, 0013, 0203)."""

from __future__ import annotations

import asyncio
import datetime
import xml.etree.ElementTree as ET

from harness.lab import Lab
from harness.marks import cases
from harness.stream import NS_CLIENT, Stream, error_of, local, q

NS_DELAY = "urn:xmpp:delay"
NS_OFFLINE = "http://jabber.org/protocol/offline"
BODY = q(NS_CLIENT, "body")


async def bodies(stream: Stream) -> list[str]:
    """Bodies of all messages that have come by now."""
    await stream.settled()
    found = [e.findtext(BODY) or "" for e in stream.inbox if local(e) == "message" and e.get("type") != "error"]
    stream.inbox = [e for e in stream.inbox if local(e) != "message"]
    return found


async def told(sender: Stream, *receivers: Stream) -> None:
    """All that the sender sent has been handled on both sides."""
    await sender.sync()
    await asyncio.sleep(0.1)
    for one in receivers:
        await one.sync()


async def test_from_is_stamped_and_payload_untouched(lab: Lab) -> None:
    """RFC 6120 §8.1.2.1; foreign namespaces, attributes and text arrive as they were."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice), await lab.session(bob)
    a.send(f"<message to='{b.jid}' type='chat' id='m1' xml:lang='de'><body>ä &lt;&amp;&gt; \U0001f600</body>"
           "<x xmlns='urn:example:x' a='1&quot;2'><y xmlns='' b=''>t<z/>u</y></x></message>")
    got = await b.message()
    assert got.get("from") == a.jid and got.get("to") == b.jid and got.get("id") == "m1" and got.get("type") == "chat"
    assert got.get("{http://www.w3.org/XML/1998/namespace}lang") == "de"
    assert got.findtext(BODY) == "ä <&> \U0001f600"
    x = got.find("{urn:example:x}x")
    assert x is not None and x.get("a") == '1"2'
    y = x.find("y")
    assert y is not None and y.text == "t" and y[0].tail == "u" and y.get("b") == ""


async def test_bare_jid_reaches_the_highest_priority(lab: Lab) -> None:
    """RFC 6121 §8.5.2.1.1: to the most available resource; equal priorities all get it."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    low = await lab.session(bob, "low", presence="<presence><priority>1</priority></presence>")
    high = await lab.session(bob, "high", presence="<presence><priority>5</priority></presence>")
    equal = await lab.session(bob, "equal", presence="<presence><priority>5</priority></presence>")
    a.send(f"<message type='chat' to='{bob.jid}'><body>one</body></message>")
    await told(a, low, high, equal)
    assert await bodies(high) == ["one"] and await bodies(equal) == ["one"] and await bodies(low) == []
    high.send("<presence type='unavailable'/>")
    equal.send("<presence><priority>0</priority></presence>")
    await told(high, equal)
    await equal.sync()
    a.send(f"<message type='chat' to='{bob.jid}'><body>two</body></message>")
    await told(a, low, high, equal)
    assert await bodies(low) == ["two"] and await bodies(high) == [] and await bodies(equal) == []


async def test_full_jid_reaches_only_that_resource(lab: Lab) -> None:
    """RFC 6121 §8.5.3.1, also with a negative priority."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    one = await lab.session(bob, "one", presence="<presence><priority>-1</priority></presence>")
    two = await lab.session(bob, "two")
    a.send(f"<message type='chat' to='{one.jid}'><body>only</body></message>")
    await told(a, one, two)
    assert await bodies(one) == ["only"] and await bodies(two) == []


async def test_gone_resource_falls_back_to_bare(lab: Lab) -> None:
    """RFC 6121 §8.5.3.2.1: chat to a resource that is gone goes to the others."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice), await lab.session(bob, "here")
    a.send(f"<message type='chat' to='{bob.jid}/gone'><body>fallback</body></message>")
    await b.message("fallback")


async def test_negative_priority_is_stored_offline(lab: Lab) -> None:
    """RFC 6121 §8.5.2.1: no resource of priority 0 or more is like being offline."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    b = await lab.session(bob, presence="<presence><priority>-5</priority></presence>")
    a.send(f"<message type='chat' to='{bob.jid}'><body>later</body></message>")
    await told(a, b)
    assert await bodies(b) == []
    b.send("<presence><priority>0</priority></presence>")
    assert (await b.message("later")).find(q(NS_DELAY, "delay")) is not None


@cases(("headline", False, False), ("groupchat", True, False), ("normal", False, True), ("chat", False, True))
async def test_type_to_somebody_offline(lab: Lab, kind: str, error: bool, stored: bool) -> None:
    """RFC 6121 §8.5.2.2 by type of message."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    a.send(f"<message type='{kind}' to='{bob.jid}' id='t'><body>{kind}</body></message>")
    await a.settled()
    errors = [error_of(e)[1] for e in a.inbox if local(e) == "message"]
    assert errors == (["service-unavailable"] if error else []), errors
    b = await lab.session(bob)
    await asyncio.sleep(0.1)
    assert await bodies(b) == ([kind] if stored else [])


async def test_headline_reaches_all_available(lab: Lab) -> None:
    """RFC 6121 §8.5.2.1.1: headlines go to every resource that is not of negative priority."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    one = await lab.session(bob, "one", presence="<presence><priority>5</priority></presence>")
    two = await lab.session(bob, "two")
    a.send(f"<message type='headline' to='{bob.jid}'><body>news</body></message>")
    await told(a, one, two)
    assert await bodies(one) == ["news"] and await bodies(two) == ["news"]


async def test_unknown_account(lab: Lab) -> None:
    """RFC 6121 §8.5.1: service-unavailable; an error message is dropped."""
    a = await lab.session(lab.account())
    a.send("<message type='chat' to='nobody-here@talk.test' id='u'><body>x</body></message>")
    answer = await a.message()
    assert answer.get("id") == "u" and answer.get("from") == "nobody-here@talk.test"
    assert error_of(answer)[:2] == ("cancel", "service-unavailable")
    a.send("<message type='error' to='nobody-here@talk.test' id='v'><body>x</body></message>")
    await a.settled()
    assert not a.inbox


async def test_message_to_oneself(lab: Lab) -> None:
    """No `to` means one's own bare JID."""
    a = await lab.session(lab.account())
    a.send("<message type='chat'><body>note</body></message>")
    assert (await a.message("note")).get("from") == a.jid


async def test_offline_order_delay_and_once(lab: Lab) -> None:
    """Many messages to somebody offline come in order, stamped, exactly once, also from several senders."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=2)
    for number in range(50):
        a.send(f"<message type='chat' to='{bob.jid}' id='o{number}'><body>n{number}</body></message>")
    await a.sync(60)
    b = await lab.session(bob, presence=None)
    b.send("<presence/>")
    got = [await b.message() for _ in range(50)]
    assert [one.findtext(BODY) for one in got] == [f"n{number}" for number in range(50)]
    for one in got:
        delay = one.find(q(NS_DELAY, "delay"))
        assert delay is not None and delay.get("from") == "talk.test", ET.tostring(one)
        stamp = datetime.datetime.fromisoformat((delay.get("stamp") or "").replace("Z", "+00:00"))
        assert before <= stamp <= datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
        assert one.get("from") == a.jid and one.get("to") == bob.jid
    assert await bodies(b) == []
    await b.close()
    again = await lab.session(bob)
    await asyncio.sleep(0.1)
    assert await bodies(again) == []


async def test_offline_limit(lab: Lab) -> None:
    """access_max_user_messages: what is beyond it comes back as an error."""
    alice, bob = lab.account(), lab.account("few.test")
    a = await lab.session(alice)
    for number in range(5):
        a.send(f"<message type='chat' to='{bob.jid}' id='l{number}'><body>n{number}</body></message>")
    refused = [await a.message() for _ in range(2)]
    assert {one.get("id") for one in refused} == {"l3", "l4"}
    assert {error_of(one)[:2] for one in refused} == {("wait", "resource-constraint")}, error_of(refused[0])
    b = await lab.session(bob)
    await asyncio.sleep(0.1)
    assert await bodies(b) == ["n0", "n1", "n2"]


async def test_no_offline_store(lab: Lab) -> None:
    """Without mod_offline the sender gets service-unavailable."""
    alice, bob = lab.account(), lab.account("bare.test")
    a = await lab.session(alice)
    a.send(f"<message type='chat' to='{bob.jid}'><body>x</body></message>")
    assert error_of(await a.message())[1] == "service-unavailable"


async def test_chat_state_is_not_stored(lab: Lab) -> None:
    """XEP-0160: a message of chat states only is not worth storing."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    a.send(f"<message type='chat' to='{bob.jid}'><active xmlns='http://jabber.org/protocol/chatstates'/></message>"
           f"<message type='chat' to='{bob.jid}'><body>real</body></message>")
    await a.sync()
    b = await lab.session(bob)
    assert (await b.message()).findtext(BODY) == "real"
    await asyncio.sleep(0.1)
    assert await bodies(b) == []


@cases(("no-store", False), ("store", True))
async def test_hints(lab: Lab, hint: str, stored: bool) -> None:
    """XEP-0334: no-store is not stored, store is, body or not."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    body = "<body>x</body>" if hint == "no-store" else ""
    a.send(f"<message type='chat' to='{bob.jid}' id='h'>{body}<{hint} xmlns='urn:xmpp:hints'/></message>")
    await a.sync()
    b = await lab.session(bob)
    await asyncio.sleep(0.1)
    await b.settled()
    assert bool([e for e in b.inbox if e.get("id") == "h"]) == stored


async def offline_nodes(stream: Stream) -> list[str]:
    """Nodes of the stored messages (XEP-0013 §2.3)."""
    answer = await stream.iq("get", f"<query xmlns='http://jabber.org/protocol/disco#items' node='{NS_OFFLINE}'/>")
    assert answer.get("type") == "result", error_of(answer)
    return [one.get("node", "") for one in answer[0]]


async def test_flexible_offline_retrieval(lab: Lab) -> None:
    """XEP-0013: count, headers, view one, remove one, purge; nothing is sent by itself."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    for number in range(3):
        a.send(f"<message type='chat' to='{bob.jid}'><body>f{number}</body></message>")
    await a.sync()
    b = await lab.session(bob, presence=None)
    info = await b.iq("get", f"<query xmlns='http://jabber.org/protocol/disco#info' node='{NS_OFFLINE}'/>")
    fields = {f.get("var"): f.findtext("{jabber:x:data}value") for f in info.iter("{jabber:x:data}field")}
    assert fields.get("number_of_messages") == "3", fields
    nodes = await offline_nodes(b)
    assert len(nodes) == 3
    answer = await b.iq("get", f"<offline xmlns='{NS_OFFLINE}'><item action='view' node='{nodes[1]}'/></offline>")
    assert answer.get("type") == "result", error_of(answer)
    seen = [e for e in b.inbox if local(e) == "message"]
    assert [e.findtext(BODY) for e in seen] == ["f1"]
    marker = seen[0].find(f"{q(NS_OFFLINE, 'offline')}/{q(NS_OFFLINE, 'item')}")
    assert marker is not None and marker.get("node") == nodes[1]
    answer = await b.iq("set", f"<offline xmlns='{NS_OFFLINE}'><item action='remove' node='{nodes[0]}'/></offline>")
    assert answer.get("type") == "result", error_of(answer)
    assert await offline_nodes(b) == nodes[1:]
    b.inbox.clear()
    b.send("<presence/>")
    await asyncio.sleep(0.1)
    assert await bodies(b) == [], "sent by itself although the client retrieves itself"
    answer = await b.iq("set", f"<offline xmlns='{NS_OFFLINE}'><purge/></offline>")
    assert answer.get("type") == "result"
    assert await offline_nodes(b) == []


async def test_flexible_offline_fetch(lab: Lab) -> None:
    """XEP-0013 §2.6: all messages before the initial presence; they stay stored."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice)
    for number in range(3):
        a.send(f"<message type='chat' to='{bob.jid}'><body>f{number}</body></message>")
    await a.sync()
    b = await lab.session(bob, presence=None)
    answer = await b.iq("get", f"<offline xmlns='{NS_OFFLINE}'><fetch/></offline>")
    assert answer.get("type") == "result", error_of(answer)
    assert await bodies(b) == ["f0", "f1", "f2"]
    assert len(await offline_nodes(b)) == 3


async def test_large_message_passes(lab: Lab) -> None:
    """Below max_stanza_size everything passes, byte by byte."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice), await lab.session(bob)
    text = "0123456789abcdefä" * 12000
    a.send(f"<message type='chat' to='{b.jid}'><body>{text}</body></message>")
    assert (await b.message()).findtext(BODY) == text


async def test_stanza_in_small_pieces(lab: Lab) -> None:
    """One byte at a time, multi-byte characters cut in the middle."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice), await lab.session(bob)
    for byte in f"<message to='{b.jid}'><body>ä😀&amp;</body></message>".encode():
        a.send(bytes([byte]))
        await asyncio.sleep(0.002)
    assert (await b.message(timeout=2)).findtext(BODY) == "ä😀&"


async def test_burst_keeps_order(lab: Lab) -> None:
    """RFC 6120 §10.1: 500 messages between two clients stay in order."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice), await lab.session(bob)
    a.send("".join(f"<message type='chat' to='{b.jid}'><body>{n}</body></message>" for n in range(500)))
    assert [(await b.message()).findtext(BODY) for _ in range(500)] == [str(n) for n in range(500)]
