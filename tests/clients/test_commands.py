"""What online clients see of an administrator's commands (mod_admin_extra)."""

from __future__ import annotations

from harness.lab import Account, Lab
from harness.stream import NS_CLIENT, SaslFailure, q
from test_roster import push, roster
from test_stream_errors import failure


async def run(lab: Lab, *words: str) -> str:
    """A command that must succeed."""
    result = await lab.ctl(*words)
    assert result.code == 0, (words, result)
    return result.out


async def refused(lab: Lab, account: Account) -> list[tuple[str, str]]:
    """What log-in by two mechanisms comes to."""
    found = []
    for mechanism in ("PLAIN", "SCRAM-SHA-1"):
        stream = await lab.stream()
        await stream.open()
        try:
            if mechanism == "PLAIN":
                await stream.auth_plain(account.user, account.password)
            else:
                await stream.auth_scram(mechanism, account.user, account.password)
        except SaslFailure as error:
            found.append((error.condition, error.text))
    return found


async def test_ban_ends_sessions_and_log_in_until_it_is_lifted(lab: Lab) -> None:
    """The right password learns of the ban, a wrong one learns nothing."""
    account = lab.account()
    stream = await lab.session(account)
    await run(lab, "ban_account", account.user, account.host, "Spam & more")
    assert await failure(stream) in ("policy-violation", "not-authorized")
    assert await refused(lab, account) == [("account-disabled", "Account is banned: Spam & more")] * 2
    other = await lab.stream()
    await other.open()
    try:
        await other.auth_plain(account.user, "wrong")
        raise AssertionError("wrong password accepted")
    except SaslFailure as error:
        assert (error.condition, error.text) == ("not-authorized", "Invalid username or password")
    assert "Spam & more" in await run(lab, "get_ban_details", account.user, account.host)
    assert account.jid in await run(lab, "list_banned", account.host)
    await run(lab, "unban_account", account.user, account.host)
    assert await refused(lab, account) == []
    assert await lab.session(account)


async def test_bans_cannot_be_forged_by_clients(lab: Lab) -> None:
    """The namespace in which bans are kept is closed to clients."""
    account = lab.account()
    stream = await lab.session(account)
    forged = "<banned xmlns='jabber:ejabberd:banned'><reason>me</reason></banned>"
    answer = await stream.iq("set", f"<query xmlns='jabber:iq:private'>{forged}</query>")
    assert answer.get("type") == "error"
    assert await refused(lab, account) == []


async def test_roster_commands_push(lab: Lab) -> None:
    """Both sides of a subscription made by commands work at once, and end at once."""
    one, two = lab.account(), lab.account()
    alice, bob = await lab.session(one, "a"), await lab.session(two, "b")
    assert await roster(alice) == {} and await roster(bob) == {}
    await run(lab, "--version", "0", "add_rosteritem", one.user, one.host, two.user, two.host, "Bob", "Friends", "both")
    wanted = {"jid": two.jid, "name": "Bob", "subscription": "both", "groups": ["Friends"]}
    assert await push(alice) == wanted
    await bob.presence(alice.jid)
    await run(lab, "--version", "0", "add_rosteritem", two.user, two.host, one.user, one.host, "Alice", "", "both")
    assert (await push(bob))["subscription"] == "both"
    await alice.presence(bob.jid)
    await run(lab, "set_presence", one.user, one.host, "a", "available", "away", "gone", "3")
    presence = await bob.presence(alice.jid)
    assert presence.findtext(q(NS_CLIENT, "show")) == "away"
    await run(lab, "delete_rosteritem", one.user, one.host, two.user, two.host)
    assert (await push(alice))["subscription"] == "remove"
    await bob.presence(alice.jid, "unavailable")


async def test_kick_session_ends_one(lab: Lab) -> None:
    """The others of the account go on."""
    account = lab.account()
    one, two = await lab.session(account, "one"), await lab.session(account, "two")
    await run(lab, "kick_session", account.user, account.host, "one", "enough")
    assert await failure(one) in ("policy-violation", "conflict")
    await two.sync()


async def test_stanzas_sent_by_commands_arrive(lab: Lab) -> None:
    """By the router to an account, and straight to a client."""
    account = lab.account()
    stream = await lab.session(account, "r")
    await run(lab, "send_message", "headline", "admin@talk.test", account.jid, "News", "All is well")
    message = await stream.message("All is well")
    assert message.get("from") == "admin@talk.test" and message.findtext(q(NS_CLIENT, "subject")) == "News"
    await run(lab, "send_stanza", "admin@talk.test", stream.jid, "<message><body>raw</body></message>")
    await stream.message("raw")
    await run(lab, "send_stanza_c2s", account.user, account.host, "r", "<message><body>straight</body></message>")
    await stream.message("straight")


async def test_vcard_commands_are_seen_by_clients(lab: Lab) -> None:
    """A field set by a command is in the card that clients read."""
    account = lab.account()
    stream = await lab.session(account)
    await run(lab, "set_vcard2", account.user, account.host, "N", "FAMILY", "Montague")
    await run(lab, "set_vcard", account.user, account.host, "NICKNAME", "Romeo")
    card = (await stream.iq("get", "<vCard xmlns='vcard-temp'/>"))[0]
    assert card.findtext("{vcard-temp}N/{vcard-temp}FAMILY") == "Montague"
    assert card.findtext("{vcard-temp}NICKNAME") == "Romeo"
