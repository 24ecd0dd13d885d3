"""Clients that others wrote: coturn's, aioice, and a browser."""

from __future__ import annotations

import asyncio
import functools
import http.server
import json
import pathlib
import re
import ssl
import subprocess
import threading
import time
import urllib.request
from xml.etree import ElementTree

import aioice
import slixmpp
import websockets
import wire
from lab import Lab

HERE = pathlib.Path(__file__).resolve().parent
MESSAGES = 20


def test_stunclient(lab: Lab) -> None:
    """coturn's STUN client learns its address."""
    command = ["turnutils_stunclient", "-p", str(lab.ports["relay"]), "127.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert "reflexive addr: 127.0.0.1:" in done.stdout + done.stderr, done.stdout + done.stderr


def test_natdiscovery(lab: Lab) -> None:
    """coturn's client of RFC 5780 hears all four listeners: mapping, then filtering."""
    for option, found in (("-m", "NAT with Endpoint Independent Mapping"), ("-f", "Endpoint Independent Filtering")):
        command = ["turnutils_natdiscovery", option, "-p", str(lab.ports["first"]), "127.0.0.61"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        said = done.stdout + done.stderr
        assert found in said and f"Other addr: : 127.0.0.62:{lab.ports['second']}" in said, said
        assert "No ALG" in said, said


def uclient(lab: Lab, kind: str, *options: str, clients: int = 2) -> None:
    """coturn's TURN client: every message must come back."""
    command = ["turnutils_uclient", "-u", "alice", "-w", "secret", "-n", str(MESSAGES), "-m", str(clients), "-l", "160",
               *options, "-p", str(lab.ports[kind]), "127.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    said = done.stdout + done.stderr
    found = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", said)
    assert found, said[-2000:]
    sent, received = map(int, found[-1])
    assert sent == received >= MESSAGES * clients // 2, said[-2000:]


def test_uclient_channels_over_udp(lab: Lab) -> None:
    """Channels, UDP."""
    with lab.echo() as port:
        uclient(lab, "relay", "-e", "127.0.0.1", "-r", str(port))


def test_uclient_indications_over_udp(lab: Lab) -> None:
    """Send and Data indications, UDP."""
    with lab.echo() as port:
        uclient(lab, "relay", "-s", "-e", "127.0.0.1", "-r", str(port))


def test_uclient_channels_over_tcp(lab: Lab) -> None:
    """Channels, TCP."""
    with lab.echo() as port:
        uclient(lab, "tcp", "-t", "-e", "127.0.0.1", "-r", str(port))


def test_uclient_channels_over_tls(lab: Lab) -> None:
    """Channels, TLS."""
    with lab.echo() as port:
        uclient(lab, "tls", "-t", "-S", "-e", "127.0.0.1", "-r", str(port))


def test_uclient_tcp_relays(lab: Lab) -> None:
    """RFC 6062: Connect, ConnectionBind, ConnectionAttempt, between two allocations over TCP."""
    uclient(lab, "tcp", "-T", "-y")


def disco(lab: Lab, user: str) -> list[dict[str, str]]:
    """What an XMPP client is told of services."""
    async def ask() -> list[dict[str, str]]:
        client = slixmpp.ClientXMPP(f"{user}@localhost/test", "secret")
        client.enable_direct_tls = False
        client.ssl_context.check_hostname = False
        client.ssl_context.verify_mode = ssl.CERT_NONE
        begun = asyncio.Event()
        client.add_event_handler("session_start", lambda _: begun.set())
        client.connect("127.0.0.1", lab.ports["c2s"])
        await asyncio.wait_for(begun.wait(), 15)
        iq = client.make_iq_get(ito="localhost")
        iq.xml.append(ElementTree.Element("{urn:xmpp:extdisco:2}services"))
        answer = await iq.send(timeout=10)
        found = [dict(one.attrib) for one in answer.xml.iter("{urn:xmpp:extdisco:2}service")]
        await client.disconnect()
        return found

    return asyncio.run(ask())


def test_log_in_from_disco(lab: Lab) -> None:
    """The log-in that a client is handed works, and stops to work when the account is removed."""
    lab.register("juliet")
    services = disco(lab, "juliet")
    turn = next(one for one in services if one["type"] == "turn" and one["port"] == str(lab.ports["relay"]))
    assert turn["host"] == "127.0.0.1" and turn["transport"] == "udp" and turn["restricted"] == "true"
    assert any(one["type"] == "turns" for one in services) and any(one["type"] == "stun" for one in services)
    with wire.Client(lab.ports["relay"], turn["username"], turn["password"]) as client, lab.listening() as peer:
        ip, port = peer.getsockname()
        assert client.allocate().code == 0
        assert client.peers(wire.BIND, ip, port=port, number=0x4001).code == 0
        client.channel(0x4001, b"before")
        assert peer.recv(100) == b"before"
        lab.ctl("unregister", "juliet", "localhost")
        time.sleep(1)
        client.channel(0x4001, b"after")
        peer.settimeout(0.3)
        try:
            raise AssertionError(f"still relays {peer.recv(100)!r}")
        except TimeoutError:
            pass
        assert client.allocate().code == 401, "the account is gone, though the log-in has not expired"


def test_aioice(lab: Lab) -> None:
    """Two agents of ICE that may only use the relay."""
    async def talk() -> None:
        async def agent(controlling: bool) -> aioice.Connection:
            agent = aioice.Connection(
                ice_controlling=controlling, turn_server=("127.0.0.1", lab.ports["relay"]), turn_username="alice",
                turn_password="secret", transport_policy=aioice.ice.TransportPolicy.RELAY)
            await agent.gather_candidates()
            assert [one.type for one in agent.local_candidates] and all(
                one.type == "relay" for one in agent.local_candidates), agent.local_candidates
            return agent

        one, two = await agent(True), await agent(False)
        for mine, other in ((one, two), (two, one)):
            for candidate in mine.local_candidates:
                await other.add_remote_candidate(candidate)
            await other.add_remote_candidate(None)
            other.remote_username, other.remote_password = mine.local_username, mine.local_password
        await asyncio.gather(one.connect(), two.connect())
        await one.send(b"through the relay")
        assert await asyncio.wait_for(two.recv(), 5) == b"through the relay"
        await two.send(b"and back")
        assert await asyncio.wait_for(one.recv(), 5) == b"and back"
        await asyncio.gather(one.close(), two.close())

    asyncio.run(asyncio.wait_for(talk(), 40))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves this folder without a word."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def test_two_pages_of_a_browser(lab: Lab) -> None:
    """Two pages in headless Chromium connect through the relay alone and exchange data-channel messages."""
    handler = functools.partial(Quiet, directory=str(HERE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = lab.folder / "chromium"
    browser = subprocess.Popen(
        ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--remote-debugging-port=0", "--remote-allow-origins=*", f"--user-data-dir={profile}",
         "--disable-features=WebRtcHideLocalIpsWithMdns", "--allow-loopback-in-peer-connection", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        place = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 30
        while not (place.exists() and place.read_text().strip()):
            assert time.monotonic() < deadline, "Chromium does not start"
            time.sleep(0.1)
        port = place.read_text().split()[0]
        base = f"http://127.0.0.1:{server.server_address[1]}/page.html?port={lab.ports['relay']}"
        asyncio.run(asyncio.wait_for(pages(port, base), 50))
    finally:
        browser.kill()
        browser.wait()
        server.shutdown()


async def pages(port: str, base: str) -> None:
    """Opens both pages and waits for what each has to say."""
    def opened(role: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?{base}%26role={role}", method="PUT")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["webSocketDebuggerUrl"]

    async def result(address: str) -> dict[str, object]:
        async with websockets.connect(address) as page:
            for number in range(1, 200):
                await page.send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": {
                    "expression": "JSON.stringify(window.outcome || null)"}}))
                answer = json.loads(await page.recv())
                value = answer.get("result", {}).get("result", {}).get("value")
                found = json.loads(value) if value else None
                if found:
                    return found
                await asyncio.sleep(0.2)
            raise AssertionError("a page has nothing to say")

    callee = await asyncio.to_thread(opened, "callee")
    caller = await asyncio.to_thread(opened, "caller")
    for outcome in await asyncio.gather(result(callee), result(caller)):
        assert outcome.get("received") == 50, outcome
        assert outcome.get("local") == outcome.get("remote") == "relay", outcome
