//! Measures relaying of ChannelData: Rookery, ejabberd, coturn and bare forwarding loops, in one run on loopback.
//!
//! `cargo run --release -p bench --bin relay -- --rookery target/release/rookery [--out bench/RELAY.md]`

use std::fmt::Write as _;
use std::fs;
use std::io::{IoSlice, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use stdx::Secret;
use stun_wire::{
    Algorithm, Class, Key, Message, MessageWriter, Method, attr, channel_header, long_term_key,
};

/// Datagrams of one system call of the load generator.
const BURST: usize = 32;
const CHANNEL: u16 = 0x4001;
const SIZES: [usize; 2] = [160, 1200];

mod servers;

use servers::{Server, start};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures relaying of ChannelData on loopback.
#[derive(Parser)]
struct Options {
    /// Rookery's binary.
    #[arg(long)]
    rookery: Option<PathBuf>,
    /// coturn's binary.
    #[arg(long, default_value = "turnserver")]
    coturn: PathBuf,
    /// Length of a measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Idle allocations for the figure of memory.
    #[arg(long, default_value_t = 500)]
    idle: usize,
    /// Where the table goes; standard output otherwise.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Be the bare loop: forward from this port to that one.
    #[arg(long, num_args = 2, hide = true)]
    bare: Option<Vec<u16>>,
    /// The same with many datagrams a system call.
    #[arg(long, num_args = 2, hide = true)]
    batched: Option<Vec<u16>>,
    /// Leaves servers out: a list of names, with commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// A client with one channel to a peer.
struct Client {
    socket: UdpSocket,
    key: Key,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    next: u8,
}

fn main() -> Outcome<()> {
    let options = Options::parse();
    if let Some([from, to]) = options.bare.as_deref() {
        return servers::bare_loop(*from, *to);
    }
    if let Some([from, to]) = options.batched.as_deref() {
        return servers::batched_loop(*from, *to);
    }
    let folder = std::env::temp_dir().join(format!("rookery-bench-relay-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let page = measure(&options, &folder);
    fs::remove_dir_all(&folder)?;
    let page = page?;
    match &options.out {
        Some(path) => fs::write(path, page)?,
        None => std::io::stdout().write_all(page.as_bytes())?,
    }
    Ok(())
}

fn measure(options: &Options, folder: &Path) -> Outcome<String> {
    rustix::thread::sched_setaffinity(None, &{
        let mut set = rustix::thread::CpuSet::new();
        set.set(1);
        set
    })?;
    let wanted =
        |name: &&str| options.only.is_empty() || options.only.iter().any(|one| one == name);
    let names: Vec<&str> = servers::NAMES.into_iter().filter(wanted).collect();
    let mut table: Vec<Vec<Vec<f64>>> = vec![vec![Vec::new(); SIZES.len() + 2]; names.len()];
    for _ in 0..options.rounds {
        for (name, figures) in names.iter().zip(&mut table) {
            for (size, into) in SIZES.iter().zip(figures.iter_mut()) {
                into.push(saturated(options, folder, name, *size)?);
            }
            figures[2].push(latency(options, folder, name)?);
            if !servers::is_loop(name) {
                figures[3].push(idle(options, folder, name)?);
            }
        }
    }
    let mut page = String::from(
        "# Relaying\n\nWritten by `cargo run --release -p bench --bin relay`: ChannelData of one client to one peer \
         on loopback, servers on processor 0, load on 1.\nProcessor time of the server (all threads) divided by \
         datagrams that reached the peer, while the load generator sends without pause;\nmedian of the rounds, least \
         and most in brackets. The bare loop receives and sends one datagram a call, the batched one up to 32 \
         (recvmmsg, sendmmsg);\nneither looks at what it forwards. Latency is one way, one datagram a millisecond.\n\n",
    );
    let (date, load) = (first_line("/proc/version"), first_line("/proc/loadavg"));
    writeln!(
        page,
        "{date}; load average at the end {load}; {} rounds of {} s\n",
        options.rounds, options.seconds
    )?;
    writeln!(page, "| figure | {} |\n|---|{}", names.join(" | "), "---:|".repeat(names.len()))?;
    let rows = [
        "160 bytes, µs CPU/packet",
        "1200 bytes, µs CPU/packet",
        "latency p99, µs",
        "idle allocation, KiB",
    ];
    for (row, title) in rows.iter().enumerate() {
        let cells: Vec<String> = table.iter().map(|figures| cell(&figures[row])).collect();
        writeln!(page, "| {title} | {} |", cells.join(" | "))?;
    }
    Ok(page)
}

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn cell(values: &[f64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.first(), sorted.get(sorted.len() / 2), sorted.last()) {
        (Some(least), Some(median), Some(most)) => format!("{median:.2} ({least:.2}–{most:.2})"),
        _ => "–".to_owned(),
    }
}

impl Client {
    fn new(server: u16) -> Outcome<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(("127.0.0.1", server))?;
        socket.set_read_timeout(Some(Duration::from_millis(300)))?;
        let key = long_term_key(Algorithm::Md5, "alice", "localhost", &Secret::new("secret"));
        Ok(Self { socket, key, realm: Vec::new(), nonce: Vec::new(), next: 0 })
    }

    fn ask(&mut self, method: Method, add: impl Fn(MessageWriter) -> MessageWriter) -> Outcome<()> {
        for _ in 0..40 {
            self.next = self.next.wrapping_add(1);
            let mut writer = add(MessageWriter::with_id(Class::Request, method, [self.next; 12]));
            if !self.nonce.is_empty() {
                writer = writer
                    .attribute(attr::USERNAME, b"alice")
                    .attribute(attr::REALM, &self.realm)
                    .attribute(attr::NONCE, &self.nonce)
                    .integrity_sha1(&self.key);
            }
            self.socket.send(&writer.finish())?;
            let mut buffer = [0; 2048];
            // What a limit on new clients drops is asked again.
            let Ok(len) = self.socket.recv(&mut buffer) else { continue };
            let answer = Message::parse(buffer.get(..len).unwrap_or_default())?;
            if answer.class() == Class::Success {
                return Ok(());
            }
            let value = |kind| answer.attribute(kind).map(|found| found.value.to_vec());
            (self.realm, self.nonce) =
                (value(attr::REALM).unwrap_or_default(), value(attr::NONCE).unwrap_or_default());
        }
        Err("the server does not do it".into())
    }

    fn allocate(&mut self) -> Outcome<()> {
        self.ask(Method::Allocate, |writer| {
            writer.attribute(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
        })
    }

    fn bind(&mut self, peer: SocketAddr) -> Outcome<()> {
        self.ask(Method::ChannelBind, |writer| {
            writer
                .number(attr::CHANNEL_NUMBER, u32::from(CHANNEL) << 16)
                .xor_address(attr::XOR_PEER_ADDRESS, peer)
        })
    }
}

/// A server with one client and its peer.
fn connected(
    options: &Options,
    folder: &Path,
    name: &str,
) -> Outcome<(Server, UdpSocket, UdpSocket)> {
    let peer = UdpSocket::bind("127.0.0.1:0")?;
    let server = start(options, folder, name, peer.local_addr()?.port())?;
    let mut client = Client::new(server.port)?;
    if !servers::is_loop(name) {
        client.allocate()?;
        client.bind(peer.local_addr()?)?;
    }
    Ok((server, client.socket, peer))
}

fn frame(size: usize) -> Vec<u8> {
    let mut frame = channel_header(CHANNEL, size as u16).to_vec();
    frame.resize(size + 4, 7);
    frame
}

/// Nanoseconds that all threads of a process have had a processor.
fn cpu_ns(pid: u32) -> Outcome<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        sum += text.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// Sends without pause; processor time of the server for each datagram that arrived, in microseconds.
fn saturated(options: &Options, folder: &Path, name: &str, size: usize) -> Outcome<f64> {
    let (server, client, peer) = connected(options, folder, name)?;
    peer.set_nonblocking(true)?;
    let frame = frame(size);
    let to = SocketAddrAny::from(SocketAddr::from(([127, 0, 0, 1], server.port)));
    let (mut arrived, mut buffer) = (0_u64, [0; 2048]);
    let mut before = 0;
    for (window, seconds) in [(false, 1), (true, options.seconds)] {
        let (begin, length) = (Instant::now(), Duration::from_secs(seconds));
        if window {
            (before, arrived) = (cpu_ns(server.child.id())?, 0);
        }
        while begin.elapsed() < length {
            send_burst(&client, &to, &frame)?;
            while peer.recv(&mut buffer).is_ok() {
                arrived += 1;
            }
        }
    }
    let used = cpu_ns(server.child.id())? - before;
    Ok(used as f64 / 1000.0 / arrived.max(1) as f64)
}

/// Many datagrams a system call, each by itself: joined ones would be joined at the receiver, too.
fn send_burst(socket: &UdpSocket, to: &SocketAddrAny, frame: &[u8]) -> Outcome<()> {
    let slices = [IoSlice::new(frame)];
    let mut controls: [SendAncillaryBuffer<'_, '_, '_>; BURST] =
        std::array::from_fn(|_| SendAncillaryBuffer::default());
    let mut messages: Vec<MMsgHdr<'_>> =
        controls.iter_mut().map(|control| MMsgHdr::new_with_addr(to, &slices, control)).collect();
    // A full queue is what saturation is.
    sendmmsg(socket, &mut messages, SendFlags::empty()).ok();
    Ok(())
}

/// The 99th percentile of the way from client to peer, in microseconds.
fn latency(options: &Options, folder: &Path, name: &str) -> Outcome<f64> {
    let (_server, client, peer) = connected(options, folder, name)?;
    peer.set_read_timeout(Some(Duration::from_millis(200)))?;
    let (frame, mut buffer) = (frame(160), [0; 2048]);
    let mut times = Vec::new();
    for _ in 0..options.seconds * 500 {
        let begin = Instant::now();
        client.send(&frame)?;
        if peer.recv(&mut buffer).is_ok() {
            times.push(begin.elapsed().as_secs_f64() * 1e6);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(times.len() * 99 / 100).copied().unwrap_or(f64::NAN))
}

fn resident_kib(pid: u32) -> Outcome<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find(|line| line.starts_with("VmRSS")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}

/// The same when it has not changed for a second, or after ten.
fn settled_kib(pid: u32) -> Outcome<f64> {
    let mut before = resident_kib(pid)?;
    for _ in 0..10 {
        std::thread::sleep(Duration::from_secs(1));
        let now = resident_kib(pid)?;
        if (now - before).abs() < 1.0 {
            break;
        }
        before = now;
    }
    resident_kib(pid)
}

/// What each of many idle allocations with a channel adds to the resident memory of the server, in KiB.
fn idle(options: &Options, folder: &Path, name: &str) -> Outcome<f64> {
    let (server, _client, peer) = connected(options, folder, name)?;
    let before = settled_kib(server.child.id())?;
    let mut clients = Vec::new();
    for _ in 0..options.idle {
        let mut client = Client::new(server.port)?;
        client.allocate()?;
        client.bind(peer.local_addr()?)?;
        clients.push(client);
    }
    Ok((settled_kib(server.child.id())? - before) / options.idle as f64)
}
