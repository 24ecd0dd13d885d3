"""Stream compression (XEP-0138) with Python's own zlib, and what must not be done with it."""

from __future__ import annotations

import pathlib
import zlib

from harness.lab import Lab
from harness.stream import StreamError, Stream, local, q

NS_FEATURE = "http://jabber.org/features/compress"
NS_COMPRESS = "http://jabber.org/protocol/compress"
REQUEST = f"<compress xmlns='{NS_COMPRESS}'><method>%s</method></compress>"


class Wire:
    """Compresses below a stream, in place of its reader and its writer."""

    def __init__(self, stream: Stream) -> None:
        self.reader, self.writer = stream.reader, stream.writer
        self.deflate, self.inflate = zlib.compressobj(), zlib.decompressobj()
        self.transport = stream.writer.transport
        self.sent = self.came = 0
        stream.reader = stream.writer = self

    async def read(self, size: int) -> bytes:
        """As the reader's."""
        while True:
            data = await self.reader.read(size)
            plain = self.inflate.decompress(data)
            self.came += len(data)
            if plain or not data:
                return plain

    def write(self, data: bytes) -> None:
        """As the writer's: all of it can be inflated at once."""
        data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.sent += len(data)
        self.writer.write(data)


def peak_kib(lab: Lab) -> int:
    """The most memory that the server ever had resident."""
    status = pathlib.Path(f"/proc/{lab.subject.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


async def compressed(lab: Lab) -> tuple[Stream, Wire]:
    """Logged in, compressed, bound."""
    stream = await lab.authenticated(lab.account(), "c2s_small")
    offer = stream.features.find(f"{q(NS_FEATURE, 'compression')}/{q(NS_FEATURE, 'method')}")
    assert offer is not None and offer.text == "zlib"
    stream.send(REQUEST % "zlib")
    answer = await stream.recv()
    assert answer.tag == q(NS_COMPRESS, "compressed")
    wire = Wire(stream)
    features = await stream.open()
    assert features.find(q(NS_FEATURE, "compression")) is None, "once is enough"
    await stream.bind("packed")
    return stream, wire


async def test_stanzas_travel_compressed(lab: Lab) -> None:
    """Both directions, many bursts, and a good deal less on the wire."""
    stream, wire = await compressed(lab)
    stream.send("<presence/>")
    await stream.pick(lambda e: local(e) == "presence")
    text = "the same words again and again " * 100
    for number in range(20):
        stream.send(f"<message to='{stream.jid}' type='chat' id='m{number}'><body>{text}</body></message>")
        got = await stream.message()
        assert (got.get("id"), got.findtext("{jabber:client}body")) == (f"m{number}", text)
    assert wire.sent < 20 * len(text) / 10 and wire.came < 20 * len(text) / 10


async def test_not_before_authentication_and_no_other_method(lab: Lab) -> None:
    """What is not offered is refused, and the stream goes on."""
    early = await lab.stream("c2s_small")
    features = await early.open()
    assert features.find(q(NS_FEATURE, "compression")) is None
    other = await lab.authenticated(lab.account())
    assert other.features.find(q(NS_FEATURE, "compression")) is None, "off unless the listener says otherwise"
    stream = await lab.authenticated(lab.account(), "c2s_small")
    stream.send(REQUEST % "lzw")
    answer = await stream.recv()
    assert answer.tag == q(NS_COMPRESS, "failure") and answer.find(q(NS_COMPRESS, "unsupported-method")) is not None
    await stream.bind("plain")


async def test_a_bomb_hurts_its_sender_only(lab: Lab) -> None:
    """Sixty megabytes of blanks in sixty kilobytes: the stream ends, the server does not."""
    stream, wire = await compressed(lab)
    before = peak_kib(lab)
    try:
        stream.send(b" " * (60 << 20))
        while True:
            await stream.recv(20)
    except StreamError as error:
        assert error.condition == "policy-violation", error.condition
    assert peak_kib(lab) - before < 20 << 10, (before, peak_kib(lab))
    other, _ = await compressed(lab)
    await other.sync()
