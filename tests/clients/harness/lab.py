"""What a test gets: fresh accounts, raw streams, slixmpp clients; all closed when the test ends."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import defaultdict
from dataclasses import dataclass

from .stream import Stream, local
from .subject import CtlResult, Subject

PASSWORD = "p4ss wörd"  # Each account's own password begins so.


@dataclass(frozen=True)
class Account:
    """A registered account."""

    user: str
    host: str

    @property
    def password(self) -> str:
        """Differs from account to account, so that one cannot be taken for another."""
        return f"{PASSWORD} {self.user}"

    @property
    def jid(self) -> str:
        """Bare JID."""
        return f"{self.user}@{self.host}"


class Pool:
    """Accounts registered before the tests, so that no test waits for a control command."""

    SIZES = {"talk.test": 340, "closenew.test": 4, "closeold.test": 4, "setresource.test": 4, "sha256.test": 4,
             "short.test": 16, "few.test": 6, "bare.test": 4}

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.free: dict[str, list[Account]] = defaultdict(list)
        rows = []
        for host, size in self.SIZES.items():
            for number in range(size):
                account = Account(f"user{number}", host)
                self.free[host].insert(0, account)
                rows.append((account.user, host, account.password))
        blocked = Account("blocked1", "talk.test")
        rows.append((blocked.user, blocked.host, blocked.password))
        subject.register_many(rows)

    def take(self, host: str) -> Account:
        """An account that no other test has."""
        if not self.free[host]:
            raise AssertionError(f"no account is left on {host}: raise its number in Pool.SIZES")
        return self.free[host].pop()


class Lab:
    """The surroundings of one test."""

    def __init__(self, subject: Subject, pool: Pool) -> None:
        self.subject = subject
        self.pool = pool
        self.stack = contextlib.AsyncExitStack()
        self.resources = (f"r{number}" for number in itertools.count(1))

    @property
    def ca(self) -> str:
        """Path of the authority's certificate."""
        return str(self.subject.authority.cert)

    def account(self, host: str = "talk.test") -> Account:
        """A fresh account."""
        return self.pool.take(host)

    async def ctl(self, *args: str) -> CtlResult:
        """A control command, without stopping the other tests."""
        return await asyncio.to_thread(self.subject.ctl, *args)

    async def stream(self, port: str = "c2s", host: str = "talk.test", cert: tuple[str, str] | None = None,
                     **options: bool) -> Stream:
        """A connected raw stream."""
        stream = Stream(self.subject.ports[port], host, self.ca, cert)
        await stream.connect(**options)
        self.stack.callback(stream.cut)
        return stream

    async def authenticated(self, account: Account, port: str = "c2s") -> Stream:
        """A raw stream after SASL, before binding."""
        stream = await self.stream(port, account.host)
        await stream.open()
        await stream.auth_plain(account.user, account.password)
        return stream

    async def session(self, account: Account, resource: str | None = None, port: str = "c2s",
                      presence: str | None = "<presence/>") -> Stream:
        """A raw session: logged in, bound, presence sent (and its echo consumed) unless None."""
        stream = await self.authenticated(account, port)
        await stream.bind(resource or next(self.resources))
        if presence:
            stream.send(presence)
            await stream.pick(lambda e: local(e) == "presence" and e.get("from") == stream.jid)
        return stream

    async def friends(self, *accounts: Account) -> None:
        """Mutual subscription between two accounts, made through the protocol."""
        first, second = accounts
        one = await self.session(first, "sub1")
        two = await self.session(second, "sub2")
        one.send(f"<presence type='subscribe' to='{second.jid}'/>")
        await two.presence(first.jid, "subscribe")
        two.send(f"<presence type='subscribed' to='{first.jid}'/><presence type='subscribe' to='{first.jid}'/>")
        await one.presence(second.jid, "subscribe")
        one.send(f"<presence type='subscribed' to='{second.jid}'/>")
        await two.presence(first.jid, "subscribed")
        await one.close()
        await two.close()
