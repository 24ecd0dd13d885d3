//! Listeners `ejabberd_http`, as ejabberd's documentation configures them for `CTL_OVER_HTTP`.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use crate::files::{Running, Site};

const CONFIG: &str = "
hosts: [localhost]
modules: {}
listen:
  - port: unix:ctl_over_http.sock
    module: ejabberd_http
    tag: ctl_over_http
    unix_socket: {mode: '0600'}
    request_handlers: {/ctl: ejabberd_ctl, /api: mod_http_api}
  - port: 45281
    module: ejabberd_http
    request_handlers: {/ctl: ejabberd_ctl}
";

#[test]
fn commands_are_given_over_http_on_a_unix_socket_only() {
    let site = Site::new(CONFIG);
    let line = "serve -f ejabberd.yml -s data -l logs";
    let socket = site.path("data/ctl_over_http.sock");
    let running = Running::begin(site.command("", line), &socket);
    let mode = std::fs::metadata(&socket).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ask = |path: &str, words: &str| {
        let mut stream = UnixStream::connect(&socket).expect("somebody listens");
        let head = "Host: localhost\r\nContent-Type: application/json\r\nConnection: close";
        let length = words.len();
        let request =
            format!("POST {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{words}");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    };
    let answer = ask("/ctl/registered_vhosts", "[\"registered_vhosts\"]");
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\nstatus-code: 0\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\nlocalhost\n"), "{answer}");
    assert!(ask("/api/status", "[]").starts_with("HTTP/1.1 404 "));
    assert!(std::net::TcpStream::connect(("127.0.0.1", 45281)).is_err());
    running.stop();
    assert!(!socket.exists());
    let audit = std::fs::read_to_string(site.path("logs/audit.log")).expect("there is a record");
    assert!(audit.contains("\"tag\":\"ctl_over_http\""), "{audit}");
    let log = std::fs::read_to_string(site.path("logs/ejabberd.log")).expect("there is a log");
    assert!(log.contains("`mod_http_api` is known and not yet in force"), "{log}");
    assert!(log.contains("nothing of it would be answered"), "{log}");
}
