//! The servers that are measured, and how each is started with one user and relays on loopback.

use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use stun_wire::{Class, MessageWriter, Method};

use crate::{Options, Outcome};

/// In the order of the table.
pub(crate) const NAMES: [&str; 5] = ["bare loop", "batched loop", "ejabberd", "coturn", "Rookery"];

/// How long a server may take to answer.
const START: Duration = Duration::from_secs(30);

/// A server that is measured, ended when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Whether it forwards whatever comes, without being asked to.
pub(crate) fn is_loop(name: &str) -> bool {
    name.ends_with(" loop")
}

/// The floor: one receive and one send for each datagram, nothing looked at.
pub(crate) fn bare_loop(from: u16, to: u16) -> Outcome<()> {
    let inside = UdpSocket::bind(("127.0.0.1", from))?;
    let outside = UdpSocket::bind("127.0.0.1:0")?;
    let mut buffer = [0; 2048];
    loop {
        let len = inside.recv(&mut buffer)?;
        // As datagrams may be, it is lost when the peer has no room.
        outside.send_to(buffer.get(4..len).unwrap_or_default(), ("127.0.0.1", to)).ok();
    }
}

/// The same with as many datagrams a system call as there are.
pub(crate) fn batched_loop(from: u16, to: u16) -> Outcome<()> {
    let inside = UdpSocket::bind(("127.0.0.1", from))?;
    let outside = UdpSocket::bind("127.0.0.1:0")?;
    let state = UdpSocketState::new(UdpSockRef::from(&inside))?;
    // That made it one that does not wait.
    inside.set_nonblocking(false)?;
    let to = SocketAddrAny::from(SocketAddr::from(([127, 0, 0, 1], to)));
    let mut storage = vec![0; BATCH_SIZE * 65_536];
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    loop {
        let mut chunks = storage.chunks_exact_mut(65_536);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let count = state.recv(UdpSockRef::from(&inside), &mut buffers, &mut metas)?;
        let received = metas.iter().zip(&buffers).take(count);
        let datagrams = received.flat_map(|(meta, buffer)| {
            let bytes = buffer.get(..meta.len).unwrap_or_default();
            bytes
                .chunks(meta.stride.max(1))
                .map(|one| IoSlice::new(one.get(4..).unwrap_or_default()))
        });
        let datagrams: Vec<[IoSlice<'_>; 1]> = datagrams.map(|one| [one]).collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
            datagrams.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<MMsgHdr<'_>> = (datagrams.iter().zip(&mut controls))
            .map(|(one, control)| MMsgHdr::new_with_addr(&to, one, control))
            .collect();
        sendmmsg(&outside, &mut messages, SendFlags::empty()).ok();
    }
}

fn free_port() -> Outcome<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Starts a server on processor 0 and waits until it answers.
pub(crate) fn start(options: &Options, folder: &Path, name: &str, peer: u16) -> Outcome<Server> {
    let port = free_port()?;
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match name {
        "bare loop" | "batched loop" => {
            let how = if name == "bare loop" { "--bare" } else { "--batched" };
            let ports = [port.to_string(), peer.to_string()];
            command.arg(std::env::current_exe()?).arg(how).args(ports);
        }
        "ejabberd" => ejabberd(&mut command, folder, port)?,
        "coturn" => coturn(&mut command, options, folder, port),
        _ => return rookery(command, options, folder, port),
    }
    let server = Server { child: command.spawn()?, port };
    match is_loop(name) {
        true => std::thread::sleep(Duration::from_millis(500)),
        false => answers(port)?,
    }
    Ok(server)
}

/// Waits for the answer to a Binding request.
fn answers(port: u16) -> Outcome<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let request = MessageWriter::with_id(Class::Request, Method::Binding, [1; 12]).finish();
    let begin = Instant::now();
    while begin.elapsed() < START {
        // Nobody may listen yet, which this socket is told.
        let answered = socket.send(&request).and_then(|_| socket.recv(&mut [0; 256]));
        if answered.is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("a server does not answer".into())
}

fn coturn(command: &mut Command, options: &Options, folder: &Path, port: u16) {
    command.arg(&options.coturn);
    command.args(["-n", "-a", "-r", "localhost", "-u", "alice:secret"]);
    command.args(["-L", "127.0.0.1", "-E", "127.0.0.1", "-m", "1"]);
    command.args(["--no-tls", "--no-dtls", "--no-cli", "--no-stdout-log"]);
    command.args(["--allow-loopback-peers", "--min-port=20000", "--max-port=29999"]);
    command.arg(format!("--pidfile={}", folder.join("pid").display()));
    command.arg(format!("--log-file={}", folder.join("log").display()));
    command.arg("-p").arg(port.to_string());
}

fn rookery(mut command: Command, options: &Options, folder: &Path, port: u16) -> Outcome<Server> {
    let binary = options.rookery.clone().unwrap_or_else(|| "target/release/rookery".into());
    let config = folder.join("ejabberd.yml");
    fs::write(&config, configuration(port, "turn_loopback_for_tests: true"))?;
    let spool = folder.join("spool");
    command.arg(&binary).arg("--config").arg(config).arg("--spool").arg(&spool);
    let server = Server { child: command.spawn()?, port };
    answers(port)?;
    let mut ctl = Command::new(&binary);
    ctl.args(["ctl", "--spool"]).arg(&spool).args(["register", "alice", "localhost", "secret"]);
    // It exists from the second start on.
    ctl.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    Ok(server)
}

/// Debian's package, as a node without distribution, which neither needs nor starts a port mapper.
fn ejabberd(command: &mut Command, folder: &Path, port: u16) -> Outcome<()> {
    let config = folder.join("ejabberd-of-erlang.yml");
    fs::write(&config, configuration(port, "turn_blacklist: []"))?;
    let spool = folder.join("mnesia");
    fs::create_dir_all(&spool)?;
    let inetrc = folder.join("inetrc");
    fs::write(&inetrc, "{lookup,[file,native]}.\n{host,{127,0,0,1},[\"localhost\"]}.\n")?;
    let of_package = |entry: &fs::DirEntry| {
        fs::read_dir(entry.path()).is_ok_and(|mut inside| {
            inside.any(|one| {
                one.is_ok_and(|one| one.file_name().as_encoded_bytes().starts_with(b"ejabberd-"))
            })
        })
    };
    let libs = fs::read_dir("/usr/lib")?.flatten().find(of_package);
    let libs = libs.ok_or("the package ejabberd is not installed")?;
    command.args(["erl", "+K", "true", "-noinput", "-boot", "start_sasl"]);
    command.args(["-sasl", "sasl_error_logger", "false", "-mnesia", "dir"]);
    command.arg(format!("\"{}\"", spool.display())).args(["-s", "ejabberd", "-eval"]);
    command.arg("ejabberd_auth:try_register(<<\"alice\">>, <<\"localhost\">>, <<\"secret\">>).");
    command.env("ERL_LIBS", libs.path()).env("ERL_CRASH_DUMP_BYTES", "0").env("ERL_INETRC", inetrc);
    command
        .env("EJABBERD_CONFIG_PATH", config)
        .env("EJABBERD_LOG_PATH", folder.join("ejabberd.log"));
    Ok(())
}

/// For Rookery and ejabberd alike, but for `more`, by which each lets relays on loopback be used.
fn configuration(port: u16, more: &str) -> String {
    format!(
        "hosts: [localhost]\nauth_password_format: plain\nlisten:\n  - {{port: {port}, ip: 127.0.0.1, \
         transport: udp, module: ejabberd_stun, use_turn: true, turn_ipv4_address: 127.0.0.1, {more}, \
         turn_min_port: 20000, turn_max_port: 29999, turn_max_allocations: 10000}}\n"
    )
}
