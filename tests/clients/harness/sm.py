"""Client side of XEP-0198: counters, the queue of unacknowledged stanzas, resumption."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import deque

from .stream import NS_SM, Stream, local, q

COUNTED = ("message", "presence", "iq")


class Managed:
    """Stream management on top of a raw stream; the state outlives the stream."""

    def __init__(self) -> None:
        self.handled_in = 0
        self.sent = 0
        self.acked = 0
        self.queue: deque[str] = deque()
        self.ident = ""
        self.answer_requests = True
        self.stream: Stream | None = None

    def _tap(self, element: ET.Element) -> bool:
        """Count and answer; acknowledgements and requests never reach the test."""
        if local(element) in COUNTED:
            self.handled_in += 1
        elif element.tag == q(NS_SM, "r"):
            if self.answer_requests and self.stream:
                self.stream.send(f"<a xmlns='{NS_SM}' h='{self.handled_in}'/>")
            return True
        elif element.tag == q(NS_SM, "a"):
            self.ack(int(element.get("h", "")))
            return True
        return False

    def ack(self, count: int) -> None:
        """The server has handled `count` stanzas of ours."""
        if not self.acked <= count <= self.sent:
            raise AssertionError(f"server acknowledges {count}; sent {self.sent}, acknowledged before {self.acked}")
        while self.acked < count:
            self.acknowledged(self.queue.popleft())
            self.acked += 1

    def acknowledged(self, stanza: str) -> None:
        """Called for each stanza that the server has taken over."""

    def send(self, stanza: str) -> None:
        """Send a stanza and remember it until acknowledged."""
        self.sent += 1
        self.queue.append(stanza)
        if self.stream:
            self.stream.send(stanza)

    async def enable(self, stream: Stream, attributes: str = "resume='true'") -> ET.Element:
        """Turn it on after binding; give <enabled/>."""
        self.stream = stream
        self.handled_in = self.sent = self.acked = 0
        self.queue.clear()
        stream.send(f"<enable xmlns='{NS_SM}' {attributes}/>")
        answer = await stream.pick(lambda e: e.tag in (q(NS_SM, "enabled"), q(NS_SM, "failed")))
        if answer.tag == q(NS_SM, "enabled"):
            self.ident = answer.get("id", "")
            stream.tap = self._tap
            stream.send_stanza = self.send
        return answer

    async def request(self) -> None:
        """Ask for an acknowledgement and wait until all is acknowledged."""
        assert self.stream
        self.stream.send(f"<r xmlns='{NS_SM}'/>")
        while self.queue:
            try:
                await self.stream.read_more(5)
            except TimeoutError:
                raise AssertionError(f"{len(self.queue)} stanzas stay unacknowledged") from None

    async def resume(self, stream: Stream) -> ET.Element:
        """Ask for resumption on a freshly authenticated stream; give <resumed/> or <failed/>."""
        stream.send(f"<resume xmlns='{NS_SM}' h='{self.handled_in}' previd='{self.ident}'/>")
        answer = await stream.recv()
        count = answer.get("h")
        if count is not None:
            self.ack(int(count))
        if answer.tag == q(NS_SM, "resumed"):
            self.stream = stream
            stream.tap = self._tap
            stream.send_stanza = self.send
            # Stanzas that came in the same read as the answer were not seen by the tap.
            stream.inbox = [e for e in stream.inbox if not self._tap(e)]
            for stanza in self.queue:
                stream.send(stanza)
        return answer
