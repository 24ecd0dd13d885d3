"""IQ queries on raw streams: disco, ping, time, version, last, private storage, vCard, and stanza errors."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import re
import xml.etree.ElementTree as ET

from harness.lab import Lab
from harness.marks import cases
from harness.stream import NS_CLIENT, Stream, error_of, local, q

NS_INFO = "http://jabber.org/protocol/disco#info"
NS_ITEMS = "http://jabber.org/protocol/disco#items"
NS_LAST = "jabber:iq:last"
NS_VCARD = "vcard-temp"
NS_DATA = "jabber:x:data"


async def ok(stream: Stream, kind: str, payload: str, to: str | None = None) -> ET.Element:
    """An IQ whose answer must be a result."""
    answer = await stream.iq(kind, payload, to)
    assert answer.get("type") == "result", error_of(answer)
    return answer


async def test_server_disco(lab: Lab) -> None:
    """XEP-0030 of the host: identity, sorted unique features (TRAPS 13), server_info form, items."""
    stream = await lab.session(lab.account())
    query = (await ok(stream, "get", f"<query xmlns='{NS_INFO}'/>", "talk.test"))[0]
    identities = [(e.get("category"), e.get("type")) for e in query.iter(q(NS_INFO, "identity"))]
    assert identities == [("server", "im")], identities
    features = [e.get("var", "") for e in query.iter(q(NS_INFO, "feature"))]
    assert features == sorted(set(features)), features
    wanted = {NS_INFO, NS_ITEMS, "iq", "presence", "urn:xmpp:ping", "urn:xmpp:time", "jabber:iq:version",
              NS_LAST, NS_VCARD, "msgoffline", "http://jabber.org/protocol/offline"}
    assert wanted <= set(features), wanted - set(features)
    fields = {f.get("var"): [v.text for v in f] for f in query.iter(q(NS_DATA, "field"))}
    assert fields["abuse-addresses"] == ["mailto:abuse@talk.test"]
    items = (await ok(stream, "get", f"<query xmlns='{NS_ITEMS}'/>", "talk.test"))[0]
    assert items.tag == q(NS_ITEMS, "query")


async def test_unknown_disco_node(lab: Lab) -> None:
    """item-not-found."""
    stream = await lab.session(lab.account())
    for namespace in (NS_INFO, NS_ITEMS):
        answer = await stream.iq("get", f"<query xmlns='{namespace}' node='no-such-node'/>", "talk.test")
        assert error_of(answer)[1] == "item-not-found", error_of(answer)


async def test_caps_hash_matches_disco(lab: Lab) -> None:
    """XEP-0115: the ver in the stream features is the hash of the disco answer for node#ver."""
    stream = await lab.session(lab.account())
    caps = stream.features.find("{http://jabber.org/protocol/caps}c")
    assert caps is not None and caps.get("hash") == "sha-1"
    node = f"{caps.get('node')}#{caps.get('ver')}"
    query = (await ok(stream, "get", f"<query xmlns='{NS_INFO}' node='{node}'/>", "talk.test"))[0]
    assert query.get("node") == node
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    text = "".join(sorted(f"{e.get('category')}/{e.get('type')}/{e.get(lang, '')}/{e.get('name', '')}<"
                          for e in query.iter(q(NS_INFO, "identity"))))
    text += "".join(sorted(e.get("var", "") + "<" for e in query.iter(q(NS_INFO, "feature"))))
    for form in query.iter(q(NS_DATA, "x")):
        fields = {f.get("var", ""): sorted(v.text or "" for v in f.iter(q(NS_DATA, "value")))
                  for f in form.iter(q(NS_DATA, "field"))}
        text += "".join(fields.pop("FORM_TYPE")) + "<"
        text += "".join(f"{var}<" + "".join(v + "<" for v in fields[var]) for var in sorted(fields))
    assert base64.b64encode(hashlib.sha1(text.encode()).digest()).decode() == caps.get("ver"), text


async def test_account_disco(lab: Lab) -> None:
    """One's own account is a registered account; a stranger's is not to be seen (TRAPS 13), a friend's is."""
    alice, bob = lab.account(), lab.account()
    stream = await lab.session(alice)
    query = (await ok(stream, "get", f"<query xmlns='{NS_INFO}'/>", alice.jid))[0]
    assert ("account", "registered") in [(e.get("category"), e.get("type")) for e in query.iter(q(NS_INFO, "identity"))]
    answer = await stream.iq("get", f"<query xmlns='{NS_INFO}'/>", bob.jid)
    assert error_of(answer)[1] in ("subscription-required", "service-unavailable"), error_of(answer)
    await lab.friends(alice, bob)
    await ok(stream, "get", f"<query xmlns='{NS_INFO}'/>", bob.jid)


@cases("talk.test", "bare", "none")
async def test_ping(lab: Lab, target: str) -> None:
    """XEP-0199 to the server, to one's own account, and without an address."""
    account = lab.account()
    stream = await lab.session(account)
    to = {"talk.test": "talk.test", "bare": account.jid, "none": None}[target]
    answer = await ok(stream, "get", "<ping xmlns='urn:xmpp:ping'/>", to)
    assert len(answer) == 0 and answer.get("from") in (to or account.jid, None)


async def test_iq_between_clients(lab: Lab) -> None:
    """An IQ to a full JID is the other client's business."""
    a, b = await lab.session(lab.account()), await lab.session(lab.account())
    a.send(f"<iq type='get' id='q1' to='{b.jid}'><query xmlns='urn:example:x'/></iq>")
    asked = await b.expect(lambda e: local(e) == "iq" and e.get("type") == "get")
    assert asked.get("from") == a.jid and asked.get("id") == "q1"
    b.send(f"<iq type='result' id='q1' to='{a.jid}'><query xmlns='urn:example:x'><y/></query></iq>")
    answer = await a.expect(lambda e: e.get("id") == "q1")
    assert answer.get("from") == b.jid and len(answer[0]) == 1


async def test_time(lab: Lab) -> None:
    """XEP-0202 in UTC, within a few seconds of ours."""
    stream = await lab.session(lab.account())
    time = (await ok(stream, "get", "<time xmlns='urn:xmpp:time'/>", "talk.test"))[0]
    utc = time.findtext("{urn:xmpp:time}utc") or ""
    assert utc.endswith("Z") and re.fullmatch(r"[+-]\d\d:\d\d|Z", time.findtext("{urn:xmpp:time}tzo") or "")
    difference = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(utc.replace("Z", "+00:00"))
    assert abs(difference.total_seconds()) < 5


async def test_version(lab: Lab) -> None:
    """XEP-0092 without the operating system (show_os: false)."""
    stream = await lab.session(lab.account())
    query = (await ok(stream, "get", "<query xmlns='jabber:iq:version'/>", "talk.test"))[0]
    assert query.findtext("{jabber:iq:version}name") and query.findtext("{jabber:iq:version}version")
    assert query.find("{jabber:iq:version}os") is None


async def test_last_activity(lab: Lab) -> None:
    """XEP-0012: uptime of the server; a contact's last log-out with its status; nothing for strangers."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    stream = await lab.session(alice)
    uptime = (await ok(stream, "get", f"<query xmlns='{NS_LAST}'/>", "talk.test"))[0]
    assert 0 <= int(uptime.get("seconds", "")) < 3600
    other = await lab.session(bob)
    online = (await ok(stream, "get", f"<query xmlns='{NS_LAST}'/>", bob.jid))[0]
    assert online.get("seconds") == "0"
    other.send("<presence type='unavailable'><status>gone fishing</status></presence>")
    await other.close()
    await stream.presence(other.jid, "unavailable")
    last = (await ok(stream, "get", f"<query xmlns='{NS_LAST}'/>", bob.jid))[0]
    assert int(last.get("seconds", "")) < 10 and last.text == "gone fishing", (last.attrib, last.text)
    stranger = await lab.session(lab.account())
    answer = await stranger.iq("get", f"<query xmlns='{NS_LAST}'/>", bob.jid)
    assert error_of(answer)[1] in ("forbidden", "subscription-required"), error_of(answer)


async def test_private_storage(lab: Lab) -> None:
    """XEP-0049: stored by namespace and name, only for oneself."""
    account = lab.account()
    stream = await lab.session(account)
    get = "<query xmlns='jabber:iq:private'><prefs xmlns='urn:example:p'/></query>"
    empty = (await ok(stream, "get", get))[0]
    assert len(empty[0]) == 0 and empty[0].tag == "{urn:example:p}prefs"
    await ok(stream, "set", "<query xmlns='jabber:iq:private'><prefs xmlns='urn:example:p'><v>1</v></prefs>"
                            "<prefs xmlns='urn:example:q'><v>2</v></prefs></query>")
    second = await lab.session(account)
    assert (await ok(second, "get", get))[0][0].findtext("{urn:example:p}v") == "1"
    await ok(second, "set", "<query xmlns='jabber:iq:private'><prefs xmlns='urn:example:p'><v>3</v></prefs></query>")
    assert (await ok(stream, "get", get))[0][0].findtext("{urn:example:p}v") == "3"
    other = get.replace("example:p", "example:q")
    assert (await ok(stream, "get", other))[0][0].findtext("{urn:example:q}v") == "2"
    stranger = await lab.session(lab.account())
    answer = await stranger.iq("get", get, account.jid)
    assert error_of(answer)[1] in ("forbidden", "not-allowed", "service-unavailable")
    answer = await stream.iq("set", "<query xmlns='jabber:iq:private'/>")
    assert error_of(answer)[1] in ("bad-format", "bad-request", "not-acceptable"), error_of(answer)


async def test_vcard(lab: Lab) -> None:
    """XEP-0054: own set and get, others may read, not write; the server has one of its own."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice), await lab.session(bob)
    await ok(a, "set", "<vCard xmlns='vcard-temp'><FN>Alice Ä</FN><N><GIVEN>A</GIVEN></N>"
                       "<X-OWN xmlns='urn:example:own'>kept</X-OWN></vCard>")
    for stream, to in ((a, None), (b, alice.jid)):
        card = (await ok(stream, "get", "<vCard xmlns='vcard-temp'/>", to))[0]
        assert card.findtext(q(NS_VCARD, "FN")) == "Alice Ä"
    # ejabberd answers by a result here, but stores the card as the sender's own.
    answer = await b.iq("set", "<vCard xmlns='vcard-temp'><FN>Mallory</FN></vCard>", alice.jid)
    assert answer.get("type") == "result" or error_of(answer)[1] in ("forbidden", "not-allowed"), error_of(answer)
    card = (await ok(b, "get", "<vCard xmlns='vcard-temp'/>", alice.jid))[0]
    assert card.findtext(q(NS_VCARD, "FN")) == "Alice Ä"
    server = (await ok(a, "get", "<vCard xmlns='vcard-temp'/>", "talk.test"))[0]
    assert server.findtext(q(NS_VCARD, "FN"))
    empty = await (await lab.session(lab.account())).iq("get", "<vCard xmlns='vcard-temp'/>")
    if empty.get("type") == "result":
        assert len(empty) == 0 or len(empty[0]) == 0
    else:
        assert error_of(empty)[1] == "item-not-found"


@cases(("own account", None, "service-unavailable"), ("server", "talk.test", "service-unavailable"),
       ("stranger", "{other}", "service-unavailable"), ("stranger's resource", "{other}/gone", "service-unavailable"),
       ("nobody", "nobody-here@talk.test", "service-unavailable"),
       ("server resource", "talk.test/x", "item-not-found service-unavailable"),
       ("malformed", "@@", "bad-request jid-malformed"),
       ("unknown host", "no-such-host.invalid", "remote-server-not-found"))
async def test_unknown_namespace(lab: Lab, what: str, to: str | None, wanted: str) -> None:
    """RFC 6120 §8.4: an IQ that nobody handles is answered."""
    stream = await lab.session(lab.account())
    if to:
        to = to.replace("{other}", lab.account().jid)
    ident = "unknown"
    address = f" to='{to}'" if to else ""
    stream.send(f"<iq type='get' id='{ident}'{address}><query xmlns='urn:example:unknown'/></iq>")
    answer = await stream.pick(lambda e: e.get("id") == ident, 15)
    assert error_of(answer)[1] in wanted.split(), error_of(answer)
    assert answer.get("from") in (to, stream.jid.partition("/")[0])
    assert answer.find("{urn:example:unknown}query") is not None, "the payload is not returned"


@cases(("no child", "<iq type='get' id='x'/>"), ("two children", "<iq type='get' id='x'><a xmlns='u'/><b xmlns='v'/></iq>"),
       ("unknown type", "<iq type='fetch' id='x'><a xmlns='u'/></iq>"), ("no type", "<iq id='x'><a xmlns='u'/></iq>"))
async def test_malformed_iq(lab: Lab, what: str, stanza: str) -> None:
    """RFC 6120 §8.2.3: bad-request."""
    stream = await lab.session(lab.account())
    stream.send(stanza)
    answer = await stream.pick(lambda e: e.get("id") == "x")
    assert error_of(answer)[:2] == ("modify", "bad-request"), error_of(answer)


async def test_iq_without_id(lab: Lab) -> None:
    """An IQ without id is answered by bad-request."""
    stream = await lab.session(lab.account())
    stream.send("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    answer = await stream.recv()
    assert error_of(answer)[:2] == ("modify", "bad-request"), ET.tostring(answer)


async def test_answers_nobody_asked_for(lab: Lab) -> None:
    """Results and errors to the server are dropped."""
    stream = await lab.session(lab.account())
    stream.send("<iq type='result' id='a' to='talk.test'/><iq type='error' id='b' to='talk.test'/>"
                "<message type='error' to='talk.test'/><presence type='error' to='talk.test'/>")
    await stream.sync()
    assert not stream.inbox, [ET.tostring(e) for e in stream.inbox]


async def test_message_to_server(lab: Lab) -> None:
    """A message to the bare host is answered by an error, or swallowed; not a stream error."""
    stream = await lab.session(lab.account())
    stream.send("<message to='talk.test' id='m'><body>x</body></message>")
    await stream.sync()
    for element in stream.inbox:
        assert error_of(element)[1] in ("item-not-found", "service-unavailable")


async def test_iq_set_of_disco(lab: Lab) -> None:
    """A set where only get makes sense: not-allowed."""
    stream = await lab.session(lab.account())
    answer = await stream.iq("set", f"<query xmlns='{NS_INFO}'/>", "talk.test")
    assert error_of(answer)[1] in ("not-allowed", "bad-request", "service-unavailable"), error_of(answer)


async def test_pipelined_login(lab: Lab) -> None:
    """A client may send its requests without waiting for each answer; they are answered in order."""
    stream = await lab.session(lab.account())
    stream.send("".join(f"<iq type='get' id='n{n}' to='talk.test'><ping xmlns='urn:xmpp:ping'/></iq>" for n in range(100)))
    got = [(await stream.expect(lambda e: local(e) == "iq")).get("id") for _ in range(100)]
    assert got == [f"n{n}" for n in range(100)]


async def test_two_hosts_are_two_worlds(lab: Lab) -> None:
    """The same user name on two hosts is two accounts; messages pass between the hosts."""
    one = await lab.session(lab.account("bare.test"))
    two = await lab.session(lab.account("talk.test"))
    one.send(f"<message type='chat' to='{two.jid}'><body>across</body></message>")
    assert (await two.message("across")).get("from") == one.jid
    user = one.jid.partition("@")[0]
    stream = await lab.stream(host="talk.test")
    await stream.open()
    await asyncio.sleep(0)
    answer = await one.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to=f"{user}@talk.test/none")
    assert answer.get("type") == "error"
