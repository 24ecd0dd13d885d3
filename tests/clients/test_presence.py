"""Presence on raw streams (RFC 6121 §4): broadcast, probes, directed presence, unavailable, vCard photo hash, caps."""

from __future__ import annotations

import asyncio
import base64
import hashlib

from harness.lab import Lab
from harness.marks import cases
from harness.stream import NS_CLIENT, error_of, local, q

NS_UPDATE = "vcard-temp:x:update"


async def test_initial_presence_reaches_contacts_and_own_resources(lab: Lab) -> None:
    """RFC 6121 §4.2: contacts and other own resources get it; the newcomer gets theirs by probe."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    a1 = await lab.session(alice, "a1", presence="<presence><show>away</show><status>tea</status>"
                                                  "<priority>3</priority></presence>")
    b = await lab.session(bob, "b")
    probed = await b.presence(a1.jid)
    assert probed.findtext(q(NS_CLIENT, "show")) == "away" and probed.findtext(q(NS_CLIENT, "status")) == "tea"
    assert probed.findtext(q(NS_CLIENT, "priority")) == "3"
    await a1.presence(b.jid)
    a2 = await lab.session(alice, "a2")
    await a1.presence(a2.jid)
    await a2.presence(a1.jid)
    await a2.presence(b.jid)
    await b.presence(a2.jid)


async def test_no_presence_without_subscription(lab: Lab) -> None:
    """A stranger learns nothing, also not by a probe."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice), await lab.session(bob)
    b.send(f"<presence type='probe' to='{alice.jid}'/><presence type='probe' to='{a.jid}'/>")
    await b.sync()
    assert not [e for e in b.inbox if local(e) == "presence" and e.get("type") is None
                and (e.get("from") or "").startswith(alice.jid)]


@cases("polite", "cut")
async def test_unavailable_when_the_session_ends(lab: Lab, how: str) -> None:
    """RFC 6121 §4.5: the end of a session makes it unavailable, with or without a farewell."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    b = await lab.session(bob)
    a = await lab.session(alice)
    await b.presence(a.jid)
    if how == "polite":
        await a.close()
    else:
        a.cut()
    await b.presence(a.jid, "unavailable")


async def test_unavailable_presence_keeps_the_session(lab: Lab) -> None:
    """After <presence type='unavailable'/> the stream lives, its status text is told, bare messages pass it by."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    b = await lab.session(bob)
    a1, a2 = await lab.session(alice, "a1"), await lab.session(alice, "a2")
    await b.presence(a2.jid)
    a1.send("<presence type='unavailable'><status>bye</status></presence>")
    gone = await b.presence(a1.jid, "unavailable")
    assert gone.findtext(q(NS_CLIENT, "status")) == "bye"
    b.send(f"<message type='chat' to='{alice.jid}'><body>who</body></message>")
    await a2.message("who")
    await a1.settled()
    assert not [e for e in a1.inbox if local(e) == "message"]


async def test_directed_presence(lab: Lab) -> None:
    """RFC 6121 §4.6: to a stranger, and its end is told to that stranger too."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice), await lab.session(bob)
    a.send(f"<presence to='{bob.jid}'><status>hello</status></presence>")
    assert (await b.presence(a.jid)).findtext(q(NS_CLIENT, "status")) == "hello"
    a.cut()
    await b.presence(a.jid, "unavailable")


async def test_probe_by_contact(lab: Lab) -> None:
    """RFC 6121 §4.3.2: a subscriber's probe is answered with the last presence of each resource."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    a, b = await lab.session(alice), await lab.session(bob)
    await b.presence(a.jid)
    a.send("<presence><show>dnd</show></presence>")
    assert (await b.presence(a.jid)).findtext(q(NS_CLIENT, "show")) == "dnd"
    b.send(f"<presence type='probe' to='{alice.jid}'/>")
    assert (await b.presence(a.jid)).findtext(q(NS_CLIENT, "show")) == "dnd"


async def test_presence_of_unsubscribed_contact_ends(lab: Lab) -> None:
    """Cancelling a subscription sends unavailable to the contact (RFC 6121 §3.2.1)."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    a, b = await lab.session(alice), await lab.session(bob)
    await b.presence(a.jid)
    a.send(f"<presence type='unsubscribed' to='{bob.jid}'/>")
    await b.presence(a.jid, "unavailable")
    a.send("<presence><status>secret</status></presence>")
    await a.sync()
    await b.sync()
    assert not [e for e in b.inbox if e.findtext(q(NS_CLIENT, "status")) == "secret"]


@cases("<presence type='nonsense'/>", "<presence><priority>many</priority></presence>",
       "<presence><priority>200</priority></presence>", "<presence><show>dancing</show></presence>")
async def test_bad_presence(lab: Lab, stanza: str) -> None:
    """A presence with impossible content is answered by bad-request and has no effect."""
    a = await lab.session(lab.account())
    a.send(stanza)
    answer = await a.expect(lambda e: local(e) == "presence")
    assert answer.get("type") == "error" and error_of(answer)[1] == "bad-request", answer.attrib
    await a.sync()


async def test_vcard_photo_hash_in_presence(lab: Lab) -> None:
    """XEP-0153: the server adds the hash of the vCard's photo to presences."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    a, b = await lab.session(alice), await lab.session(bob)
    first = await b.presence(a.jid)
    update = first.find(q(NS_UPDATE, "x"))
    assert update is not None and not (update.findtext(q(NS_UPDATE, "photo")) or "")
    photo = b"\x89PNG not really"
    answer = await a.iq("set", "<vCard xmlns='vcard-temp'><FN>A</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>"
                               f"{base64.b64encode(photo).decode()}</BINVAL></PHOTO></vCard>")
    assert answer.get("type") == "result", error_of(answer)
    a.send("<presence/>")
    digest = hashlib.sha1(photo).hexdigest()
    await b.expect(lambda e: local(e) == "presence" and e.get("from") == a.jid
                   and e.findtext(f"{q(NS_UPDATE, 'x')}/{q(NS_UPDATE, 'photo')}") == digest)


async def test_caps_pass_through(lab: Lab) -> None:
    """XEP-0115: a client's caps reach its contacts unchanged."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    b = await lab.session(bob)
    a = await lab.session(alice, presence="<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' "
                                          "node='http://example.org' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>")
    got = await b.presence(a.jid)
    caps = got.find("{http://jabber.org/protocol/caps}c")
    assert caps is not None and caps.get("ver") == "QgayPKawpkPSDYmwT/WM94uAlu0="


async def test_presence_to_own_bare_jid_of_other_host_is_refused_quietly(lab: Lab) -> None:
    """Presence to an address that cannot be reached gives an error or nothing, never an end of the stream."""
    a = await lab.session(lab.account())
    a.send("<presence to='somebody@nowhere.invalid'/>")
    await asyncio.sleep(0.1)
    await a.sync()
