"""Rosters and subscriptions on raw streams (RFC 6121 §2, §3)."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from harness.lab import Lab
from harness.marks import cases
from harness.stream import NS_CLIENT, Stream, error_of, local, q

NS_ROSTER = "jabber:iq:roster"


def is_push(element: ET.Element) -> bool:
    """A roster push."""
    return local(element) == "iq" and element.get("type") == "set" and element.find(q(NS_ROSTER, "query")) is not None


async def push(stream: Stream) -> dict[str, object]:
    """The item of the next roster push, which is answered as a client must."""
    element = await stream.expect(is_push)
    stream.send(f"<iq type='result' id='{element.get('id')}'/>")
    items = list(element.iter(q(NS_ROSTER, "item")))
    assert len(items) == 1, ET.tostring(element)
    assert element.get("from") in (None, stream.jid.partition("/")[0])
    return item(items[0])


def item(element: ET.Element) -> dict[str, object]:
    """Attributes and groups of a roster item."""
    return {**element.attrib, "groups": sorted(g.text or "" for g in element.iter(q(NS_ROSTER, "group")))}


async def roster(stream: Stream) -> dict[str, dict[str, object]]:
    """The roster by JID."""
    answer = await stream.iq("get", f"<query xmlns='{NS_ROSTER}'/>")
    assert answer.get("type") == "result", error_of(answer)
    return {one.get("jid", ""): item(one) for one in answer.iter(q(NS_ROSTER, "item"))}


async def set_item(stream: Stream, attributes: str, inner: str = "") -> ET.Element:
    """A roster set."""
    return await stream.iq("set", f"<query xmlns='{NS_ROSTER}'><item {attributes}>{inner}</item></query>")


async def test_add_rename_group_remove_with_pushes(lab: Lab) -> None:
    """Each change is pushed to every interested resource and only to those."""
    account = lab.account()
    one, two = await lab.session(account, "one"), await lab.session(account, "two")
    assert await roster(one) == {} and await roster(two) == {}

    answer = await set_item(one, "jid='romeo@example.org' name='Romeo'", "<group>Friends</group><group>Lovers</group>")
    assert answer.get("type") == "result" and len(answer) == 0
    wanted = {"jid": "romeo@example.org", "name": "Romeo", "subscription": "none", "groups": ["Friends", "Lovers"]}
    assert await push(one) == wanted
    assert await push(two) == wanted

    await set_item(two, "jid='romeo@example.org' name='R.'")
    wanted = {"jid": "romeo@example.org", "name": "R.", "subscription": "none", "groups": []}
    assert await push(one) == wanted
    assert await push(two) == wanted
    assert await roster(one) == {"romeo@example.org": wanted}

    await set_item(one, "jid='romeo@example.org' subscription='remove'")
    assert (await push(two))["subscription"] == "remove"
    assert (await push(one))["subscription"] == "remove"
    assert await roster(one) == {}


async def test_no_push_without_interest(lab: Lab) -> None:
    """RFC 6121 §2.1.6: only a resource that has asked for the roster gets pushes."""
    account = lab.account()
    one, idle = await lab.session(account, "one"), await lab.session(account, "idle")
    await roster(one)
    await set_item(one, "jid='romeo@example.org'")
    await push(one)
    await idle.sync()
    assert not [e for e in idle.inbox if is_push(e)]


async def test_special_characters_survive(lab: Lab) -> None:
    """Names and groups come back as they were sent."""
    one = await lab.session(lab.account())
    await roster(one)
    await set_item(one, "jid='r@example.org' name='&lt;R&amp;J&gt; &quot;ö&apos;😀'", "<group>a &amp; ü</group>")
    assert (await push(one))["name"] == "<R&J> \"ö'😀"
    assert (await roster(one))["r@example.org"]["groups"] == ["a & ü"]


async def test_remove_absent_item(lab: Lab) -> None:
    """RFC 6121 §2.5.3: item-not-found."""
    one = await lab.session(lab.account())
    answer = await set_item(one, "jid='absent@example.org' subscription='remove'")
    assert error_of(answer)[1] == "item-not-found", error_of(answer)


@cases(("<item jid='a@b'/><item jid='c@d'/>", "bad-request"), ("", "bad-request service-unavailable"),
       ("<item/>", "bad-request"), ("<item jid='@@'/>", "jid-malformed bad-request"))
async def test_bad_set(lab: Lab, inner: str, conditions: str) -> None:
    """RFC 6121 §2.3.3."""
    one = await lab.session(lab.account())
    answer = await one.iq("set", f"<query xmlns='{NS_ROSTER}'>{inner}</query>")
    assert error_of(answer)[1] in conditions.split(), error_of(answer)


async def test_set_for_another_account(lab: Lab) -> None:
    """Another account's roster cannot be read or changed."""
    mine, other = lab.account(), lab.account()
    one = await lab.session(mine)
    for kind in ("get", "set"):
        answer = await one.iq(kind, f"<query xmlns='{NS_ROSTER}'><item jid='x@example.org'/></query>", to=other.jid)
        assert error_of(answer)[1] in ("forbidden", "not-allowed", "service-unavailable"), error_of(answer)
    two = await lab.session(other)
    assert await roster(two) == {}


async def test_versioning(lab: Lab) -> None:
    """RFC 6121 §2.6: with the present version the answer is empty; with an old one the roster comes."""
    one = await lab.session(lab.account())
    answer = await one.iq("get", f"<query xmlns='{NS_ROSTER}' ver=''/>")
    query = answer.find(q(NS_ROSTER, "query"))
    assert query is not None and query.get("ver") is not None
    await set_item(one, "jid='v@example.org'")
    element = await one.expect(is_push)
    version = element[0].get("ver")
    assert version and version != query.get("ver")
    same = await one.iq("get", f"<query xmlns='{NS_ROSTER}' ver='{version}'/>")
    assert same.get("type") == "result" and len(same) == 0
    old = await one.iq("get", f"<query xmlns='{NS_ROSTER}' ver='long-ago'/>")
    assert old[0].get("ver") == version and len(old[0]) == 1


async def test_subscription_dance(lab: Lab) -> None:
    """RFC 6121 §3: both directions, step by step, with the pushes and states of both sides."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice, "a"), await lab.session(bob, "b")
    await roster(a)
    await roster(b)

    a.send(f"<presence type='subscribe' to='{bob.jid}'><status>please</status></presence>")
    assert await push(a) == {"jid": bob.jid, "subscription": "none", "ask": "subscribe", "groups": []}
    asked = await b.presence(alice.jid, "subscribe")
    assert asked.get("to") in (bob.jid, b.jid) and asked.findtext(q(NS_CLIENT, "status")) == "please"
    assert await roster(b) == {}, "a pending-in contact must not be shown"

    b.send(f"<presence type='subscribed' to='{alice.jid}'/>")
    assert await push(b) == {"jid": alice.jid, "subscription": "from", "groups": []}
    got = {"pushes": [], "kinds": []}
    while len(got["pushes"]) + len(got["kinds"]) < 3:
        element = await a.recv()
        if is_push(element):
            got["pushes"].append(item(element[0][0]))
        elif local(element) == "presence":
            got["kinds"].append((element.get("from"), element.get("type")))
    assert got["pushes"] == [{"jid": bob.jid, "subscription": "to", "groups": []}]
    assert sorted(got["kinds"], key=str) == sorted([(bob.jid, "subscribed"), (b.jid, None)], key=str)

    b.send(f"<presence type='subscribe' to='{alice.jid}'/>")
    assert await push(b) == {"jid": alice.jid, "subscription": "from", "ask": "subscribe", "groups": []}
    await a.presence(bob.jid, "subscribe")
    a.send(f"<presence type='subscribed' to='{bob.jid}'/>")
    await both_pushed(a, "both", b, "both")
    await b.presence(a.jid)

    a.send(f"<presence type='unsubscribe' to='{bob.jid}'/>")
    await both_pushed(a, "from", b, "to")
    b.send(f"<presence type='unsubscribe' to='{alice.jid}'/>")
    await both_pushed(a, "none", b, "none")


async def both_pushed(first: Stream, state: str, second: Stream, other: str) -> None:
    """Both get a push with this state; pushes of the same item with an older state may precede (or be repeated)."""
    for stream, wanted in ((first, state), (second, other)):
        await stream.pick(lambda e, wanted=wanted: is_push(e) and e[0][0].get("subscription") == wanted
                          and e[0][0].get("ask") is None)


async def test_refused_subscription(lab: Lab) -> None:
    """unsubscribed clears the request on both sides."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice, "a"), await lab.session(bob, "b")
    await roster(a)
    a.send(f"<presence type='subscribe' to='{bob.jid}'/>")
    assert (await push(a)).get("ask") == "subscribe"
    await b.presence(alice.jid, "subscribe")
    b.send(f"<presence type='unsubscribed' to='{alice.jid}'/>")
    assert await push(a) == {"jid": bob.jid, "subscription": "none", "groups": []}
    await a.presence(bob.jid, "unsubscribed")


async def test_pending_request_is_shown_at_each_login(lab: Lab) -> None:
    """RFC 6121 §3.1.3: a request to somebody offline waits, and comes at each log-in until answered."""
    alice, bob = lab.account(), lab.account()
    a = await lab.session(alice, "a")
    a.send(f"<presence type='subscribe' to='{bob.jid}'/>")
    await a.sync()
    for _ in range(2):
        b = await lab.session(bob, "b")
        await b.presence(alice.jid, "subscribe")
        await b.close()
    b = await lab.session(bob, "b")
    await b.presence(alice.jid, "subscribe")
    b.send(f"<presence type='subscribed' to='{alice.jid}'/>")
    await b.sync()
    await b.close()
    b = await lab.session(bob, "b")
    await b.sync()
    assert not [e for e in b.inbox if e.get("type") == "subscribe"]


async def test_removing_a_contact_ends_both_subscriptions(lab: Lab) -> None:
    """RFC 6121 §2.5.2."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    a, b = await lab.session(alice, "a"), await lab.session(bob, "b")
    await roster(a)
    assert (await roster(b))[alice.jid]["subscription"] == "both"
    await set_item(a, f"jid='{bob.jid}' subscription='remove'")
    assert (await push(a))["subscription"] == "remove"
    await b.expect(lambda e: is_push(e) and e[0][0].get("subscription") == "none")
    assert await roster(a) == {}
    assert (await roster(b))[alice.jid]["subscription"] == "none"


async def test_subscribe_to_full_jid_goes_to_bare(lab: Lab) -> None:
    """RFC 6121 §3.1.2: the server stamps the user's bare JID, and any resource of the contact is asked."""
    alice, bob = lab.account(), lab.account()
    a, b = await lab.session(alice, "a"), await lab.session(bob, "b")
    a.send(f"<presence type='subscribe' to='{bob.jid}/elsewhere'/>")
    asked = await b.expect(lambda e: e.get("type") == "subscribe")
    assert asked.get("from") == alice.jid and asked.get("to") in (bob.jid, b.jid)


async def test_roster_survives_a_new_session(lab: Lab) -> None:
    """The roster is stored."""
    account = lab.account()
    one = await lab.session(account)
    for number in range(30):
        one.send(f"<iq type='set' id='s{number}'><query xmlns='{NS_ROSTER}'>"
                 f"<item jid='c{number}@example.org' name='n{number}'><group>g{number % 3}</group></item></query></iq>")
    await one.pick(lambda e: e.get("id") == "s29")
    await one.close()
    two = await lab.session(account)
    items = await roster(two)
    assert len(items) == 30 and items["c7@example.org"]["groups"] == ["g1"]
