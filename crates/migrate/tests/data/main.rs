//! Data out of a server and into another one, through its commands, with files of a real ejabberd among them.

mod others;
mod serialized;

use std::path::{Path, PathBuf};

use kernel::commands::{Arguments, Call, CommandError, Progress, Value};
use migrate::{Migration, Report};
use testkit::{HOST, World};

/// Every table with something in it, and text that is awkward in every form.
const AWKWARD: &str = "a'b\"c\\d<&>\u{e9}\u{1f980}\n\ttwo";

struct Bench {
    world: World,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let world = World::new("").await.expect("the server starts");
        Self { world, folder: tempfile::tempdir().expect("there is room for files") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn migration(&self) -> Migration {
        Migration::new(self.world.kernel(), Progress::default())
    }

    async fn run(&self, name: &str, values: Vec<Value>) -> Result<Value, CommandError> {
        let kernel = self.world.kernel();
        let table = kernel.commands();
        let command = table.get(name).expect("the command exists");
        let version = command.version(0).expect("the command has a first version");
        let arguments = Arguments::new(version.args, values);
        (version.run)(Call { kernel, arguments, progress: Progress::default() }).await
    }

    async fn run_file(&self, name: &str, file: &Path) -> Result<Value, CommandError> {
        self.run(name, vec![Value::text(file.to_string_lossy())]).await
    }

    async fn ok(&self, name: &str, file: &Path) {
        let result = self.run_file(name, file).await;
        let good = matches!(result, Ok(Value::Restuple(true, _) | Value::Rescode(true)));
        assert!(good, "{name}: {result:?}");
    }

    /// The text dump, without the lines of tables that are derived or change by themselves.
    async fn dumped(&self, name: &str) -> String {
        let path = self.path(name);
        self.ok("dump", &path).await;
        std::fs::read_to_string(path).expect("the dump is text")
    }

    async fn password_is(&self, user: &str, password: &str) -> bool {
        let secret = stdx::Secret::new(password);
        let checked = self.world.kernel().accounts().check_password(user, HOST, &secret).await;
        checked.expect("the accounts answer").is_right()
    }

    async fn sql(&self, sql: &'static str) -> Vec<String> {
        let read = move |query: &mut store::Query<'_>| query.query(sql, &[], |row| row.get(0));
        self.world.kernel().store().read(read).await.expect("the question is right")
    }

    async fn execute(&self, sql: &'static str) {
        let write = move |tx: &mut store::Tx<'_>| tx.execute(sql, &[&AWKWARD]);
        self.world.kernel().store().write(write).await.expect("the statement is right");
    }

    async fn fill(&self) {
        for user in ["romeo", "juliet"] {
            self.world.register(user).await.expect("the account is new");
        }
        for sql in [
            "INSERT INTO rosterusers (username, server_host, jid, nick, subscription, approved, ask, askmessage, server, subscribe, type) \
             VALUES ('romeo', 'localhost', 'juliet@localhost', ?1, 'B', 1, 'N', '', 'N', '', 'item')",
            "INSERT INTO rosterusers (username, server_host, jid, nick, subscription, approved, ask, askmessage, server, subscribe, type) \
             VALUES ('romeo', 'localhost', 'tybalt@localhost', '', 'N', 0, 'I', ?1, 'N', '', 'item')",
            "INSERT INTO rosterusers (username, server_host, jid, nick, subscription, approved, ask, askmessage, server, subscribe, type) \
             VALUES ('romeo', 'localhost', 'nurse@localhost', '', 'N', 0, 'B', ?1, 'N', 'listed', 'item')",
            "INSERT INTO rostergroups (username, server_host, jid, grp) VALUES ('romeo', 'localhost', 'juliet@localhost', ?1)",
            "INSERT INTO rostergroups (username, server_host, jid, grp) VALUES ('romeo', 'localhost', 'juliet@localhost', ?1 || '2')",
            "INSERT INTO vcard (username, server_host, vcard, created_at) VALUES ('romeo', 'localhost', \
             '<vCard xmlns=''vcard-temp''><FN>' || replace(replace(?1, '&', '&amp;'), '<', '&lt;') || '</FN></vCard>', '2026-01-01 00:00:00')",
            "INSERT INTO private_storage (username, server_host, namespace, data) VALUES ('romeo', 'localhost', 'a:b', \
             '<x xmlns=''a:b'' y=''' || replace(replace(replace(?1, '&', '&amp;'), '<', '&lt;'), '''', '&apos;') || '''/>')",
            "INSERT INTO spool (username, server_host, xml, created_at) VALUES ('romeo', 'localhost', '<message xmlns=''jabber:client'' \
             to=''romeo@localhost'' from=''juliet@localhost''><body>' || replace(replace(?1, '&', '&amp;'), '<', '&lt;') || \
             '</body><delay xmlns=''urn:xmpp:delay'' from=''localhost'' stamp=''2026-01-01T00:00:00Z''/></message>', '2026-01-01 00:00:00')",
            "INSERT INTO last (username, server_host, seconds, state) VALUES ('romeo', 'localhost', '1700000000', ?1) \
             ON CONFLICT (server_host, username) DO UPDATE SET seconds = '1700000000', state = excluded.state",
        ] {
            self.execute(sql).await;
        }
    }
}

fn ejabberds(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ejabberd-23.01").join(name)
}

fn counts(report: &Report) -> Vec<(&str, u64)> {
    report.stored.iter().map(|(what, number)| (what.as_str(), *number)).collect()
}

fn test(future: impl Future<Output = ()>) {
    testkit::run(future);
}

#[test]
fn a_loaded_dump_dumps_the_same() {
    test(async {
        let one = Bench::new().await;
        one.fill().await;
        let dump = one.dumped("one.txt").await;
        assert!(dump.lines().all(|line| line.starts_with('{') && line.ends_with("}.")));
        let two = Bench::new().await;
        two.ok("load", &one.path("one.txt")).await;
        two.ok("load", &one.path("one.txt")).await;
        assert_eq!(two.dumped("two.txt").await, dump);
        assert!(two.password_is("romeo", "the password of romeo").await);
    });
}

#[test]
fn a_dump_that_is_cut_off_or_strange_is_told() {
    test(async {
        let bench = Bench::new().await;
        bench.fill().await;
        let whole = bench.dumped("whole.txt").await;
        let half =
            whole.get(..whole.floor_char_boundary(whole.len() / 2)).expect("the dump has a middle");
        for (text, why) in [
            ("", "neither a dump"),
            ("SQLite format 3\0", "a full stop was expected"),
            ("{rookery_dump,2}.", "version 2"),
            ("{something,[]}.", "neither a dump"),
            (half, "line "),
            ("{rookery_dump,1}.\n{table,users,[no_column]}.\n", "other columns"),
            ("{rookery_dump,1}.\n{table,last,[username]}.\n{last,1,2}.\n", "no row of table last"),
            ("{rookery_dump,1}.\n{rookery_dump_end,7}.\n", "7 rows should"),
            ("{rookery_dump,1}.\n", "cut off"),
        ] {
            std::fs::write(bench.path("bad.txt"), text).unwrap();
            let result = bench.run_file("load", &bench.path("bad.txt")).await;
            let Ok(Value::Restuple(false, told)) = result else { panic!("{text}: {result:?}") };
            assert!(told.contains(why), "{told}");
        }
        for (name, file) in [
            ("load", "no such file"),
            ("load", ""),
            ("dump", "no/such/folder"),
            ("dump", "whole.txt/x"),
            ("backup", "no/such/folder"),
            ("restore", "whole.txt"),
            ("install_fallback", "whole.txt"),
        ] {
            let result = bench.run_file(name, &bench.path(file)).await;
            assert!(!matches!(result, Ok(Value::Restuple(true, _))), "{name} {file}: {result:?}");
        }
        std::fs::write(bench.path("letter"), "dear Juliet").unwrap();
        for name in ["dump", "backup"] {
            bench.run_file(name, &bench.path("letter")).await.unwrap();
            assert_eq!(std::fs::read(bench.path("letter")).unwrap(), b"dear Juliet");
        }
        let table = vec![Value::text(bench.path("t").to_string_lossy()), Value::text("nosuch")];
        let Ok(Value::Restuple(false, told)) = bench.run("dump_table", table).await else {
            panic!()
        };
        assert!(told.contains("users"), "{told}");
    });
}

#[test]
fn what_ejabberd_dumped_is_loaded() {
    test(async {
        let bench = Bench::new().await;
        for _ in 0..2 {
            let report = bench.migration().load(ejabberds("dump.txt")).await.unwrap();
            let stored = [
                ("last_activity", 2),
                ("offline_msg", 2),
                ("passwd", 2),
                ("private_storage", 1),
                ("roster", 3),
                ("vcard", 1),
            ];
            assert_eq!(counts(&report), stored, "{report}");
            assert_eq!(report.skipped.len(), 1, "{report}");
        }
        assert!(bench.password_is("romeo", "pâss<w>&'\"").await);
        check_romeo(&bench).await;
        assert_eq!(
            bench.sql("SELECT seconds || state FROM last WHERE username = 'romeo'").await,
            ["1700000000gone fishing"]
        );
        bench.ok("load", &ejabberds("scram.txt")).await;
        assert!(bench.password_is("romeo", "pw").await);
        assert!(!bench.password_is("romeo", "pâss<w>&'\"").await);
    });
}

/// What both forms say of the account that was made in ejabberd.
async fn check_romeo(bench: &Bench) {
    let roster =
        "SELECT jid || nick || subscription || ask || askmessage FROM rosterusers ORDER BY jid";
    assert_eq!(
        bench.sql(roster).await,
        ["juliet@localhostJuliëtBN", "nurse@localhostFN", "tybalt@localhostNIplease"]
    );
    assert_eq!(bench.sql("SELECT jid || grp FROM rostergroups").await, ["juliet@localhostFriends"]);
    let card = "<vCard xmlns='vcard-temp'><FN>Romeo é</FN><N><FAMILY>Montague</FAMILY></N></vCard>";
    assert_eq!(bench.sql("SELECT vcard FROM vcard").await, [card]);
    assert_eq!(bench.sql("SELECT lfn || lfamily FROM vcard_search").await, ["romeo émontague"]);
    assert_eq!(
        bench.sql("SELECT namespace || data FROM private_storage").await,
        [
            "storage:bookmarks<storage xmlns='storage:bookmarks'><conference jid='a@b' name='x'/></storage>"
        ]
    );
    let messages = bench.sql("SELECT xml || created_at FROM spool ORDER BY seq").await;
    assert_eq!(messages.len(), 2);
    assert!(messages[0].contains("<body>héllo &lt;&amp;&gt;</body>"), "{}", messages[0]);
    assert!(messages[0].contains("stamp='2026-11-22T21:02:00.204349Z'"), "{}", messages[0]);
    assert!(messages[1].contains("two") && messages[1].ends_with("2026-11-22 21:02:01"));
}

#[test]
fn what_ejabberd_exported_is_imported() {
    test(async {
        let bench = Bench::new().await;
        for _ in 0..2 {
            let report = bench.migration().import_piefxis(ejabberds("host.xml")).await.unwrap();
            let stored = [
                ("accounts", 2),
                ("contacts", 3),
                ("offline messages", 2),
                ("private data", 1),
                ("vCards", 1),
            ];
            assert_eq!(counts(&report), stored, "{report}");
            assert!(report.skipped.is_empty(), "{report}");
        }
        assert!(bench.password_is("romeo", "pâss<w>&'\"").await);
        check_romeo(&bench).await;
        bench.ok("import_piefxis", &ejabberds("scram.xml")).await;
        assert!(bench.password_is("romeo", "pw").await);
    });
}

#[test]
fn an_imported_export_exports_the_same() {
    test(async {
        let one = Bench::new().await;
        one.fill().await;
        // A verifier beside the clear text of the others.
        one.migration().import_piefxis(ejabberds("scram.xml")).await.unwrap();
        let hosts = || vec![HOST.to_owned()];
        let exported = |main: &Path| {
            let stem = main.to_string_lossy().into_owned();
            std::fs::read_to_string(stem.replace(".xml", "_localhost.xml")).unwrap()
        };
        let main = one.migration().export_piefxis(hosts(), one.folder.path().into()).await.unwrap();
        let text = exported(&main);
        for part in [
            "scram-credentials",
            "offline-messages",
            "vcard-temp",
            "jabber:iq:private",
            "'subscribe'",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        let two = Bench::new().await;
        two.ok("import_piefxis", &main).await;
        two.ok("import_piefxis", &main).await;
        let again =
            two.migration().export_piefxis(hosts(), two.folder.path().into()).await.unwrap();
        assert_eq!(exported(&again), text);
        assert!(two.password_is("romeo", "pw").await);
        assert!(two.password_is("juliet", "the password of juliet").await);
    });
}

#[test]
fn an_import_reads_nothing_outside_of_its_folder_and_tells_what_it_leaves_out() {
    test(async {
        let bench = Bench::new().await;
        let inner = bench.path("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(
            bench.path("secret.xml"),
            "<user xmlns='urn:xmpp:pie:0' name='x' password='y'/>",
        )
        .unwrap();
        std::os::unix::fs::symlink(bench.path("secret.xml"), inner.join("link.xml")).unwrap();
        let host = "<host xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude' jid='localhost'>";
        let main = inner.join("main.xml");
        for (content, why) in [
            ("<xi:include href='../secret.xml'/></host>", "leads out"),
            ("<xi:include href='/etc/passwd'/></host>", "leads out"),
            ("<xi:include href='file:secret.xml'/></host>", "leads out"),
            ("<xi:include href='link.xml'/></host>", "leads out"),
            ("<xi:include href='main.xml'/></host>", "holds another host"),
            ("<xi:include href='none.xml'/></host>", "none.xml: No such file"),
            ("<xi:include href='link.xml' parse='text'/></host>", "whole XML"),
            ("<user name='a' password='b'>", "cut off"),
            ("<user name='a' password='b'></host>", "ends nothing"),
        ] {
            std::fs::write(&main, format!("{host}{content}")).unwrap();
            let error =
                bench.migration().import_piefxis(main.clone()).await.unwrap_err().to_string();
            assert!(error.contains(why), "{content}: {error}");
        }
        assert!(bench.sql("SELECT username FROM users").await.is_empty());
        let entity = "<!DOCTYPE host [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><host/>";
        std::fs::write(&main, entity).unwrap();
        let error = bench.migration().import_piefxis(main.clone()).await.unwrap_err().to_string();
        assert!(error.contains("entities are not accepted"), "{error}");
        let rest = "<user name='a' password='b'><archive xmlns='urn:xmpp:pie:0#mam'><result/></archive>\
            <block xmlns='urn:x'/></user><user name='@@' password='b'/></host>";
        std::fs::write(&main, format!("{host}{rest}")).unwrap();
        let report = bench.migration().import_piefxis(main.clone()).await.unwrap();
        assert_eq!(counts(&report), [("accounts", 1)]);
        let skipped = report.to_string();
        for what in ["<archive/>", "<block xmlns='urn:x'/>", "users with a name"] {
            assert!(skipped.contains(what), "{skipped}");
        }
        std::fs::write(
            &main,
            "<host xmlns='urn:xmpp:pie:0' jid='other.example'><user name='a'/></host>",
        )
        .unwrap();
        let report = bench.migration().import_piefxis(main).await.unwrap();
        assert!(report.to_string().contains("host other.example"), "{report}");
    });
}

#[test]
fn sql_of_a_host_gives_the_same_rows_in_another_database() {
    test(async {
        let bench = Bench::new().await;
        bench.fill().await;
        let file = bench.path("out.sql");
        let arguments = vec![Value::text(HOST), Value::text(file.to_string_lossy())];
        assert_eq!(bench.run("export2sql", arguments.clone()).await, Ok(Value::OK));
        assert_eq!(bench.run("export2sql", arguments).await, Ok(Value::OK));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("INSERT INTO rosterusers (username, "), "{text}");
        assert!(text.contains("a''b\"c\\d<&>é🦀\n\ttwo"), "{text}");
        assert!(!text.contains("rookery_"), "{text}");
        let unknown = vec![Value::text("no.host"), Value::text("x.sql")];
        assert!(bench.run("export2sql", unknown).await.is_err());
    });
}

/// Lets virtual time pass beside what takes real time.
async fn time_passes() -> ! {
    loop {
        tokio::time::advance(std::time::Duration::from_millis(10)).await;
        std::thread::sleep(std::time::Duration::from_micros(200));
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_restore_brings_back_the_data_of_the_backup_and_ends_every_session() {
    test(async {
        let bench = Bench::new().await;
        bench.fill().await;
        let before = bench.dumped("before.txt").await;
        let copy = bench.path("copy.db");
        bench.ok("backup", &copy).await;
        bench.world.register("late").await.unwrap();
        assert!(bench.password_is("late", "the password of late").await);
        let client = bench.world.login("romeo", Some("a")).await.unwrap();
        assert_eq!(bench.world.kernel().sessions().count(), 1);
        let restored = tokio::select! {
            restored = bench.run_file("restore", &copy) => restored,
            never = time_passes() => never,
        };
        assert!(matches!(restored, Ok(Value::Restuple(true, _))), "{restored:?}");
        assert_eq!(bench.world.kernel().sessions().count(), 0);
        drop(client);
        assert!(!bench.password_is("late", "the password of late").await);
        assert!(bench.password_is("romeo", "the password of romeo").await);
        let lasting = |text: &str| {
            let kept =
                text.lines().filter(|line| !line.contains("{last,") && !line.contains("dump_end"));
            kept.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(lasting(&bench.dumped("after.txt").await), lasting(&before));
    });
}

#[test]
fn old_messages_go_at_once_or_little_by_little() {
    test(async {
        let bench = Bench::new().await;
        let world = &bench.world;
        // The worlds begin on 2026-01-02.
        bench.execute("INSERT INTO spool (username, server_host, xml, created_at) WITH RECURSIVE n (i) AS \
            (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) \
            SELECT 'romeo', 'localhost', '<message id=''' || i || '''/>', '2025-12-0' || i || ' 00:00:00' FROM n WHERE ?1 <> ''").await;
        let integer = |number| Value::Integer(number);
        let left = || bench.sql("SELECT xml FROM spool ORDER BY seq");
        assert_eq!(bench.run("delete_old_messages", vec![integer(400)]).await, Ok(Value::OK));
        assert_eq!(left().await.len(), 5);
        assert_eq!(bench.run("delete_old_messages", vec![integer(31)]).await, Ok(Value::OK));
        assert_eq!(left().await.len(), 3, "{:?}", left().await);
        assert!(bench.run("delete_old_messages", vec![integer(-1)]).await.is_err());
        assert_eq!(bench.run("delete_old_messages", vec![integer(i64::MAX)]).await, Ok(Value::OK));
        let host = || vec![Value::text(HOST)];
        let says = |text: &str| Ok(Value::text(text));
        assert_eq!(
            bench.run("delete_old_messages_status", host()).await,
            says("Operation not started")
        );
        assert_eq!(bench.run("abort_delete_old_messages", host()).await, says("No task running"));
        let batch = |host: &str, size, rate| {
            vec![Value::text(host), integer(0), integer(size), integer(rate)]
        };
        assert!(bench.run("delete_old_messages_batch", batch("no.host", 1, 1)).await.is_err());
        assert!(bench.run("delete_old_messages_batch", batch(HOST, 0, 1)).await.is_err());
        let begun = bench.run("delete_old_messages_batch", batch(HOST, 1, 2)).await;
        assert_eq!(begun, Ok(Value::Restuple(true, String::new())));
        let second = bench.run("delete_old_messages_batch", batch(HOST, 1, 2)).await.unwrap_err();
        assert_eq!(second.to_string(), "Operation in progress");
        world.settle(&mut []).await.unwrap();
        let status = "Operation in progress, deleted 1 messages";
        assert_eq!(bench.run("delete_old_messages_status", host()).await, says(status));
        // Two a minute: one each half.
        world.advance(std::time::Duration::from_secs(31), &mut []).await.unwrap();
        let status = "Operation in progress, deleted 2 messages";
        assert_eq!(bench.run("delete_old_messages_status", host()).await, says(status));
        assert_eq!(bench.run("abort_delete_old_messages", host()).await, says("Operation aborted"));
        let status = "Operation was aborted after deleting 2 messages";
        assert_eq!(bench.run("delete_old_messages_status", host()).await, says(status));
        bench.run("delete_old_messages_batch", batch(HOST, 100, 100)).await.unwrap();
        world.settle(&mut []).await.unwrap();
        let status = "Operation was completed after deleting 1 messages";
        assert_eq!(bench.run("delete_old_messages_status", host()).await, says(status));
        assert!(left().await.is_empty());
    });
}

#[test]
fn messages_past_their_own_limit_go_and_others_stay() {
    test(async {
        let bench = Bench::new().await;
        let message = "INSERT INTO spool (username, server_host, xml, created_at) SELECT 'romeo', 'localhost', \
            '<message xmlns=''jabber:client''><x xmlns=''jabber:x:expire'' seconds=''' || value || '''/></message>', \
            '2026-01-01 00:00:00' FROM json_each('[60, 31536000, \"x\"]') WHERE ?1 <> ''";
        bench.execute(message).await;
        assert_eq!(bench.run("delete_expired_messages", vec![]).await, Ok(Value::OK));
        let left = bench.sql("SELECT xml FROM spool ORDER BY seq").await;
        assert!(
            left.len() == 2 && left[0].contains("31536000") && left[1].contains("'x'"),
            "{left:?}"
        );
    });
}

#[test]
fn the_schema_that_is_printed_is_the_one_that_is_made() {
    test(async {
        let bench = Bench::new().await;
        let print = async |words: [&str; 3]| {
            bench.run("print_sql_schema", words.map(Value::text).to_vec()).await
        };
        let Ok(Value::Restuple(true, multi)) = print(["sqlite", "3", "true"]).await else {
            panic!()
        };
        let made = bench.sql("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'rookery%' AND \
                              name NOT LIKE 'sqlite%'").await;
        let mut printed: Vec<&str> =
            multi.split(";\n").map(|sql| sql.trim_end_matches(';')).collect();
        let mut made: Vec<&str> = made.iter().map(String::as_str).collect();
        printed.sort_unstable();
        made.sort_unstable();
        assert_eq!(printed, made);
        let Ok(Value::Restuple(true, single)) = print(["sqlite", "3", "0"]).await else { panic!() };
        assert!(multi.contains("server_host") && !single.contains("server_host"), "{single}");
        for words in [["pgsql", "16.1", "true"], ["oracle", "1", "true"], ["sqlite", "3", "maybe"]]
        {
            assert!(print(words).await.is_err(), "{words:?}");
        }
    });
}
