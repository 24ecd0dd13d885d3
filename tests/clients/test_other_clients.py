"""Clients that share no code with slixmpp: @xmpp/client (JavaScript) and profanity (C, libstrophe) in a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import re
import shutil
import tempfile

from harness.lab import Account, Lab
from harness.marks import cases
from harness.slix import Client

HERE = pathlib.Path(__file__).resolve().parent


class JavaScript:
    """chat.mjs as a child process."""

    def __init__(self, lab: Lab, account: Account, password: str | None = None) -> None:
        self.lab, self.account, self.password = lab, account, password or account.password
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, port: str) -> JavaScript:
        """Run it; direct TLS on the TLS port, STARTTLS elsewhere."""
        modules = next((folder for folder in (HERE, *(pathlib.Path(p) for p in
                        os.environ.get("CLIENT_TESTS_NODE", "").split(":") if p))
                        if (folder / "node_modules/@xmpp/client").is_dir()), None)
        if modules is None:
            raise AssertionError("@xmpp/client is not installed: run `npm ci` in tests/clients, "
                                 "or name the folder of node_modules in CLIENT_TESTS_NODE")
        script = HERE / "chat.mjs"
        if modules != HERE:  # Modules are looked for beside the script.
            script = modules / "chat.mjs"
            shutil.copyfile(HERE / "chat.mjs", script)
        scheme = "xmpps" if port == "c2s_tls" else "xmpp"
        self.process = await asyncio.create_subprocess_exec(
            "node", str(script), f"{scheme}://127.0.0.1:{self.lab.subject.ports[port]}", self.account.host,
            self.account.user, self.password, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env={**os.environ, "NODE_EXTRA_CA_CERTS": self.lab.ca})
        self.lab.stack.push_async_callback(self.end)
        return self

    async def end(self) -> None:
        """Kill it."""
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def order(self, order: str, **data: str) -> None:
        """Tell it to do something."""
        assert self.process and self.process.stdin
        self.process.stdin.write(json.dumps({"order": order, **data}).encode() + b"\n")

    async def event(self, *names: str, **wanted: str) -> dict[str, object]:
        """Next event of one of these names with these values; others are dropped."""
        assert self.process and self.process.stdout
        seen = []
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), 15)
            if not line:
                assert self.process.stderr
                raise AssertionError(f"ended: {seen} {(await self.process.stderr.read()).decode()[-500:]}")
            event = json.loads(line)
            seen.append(event)
            if event["event"] in names and all(event.get(key) == value for key, value in wanted.items()):
                return event


def resource_of(lab: Lab, online: dict[str, object], account: Account) -> str:
    """The full JID; by SASL2 the client binds with a tag, to which the server adds its own part (XEP-0386)."""
    jid = str(online.get("jid"))
    own = r"/\w+" if lab.subject.name == "rookery" else ""
    assert re.fullmatch(rf"{re.escape(account.jid)}/javascript{own}", jid), online
    return jid


async def test_javascript_and_slixmpp_talk(lab: Lab) -> None:
    """Log-in over STARTTLS by SASL2, roster, messages both ways with slixmpp."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    js = await JavaScript(lab, alice).start("c2s_required")
    jid = resource_of(lab, await js.event("online", "error"), alice)
    js.order("roster")
    roster = await js.event("roster", "failed")
    assert [(item["jid"], item["subscription"]) for item in roster["items"]] == [(bob.jid, "both")]
    js.order("presence")
    await js.event("done", order="presence")
    b = await Client(lab, bob).login()
    await b.next_presence(jid)
    await js.event("presence", **{"from": b.boundjid.full})
    for number in range(10):
        js.order("message", to=bob.jid, body=f"from js {number} ü")
        message = await b.next_message()
        assert message["body"] == f"from js {number} ü" and message["from"] == jid
        message.reply(f"to js {number}").send()
        assert (await js.event("message"))["body"] == f"to js {number}"


async def test_javascript_direct_tls(lab: Lab) -> None:
    """Direct TLS."""
    account = lab.account()
    js = await JavaScript(lab, account).start("c2s_tls")
    resource_of(lab, await js.event("online", "error"), account)


async def test_javascript_resumes(lab: Lab) -> None:
    """After a lost connection the session goes on, by SASL2 within the log-in, with the message that came meanwhile."""
    alice, bob = lab.account(), lab.account()
    js = await JavaScript(lab, alice).start("c2s_tls")
    jid = resource_of(lab, await js.event("online", "error"), alice)
    js.order("presence")
    await js.event("done", order="presence")
    sender = await lab.session(bob)
    js.order("lose")
    await js.event("done", order="lose")
    sender.send(f"<message type='chat' to='{jid}'><body>meanwhile</body></message>")
    # The library may tell of the message first, although it came after.
    events = [await js.event("resumed", "message"), await js.event("resumed", "message")]
    assert {event["event"] for event in events} == {"resumed", "message"}, events
    assert [event.get("jid", jid) for event in events] == [jid, jid], events
    assert [event["body"] for event in events if "body" in event] == ["meanwhile"], events
    js.order("message", to=bob.jid, body="still here")
    assert (await sender.message("still here")).get("from") == jid


async def test_javascript_wrong_password(lab: Lab) -> None:
    """The library's SASLError not-authorized."""
    js = await JavaScript(lab, lab.account(), "wrong").start("c2s_required")
    error = await js.event("online", "error")
    assert error.get("condition") == "not-authorized", error


class Terminal:
    """A program in tmux with its own server socket: keys in, screen out."""

    def __init__(self, lab: Lab, folder: pathlib.Path) -> None:
        self.folder = folder
        self.socket = str(folder / "tmux.sock")
        lab.stack.push_async_callback(self.end)

    async def tmux(self, *args: str) -> str:
        """One tmux command."""
        process = await asyncio.create_subprocess_exec(
            "tmux", "-S", self.socket, "-f", "/dev/null", *args, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env={**os.environ, "LANG": "C.UTF-8", "TERM": "screen-256color"})
        out, err = await process.communicate()
        if process.returncode:
            raise AssertionError(f"tmux {args}: {err.decode()}")
        return out.decode()

    async def run(self, command: str) -> None:
        """Start the program."""
        await self.tmux("new-session", "-d", "-x", "140", "-y", "40", command)

    async def type(self, line: str) -> None:
        """Type a line and Enter."""
        await self.tmux("send-keys", "-l", line)
        await self.tmux("send-keys", "Enter")

    async def shows(self, pattern: str, seconds: float) -> bool:
        """Whether the screen matches within some time."""
        for _ in range(int(seconds * 10)):
            if re.search(pattern, await self.tmux("capture-pane", "-p")):
                return True
            await asyncio.sleep(0.1)
        return False

    async def see(self, pattern: str, seconds: float = 20) -> None:
        """Wait until the screen matches."""
        if not await self.shows(pattern, seconds):
            raise AssertionError(f"{pattern!r} never came on the screen:\n{await self.tmux('capture-pane', '-p')}")

    async def end(self) -> None:
        """End this tmux server only."""
        try:
            await self.tmux("kill-server")
        except AssertionError:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)


@cases("force", "legacy")
async def test_profanity(lab: Lab, tls: str) -> None:
    """A person at a terminal: connect, see the roster, send, receive; STARTTLS and direct TLS."""
    alice, bob = lab.account(), lab.account()
    await lab.friends(alice, bob)
    b = await Client(lab, bob).login()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="prof-"))
    terminal = Terminal(lab, folder)
    config = folder / "profanity"
    config.mkdir()
    (config / "profrc").write_text(
        f"[connection]\ncafile={lab.ca}\n[ui]\nsplash=false\n[logging]\nlevel=DEBUG\n")
    await terminal.run(f"env XDG_CONFIG_HOME={folder} XDG_DATA_HOME={folder}/data SSL_CERT_FILE={lab.ca} HOME={folder} profanity")
    await terminal.see(r"Profanity|◉|console|Type '/help'")
    port = lab.subject.ports["c2s_tls" if tls == "legacy" else "c2s_required"]
    await terminal.type(f"/connect {alice.jid} server 127.0.0.1 port {port} tls {tls}")
    await terminal.see(r"password")
    await terminal.type(alice.password)
    await terminal.see(rf"{re.escape(alice.jid)}.*logged in successfully")
    await b.next_presence(alice.jid)
    # It shows what it has, and says nothing when the roster comes later.
    for _ in range(10):
        await terminal.type("/roster")
        if await terminal.shows(rf"Roster:[\s\S]*{re.escape(bob.jid)}", 2):
            break
    else:
        raise AssertionError("the roster never came")
    await terminal.type(f"/msg {bob.jid} hello from a terminal")
    message = await b.next_message()
    while not message["body"]:
        message = await b.next_message()
    assert message["body"] == "hello from a terminal"
    message.reply("answer from slixmpp").send()
    await terminal.see(r"answer from slixmpp")
    await terminal.type("/quit")
    await b.next_presence(alice.jid, "unavailable")
