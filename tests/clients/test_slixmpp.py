"""slixmpp, a stock client library, as a person's client."""

from __future__ import annotations

import asyncio
import ssl

from slixmpp.exceptions import IqError

from harness.lab import Lab
from harness.marks import cases
from harness.slix import Client

MECHANISMS = ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")


@cases(*[(way, mechanism) for way in ("starttls", "direct") for mechanism in MECHANISMS])
async def test_login(lab: Lab, way: str, mechanism: str) -> None:
    """Each mechanism over STARTTLS and direct TLS."""
    client = Client(lab, lab.account(), mechanism=mechanism)
    await client.login(direct_tls=way == "direct")
    assert client.plugin["feature_mechanisms"].mech.name == mechanism


@cases(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
async def test_login_by_tls_version(lab: Lab, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3, the mechanism of the library's own choice (it prefers the strongest it can do)."""
    client = Client(lab, lab.account(), tls=version)
    await client.login()


@cases(*MECHANISMS)
async def test_wrong_password(lab: Lab, mechanism: str) -> None:
    """not-authorized."""
    client = Client(lab, lab.account(), mechanism=mechanism, password="wrong")
    assert await client.attempt() == "failed_all_auth"
    assert set(client.failures) == {"not-authorized"}, client.failures


async def test_chat_both_ways(lab: Lab) -> None:
    """Two people talk: the main job."""
    alice, bob = lab.account(), lab.account()
    a, b = await Client(lab, alice).login(), await Client(lab, bob).login()
    for number in range(20):
        a.send_message(mto=bob.jid, mbody=f"hello {number} ä\U0001f600", mtype="chat")
        message = await b.next_message()
        assert message["body"] == f"hello {number} ä\U0001f600" and message["from"] == a.boundjid
        message.reply(f"re {number}").send()
        assert (await a.next_message())["body"] == f"re {number}"


async def test_roster_and_subscription(lab: Lab) -> None:
    """The library's own roster: subscribe (auto-approve both ways), rename, group, remove; a second resource sees it."""
    alice, bob = lab.account(), lab.account()
    a1, a2 = await Client(lab, alice, "one").login(), await Client(lab, alice, "two").login()
    b = await Client(lab, bob).login()
    for client in (a1, a2, b):
        client.auto_authorize = True
        client.auto_subscribe = True
    a1.send_presence_subscription(pto=bob.jid)
    for _ in range(100):
        if a2.client_roster[bob.jid]["subscription"] == "both" and b.client_roster[alice.jid]["subscription"] == "both":
            break
        await asyncio.sleep(0.05)
    assert a2.client_roster[bob.jid]["subscription"] == "both"
    await a1.update_roster(bob.jid, name="Bob", groups=["Work", "Ärzte"])
    await asyncio.sleep(0.2)
    assert a2.client_roster[bob.jid]["name"] == "Bob"
    assert sorted(a2.client_roster[bob.jid]["groups"]) == ["Work", "Ärzte"]
    await a2.del_roster_item(bob.jid)
    await asyncio.sleep(0.2)
    roster = await (await Client(lab, alice, "three").login(presence=False)).get_roster()
    assert bob.jid not in roster["roster"]["items"]


async def test_presence_with_priority(lab: Lab) -> None:
    """Presence reaches a friend; the better priority gets the message."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    a = await Client(lab, alice).login()
    b1 = await Client(lab, bob, "low").login(presence=False)
    b2 = await Client(lab, bob, "high").login(presence=False)
    b1.send_presence(ppriority=1)
    b2.send_presence(ppriority=7, pshow="chat", pstatus="here")
    await a.next_presence(f"{bob.jid}/low")
    for _ in range(100):
        if "high" in a.client_roster[bob.jid].resources:
            break
        await asyncio.sleep(0.05)
    assert a.client_roster[bob.jid].resources["high"] == {"status": "here", "show": "chat", "priority": 7}
    a.send_message(mto=bob.jid, mbody="to high", mtype="chat")
    assert (await b2.next_message())["body"] == "to high"
    await asyncio.sleep(0.2)
    assert b1.messages.empty()
    b2.disconnect()
    await asyncio.sleep(0.5)
    a.send_message(mto=bob.jid, mbody="to low", mtype="chat")
    assert (await b1.next_message())["body"] == "to low"


async def test_offline_delivery(lab: Lab) -> None:
    """In order, with XEP-0203 stamps."""
    alice, bob = lab.account(), lab.account()
    a = await Client(lab, alice).login()
    for number in range(10):
        a.send_message(mto=bob.jid, mbody=str(number), mtype="chat")
    await a.plugin["xep_0199"].ping("talk.test")
    b = await Client(lab, bob).login()
    for number in range(10):
        message = await b.next_message()
        assert message["body"] == str(number) and message["delay"]["stamp"]
    assert b.messages.empty()


async def test_resumption(lab: Lab) -> None:
    """slixmpp's XEP-0198: the TCP connection is cut under the library, it comes back and goes on."""
    alice, bob = lab.account(), lab.account()
    a, b = await Client(lab, alice).login(), await Client(lab, bob).login()
    await asyncio.sleep(0.2)
    assert b.plugin["xep_0198"].enabled_in and b.plugin["xep_0198"].sm_id
    b.end_session_on_disconnect = False
    b.transport.abort()
    await asyncio.sleep(0.2)
    for number in range(5):
        a.send_message(mto=b.boundjid.full, mbody=f"m{number}", mtype="chat")
    assert await b.attempt() == "session_resumed"
    assert [(await b.next_message())["body"] for _ in range(5)] == [f"m{n}" for n in range(5)]
    b.send_message(mto=alice.jid, mbody="back", mtype="chat")
    assert (await a.next_message())["body"] == "back"
    await asyncio.sleep(0.2)
    assert b.messages.empty() and a.messages.empty()


async def test_plugins(lab: Lab) -> None:
    """Ping, version, time, disco, last activity, private storage, vCard through the library's plugins."""
    account = lab.account()
    client = await Client(lab, account).login()
    assert await client.plugin["xep_0199"].ping("talk.test") < 5
    version = await client.plugin["xep_0092"].get_version("talk.test")
    assert version["software_version"]["name"] and version["software_version"]["version"]
    # Not by the plugin's own accessor, which cannot read fractions of a second.
    assert "<utc>" in str(await client.plugin["xep_0202"].get_entity_time("talk.test"))
    info = await client.plugin["xep_0030"].get_info(jid="talk.test")
    assert ("server", "im") in {(category, kind) for category, kind, *_ in info["disco_info"]["identities"]}
    assert "urn:xmpp:ping" in info["disco_info"]["features"]
    await client.plugin["xep_0030"].get_items(jid="talk.test")
    assert (await client.plugin["xep_0012"].get_last_activity("talk.test"))["last_activity"]["seconds"] >= 0
    card = client.plugin["xep_0054"].make_vcard()
    card["FN"] = "Full Name"
    await client.plugin["xep_0054"].publish_vcard(card)
    other = await Client(lab, lab.account()).login()
    assert (await other.plugin["xep_0054"].get_vcard(account.jid))["vcard_temp"]["FN"] == "Full Name"
    try:
        await client.plugin["xep_0030"].get_info(jid="talk.test", node="nothing")
        raise AssertionError("unknown node answered")
    except IqError as error:
        assert error.condition == "item-not-found"


async def test_avatar_hash(lab: Lab) -> None:
    """XEP-0153: after publishing an avatar a friend sees its hash."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    a, b = await Client(lab, alice).login(), await Client(lab, bob).login()
    await b.next_presence(alice.jid)
    await a.plugin["xep_0153"].set_avatar(avatar=b"\x89PNG picture", mtype="image/png")
    a.send_presence()
    while True:
        presence = await b.next_presence(alice.jid)
        if presence["vcard_temp_update"]["photo"]:
            return


async def test_flexible_offline(lab: Lab) -> None:
    """XEP-0013 through the library: headers before presence, then purge."""
    alice, bob = lab.account(), lab.account()
    a = await Client(lab, alice).login()
    for number in range(3):
        a.send_message(mto=bob.jid, mbody=str(number), mtype="chat")
    await a.plugin["xep_0199"].ping("talk.test")
    b = await Client(lab, bob).login(presence=False)
    assert "<value>3</value>" in str(await b.plugin["xep_0013"].get_count())
    headers = await b.plugin["xep_0013"].get_headers()
    assert len(headers["disco_items"]["items"]) == 3
    await b.plugin["xep_0013"].purge()
    b.send_presence()
    await asyncio.sleep(0.3)
    assert b.messages.empty()
