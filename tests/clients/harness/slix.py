"""slixmpp as a client of the tests: the library does everything, the test only sees its events."""

from __future__ import annotations

import asyncio
import logging
import ssl

from slixmpp import ClientXMPP

from .lab import Account, Lab
from .stream import client_tls

logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
# The library leaves a pending task behind when a client ends.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)

PLUGINS = ("xep_0012", "xep_0013", "xep_0030", "xep_0049", "xep_0054", "xep_0085", "xep_0092", "xep_0115",
           "xep_0153", "xep_0172", "xep_0198", "xep_0199", "xep_0202", "xep_0203")


class Client(ClientXMPP):
    """A slixmpp client that logs in to the server under test."""

    def __init__(self, lab: Lab, account: Account, resource: str = "slix", mechanism: str | None = None,
                 password: str | None = None, tls: ssl.TLSVersion | None = None) -> None:
        super().__init__(f"{account.jid}/{resource}", password or account.password, sasl_mech=mechanism,
                         ssl_context=client_tls(lab.ca, version=tls))
        self.lab = lab
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.messages: asyncio.Queue = asyncio.Queue()
        self.presences: asyncio.Queue = asyncio.Queue()
        self.pushes: asyncio.Queue = asyncio.Queue()
        self.add_event_handler("message", self.messages.put_nowait)
        self.add_event_handler("presence", self.presences.put_nowait)
        self.add_event_handler("roster_update", self.pushes.put_nowait)
        self.outcome: asyncio.Future = asyncio.get_running_loop().create_future()
        for event in ("session_start", "session_resumed", "failed_all_auth", "stream_error", "connection_failed"):
            self.add_event_handler(event, lambda data, event=event: self._settle(event))
        self.failures: list[str] = []
        self.add_event_handler("failed_auth", lambda stanza: self.failures.append(stanza["condition"]))
        lab.stack.push_async_callback(self._end)

    def _settle(self, event: str) -> None:
        if not self.outcome.done():
            self.outcome.set_result(event)

    async def _end(self) -> None:
        self.cancel_connection_attempt()
        self.abort()

    async def attempt(self, direct_tls: bool = False) -> str:
        """Connect; the first decisive event."""
        self.enable_direct_tls = direct_tls
        self.enable_starttls = not direct_tls
        port = self.lab.subject.ports["c2s_tls" if direct_tls else "c2s_required"]
        self.outcome = asyncio.get_running_loop().create_future()
        self.connect("127.0.0.1", port)
        return await asyncio.wait_for(self.outcome, 15)

    async def login(self, presence: bool = True, direct_tls: bool = False) -> Client:
        """Connect, log in, get the roster, send presence."""
        outcome = await self.attempt(direct_tls)
        if outcome != "session_start":
            raise AssertionError(f"{self.boundjid}: {outcome} {self.failures}")
        if presence:
            await self.get_roster()
            self.send_presence()
        return self

    async def next_message(self, timeout: float = 10) -> object:
        """Next message event."""
        return await asyncio.wait_for(self.messages.get(), timeout)

    async def next_presence(self, sender: str, kind: str = "available", timeout: float = 10) -> object:
        """Next presence of this type (slixmpp's `available` for none) from a bare or full JID."""
        while True:
            presence = await asyncio.wait_for(self.presences.get(), timeout)
            if sender in (str(presence["from"]), presence["from"].bare) and presence["type"] == kind:
                return presence
