//! Texts and exit statuses as ejabberd 23.01 gave them, with the changes that 26.07 made.

use kernel::commands::{CommandError, Value};
use kernel::{CloseReason, Control, SessionHandle};

use super::{Bench, audited, root};
use crate::ctl;

fn closed_by(session: &SessionHandle) -> Option<CloseReason> {
    let (mut control, mut stanzas) = (Vec::new(), Vec::new());
    session.mailbox().take(1, &mut control, &mut stanzas);
    control.into_iter().find_map(|item| match item {
        Control::Close(reason) => Some(reason),
        _ => None,
    })
}

fn said(status: u8, text: &str) -> (u8, String) {
    (status, text.to_owned())
}

#[tokio::test]
async fn accounts_begin_change_and_end() {
    let bench = Bench::new().await;
    let cannot = |who: &str, why: &str| {
        said(
            1,
            &format!(
                "Error: cannot_register: Can't register user {who}@talk.test at node rookery@localhost: {why}\n"
            ),
        )
    };
    let lines = [
        (
            "register alice talk.test secret",
            said(0, "User alice@talk.test successfully registered\n"),
        ),
        (
            "register ALICE talk.test secret",
            said(1, "Error: conflict: User ALICE@talk.test already registered\n"),
        ),
        (
            "register alice nowhere.test secret",
            said(1, "Error: cannot_register: Unknown virtual host\n"),
        ),
        ("register a@b talk.test secret", cannot("a@b", "Malformed username")),
        (
            "register bob talk.test _empty_",
            cannot("bob", "The password contains unacceptable characters"),
        ),
        ("check_password alice talk.test secret", said(0, "")),
        ("check-password alice talk.test wrong", said(1, "Error: false\n")),
        ("check_account alice nowhere.test", said(1, "Error: false\n")),
        ("change_password alice talk.test other", said(0, "")),
        ("check_password alice talk.test secret", said(1, "Error: false\n")),
        ("check_password alice talk.test other", said(0, "")),
        ("change_password nobody talk.test other", said(1, "{not_found,\"unknown_user\"}\n")),
        ("change_password alice talk.test _empty_", said(1, "invalid_password\n")),
        ("registered_users talk.test", said(0, "alice\n")),
        ("registered_users few.test", said(0, "")),
        (
            "registered_users nowhere.test",
            said(1, "Error: error\nError: \"Unknown virtual host\"\n"),
        ),
        (
            "unregister alice nowhere.test",
            said(1, "Error: error\nError: \"Unknown virtual host\"\n"),
        ),
        ("unregister alice talk.test", said(0, "")),
        ("unregister alice talk.test", said(0, "")),
        ("check_account alice talk.test", said(1, "Error: false\n")),
    ];
    for (line, expected) in lines {
        assert_eq!(bench.says(line).await, expected, "{line}");
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let bench = Bench::new().await;
    bench.says("register boris talk.test pw").await;
    let (phone, laptop) =
        (bench.session("alice@talk.test/phone"), bench.session("alice@talk.test/laptop"));
    let desk = bench.session("boris@talk.test/desk");
    let (_, told) = bench.says("user_sessions_info boris talk.test").await;
    let fields: Vec<_> = told.split('\t').collect();
    assert_eq!(fields[..5], ["c2s_tls", "unknown", "0", "-1", "rookery@localhost"]);
    assert!(fields[5].parse::<u64>().is_ok(), "seconds since the log-in");
    assert_eq!(fields[6..], ["unavailable", "desk", "\n"]);
    let lines = [
        (
            "connected_users",
            "alice@talk.test/laptop\nalice@talk.test/phone\nboris@talk.test/desk\n",
        ),
        ("connected_users_vhost few.test", ""),
        ("connected_users_number", "3\n"),
        ("user_resources ALICE talk.test", "laptop\nphone\n"),
        ("user_resources alice nowhere.test", ""),
        ("num_resources alice talk.test", "2\n"),
        ("kick_user nobody talk.test", "Kicked sessions: 0\n"),
        ("kick_user alice talk.test", "Kicked sessions: 2\n"),
        ("--version 0 kick_user boris talk.test", "1\n"),
        ("--version 1 kick_user boris talk.test", "1\n"),
    ];
    for (line, text) in lines {
        assert_eq!(bench.says(line).await, said(0, text), "{line}");
    }
    assert!(matches!(closed_by(&phone), Some(CloseReason::Kicked(_))));
    assert!(matches!(closed_by(&desk), Some(CloseReason::Kicked(_))));
    bench.says("kick_session alice talk.test laptop stuck").await;
    assert!(matches!(closed_by(&laptop), Some(CloseReason::Kicked(_))));
    assert_eq!(closed_by(&laptop), None);
    bench.says("unregister boris talk.test").await;
    assert_eq!(closed_by(&desk), Some(CloseReason::AccountGone));
}

#[tokio::test]
async fn the_server_is_asked() {
    let bench = Bench::new().await;
    bench.kernel.set_control(bench.process.clone());
    let running = "The node rookery@localhost is started with status: started\nrookery 0.1.0 is running in that node\n";
    assert_eq!(bench.says("status").await, said(0, running));
    assert_eq!(bench.says("registered-vhosts").await, said(0, "talk.test\nfew.test\n"));
    assert_eq!(bench.says("get_loglevel").await, said(0, "warning\n"));
    assert_eq!(bench.says("set_loglevel debug").await, said(0, ""));
    assert_eq!(bench.says("set_loglevel loud").await.0, 1);
    let problem = "Error: error\nError: ejabberd.yml:3:1: unknown option\n  | no_such_option\n";
    assert_eq!(bench.says("reload_config").await, said(1, problem));
    assert_eq!(bench.says("restart").await, said(1, "Error: error: not here\n"));
    assert_eq!(bench.says("stop").await, said(0, ""));
    assert_eq!(bench.process.stops.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn mistakes_are_explained() {
    let bench = Bench::new().await;
    let lines = [
        (
            "registred_users talk.test",
            1,
            "Error: unknown command 'registred_users'. Did you mean 'registered_users'?\n",
        ),
        (
            "get-mam-count alice talk.test",
            1,
            "Error: the command 'get_mam_count' is not available yet: it waits for the message archive (mod_mam).\n",
        ),
        ("--version many status", 1, "Error: --version takes a number from 0 to 3, not 'many'\n"),
    ];
    for (line, status, text) in lines {
        assert_eq!(bench.says(line).await, said(status, text), "{line}");
    }
    for (line, count) in [("register alice", "2 more"), ("status extra", "1 less")] {
        let (status, text) = bench.says(line).await;
        assert_eq!(status, 2);
        assert!(text.starts_with("  Command Name: "), "{text}");
        assert!(text.ends_with(&format!("requires {count} argument.\n")), "{text}");
    }
}

#[tokio::test]
async fn help_has_the_forms_of_ejabberd() {
    let bench = Bench::new().await;
    let details = "  Command Name: register\n\n  Arguments: \
                   user::string : the account without its host: alice of\n             alice@example.com\n             \
                   host::string : a virtual host of the server\n             \
                   password::string : the password; `-` reads it from standard\n             input or asks for it\n\n  \
                   Returns: res::restuple\n\n  Tags: accounts\n\n  Description: Register a user\n\n  Example:\n     \
                   $ rookeryctl register bob example.com SomEPass44\n     \
                   User bob@example.com successfully registered\n\n";
    let lines = [
        ("help register", details),
        (
            "help check_a*",
            "  check_account user host\n             Check if an account exists or not\n",
        ),
        ("help reg?ster", "  register user host password\n             Register a user\n"),
        ("help nothing_such", "No tag or command matches 'nothing_such'\n"),
        (
            "help get_mam_count",
            "The command 'get_mam_count' is not available yet: it waits for the message archive (mod_mam).\n",
        ),
    ];
    for (line, text) in lines {
        assert_eq!(bench.says(line).await, said(0, text), "{line}");
    }
    let (_, tags) = bench.says("help tags").await;
    let accounts = "\n  accounts\n     ban_account change_password check_account check_password\n     \
                    check_password_hash count_banned";
    assert!(tags.contains(accounts), "{tags}");
    let (_, tag) = bench.says("help logs").await;
    assert!(
        tag.starts_with(
            "Available commands with tag logs:\n\n  get_loglevel\n             Get the current"
        ),
        "{tag}"
    );
    assert_eq!(bench.says("help --tags").await.0, 2);
    let awaited = "\n  Waiting for banning of addresses (mod_fail2ban):\n     unban_ip\n";
    for line in ["help awaited", "help commands", ""] {
        let (_, text) = bench.says(line).await;
        assert!(text.contains(awaited), "{line}: {text}");
    }
    let (status, usage) = bench.says("").await;
    assert_eq!(status, 3);
    assert!(usage.starts_with("Usage: ") && usage.contains("\n  kick_user user host\n"), "{usage}");
}

#[tokio::test]
async fn accounts_of_auth_need_their_password_and_their_rights() {
    let bench = Bench::new().await;
    for user in ["chief", "alice"] {
        bench.says(&format!("register {user} talk.test pw")).await;
    }
    let unauthorized = said(1, "Error: error\nError: access_rules_unauthorized\n");
    let invalid = said(1, "Error: error\nError: invalid_account_data\n");
    let lines = [
        ("--auth chief talk.test pw registered_users talk.test", said(0, "alice\nchief\n")),
        ("--version 0 --auth chief talk.test pw registered_users few.test", said(0, "")),
        ("--auth alice talk.test pw registered_users talk.test", unauthorized.clone()),
        ("--auth chief talk.test wrong registered_vhosts", invalid.clone()),
        ("--auth chief nowhere.test pw registered_vhosts", invalid),
        // Console commands are allowed to all unless the administrator says otherwise.
        ("--auth alice talk.test pw registered_vhosts", said(0, "talk.test\nfew.test\n")),
    ];
    for (line, expected) in lines {
        assert_eq!(bench.says(line).await, expected, "{line}");
    }
    let strict = "
api_permissions:
  console commands:
    from: ejabberd_ctl
    who: {acl: admin}
    what: status
";
    let strict = Bench::with(&format!("{}{strict}", super::CONFIG)).await;
    assert_eq!(strict.says("status").await, unauthorized);
}

#[tokio::test]
async fn audit_records_hold_no_secret() {
    let bench = Bench::new().await;
    for line in [
        "register alice talk.test hush",
        "--auth alice talk.test hush check_password alice talk.test hush",
        "change_password alice talk.test hush",
        "register alice talk.test word hush",
        "regster alice talk.test hush",
        "--version 0 --auth alice talk.test hush change_password alice talk.test hush hush",
    ] {
        let (_, audit) = audited(bench.run(line)).await;
        assert!(!audit.contains("hush") && audit.contains("\"command\":"), "{line}: {audit}");
    }
    let (_, audit) = audited(bench.run("check_password alice talk.test hush")).await;
    let shown = r#""command":"check_password \"alice\" \"talk.test\" [redacted]""#;
    assert!(audit.contains(shown) && audit.contains("\"status\":0,"), "{audit}");
}

#[tokio::test]
async fn the_server_is_cleared_ended_and_described() {
    let bench = Bench::new().await;
    bench.kernel.set_control(bench.process.clone());
    let phone = bench.session("alice@talk.test/phone");
    let lines = [
        ("echo hello", said(0, "hello\n")),
        ("echo3 a b c", said(0, "c\n")),
        ("clear_cache", said(0, "")),
        ("gc", said(0, "")),
        ("halt", said(0, "")),
        ("list_cluster", said(0, "rookery@localhost\n")),
        ("stop_kindly -1 bye", {
            let text = "The delay is no number of seconds from 0 to 604800";
            said(1, &format!("Error: error\nError: \"{text}\"\n"))
        }),
        ("update all", {
            let why =
                "no code is loaded into a running server; install the new version and use restart";
            said(1, &format!("Error: the command 'update' has no counterpart here: {why}.\n"))
        }),
    ];
    for (line, expected) in lines {
        assert_eq!(bench.says(line).await, expected, "{line}");
    }
    let count = |counter: &std::sync::atomic::AtomicUsize| {
        counter.load(std::sync::atomic::Ordering::Relaxed)
    };
    assert_eq!((count(&bench.process.halts), count(&bench.process.closes)), (1, 0));
    let (_, details) = bench.says("list_cluster_detailed").await;
    assert!(details.starts_with("rookery@localhost\ttrue\tThe node rookery@localhost is started"));
    assert!(details.ends_with("\tnone\n") && details.contains("\t1\t"), "{details}");
    assert_eq!(bench.says("evacuate_kindly 0 leave").await, said(0, ""));
    let (mut control, mut stanzas) = (Vec::new(), Vec::new());
    phone.mailbox().take(9, &mut control, &mut stanzas);
    assert!(matches!(control[..], [Control::Close(CloseReason::Shutdown)]), "{control:?}");
    let told = String::from_utf8(stanzas[0].stanza.to_bytes()).unwrap();
    for part in ["type='headline'", "from='talk.test'", "Server stop in 0 seconds!", "leave"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(bench.says("stop_kindly 0 bye").await, said(0, ""));
    assert_eq!((count(&bench.process.stops), count(&bench.process.closes)), (1, 2));
}

#[tokio::test]
async fn a_dumped_configuration_is_the_one_in_force() {
    let more = "
listen:
  - {port: 5222, module: ejabberd_c2s, shaper: normal, starttls: true}
  - {port: 'unix:/tmp/c2s', module: ejabberd_c2s, access: c2s}
shaper: {normal: {rate: 3000, burst_size: 20000}, fast: 100000}
shaper_rules: {max_user_sessions: 10, c2s_shaper: {none: admin, normal: all}}
api_permissions:
  console commands: {from: [ejabberd_ctl], who: all, what: '*'}
sql_password: 'a \"b\" \\ c'
negotiation_timeout: 15 s
host_config: {few.test: {auth_method: anonymous, modules: {mod_roster: {versioning: true}}}}
";
    let bench = Bench::with(&format!("{}{more}", super::CONFIG)).await;
    let config = bench.kernel.config();
    let text = crate::commands::render(&config);
    let source = settings::Source::Text { name: "dump".to_owned(), text: text.clone() };
    let again = settings::load(&source, &settings::Inputs::default());
    let again = again.unwrap_or_else(|found| panic!("{}\n{text}", found.render(false))).config;
    assert_eq!(again.hosts(), config.hosts());
    assert!(again.listeners() == config.listeners(), "{text}");
    for host in config.hosts() {
        for (spec, value) in config.host(host).all() {
            assert!(again.host(host).get(spec.name) == value, "{host} {}\n{text}", spec.name);
        }
        let modules = |config: &settings::Config| -> Vec<_> {
            let all = config.modules(host).iter();
            all.map(|one| (one.module.name, one.options.clone())).collect()
        };
        assert!(modules(&again) == modules(&config), "{text}");
    }
    let file = bench.folder().join("dumped.yml");
    let line = format!("dump_config {}", file.display());
    assert_eq!(bench.says(&line).await, said(0, ""));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(bench.says(&line).await.0, 1, "what is there is not replaced");
}

#[tokio::test]
async fn pages_about_commands_are_written_to_files() {
    let bench = Bench::new().await;
    let path = |name: &str| bench.folder().join(name).display().to_string();
    let written = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let line = format!("gen_markdown_doc_for_commands {} ^regist json", path("a.md"));
    assert_eq!(bench.says(&line).await, said(0, ""));
    let page = written("a.md");
    assert!(page.contains("## register\n") && page.contains("## registered_users\n"), "{page}");
    let body = "{\"user\":\"bob\",\"host\":\"example.com\",\"password\":\"SomEPass44\"}";
    assert!(page.contains(body) && !page.contains("kick_user"), "{page}");
    let line = format!("gen_html_doc_for_commands {} runtime java", path("a.html"));
    assert_eq!(bench.says(&line).await, said(0, ""));
    let page = written("a.html");
    assert!(page.contains("<h2 id=\"stop\">stop</h2>") && !page.contains("{\"user\""), "{page}");
    assert_eq!(
        bench.says(&format!("gen_markdown_doc_for_tags {}", path("t.md"))).await,
        said(0, "")
    );
    assert!(written("t.md").contains("\n## session\n\n- `connected_users`\n"));
    let (status, text) = bench.says("man").await;
    assert_eq!(status, 0);
    let manual = std::fs::read_to_string(text.trim_start_matches("Generated manpage: ").trim());
    assert!(manual.unwrap().contains("\n.SS kick_user\n"));
    let (status, text) = bench.says("gen_markdown_doc_for_tags /nowhere/at/all.md").await;
    assert!(status == 1 && text.contains("/nowhere/at/all.md: No such file"), "{text}");
    let line = format!("gen_html_doc_for_commands {} ( json", path("b.html"));
    assert_eq!(bench.says(&line).await.0, 1);
    assert!(!std::path::Path::new(&path("b.html")).exists());
}

#[tokio::test]
async fn values_instead_of_words_ask_the_same_permissions_and_hide_the_same_secrets() {
    let values = || ["alice", "talk.test", "secret"].map(Value::text).to_vec();
    let bench = Bench::new().await;
    let run = async |bench: &Bench, values| {
        ctl::run_values(&bench.kernel, &root(), "register", 3, values).await
    };
    let (result, audit) = audited(run(&bench, values())).await;
    assert!(matches!(result, Ok(Value::Restuple(true, _))), "{result:?}");
    assert!(audit.contains(r#"register \"alice\" \"talk.test\" [redacted]"#), "{audit}");
    let (result, audit) = audited(run(&bench, vec![])).await;
    assert_eq!(result, Err(CommandError::bad_argument("unknown_command")));
    assert!(audit.contains("register (0 arguments)"), "{audit}");
    let nobody = "hosts: [talk.test]\napi_permissions:\n  console commands:\n    from: ejabberd_ctl\n    who: none\n    what: []\n";
    let bench = Bench::with(nobody).await;
    let result = run(&bench, values()).await;
    assert_eq!(result, Err(CommandError::bad_argument("access_rules_unauthorized")));
    assert!(bench.run("registered_users talk.test").await.stdout.contains("unauthorized"));
}
