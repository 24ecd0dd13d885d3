"""Log-in on raw streams: TLS policies, SASL and its failures, resource binding and conflicts, access."""

from __future__ import annotations

import asyncio
import ssl

from harness import sasl
from harness.bound import Bound
from harness.lab import Account, Lab
from harness.marks import cases, slow
from harness.stream import (NS_BIND, NS_CLIENT, NS_SASL, NS_TLS, Closed, SaslFailure, Stream, StreamError,
                            client_tls, error_of, local, q)

ALL_SCRAM = tuple(sasl.HASHES)


async def test_starttls_required_offers_nothing_else(lab: Lab) -> None:
    """RFC 6120 §5.3.1: only STARTTLS, with <required/>, before TLS."""
    stream = await lab.stream("c2s_required")
    await stream.open()
    assert [local(child) for child in stream.features] == ["starttls"]
    assert stream.features.find(f"{q(NS_TLS, 'starttls')}/{q(NS_TLS, 'required')}") is not None
    await stream.starttls()
    assert "PLAIN" in stream.mechanisms()
    assert stream.features.find(q(NS_TLS, "starttls")) is None


async def test_auth_before_required_tls(lab: Lab) -> None:
    """A client that skips a required STARTTLS is refused, and its password is not looked at."""
    account = lab.account()
    stream = await lab.stream("c2s_required")
    await stream.open()
    try:
        await stream.auth_plain(account.user, account.password)
    except (SaslFailure, StreamError) as error:
        assert error.condition in ("encryption-required", "policy-violation"), error
    else:
        raise AssertionError("authenticated without the required TLS")


async def test_direct_tls_with_alpn(lab: Lab) -> None:
    """XEP-0368: TLS from the first byte; ALPN xmpp-client is accepted."""
    account = lab.account()
    stream = await lab.stream("c2s_tls", direct_tls=True, alpn=True)
    await stream.open()
    await stream.auth_plain(account.user, account.password)
    assert await stream.bind("tls") == f"{account.jid}/tls"


@cases(*ALL_SCRAM)
async def test_scram(lab: Lab, mechanism: str) -> None:
    """RFC 5802: the server proves its knowledge too."""
    account = lab.account()
    stream = await lab.stream("c2s_required")
    await stream.open()
    await stream.starttls()
    exchange = await stream.auth_scram(mechanism, account.user, account.password)
    assert exchange.iterations >= 4096
    assert await stream.bind("s") == f"{account.jid}/s"


async def test_scram_of_one_stored_hash(lab: Lab) -> None:
    """With auth_password_format scram and auth_scram_hash sha256 only SCRAM-SHA-256 of the SCRAM family is offered."""
    account = lab.account("sha256.test")
    stream = await lab.stream(host="sha256.test")
    await stream.open()
    assert [one for one in stream.mechanisms() if "SCRAM" in one] == ["SCRAM-SHA-256"]
    await stream.auth_scram("SCRAM-SHA-256", account.user, account.password)
    plain = await lab.authenticated(account)
    assert await plain.bind("p")


@cases(*ALL_SCRAM)
async def test_scram_wrong_password(lab: Lab, mechanism: str) -> None:
    """not-authorized, the stream stays open, and the right password then works."""
    account = lab.account()
    stream = await lab.stream()
    await stream.open()
    try:
        await stream.auth_scram(mechanism, account.user, "wrong")
        raise AssertionError("wrong password accepted")
    except SaslFailure as failure:
        assert failure.condition == "not-authorized"
        assert failure.text == "Invalid username or password"
    await stream.auth_scram(mechanism, account.user, account.password)


async def test_unknown_user_is_like_wrong_password(lab: Lab) -> None:
    """The failure must not tell whether the account exists."""
    account = lab.account()
    failures = []
    for user in (account.user, "nobody-here"):
        stream = await lab.stream()
        await stream.open()
        try:
            await stream.auth_plain(user, "wrong")
        except SaslFailure as failure:
            failures.append((failure.condition, failure.text))
    assert failures == [("not-authorized", "Invalid username or password")] * 2, failures


@cases(*ALL_SCRAM)
async def test_unknown_user_gets_a_scram_challenge(lab: Lab, mechanism: str) -> None:
    """An unknown user is refused only after the proof, with a salt that is the same each time."""
    challenges = []
    for _ in range(2):
        stream = await lab.stream()
        await stream.open()
        exchange = sasl.Scram(sasl.HASHES[mechanism], "nobody-here", "x")
        challenge = await stream.sasl_step(f"<auth xmlns='{NS_SASL}' mechanism='{mechanism}'>{exchange.first()}</auth>")
        assert local(challenge) == "challenge"
        challenges.append(exchange.final(challenge.text or "") and sasl.base64.b64decode(challenge.text or "")
                          .decode().split(",", 1)[1])
    assert challenges[0] == challenges[1], challenges


def _plus_blocking(lab: Lab, account: Account, mechanism: str, kind: str) -> str:
    """SCRAM-*-PLUS on a blocking stream; gives the features."""
    with Bound(lab.subject.ports["c2s_tls"], account.host, kind) as stream:
        features = stream.ask(stream.header(), "</stream:features>")
        assert f"<mechanism>{mechanism}</mechanism>" in features, features
        exchange = sasl.Scram(sasl.HASHES[mechanism.removesuffix("-PLUS")], account.user, account.password, stream.binding)
        answer = stream.ask(f"<auth xmlns='{NS_SASL}' mechanism='{mechanism}'>{exchange.first()}</auth>", "</challenge>")
        assert "</challenge>" in answer, answer
        challenge = answer.partition(">")[2].partition("<")[0]
        answer = stream.ask(f"<response xmlns='{NS_SASL}'>{exchange.final(challenge)}</response>", "</success>")
        assert "</success>" in answer, answer
        exchange.verify(answer.partition(">")[2].partition("<")[0])
        return features


@cases(*[(f"{mechanism}-PLUS", kind) for mechanism in ALL_SCRAM
         for kind in ("tls-exporter", "tls-server-end-point")])
async def test_scram_plus(lab: Lab, mechanism: str, kind: str) -> None:
    """Channel binding of RFC 9266 (TLS 1.3) and RFC 5929."""
    await asyncio.to_thread(_plus_blocking, lab, lab.account(), mechanism, kind)


async def test_channel_binding_types_are_announced(lab: Lab) -> None:
    """XEP-0440 with both types over TLS 1.3."""
    account = lab.account()
    features = await asyncio.to_thread(_plus_blocking, lab, account, "SCRAM-SHA-256-PLUS", "tls-exporter")
    assert "urn:xmpp:sasl-cb:0" in features and "tls-exporter" in features and "tls-server-end-point" in features


async def test_plus_downgrade_is_noticed(lab: Lab) -> None:
    """RFC 5802 §6: a client which says `y` although the server offers -PLUS was attacked."""
    account = lab.account()
    stream = await lab.stream("c2s_required")
    await stream.open()
    await stream.starttls()
    try:
        await stream.auth_scram("SCRAM-SHA-1", account.user, account.password, gs2_flag="y")
        raise AssertionError("downgrade accepted")
    except SaslFailure as failure:
        assert failure.condition in ("not-authorized", "malformed-request"), failure


async def test_external(lab: Lab) -> None:
    """SASL EXTERNAL with the xmppAddr of a client certificate, with and without authzid."""
    for authzid in (False, True):
        account = lab.account()
        cert, key = await asyncio.to_thread(lab.subject.authority.client, account.jid)
        stream = await lab.stream("c2s_cert", cert=(str(cert), str(key)))
        await stream.open()
        await stream.starttls()
        assert "EXTERNAL" in stream.mechanisms(), stream.mechanisms()
        initial = sasl.b64(account.jid) if authzid else "="
        answer = await stream.sasl_step(f"<auth xmlns='{NS_SASL}' mechanism='EXTERNAL'>{initial}</auth>")
        assert local(answer) == "success"
        await stream.open()
        assert await stream.bind("cert") == f"{account.jid}/cert"


async def test_external_for_another_account(lab: Lab) -> None:
    """A certificate does not open somebody else's account."""
    mine, other = lab.account(), lab.account()
    cert, key = await asyncio.to_thread(lab.subject.authority.client, mine.jid)
    stream = await lab.stream("c2s_cert", cert=(str(cert), str(key)))
    await stream.open()
    await stream.starttls()
    try:
        await stream.sasl_step(f"<auth xmlns='{NS_SASL}' mechanism='EXTERNAL'>{sasl.b64(other.jid)}</auth>")
        raise AssertionError("foreign account opened")
    except SaslFailure as failure:
        assert failure.condition in ("not-authorized", "invalid-authzid"), failure


async def test_no_external_without_certificate(lab: Lab) -> None:
    """EXTERNAL is not offered to a client without a certificate."""
    stream = await lab.stream("c2s_cert")
    await stream.open()
    await stream.starttls()
    assert "EXTERNAL" not in stream.mechanisms()


async def test_anonymous(lab: Lab) -> None:
    """SASL ANONYMOUS gives a random account of that host; two log-ins differ."""
    names = set()
    for _ in range(2):
        stream = await lab.stream(host="anon.test")
        await stream.open()
        assert "ANONYMOUS" in stream.mechanisms()
        answer = await stream.sasl_step(f"<auth xmlns='{NS_SASL}' mechanism='ANONYMOUS'/>")
        assert local(answer) == "success"
        await stream.open()
        names.add((await stream.bind("a")).partition("@")[0])
    assert len(names) == 2 and all(names)


async def test_anonymous_with_a_name(lab: Lab) -> None:
    """login_anon: any password opens a free name, which is then an account, and nobody else's while the session lasts."""
    first = await lab.stream(host="guest.test")
    await first.open()
    await first.auth_plain("visitor", "any")
    await first.bind("one")
    first.send("<presence/>")
    other = await lab.session(lab.account())
    other.send("<message type='chat' to='visitor@guest.test'><body>welcome</body></message>")
    await first.message("welcome")
    second = await lab.stream(host="guest.test")
    await second.open()
    try:
        await second.auth_plain("visitor", "any")
        raise AssertionError("two people have one name")
    except SaslFailure as failure:
        assert failure.condition == "not-authorized", failure
    card = "<vCard xmlns='vcard-temp'><FN>The first one</FN></vCard>"
    assert (await first.iq("set", card)).get("type") == "result"
    await first.close()
    await asyncio.sleep(0.5)  # The account goes behind the connection.
    other.send("<message type='chat' to='visitor@guest.test' id='gone'><body>stay</body></message>")
    assert error_of(await other.pick(lambda e: e.get("id") == "gone"))[1] == "service-unavailable"
    await second.auth_plain("visitor", "any")
    assert await second.bind("two") == "visitor@guest.test/two"
    left = await second.iq("get", "<vCard xmlns='vcard-temp'/>")
    assert "The first one" not in "".join(left.itertext()), "somebody else's data"


@cases(("NOTHING", "AA==", "invalid-mechanism"), ("PLAIN", "&#x21;", "incorrect-encoding"),
       ("PLAIN", "YWJj", "malformed-request"), ("SCRAM-SHA-1", "YWJj", "malformed-request"))
async def test_sasl_failure(lab: Lab, mechanism: str, initial: str, condition: str) -> None:
    """RFC 6120 §6.5."""
    stream = await lab.stream()
    await stream.open()
    try:
        await stream.sasl_step(f"<auth xmlns='{NS_SASL}' mechanism='{mechanism}'>{initial}</auth>")
        raise AssertionError("accepted")
    except SaslFailure as failure:
        assert failure.condition == condition, failure


async def test_sasl_abort(lab: Lab) -> None:
    """RFC 6120 §6.4.4: <abort/> is answered by <aborted/>."""
    stream = await lab.stream()
    await stream.open()
    exchange = sasl.Scram("sha1", lab.account().user, "x")
    await stream.sasl_step(f"<auth xmlns='{NS_SASL}' mechanism='SCRAM-SHA-1'>{exchange.first()}</auth>")
    try:
        await stream.sasl_step(f"<abort xmlns='{NS_SASL}'/>")
        raise AssertionError("not aborted")
    except SaslFailure as failure:
        assert failure.condition == "aborted"


async def test_foreign_authzid(lab: Lab) -> None:
    """PLAIN with the right password and somebody else's authorisation identity never opens that account."""
    mine, other = lab.account(), lab.account()
    stream = await lab.stream()
    await stream.open()
    try:
        await stream.auth_plain(mine.user, mine.password, authzid=other.jid)
        assert (await stream.bind("x")).startswith(mine.jid + "/")
    except SaslFailure as failure:
        assert failure.condition in ("invalid-authzid", "not-authorized"), failure


@cases(*ALL_SCRAM)
async def test_foreign_authzid_in_scram(lab: Lab, mechanism: str) -> None:
    """The same in SCRAM's gs2 header (RFC 5802 §5.1); one's own is right."""
    mine, other = lab.account(), lab.account()
    for authzid in (other.jid, mine.jid):
        stream = await lab.stream()
        await stream.open()
        try:
            await stream.auth_scram(mechanism, mine.user, mine.password, authzid=authzid)
            assert (await stream.bind("x")).startswith(mine.jid + "/")
        except SaslFailure as failure:
            assert authzid == other.jid and failure.condition in ("invalid-authzid", "not-authorized"), failure


@cases("nobody-here@talk.test", "user1@short.test", "@@")
async def test_impossible_authzid(lab: Lab, authzid: str) -> None:
    """Nor does an authorisation identity open an account that does not exist, or one of another host."""
    mine = lab.account()
    stream = await lab.stream()
    await stream.open()
    try:
        await stream.auth_plain(mine.user, mine.password, authzid=authzid)
        assert (await stream.bind("x")).startswith(mine.jid + "/")
    except SaslFailure as failure:
        assert failure.condition in ("invalid-authzid", "not-authorized", "malformed-request"), failure


async def test_own_authzid(lab: Lab) -> None:
    """PLAIN with one's own bare JID as authorisation identity works."""
    account = lab.account()
    stream = await lab.stream()
    await stream.open()
    await stream.auth_plain(account.user, account.password, authzid=account.jid)
    assert await stream.bind("x") == f"{account.jid}/x"


async def test_features_after_authentication(lab: Lab) -> None:
    """Order and content of the features after SASL."""
    stream = await lab.authenticated(lab.account())
    names = [(child.tag.partition("}")[0][1:], local(child)) for child in stream.features]
    wanted = {(NS_BIND, "bind"), ("urn:ietf:params:xml:ns:xmpp-session", "session"), ("urn:xmpp:sm:3", "sm"),
              ("urn:xmpp:features:rosterver", "ver"), ("http://jabber.org/protocol/caps", "c")}
    assert wanted <= set(names), names
    assert names[0] == (NS_BIND, "bind"), names
    session = stream.features.find("{urn:ietf:params:xml:ns:xmpp-session}session")
    assert session is not None and local(session[0]) == "optional"
    assert not stream.mechanisms()


async def test_bind_without_resource(lab: Lab) -> None:
    """The server makes a resource, another one each time."""
    account = lab.account()
    first = await (await lab.authenticated(account)).bind()
    second = await (await lab.authenticated(account)).bind()
    assert first != second and first.startswith(account.jid + "/") and len(first) > len(account.jid) + 4


async def test_bind_empty_resource(lab: Lab) -> None:
    """An empty <resource/> is like none."""
    account = lab.account()
    jid = await (await lab.authenticated(account)).bind("")
    assert jid.startswith(account.jid + "/") and len(jid) > len(account.jid) + 1


async def test_bind_bad_resource(lab: Lab) -> None:
    """A resource which resourceprep refuses: bad-request, and a second try works."""
    stream = await lab.authenticated(lab.account())
    answer = await stream.iq("set", f"<bind xmlns='{NS_BIND}'><resource>a&#xFFFE;</resource></bind>".replace(
        "&#xFFFE;", "\u0660" * 1030))
    kind, condition, _ = error_of(answer)
    assert (kind, condition) == ("modify", "bad-request"), (kind, condition)
    assert await stream.bind("good")


async def test_stanza_before_bind(lab: Lab) -> None:
    """A message to somebody before binding is refused by a stream error not-authorized (RFC 6120 §7.1)."""
    stream = await lab.authenticated(lab.account())
    stream.send(f"<message to='{lab.account().jid}'><body>x</body></message>")
    try:
        await stream.recv(2)
        raise AssertionError("answered")
    except StreamError as error:
        assert error.condition == "not-authorized", error


async def test_legacy_session_request(lab: Lab) -> None:
    """RFC 3921's session IQ is answered by a result."""
    stream = await lab.session(lab.account())
    answer = await stream.iq("set", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>")
    assert answer.get("type") == "result"


@cases("talk.test", "closeold.test")
async def test_resource_conflict_ends_the_older(lab: Lab, host: str) -> None:
    """acceptnew (default) and closeold: the older session gets a conflict and an end."""
    account = lab.account(host)
    older = await lab.session(account, "same")
    newer = await lab.session(account, "same")
    try:
        await older.expect(lambda e: False, 5)
    except StreamError as error:
        assert error.condition == "conflict", error
        assert error.text == "Replaced by new connection", error.text
    try:
        await older.recv(5)
        raise AssertionError("not closed")
    except Closed:
        pass
    await newer.sync()


async def test_resource_conflict_refuses_the_newer(lab: Lab) -> None:
    """closenew: binding fails with conflict, the older session lives."""
    account = lab.account("closenew.test")
    older = await lab.session(account, "same")
    newer = await lab.authenticated(account)
    answer = await newer.iq("set", f"<bind xmlns='{NS_BIND}'><resource>same</resource></bind>")
    assert error_of(answer)[1] == "conflict"
    await older.sync()
    assert await newer.bind("other") == f"{account.jid}/other"


async def test_resource_conflict_renames(lab: Lab) -> None:
    """setresource: the newer session gets another resource, both live."""
    account = lab.account("setresource.test")
    older = await lab.session(account, "same")
    newer = await lab.session(account, "same")
    assert newer.jid != older.jid and newer.jid.startswith(account.jid + "/")
    await older.sync()
    await newer.sync()


async def test_access_rule_denies_one_account(lab: Lab) -> None:
    """An account that the listener's access rule denies cannot open a session."""
    stream = await lab.stream()
    await stream.open()
    try:
        await stream.auth_plain("blocked1", Account("blocked1", "talk.test").password)
        answer = await stream.iq("set", f"<bind xmlns='{NS_BIND}'><resource>x</resource></bind>")
        kind, condition, text = error_of(answer)
        assert (kind, condition) == ("auth", "forbidden") or condition == "not-allowed", (kind, condition)
        assert "denied" in text.lower(), text
    except SaslFailure as failure:
        assert failure.condition == "not-authorized"


async def test_listener_for_nobody(lab: Lab) -> None:
    """A listener whose access rule denies all never gives a session."""
    account = lab.account()
    stream = await lab.stream("c2s_closed")
    try:
        await stream.open()
        await stream.auth_plain(account.user, account.password)
        await stream.bind("x")
    except (AssertionError, SaslFailure, StreamError) as error:
        assert any(word in str(error) for word in ("forbidden", "not-allowed", "not-authorized", "policy")), error
    else:
        raise AssertionError("session given")


async def test_tls_1_1_is_refused(lab: Lab) -> None:
    """TLS below 1.2 is not spoken."""
    stream = await lab.stream("c2s_required")
    await stream.open()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    stream.context = context
    try:
        await stream.starttls()
    except (ssl.SSLError, Closed, ConnectionError):
        return
    raise AssertionError("TLS 1.1 accepted")


@cases(("talk.test", "policy-violation"), ("modern.test", "no handshake"))
async def test_another_hosts_name_does_not_weaken_tls(lab: Lab, named: str, wanted: str) -> None:
    """A handshake for one host (SNI) is no way around the TLS versions of the host that the stream is for."""
    stream = Stream(lab.subject.ports["c2s_tls"], named, lab.ca)
    stream.context = client_tls(lab.ca, version=ssl.TLSVersion.TLSv1_2)
    try:
        await stream.connect(direct_tls=True)
        lab.stack.callback(stream.cut)
        stream.send(stream.header_text(to="modern.test"))
        got = local(await stream.recv())
    except StreamError as error:
        got = error.condition
    except (ssl.SSLError, ConnectionError):
        got = "no handshake"
    assert got == wanted, got


async def test_data_before_tls_is_not_carried_over(lab: Lab) -> None:
    """Clear text sent behind <starttls/> must not be taken as sent within TLS (RFC 6120 §5.4.3.3)."""
    account = lab.account()
    stream = await lab.stream("c2s_required")
    await stream.open()
    injected = (f"<auth xmlns='{NS_SASL}' mechanism='PLAIN'>{sasl.plain(account.user, account.password)}</auth>")
    try:
        await stream.starttls(behind=stream.header_text() + injected)
        # Whatever the server made of it would come within TLS, before the answer to this.
        stream.send("<nonsense xmlns='urn:example:x'/>")
        while True:
            await stream.recv(5)
    except (StreamError, Closed, ConnectionError, ssl.SSLError):
        pass
    assert b"<success" not in stream.raw_in


@slow
async def test_many_wrong_passwords(lab: Lab) -> None:
    """Twenty wrong passwords on one stream: each refused (or the stream ended), none accepted."""
    account = lab.account()
    stream = await lab.stream()
    await stream.open()
    for _ in range(20):
        try:
            await stream.auth_plain(account.user, "wrong")
            raise AssertionError("accepted")
        except SaslFailure as failure:
            assert failure.condition == "not-authorized"
        except (StreamError, Closed):
            break
    fresh = await lab.authenticated(account)
    assert await fresh.bind("x")
