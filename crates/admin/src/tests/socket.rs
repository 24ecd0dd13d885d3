//! The control socket in this process, and other users in a process of their own.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use observe::LogOptions;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::Bench;
use crate::control::{CONNECTIONS_MAX, Group, WATCHERS_MAX, bind, serve};

const PLACE: &str = "ROOKERY_TEST_CONTROL_SOCKET";
const REQUEST: &str = "ROOKERY_TEST_REQUEST";
const NOBODY: u32 = 65_534;

fn open(bench: &Bench) -> PathBuf {
    let path = bench.folder().join("control.sock");
    let socket = bind(&path, None).unwrap();
    bench
        .kernel
        .tasks()
        .spawn("control", serve(bench.kernel.clone(), socket, bench.process.clone()));
    path
}

async fn exchange(path: &Path, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    // A server that refuses a request may close before it has read all of it.
    stream.write_all(request).await.ok();
    stream.shutdown().await.ok();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok();
    answer
}

#[tokio::test]
async fn a_command_goes_round_and_the_socket_goes_with_the_server() {
    let bench = Bench::new().await;
    let path = open(&bench);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let answer = exchange(&path, b"{\"words\":[\"registered_vhosts\"]}\n").await;
    assert_eq!(answer, "{\"status\":0,\"stdout\":\"talk.test\\nfew.test\\n\",\"stderr\":\"\"}\n");
    let answer = exchange(&path, b"{\"words\":[\"get_loglevel\"]}\n").await;
    assert!(answer.contains("warning\\n"), "{answer}");
    assert_eq!(bench.kernel.tasks().stop(Duration::from_secs(5)).await, 0);
    assert!(!path.exists());
}

#[tokio::test]
async fn errors_are_in_another_language_only_if_it_is_asked_for() {
    let bench = Bench::new().await;
    let path = open(&bench);
    for (language, said) in [
        ("", "Error: error\\nError: \\\"Unknown virtual host\\\"\\n"),
        (
            ",\"language\":\"de_DE.UTF-8\"",
            "Error: error\\nError: \\\"Unbekannter virtueller Host\\\"\\n",
        ),
        (",\"language\":\"tlh\"", "Unknown virtual host"),
        (",\"language\":null", "Unknown virtual host"),
    ] {
        let request = format!("{{\"words\":[\"stats_host\",\"onlineusers\",\"x\"]{language}}}\n");
        let answer = exchange(&path, request.as_bytes()).await;
        assert!(answer.starts_with("{\"status\":1,") && answer.contains(said), "{answer}");
    }
    let request = b"{\"words\":[\"status\",\"x\"],\"language\":\"fr\",\"progress\":true}\n";
    let answer = exchange(&path, request).await;
    assert!(answer.starts_with("{\"status\":2,") && answer.contains("Erreur : "), "{answer}");
}

#[tokio::test]
async fn nonsense_is_answered_and_hurts_nobody() {
    let bench = Bench::new().await;
    let path = open(&bench);
    let mut long = vec![b' '; 2 << 20];
    long.push(b'\n');
    for request in [
        &b"hello\n"[..],
        b"{\"words\":[1]}\n",
        b"{}\n",
        b"{\"words\":[\"status\"]}",
        b"\xff\xfe\n",
        b"\n",
        b"",
        &long,
    ] {
        let answer = exchange(&path, request).await;
        // The end of a connection that still has unread bytes may overtake the answer.
        let expected = answer.starts_with("{\"status\":1,\"stdout\":\"\",\"stderr\":\"Error: ");
        assert!(expected || (answer.is_empty() && request.len() > 1 << 20), "{answer}");
    }
    let answer = exchange(&path, b"{\"words\":[\"status\"]}\n").await;
    assert!(answer.starts_with("{\"status\":0,"), "{answer}");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let bench = Bench::new().await;
    let path = bench.folder().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let living = bind(&path, None).unwrap();
    assert_eq!(bind(&path, None).unwrap_err().kind(), ErrorKind::AddrInUse);
    drop(living);
    assert!(!path.exists());
    std::fs::write(&path, "a letter").unwrap();
    assert_eq!(bind(&path, None).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a letter");
}

#[tokio::test]
async fn callers_beyond_the_bound_wait_and_are_answered() {
    let bench = Bench::new().await;
    let path = open(&bench);
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        idle.push(UnixStream::connect(&path).await.unwrap());
    }
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let path = path.clone();
        waiting.spawn(async move { exchange(&path, b"{\"words\":[\"status\"]}\n").await });
    }
    let early = tokio::time::timeout(Duration::from_millis(50), waiting.join_next()).await;
    assert!(early.is_err(), "all places are taken");
    drop(idle);
    while let Some(answer) = waiting.join_next().await {
        assert!(answer.unwrap().starts_with("{\"status\":0,"));
    }
}

#[tokio::test]
async fn progress_is_told_to_whom_it_interests() {
    let bench = Bench::new().await;
    let path = open(&bench);
    let words = "\"words\":[\"count\"]";
    let quiet = exchange(&path, format!("{{{words}}}\n").as_bytes()).await;
    assert_eq!(quiet, "{\"status\":0,\"stdout\":\"3\\n\",\"stderr\":\"\"}\n");
    let told = exchange(&path, format!("{{{words},\"progress\":true}}\n").as_bytes()).await;
    let progress =
        "{\"progress\":\"1 of 3\"}\n{\"progress\":\"2 of 3\"}\n{\"progress\":\"3 of 3\"}\n";
    assert_eq!(told, format!("{progress}{quiet}"));
}

#[tokio::test]
async fn a_caller_who_is_killed_ends_nothing_half_way() {
    let bench = Bench::new().await;
    let path = open(&bench);
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"{\"words\":[\"count\"],\"progress\":true}\n").await.unwrap();
    drop(stream);
    bench.process.reopened.notified().await;
}

#[tokio::test]
async fn the_commands_are_listed_with_their_arguments() {
    let bench = Bench::new().await;
    let path = open(&bench);
    let list = exchange(&path, b"{\"list\":\"commands\"}\n").await;
    let register = "{\"name\":\"register\",\"about\":\"Register a user\",\
                    \"args\":[\"user\",\"host\",\"password\"],\"secrets\":[\"password\"]}";
    assert!(list.starts_with("{\"commands\":[") && list.contains(register), "{list}");
}

#[tokio::test]
async fn the_log_is_shown_to_a_few_at_a_time() {
    let bench = Bench::new().await;
    let path = open(&bench);
    let options = LogOptions { file: Some(bench.folder().join("log")), ..LogOptions::default() };
    let (logging, dispatch) = observe::Logging::build(&options).unwrap();
    *bench.process.logging.lock() = Some(logging);
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS_MAX {
        let mut stream = BufReader::new(UnixStream::connect(&path).await.unwrap());
        stream.write_all(b"{\"watch\":\"log\"}\n").await.unwrap();
        assert_eq!(line(&mut stream).await, "{\"watching\":\"log\"}\n");
        watchers.push(stream);
    }
    let refused = exchange(&path, b"{\"watch\":\"log\"}\n").await;
    assert!(refused.contains("\"status\":1,") && refused.contains("8 others"), "{refused}");
    tracing::dispatcher::with_default(&dispatch, || tracing::info!(target: "admin", "hello"));
    for watcher in &mut watchers {
        let shown = line(watcher).await;
        assert!(shown.starts_with("{\"line\":\"") && shown.contains("admin: hello"), "{shown}");
    }
    // Watchers are in nobody's way, and do not hold the server up when it stops.
    assert!(exchange(&path, b"{\"words\":[\"status\"]}\n").await.contains("\"status\":0,"));
    assert_eq!(bench.kernel.tasks().stop(Duration::from_secs(5)).await, 0);
    assert_eq!(line(&mut watchers[0]).await, "");
}

async fn line(stream: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    line
}

/// What another user of the machine is answered who gives a command; `None` if this user cannot become another one.
///
/// Modes are opened on purpose, so that only the look at the peer's credentials is left to refuse.
async fn as_nobody(bench: &Bench, path: &Path, request: &str) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        // Only root can become somebody else; the rule itself is tested beside it.
        return None;
    }
    let program = bench.folder().join("caller");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for (place, mode) in [(bench.folder(), 0o755), (path, 0o666), (&program, 0o755)] {
        std::fs::set_permissions(place, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut command = std::process::Command::new(&program);
    command
        .args(["--exact", "tests::socket::caller", "--ignored", "--nocapture"])
        .env(PLACE, path)
        .env(REQUEST, request)
        .uid(NOBODY)
        .gid(NOBODY);
    let done = tokio::process::Command::from(command).output().await.unwrap();
    Some(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_refused() {
    let bench = Bench::new().await;
    let path = open(&bench);
    let request = "{\"words\":[\"registered_vhosts\"]}\n";
    let Some(said) = as_nobody(&bench, &path, request).await else { return };
    let refused =
        "\"status\":7,\"stdout\":\"\",\"stderr\":\"ERROR: This command can only be run by";
    assert!(said.contains(refused) && !said.contains("talk.test"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_the_group_have_the_rights_that_its_tag_has_and_no_others() {
    let entries = "hosts: [talk.test]\napi_permissions:\n  operators:\n    from: [{tag: \"group:crew\"}]\n    who: all\n    \
                   what: registered_vhosts\n";
    let bench = Bench::with(entries).await;
    let path = bench.folder().join("control.sock");
    let group = Group { name: "crew".to_owned(), gid: NOBODY };
    // Who is not root cannot give the file away, and need not try what follows.
    let Ok(socket) = bind(&path, Some(group)) else { return };
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let serving = serve(bench.kernel.clone(), socket, bench.process.clone());
    bench.kernel.tasks().spawn("control", serving);
    for (request, expected) in [
        ("{\"words\":[\"registered_vhosts\"]}\n", "\"status\":0,\"stdout\":\"talk.test"),
        ("{\"words\":[\"gc\"]}\n", "access_rules_unauthorized"),
        ("{\"watch\":\"log\"}\n", "\"status\":7,"),
    ] {
        let Some(said) = as_nobody(&bench, &path, request).await else { return };
        assert!(said.contains(expected), "{request}: {said}");
    }
    assert!(exchange(&path, b"{\"words\":[\"gc\"]}\n").await.contains("\"status\":0,"));
}

#[test]
#[ignore = "the process of another user"]
fn caller() {
    let Some(path) = std::env::var_os(PLACE) else { return };
    let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    stream.write_all(std::env::var(REQUEST).unwrap().as_bytes()).ok();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok();
    println!("{answer}");
}
