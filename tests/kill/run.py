#!/usr/bin/env python3
"""Durability: kill -9 under load, again and again, then count.

    run.py --subject rookery --bin target/debug [--kills 100]
    run.py --subject ejabberd --kills 10

Clients with stream management (XEP-0198) write to each other and to people who are offline while the server is
killed and started again on the same data. One person has two resources, and messages to the account go to both. Each message has an id of its own. At the end everything that the
server acknowledged must have arrived exactly once: by `<a h=…/>` (or the h of a resumption), by the result of a
roster change, by the exit code of `register`. For ejabberd the numbers are printed and judged by nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import pathlib
import random
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter, deque
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

from harness.lab import Account  # noqa: E402
from harness.sm import COUNTED, Managed  # noqa: E402
from harness.stream import NS_SM, NS_STREAM, Closed, SaslFailure, Stream, StreamError, local, q  # noqa: E402
from harness.subject import Subject, make  # noqa: E402

HOST = "talk.test"
WINDOW = 40  # Unacknowledged messages per client.
SECOND = "anna's other device"
TOLD = 20  # Messages that a report names at most.
LOST_CONNECTION = (Closed, StreamError, SaslFailure, OSError, TimeoutError)


@dataclass
class Ledger:
    """What was promised and what came."""

    sent: int = 0
    acknowledged: set[str] = field(default_factory=set)
    received: Counter[str] = field(default_factory=Counter)
    out_of_order: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    refused: int = 0
    withdrawn: list[str] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    latest: dict[tuple[str, str], int] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)
    to_both: set[str] = field(default_factory=set)

    def take(self, receiver: str, ident: str) -> None:
        """A message arrived. Ids are `sender:receiver-group:number`."""
        sender, group, number = ident.split(":")
        if receiver == SECOND:
            # A count of its own: it gets what was for the whole account.
            group = SECOND
            ident = f"{sender}:{group}:{number}"
        self.received[ident] += 1
        key = (sender, group)
        if self.received[ident] == 1:
            if int(number) < self.latest.get(key, -1):
                self.out_of_order[f"{sender}:{group}"] += 1
                self.late.append(f"{ident} after {self.latest[key]}")
            self.latest[key] = max(int(number), self.latest.get(key, -1))


class State(Managed):
    """Stream management which writes into the ledger."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        super().__init__()
        self.ledger, self.name = ledger, name
        self.deaf = False

    def acknowledged(self, stanza: str) -> None:
        """A promise of the server."""
        if stanza.startswith("<message"):
            self.ledger.acknowledged.add(stanza.split("id='", 1)[1].split("'", 1)[0])

    def ack(self, count: int) -> None:
        """An h below an earlier one withdraws a promise."""
        if count < self.acked:
            self.ledger.withdrawn.append(f"{self.name}: h {count} after {self.acked}")
            return
        super().ack(count)

    def _tap(self, element: ET.Element) -> bool:
        if self.deaf and local(element) in COUNTED:
            return True
        super()._tap(element)
        if local(element) == "message" and element.get("type") != "error":
            self.ledger.take(self.name, element.get("id", ""))
        elif local(element) == "message":
            self.ledger.problems["message bounced"] += 1
        return element.tag != q(NS_STREAM, "error")


class Person:
    """A client that stays in the same resumable session through all kills, and writes to `targets`."""

    resource = "kill"

    def __init__(self, subject: Subject, ledger: Ledger, account: Account, targets: list[tuple[str, str]],
                 name: str = "") -> None:
        self.subject, self.ledger, self.account, self.targets = subject, ledger, account, targets
        self.state = State(ledger, name or account.user)
        self.numbers: Counter[str] = Counter()
        self.writing = False
        self.done = False
        self.online = asyncio.Event()
        self.leaving = False  # The stream was ended politely, so its session may be gone.
        self.sessions = 0

    async def live(self) -> None:
        """Session after session until told to end."""
        while not self.done:
            try:
                await self.session()
            except LOST_CONNECTION as error:
                if isinstance(error, SaslFailure):
                    self.ledger.problems[f"log-in: {error}"] += 1
                if isinstance(error, TimeoutError):
                    self.ledger.problems["time-out"] += 1
            self.online.clear()
            self.state.stream = None
            await asyncio.sleep(0.02)

    async def session(self) -> None:
        """Log in, resume or begin, then read and write until the connection ends."""
        stream = Stream(self.subject.ports["c2s"], HOST, str(self.subject.authority.cert))
        await stream.connect()
        try:
            await stream.open()
            await stream.auth_plain(self.account.user, self.account.password)
            if not self.state.ident or not await self.resume(stream):
                await self.begin(stream)
            self.sessions += 1
            self.online.set()
            writer = asyncio.create_task(self.write(stream))
            try:
                await self.read(stream)
            finally:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)
        finally:
            stream.cut()

    async def resume(self, stream: Stream) -> bool:
        """Resumption; False when the server has forgotten the session."""
        answer = await self.state.resume(stream)
        if answer.tag == q(NS_SM, "resumed"):
            self.ledger.resumed += 1
            return True
        if not self.leaving:
            self.ledger.refused += 1
        return False

    async def begin(self, stream: Stream) -> None:
        """A fresh session; what was not acknowledged in the old one is sent again."""
        pending = deque(self.state.queue)
        self.leaving = False
        self.state.ident = ""
        await stream.bind(self.resource)
        enabled = await self.state.enable(stream)
        if enabled.tag != q(NS_SM, "enabled") or not self.state.ident:
            raise RuntimeError(f"stream management refused: {ET.tostring(enabled).decode()}")
        self.state.send("<presence/>")
        for stanza in pending:
            if stanza.startswith("<message"):
                self.state.send(stanza)

    async def read(self, stream: Stream) -> None:
        """Everything is handled by the tap; only a stream error gets here."""
        while not self.done:
            for element in stream.inbox:
                raise StreamError(element)
            await stream.read_more(60)

    async def write(self, stream: Stream) -> None:
        """Messages to all targets in turn, with a bounded number under way."""
        turn = 0
        while True:
            if self.writing and len(self.state.queue) < WINDOW:
                target, group = self.targets[turn % len(self.targets)]
                turn += 1
                number = self.numbers[group]
                self.numbers[group] += 1
                self.ledger.sent += 1
                ident = f"{self.account.user}:{group}:{number}"
                if group == "anna" and "/" not in target:
                    self.ledger.to_both.add(ident)
                self.state.send(f"<message type='chat' to='{target}' id='{ident}'><body>{ident}</body></message>")
                if turn % 5 == 0:
                    stream.send(f"<r xmlns='{NS_SM}'/>")
                await asyncio.sleep(0.002)
            else:
                stream.send(f"<r xmlns='{NS_SM}'/>")
                await asyncio.sleep(0.05)


class Napper(Person):
    """Comes for a short time, takes what waited for it, acknowledges, and leaves politely."""

    async def read(self, stream: Stream) -> None:
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                await stream.read_more(0.1)
        await self.leave(stream)

    async def leave(self, stream: Stream) -> None:
        """Become unavailable, take what is still under way, acknowledge all, make sure it was heard, end the stream."""
        self.state.send("<presence type='unavailable'/>")
        await self.state.request()
        with contextlib.suppress(TimeoutError):
            while True:
                await stream.read_more(0.15)
        stream.send(f"<a xmlns='{NS_SM}' h='{self.state.handled_in}'/>")
        self.state.send("<presence type='unavailable'/>")
        await self.state.request()
        self.leaving = True
        stream.send("</stream:stream>")
        with contextlib.suppress(TimeoutError):
            while not stream.closed:
                await stream.read_more(5)
        self.state.ident = ""
        self.state.queue.clear()
        await asyncio.sleep(0.5)

    async def write(self, stream: Stream) -> None:
        """Only listens."""


class Hasty(Person):
    """Takes the resource of its own session again and again; messages that it never took are left in the old one."""

    async def read(self, stream: Stream) -> None:
        end = time.monotonic() + 0.15
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                await stream.read_more(0.1)
        # What comes from here on is not taken, and comes again: in the next session, or after a resumption.
        self.state.deaf = True
        stream.send(f"<a xmlns='{NS_SM}' h='{self.state.handled_in}'/>")
        self.state.send(f"<iq type='get' to='{HOST}' id='heard'><ping xmlns='urn:xmpp:ping'/></iq>")
        await self.state.request()
        with contextlib.suppress(TimeoutError):
            end = time.monotonic() + 0.15
            while time.monotonic() < end:
                await stream.read_more(0.1)
        self.leaving = True

    async def resume(self, stream: Stream) -> bool:
        """Only when it did not come to taking its resource again."""
        self.state.deaf = False
        return not self.leaving and await super().resume(stream)

    async def begin(self, stream: Stream) -> None:
        """The old session stays what it can resume until the new one has its place."""
        ident, taking = self.state.ident, self.leaving
        try:
            await super().begin(stream)
        except LOST_CONNECTION:
            if not self.state.ident:
                self.state.ident = ident
            self.leaving = taking
            raise
        self.state.deaf = False

    async def write(self, stream: Stream) -> None:
        """Only listens."""


class Second(Person):
    """Another resource of somebody, which only listens."""

    resource = "second"

    async def write(self, stream: Stream) -> None:
        """Only requests for acknowledgement, as its presence must have arrived."""
        while True:
            stream.send(f"<r xmlns='{NS_SM}'/>")
            await asyncio.sleep(0.05)


class Scribe(Person):
    """Changes its roster, one change after the other, and remembers the results."""

    def __init__(self, subject: Subject, ledger: Ledger, account: Account) -> None:
        super().__init__(subject, ledger, account, [])
        self.promised: set[str] = set()
        self.number = 0

    async def session(self) -> None:
        stream = Stream(self.subject.ports["c2s"], HOST, str(self.subject.authority.cert))
        await stream.connect()
        try:
            await stream.open()
            await stream.auth_plain(self.account.user, self.account.password)
            await stream.bind("scribe")
            self.online.set()
            while not self.done:
                contact = f"c{self.number}@example.org"
                self.number += 1
                answer = await stream.iq("set", f"<query xmlns='jabber:iq:roster'><item jid='{contact}'/></query>")
                if answer.get("type") == "result":
                    self.promised.add(contact)
                stream.inbox.clear()
                await asyncio.sleep(0.005)
        finally:
            stream.cut()

    async def missing(self) -> int:
        """Promised contacts that are not in the roster."""
        stream = Stream(self.subject.ports["c2s"], HOST, str(self.subject.authority.cert))
        await stream.connect()
        await stream.open()
        await stream.auth_plain(self.account.user, self.account.password)
        await stream.bind("check")
        answer = await stream.iq("get", "<query xmlns='jabber:iq:roster'/>")
        stream.cut()
        return len(self.promised - {item.get("jid") for item in answer.iter("{jabber:iq:roster}item")})


class Sleeper(Person):
    """Offline until the end."""

    async def collect(self, quiet: float = 3) -> None:
        """Log in once and take everything."""
        stream = Stream(self.subject.ports["c2s"], HOST, str(self.subject.authority.cert))
        await stream.connect()
        await stream.open()
        await stream.auth_plain(self.account.user, self.account.password)
        await self.begin(stream)
        with contextlib.suppress(TimeoutError):
            while True:
                await stream.read_more(quiet)
        stream.cut()


class Trial:
    """One run."""

    def __init__(self, subject: Subject, kills: int, dice: random.Random, fault: str) -> None:
        self.subject, self.kills, self.dice, self.fault = subject, kills, dice, fault
        self.ledger = Ledger()
        names = ("anna", "boris", "carla", "dirk", "napper", "hasty", "sleeper1", "sleeper2", "scribe")
        accounts = {name: Account(name, HOST) for name in names}
        subject.register_many([(a.user, a.host, a.password) for a in accounts.values()])
        # A polite restart: the oracle would lose these very accounts at the first kill.
        subject.stop()
        subject.start()

        def person(name: str, *friends: str) -> Person:
            targets = [(f"{accounts[f].jid}/kill", f) for f in friends[:1]] + [(accounts[f].jid, f) for f in friends]
            # Full and bare address reach the same one, so they share numbers and order.
            return Person(subject, self.ledger, accounts[name], targets)

        self.people = [person("anna", "boris", "sleeper1", "napper"), person("boris", "anna", "sleeper2", "hasty"),
                       person("carla", "dirk", "napper"), person("dirk", "carla", "sleeper1", "hasty")]
        self.people.append(Second(subject, self.ledger, accounts["anna"], [], SECOND))
        self.guests = [Napper(subject, self.ledger, accounts["napper"], []),
                       Hasty(subject, self.ledger, accounts["hasty"], [])]
        self.scribe = Scribe(subject, self.ledger, accounts["scribe"])
        self.sleepers = [Sleeper(subject, self.ledger, accounts[name], []) for name in ("sleeper1", "sleeper2")]
        self.registered: list[str] = []
        self.starts: list[float] = []

    async def run(self) -> None:
        """Load, kills, the end of the load, the count."""
        tasks = [asyncio.create_task(one.live()) for one in (*self.people, *self.guests, self.scribe)]
        await self.assemble()
        for number in range(self.kills):
            await self.load()
            if number % 10 == 5:
                await self.register(number)
            await self.strike()
            for task in tasks:
                if task.done():
                    task.result()
        await self.load()
        for one in self.people:
            one.writing = False
        await self.drain()
        for one in (*self.guests, self.scribe):
            one.done = True
        await asyncio.sleep(1.5)
        rest = [Sleeper(self.subject, self.ledger, guest.account, []) for guest in self.guests]
        await asyncio.gather(*(sleeper.collect() for sleeper in (*self.sleepers, *rest)))
        for one in self.people:
            one.done = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def assemble(self) -> None:
        """Nobody writes before all have bound and their presence is known.

        Before that a message to an account is stored, and one to a resource may pass it on its way.
        """
        async with asyncio.timeout(60):
            await asyncio.gather(*(one.online.wait() for one in self.people))
            while any(one.state.queue for one in self.people):
                await asyncio.sleep(0.01)
        for one in self.people:
            one.writing = True

    async def strike(self) -> None:
        """The fault: the server killed and started, or all connections cut."""
        if self.fault == "cut":
            for one in (*self.people, *self.guests):
                if one.state.stream:
                    one.state.stream.cut()
                    one.online.clear()
            return
        await asyncio.to_thread(self.subject.kill)
        begin = time.monotonic()
        await asyncio.to_thread(self.subject.start)
        self.starts.append(time.monotonic() - begin)

    async def load(self) -> None:
        """All are online and messages flow; then a random moment."""
        try:
            async with asyncio.timeout(60):
                await asyncio.gather(*(one.online.wait() for one in self.people))
                before = len(self.ledger.acknowledged)
                while len(self.ledger.acknowledged) < before + 40:
                    await asyncio.sleep(0.005)
        except TimeoutError:
            self.ledger.problems["no progress for a minute"] += 1
        await asyncio.sleep(self.dice.random() * 0.25)

    async def register(self, number: int) -> None:
        """An account whose registration was confirmed right before a kill."""
        result = await asyncio.to_thread(self.subject.ctl, "register", f"late{number}", HOST, "x")
        if result.code == 0:
            self.registered.append(f"late{number}")

    async def drain(self) -> None:
        """Wait until all is acknowledged and has arrived."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and any(one.state.queue for one in self.people):
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)

    async def lost_accounts(self) -> int:
        """Confirmed registrations that are gone."""
        users = (await asyncio.to_thread(self.subject.ctl, "registered_users", HOST)).out.split()
        return len(set(self.registered) - set(users))


async def trial(subject: Subject, kills: int, seed: int, fault: str) -> list[str]:
    """Run and report; the list of what is wrong."""
    begin = time.monotonic()
    one = Trial(subject, kills, random.Random(seed), fault)
    await one.run()
    ledger = one.ledger
    lost = sorted(ledger.acknowledged - set(ledger.received))
    lost += [f"{ident} at {SECOND}" for ident in sorted(ledger.acknowledged & ledger.to_both)
             if ident.replace(":anna:", f":{SECOND}:") not in ledger.received]
    doubled = sorted(ident for ident, count in ledger.received.items() if count > 1)
    pending = sum(len(person.state.queue) for person in one.people)
    wrong = {
        "acknowledged messages lost": len(lost), "messages doubled": len(doubled),
        # RFC 6120 §10.1, whether they are delivered at once, stored, or come from a session that has ended.
        "out of order": sum(ledger.out_of_order.values()), "acknowledgements withdrawn": len(ledger.withdrawn), "resumptions refused": ledger.refused,
        "never acknowledged": pending, "confirmed roster changes lost": await one.scribe.missing(),
        "confirmed accounts lost": await one.lost_accounts(), **ledger.problems,
    }
    starts = sorted(one.starts) or [0.0]
    print(f"{kills} {fault}s in {time.monotonic() - begin:.0f} s (seed {seed}): {ledger.sent} messages sent, "
          f"{len(ledger.acknowledged)} acknowledged, {len(ledger.received)} arrived, {ledger.resumed} resumptions, "
          f"{len(one.scribe.promised)} roster changes, {len(one.registered)} accounts; "
          f"restart median {starts[len(starts) // 2] * 1000:.0f} ms, slowest {starts[-1] * 1000:.0f} ms")
    for name, count in wrong.items():
        print(f"  {name}: {count}")
    for name, idents in (("lost", lost), ("doubled", doubled)):
        if idents:
            print(f"  {name}: {', '.join(idents[:TOLD])}")
    if ledger.late:
        print(f"  out of order: {', '.join(ledger.late[:TOLD])}")
    if not ledger.acknowledged or (kills and not one.scribe.promised):
        return ["nothing was acknowledged at all"]
    return [f"{name}: {count}" for name, count in wrong.items() if count]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", choices=("rookery", "ejabberd"), required=True)
    parser.add_argument("--bin", type=pathlib.Path, help="folder with rookery and rookeryctl (or ROOKERY_BIN)")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--fault", choices=("kill", "cut"), default="kill",
                        help="cut: only the connections, which shows that the counting itself is right")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="keep the server's folder")
    options = parser.parse_args()
    config = (HERE.parent / "clients" / "ejabberd.yml").read_text()
    # The people who are offline get more messages here than the other tests allow.
    config = config.replace("    1000: all\n", "    1000000: all\n")
    config = config.replace("resend_on_timeout: if_offline", "resend_on_timeout: true")
    assert "1000000: all" in config and "if_offline" not in config
    with make(options.subject, config, options.bin, keep=options.keep) as subject:
        subject.start()
        wrong = asyncio.run(trial(subject, options.kills, options.seed, options.fault))
    if options.keep:
        print(f"kept: {subject.folder}")
    if wrong and (options.subject == "rookery" or options.fault == "cut"):
        print(f"FAILED: {'; '.join(wrong)}")
        return 1
    print("ok" if not wrong else "the oracle's numbers are not judged")
    return 0


if __name__ == "__main__":
    sys.exit(main())
