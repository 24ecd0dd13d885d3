"""A raw XMPP client stream: bytes out, elements in, nothing done behind the test's back."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import ssl
import xml.etree.ElementTree as ET
from collections.abc import Callable

from . import sasl

NS_CLIENT = "jabber:client"
NS_STREAM = "http://etherx.jabber.org/streams"
NS_STREAMS = "urn:ietf:params:xml:ns:xmpp-streams"
NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
NS_SASL2 = "urn:xmpp:sasl:2"
NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind"
NS_SM = "urn:xmpp:sm:3"

TIMEOUT = 10.0


class Closed(Exception):
    """The server ended the stream or the connection."""


class StreamError(Exception):
    """The server sent <stream:error/>."""

    def __init__(self, element: ET.Element) -> None:
        self.condition = next((local(child) for child in element if child.tag != q(NS_STREAMS, "text")), "")
        self.text = element.findtext(q(NS_STREAMS, "text"))
        super().__init__(f"{self.condition}: {self.text}")


class SaslFailure(Exception):
    """The server sent <failure/>."""

    def __init__(self, element: ET.Element) -> None:
        self.condition = next((local(child) for child in element if local(child) != "text"), "")
        self.text = next((child.text for child in element if local(child) == "text"), None)
        super().__init__(f"{self.condition}: {self.text}")


def q(namespace: str, name: str) -> str:
    """ElementTree's spelling of a qualified name."""
    return f"{{{namespace}}}{name}"


def local(element: ET.Element) -> str:
    """Local name of an element."""
    return element.tag.rpartition("}")[2]


def error_of(stanza: ET.Element) -> tuple[str, str, str]:
    """(type, condition, text) of a stanza error (RFC 6120 §8.3)."""
    error = stanza.find(q(NS_CLIENT, "error"))
    if error is None:
        raise AssertionError(f"no error in {ET.tostring(stanza).decode()}")
    condition = next((local(c) for c in error
                      if c.tag.startswith(f"{{{NS_STANZAS}}}") and local(c) != "text"), "")
    return error.get("type", ""), condition, error.findtext(q(NS_STANZAS, "text")) or ""


def client_tls(ca: str, cert: tuple[str, str] | None = None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A verifying client context."""
    context = ssl.create_default_context(cafile=ca)
    if cert:
        context.load_cert_chain(*cert)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


class Stream:
    """One connection. `recv` gives the next top-level element, or raises StreamError or Closed."""

    def __init__(self, port: int, host: str, ca: str, cert: tuple[str, str] | None = None) -> None:
        self.port = port
        self.host = host
        self.context = client_tls(ca, cert)
        self.jid = ""
        self.header: dict[str, str] = {}
        self.features: ET.Element = ET.Element("none")
        self.inbox: list[ET.Element] = []
        self.raw_in = b""
        # Called with each top-level element before it is handed out; True means taken.
        self.tap: Callable[[ET.Element], bool] | None = None
        # Sends a stanza; stream management puts its counting here.
        self.send_stanza: Callable[[str], None] = self.send

    # Transport.

    async def connect(self, direct_tls: bool = False, alpn: bool = False) -> Stream:
        """Open the connection, with TLS from the first byte if asked (XEP-0368)."""
        options: dict[str, object] = {}
        if direct_tls:
            if alpn:
                self.context.set_alpn_protocols(["xmpp-client"])
            options = {"ssl": self.context, "server_hostname": self.host}
        self.reader, self.writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20, **options), TIMEOUT)
        self._reset()
        return self

    def _reset(self) -> None:
        self.parser = ET.XMLPullParser(("start", "end"))
        self.depth = 0
        self.opened = False
        self.closed = False

    def send(self, data: str | bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data.encode() if isinstance(data, str) else data)

    def cut(self) -> None:
        """End the TCP connection without any farewell, as a lost network does."""
        self.writer.transport.abort()

    async def close(self) -> None:
        """End the stream politely, and wait for the other side's end."""
        with contextlib.suppress(Exception):
            self.send("</stream:stream>")
            while True:
                await self.recv(2)
        self.writer.transport.abort()

    async def read_more(self, timeout: float) -> None:
        """Feed the parser once."""
        try:
            data = await asyncio.wait_for(self.reader.read(65536), timeout)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(f"connection lost: {error}") from error
        if not data:
            raise Closed("end of connection")
        self.raw_in += data
        self.parser.feed(data)
        if hasattr(self.parser, "flush"):  # Newer expat defers short tokens; these streams must not wait.
            self.parser.flush()
        for event, element in self.parser.read_events():
            if event == "start":
                if self.depth == 0:
                    self.root = element
                    self.header = dict(element.attrib)
                    self.opened = True
                self.depth += 1
                continue
            self.depth -= 1
            if self.depth == 0:
                self.closed = True
            elif self.depth == 1:
                self.root.remove(element)
                if not (self.tap and self.tap(element)):
                    self.inbox.append(element)

    async def recv(self, timeout: float = TIMEOUT) -> ET.Element:
        """Next top-level element. Raises TimeoutError when nothing comes."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not self.inbox:
            if self.closed:
                raise Closed("</stream:stream>")
            await self.read_more(max(0.0, deadline - asyncio.get_running_loop().time()))
        element = self.inbox.pop(0)
        if element.tag == q(NS_STREAM, "error"):
            raise StreamError(element)
        return element

    async def expect(self, wanted: Callable[[ET.Element], bool], timeout: float = TIMEOUT) -> ET.Element:
        """First element for which `wanted` holds; the others are dropped."""
        deadline = asyncio.get_running_loop().time() + timeout
        seen = []
        while True:
            try:
                element = await self.recv(max(0.0, deadline - asyncio.get_running_loop().time()))
            except TimeoutError:
                raise AssertionError(f"expected element did not come; seen: {seen}") from None
            if wanted(element):
                return element
            seen.append(ET.tostring(element).decode())

    async def silence(self, seconds: float = 0.4) -> None:
        """Nothing must arrive."""
        with contextlib.suppress(TimeoutError):
            element = await self.recv(seconds)
            raise AssertionError(f"unexpected: {ET.tostring(element).decode()}")

    # Negotiation.

    def header_text(self, **changes: str | None) -> str:
        """A stream header; a change to None leaves the attribute out."""
        attributes: dict[str, str | None] = {
            "to": self.host, "version": "1.0", "xmlns": NS_CLIENT, "xmlns:stream": NS_STREAM}
        attributes.update(changes)
        inner = " ".join(f"{key}='{value}'" for key, value in attributes.items() if value is not None)
        return f"<?xml version='1.0'?><stream:stream {inner}>"

    async def open(self, **changes: str | None) -> ET.Element:
        """Send a stream header, wait for header and features."""
        self._reset()
        self.send(self.header_text(**changes))
        self.features = await self.recv()
        if self.features.tag != q(NS_STREAM, "features"):
            raise AssertionError(f"not features: {self.features.tag}")
        return self.features

    async def starttls(self, behind: str = "", **changes: str | None) -> None:
        """Upgrade (RFC 6120 §5.4) and open the stream again, with these changes of its header; `behind` is sent in clear
        together with the request."""
        self.send(f"<starttls xmlns='{NS_TLS}'/>" + behind)
        answer = await self.recv()
        if answer.tag != q(NS_TLS, "proceed"):
            raise AssertionError(f"not proceed: {answer.tag}")
        # The library reads the host name for SNI only from its own open_connection.
        loop = asyncio.get_running_loop()
        transport = self.writer.transport
        protocol = transport.get_protocol()
        upgraded = await asyncio.wait_for(
            loop.start_tls(transport, protocol, self.context, server_hostname=self.host), TIMEOUT)
        protocol._replace_writer(self.writer) if hasattr(protocol, "_replace_writer") else None
        self.reader._transport = upgraded
        self.writer._transport = upgraded
        protocol._transport = upgraded
        protocol._over_ssl = True
        await self.open(**changes)

    def mechanisms(self) -> list[str]:
        """SASL mechanisms in the order offered."""
        return [one.text or "" for one in self.features.iter(q(NS_SASL, "mechanism"))]

    async def sasl_step(self, element: str) -> ET.Element:
        """Send one SASL element, give the answer; a failure is raised."""
        self.send(element)
        answer = await self.recv()
        if answer.tag in (q(NS_SASL, "failure"), q(NS_SASL2, "failure")):
            raise SaslFailure(answer)
        return answer

    async def auth_plain(self, user: str, password: str, authzid: str = "") -> None:
        """SASL PLAIN, then the new stream."""
        answer = await self.sasl_step(
            f"<auth xmlns='{NS_SASL}' mechanism='PLAIN'>{sasl.plain(user, password, authzid)}</auth>")
        if answer.tag != q(NS_SASL, "success"):
            raise AssertionError(f"not success: {answer.tag}")
        await self.open()

    async def auth_scram(self, mechanism: str, user: str, password: str, **options: object) -> sasl.Scram:
        """SASL SCRAM, then the new stream."""
        exchange = sasl.Scram(sasl.HASHES[mechanism.removesuffix("-PLUS")], user, password, **options)
        challenge = await self.sasl_step(
            f"<auth xmlns='{NS_SASL}' mechanism='{mechanism}'>{exchange.first()}</auth>")
        success = await self.sasl_step(
            f"<response xmlns='{NS_SASL}'>{exchange.final(challenge.text or '')}</response>")
        exchange.verify(success.text or "")
        await self.open()
        return exchange

    async def bind(self, resource: str | None = None) -> str:
        """Bind a resource, give the full JID."""
        inner = f"<resource>{resource}</resource>" if resource is not None else ""
        answer = await self.iq("set", f"<bind xmlns='{NS_BIND}'>{inner}</bind>")
        if answer.get("type") != "result":
            raise AssertionError(f"bind: {error_of(answer)}")
        self.jid = answer.findtext(f"{q(NS_BIND, 'bind')}/{q(NS_BIND, 'jid')}") or ""
        return self.jid

    # Stanzas.

    async def iq(self, kind: str, payload: str, to: str | None = None, timeout: float = TIMEOUT) -> ET.Element:
        """Send an IQ and give its answer; stanzas that come meanwhile stay in the inbox."""
        ident = secrets.token_hex(6)
        address = f" to='{to}'" if to else ""
        self.send_stanza(f"<iq type='{kind}' id='{ident}'{address}>{payload}</iq>")
        return await self.pick(lambda e: local(e) == "iq" and e.get("id") == ident
                               and e.get("type") in ("result", "error"), timeout)

    async def pick(self, wanted: Callable[[ET.Element], bool], timeout: float = TIMEOUT) -> ET.Element:
        """First element for which `wanted` holds; the others are kept in order."""
        kept: list[ET.Element] = []
        deadline = asyncio.get_running_loop().time() + timeout
        try:
            while True:
                try:
                    element = await self.recv(max(0.0, deadline - asyncio.get_running_loop().time()))
                except TimeoutError:
                    seen = [ET.tostring(one).decode() for one in kept]
                    raise AssertionError(f"awaited element did not come; others: {seen}") from None
                if wanted(element):
                    return element
                kept.append(element)
        finally:
            self.inbox[:0] = kept

    async def sync(self, timeout: float = TIMEOUT) -> None:
        """Everything sent before has been handled by the server's session when this returns (a ping's answer is back)."""
        await self.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to=self.host, timeout=timeout)

    async def settled(self) -> None:
        """The same for messages on their way to this session: one to itself, which goes behind all others, has come.

        An answer to a ping is no sign of that: at first presence new messages wait for those that were stored.
        """
        ident = secrets.token_hex(6)
        self.send_stanza(f"<message type='headline' id='{ident}' to='{self.jid}'/>")
        await self.pick(lambda e: local(e) == "message" and e.get("id") == ident)

    async def message(self, body: str | None = None, timeout: float = TIMEOUT) -> ET.Element:
        """Next message (with this body); others are dropped."""
        return await self.expect(
            lambda e: local(e) == "message" and (body is None or e.findtext(q(NS_CLIENT, "body")) == body), timeout)

    async def presence(self, sender: str, kind: str | None = None, timeout: float = TIMEOUT) -> ET.Element:
        """Next presence of `kind` from `sender`; others are kept."""
        return await self.pick(lambda e: local(e) == "presence" and e.get("from") == sender
                               and e.get("type") == kind, timeout)


def xml_id(text: bytes) -> str:
    """The id of a stream header in raw bytes."""
    found = re.search(rb"<stream:stream[^>]* id=['\"]([^'\"]+)", text)
    return found.group(1).decode() if found else ""
