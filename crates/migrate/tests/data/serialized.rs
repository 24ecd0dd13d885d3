//! The files of `export_db`: in and out, in both formats, whole and broken.
//!
//! The files of `tests/serialized` are ours, not ejabberd's: Erlang's `term_to_binary` made them from records written
//! down after docs/serialized.md.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::commands::{CommandError, Value};
use testkit::HOST;

use super::{Bench, test};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serialized")
}

impl Bench {
    /// A folder that the server agrees to.
    fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir(&path).expect("there is room for a folder");
        path
    }

    async fn serialized(
        &self,
        name: &str,
        folder: &Path,
        more: &[&str],
    ) -> Result<Value, CommandError> {
        let mut values = vec![Value::text(HOST), Value::text(folder.to_string_lossy())];
        values.extend(more.iter().map(|word| Value::text(*word)));
        self.run(name, values).await
    }

    async fn says(&self, name: &str) -> String {
        let Ok(Value::Text(text)) = self.run(name, vec![Value::text(HOST)]).await else {
            panic!("{name} says nothing")
        };
        text.to_string()
    }

    /// Waits for the end of a job and gives the last words of its status.
    async fn ended(&self, status: &str) -> String {
        for _ in 0..10_000 {
            let text = self.says(status).await;
            if !text.starts_with("Operation in progress: '") {
                return text;
            }
            std::thread::sleep(Duration::from_millis(1));
            tokio::task::yield_now().await;
        }
        panic!("{status}: no end")
    }

    async fn export(&self, folder: &Path, more: &[&str]) -> String {
        let name = if more.is_empty() { "export_db" } else { "export_db_ext" };
        let begun = self.serialized(name, folder, more).await;
        assert_eq!(begun, Ok(Value::Restuple(true, "Export started".to_owned())));
        self.ended("export_db_status").await
    }

    async fn import(&self, folder: &Path) -> String {
        let begun = self.serialized("import_db", folder, &[]).await;
        assert_eq!(begun, Ok(Value::Restuple(true, "Import started".to_owned())));
        self.ended("import_db_status").await
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in from.read_dir().expect("the folder is there") {
        let entry = entry.expect("the folder can be read");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("there is room");
    }
}

const ALL: &str = "ejabberd_auth, mod_roster, mod_private, mod_vcard, mod_last, mod_offline";

#[test]
fn records_as_ejabberd_has_them_are_imported() {
    test(async {
        let bench = Bench::new().await;
        let folder = bench.folder("in");
        copy(&samples(), &folder);
        // What an account has of the same kind goes, other accounts stay.
        bench.fill().await;
        bench.world.register("mercutio").await.expect("the account is new");
        for _ in 0..2 {
            assert_eq!(
                bench.import(&folder).await,
                "Operation was completed after importing 5 records: 'Imported ejabberd_auth, mod_roster; \
                 there is nothing here yet for localhost_mod_mam.dbser'"
            );
            for (user, password) in [
                ("romeo", "p\u{e2}ss<w>&'\""),
                ("juliet", "pw256"),
                ("nurse", "pw512"),
                ("mercutio", "the password of mercutio"),
            ] {
                assert!(bench.password_is(user, password).await, "{user}");
            }
            assert!(!bench.password_is("romeo", "the password of romeo").await);
            let items = "SELECT username || ' ' || jid || ' ' || nick || subscription || ask || askmessage \
                         FROM rosterusers ORDER BY username, jid";
            assert_eq!(
                bench.sql(items).await,
                [
                    "juliet romeo@localhost BN",
                    "romeo juliet@localhost Juli\u{eb}tBN",
                    "romeo nurse@localhost/phone FO",
                    "romeo tybalt@localhost NIplease"
                ]
            );
            let groups = "SELECT jid || ' ' || grp FROM rostergroups ORDER BY grp";
            assert_eq!(
                bench.sql(groups).await,
                ["juliet@localhost Friends", "juliet@localhost Verona"]
            );
            let versions = "SELECT username || ' ' || version FROM roster_version";
            assert_eq!(bench.sql(versions).await, ["romeo version 7"]);
        }
    });
}

#[test]
fn what_is_imported_is_exported_the_same_in_both_formats() {
    test(async {
        let one = Bench::new().await;
        one.fill().await;
        copy(&samples(), &one.folder("verifiers"));
        std::fs::remove_file(one.path("verifiers/localhost_mod_roster.dbser")).unwrap();
        one.import(&one.path("verifiers")).await;
        // An own export changes nothing but the spelling of XML, and adds no second message.
        one.export(&one.folder("own"), &[]).await;
        one.import(&one.path("own")).await;
        let whole = one.dumped("one.txt").await;
        assert_eq!(whole.lines().filter(|line| line.starts_with("{spool,")).count(), 1);
        for (format, extension) in [("dbser", "dbser"), ("json", "json")] {
            let folder = one.folder(format);
            let told = one.export(&folder, &["all", format]).await;
            let end =
                format!("Operation was completed after exporting 9 records: 'Exported {ALL}'");
            assert_eq!(told, end);
            // Again, over its own files.
            assert_eq!(one.export(&folder, &["all", format]).await, end);
            let mut names = Vec::new();
            for entry in folder.read_dir().unwrap() {
                let entry = entry.unwrap();
                assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
                names.push(entry.file_name().into_string().unwrap());
            }
            names.sort();
            let stems = [
                "ejabberd_auth",
                "mod_roster",
                "rookery_mod_last",
                "rookery_mod_offline",
                "rookery_mod_private",
                "rookery_mod_roster",
                "rookery_mod_vcard",
            ];
            assert_eq!(names, stems.map(|stem| format!("localhost_{stem}.{extension}")));
            let two = Bench::new().await;
            for _ in 0..2 {
                let told = two.import(&folder).await;
                assert!(
                    told.starts_with("Operation was completed after importing 9 records"),
                    "{told}"
                );
                assert_eq!(comparable(&two.dumped("two.txt").await), comparable(&whole));
                std::fs::remove_file(two.path("two.txt")).unwrap();
            }
            assert!(two.password_is("nurse", "pw512").await);
        }
        let json = std::fs::read_to_string(one.path("json/localhost_mod_roster.json")).unwrap();
        assert!(json.ends_with("}\n\n"), "{json}");
        // COMPAT: ejabberd's word for what is not there.
        assert!(json.contains("\"version\":\"undefined\""), "{json}");
        let plain = one.export(&one.folder("plain"), &[]).await;
        assert!(plain.contains("exporting 9 records"), "{plain}");
        assert_eq!(
            std::fs::read(one.path("plain/localhost_mod_roster.dbser")).unwrap(),
            std::fs::read(one.path("dbser/localhost_mod_roster.dbser")).unwrap()
        );
    });
}

/// The rows of accounts, without what is made anew at every import: times of storing and numbers of rows.
fn comparable(dump: &str) -> Vec<String> {
    let tables = "{users,|{rosterusers,|{rostergroups,|{private_storage,|{last,|{spool,|{vcard,|{vcard_search,";
    let mut kept: Vec<String> = dump
        .lines()
        .filter(|line| tables.split('|').any(|table| line.starts_with(table)))
        .map(|line| line.rsplit_once(",<<\"20").map_or(line, |(row, _)| row))
        .map(|line| match line.strip_prefix("{spool,") {
            Some(row) => row.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned(),
            None => line.to_owned(),
        })
        .collect();
    kept.sort();
    kept
}

#[test]
fn broken_records_are_left_out_and_the_rest_is_stored() {
    test(async {
        let bench = Bench::new().await;
        let folder = bench.folder("in");
        let auth = std::fs::read(samples().join("localhost_ejabberd_auth.dbser")).unwrap();
        let second = 8 + u32::from_le_bytes(auth[4..8].try_into().unwrap()) as usize;
        // The kind of the second record of the first batch, then its first term.
        let at = |needle: &[u8], from: usize| {
            from + auth[from..].windows(needle.len()).position(|it| it == needle).unwrap()
        };
        let juliet = at(b"juliet", 0);
        let kind = auth[..juliet].windows(4).rposition(|it| it == b"auth").unwrap();
        for (place, byte, stored) in
            [(kind, b'X', 2), (juliet, 0xff, 2), (juliet - 5, 7, 2), (8, 1, 1)]
        {
            let mut bytes = auth.clone();
            bytes[place] = byte;
            std::fs::write(folder.join("localhost_ejabberd_auth.dbser"), bytes).unwrap();
            let told = bench.import(&folder).await;
            assert_eq!(
                told,
                format!(
                    "Operation was completed after importing {stored} records: 'Imported ejabberd_auth; \
                     1 records were left out, see the log'"
                )
            );
            assert!(bench.password_is("nurse", "pw512").await);
        }
        // Where the next batch begins is not known any more.
        for (bytes, why) in [
            (auth[..second + 20].to_vec(), "batch 2: the file is cut off here"),
            ([&auth[..second], b"dbXX"].concat(), "batch 2: it does not begin with `dbdb`"),
            ([&auth[..second], b"dbdb\xff\xff\xff\xff"].concat(), "batch 2: it is longer than"),
        ] {
            std::fs::write(folder.join("localhost_ejabberd_auth.dbser"), bytes).unwrap();
            let told = bench.import(&folder).await;
            assert!(told.starts_with("Operation failed after importing "), "{told}");
            assert!(told.contains(why), "{told}");
        }
        std::fs::remove_file(folder.join("localhost_ejabberd_auth.dbser")).unwrap();
        let json = "{\"type\":\"serialize_auth_v1\",\"serverhost\":\"x\",\"username\":\"a\",\"passwords\":[\"pw\"]}\n\n\
            {\"type\":\"serialize_auth_v1\",\"username\":\"@@\",\"passwords\":[\"pw\"]}\n{\"secret\n\n[1]\n\
            {\"type\":\"serialize_auth_v1\",\"username\":\"b\",\"passwords\":[]}\n\
            {\"type\":\"serialize_auth_v1\",\"username\":\"c\",\"passwords\":[{\"hash\":\"md5\",\"stored_key\":\"\",\
            \"server_key\":\"\",\"salt\":\"\",\"iterations\":1}]}\n\
            {\"type\":\"serialize_auth_v1\",\"username\":\"d\",\"passwords\":[\"pw\"]}";
        std::fs::write(folder.join("localhost_ejabberd_auth.json"), json).unwrap();
        let told = bench.import(&folder).await;
        assert!(
            told.contains("importing 2 records") && told.contains("5 records were left out"),
            "{told}"
        );
        assert!(bench.password_is("a", "pw").await && bench.password_is("d", "pw").await);
    });
}

#[test]
fn folders_and_words_that_are_wrong_begin_nothing() {
    test(async {
        let bench = Bench::new().await;
        let open = bench.folder("open");
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        let empty = bench.folder("empty");
        let wrong = bench.folder("wrong");
        std::fs::write(wrong.join("localhost_ejabberd_auth.dbser"), "{\"type\":1}").unwrap();
        let link = bench.folder("link");
        let target = samples().join("localhost_ejabberd_auth.dbser");
        std::os::unix::fs::symlink(target, link.join("localhost_ejabberd_auth.dbser")).unwrap();
        let none = bench.path("none");
        for (name, folder, more, why) in [
            ("export_db", &open, &[][..], "chmod go-w"),
            ("import_db", &open, &[], "chmod go-w"),
            ("export_db", &none, &[], "No such file"),
            ("import_db", &none, &[], "No such file"),
            ("import_db", &empty, &[], "no file of localhost"),
            ("import_db", &wrong, &[], "does not begin as its name says"),
            ("import_db", &link, &[], "not a regular file"),
            ("export_db_ext", &empty, &["all", "xml"], "dbser, json"),
            (
                "export_db_ext",
                &empty,
                &["mod_rooster", "json"],
                "those with data are ejabberd_auth",
            ),
            ("export_db_ext", &empty, &["mod_mam", "json"], "nothing to export of mod_mam"),
        ] {
            let error = bench.serialized(name, folder, more).await.unwrap_err().to_string();
            assert!(error.contains(why), "{name} {more:?}: {error}");
        }
        assert!(
            bench.run("export_db", vec![Value::text("no.host"), Value::text("/")]).await.is_err()
        );
        assert_eq!(bench.says("export_db_status").await, "Operation not started");
        assert_eq!(bench.says("import_db_abort").await, "No task running");
        let told = bench.export(&empty, &["mod_last, mod_mam", "json"]).await;
        assert_eq!(
            told,
            "Operation was completed after exporting 0 records: 'Exported mod_last; there is nothing to export of mod_mam'"
        );
        // A file that is not ours is not replaced, and then none is.
        let letter = bench.folder("letter");
        std::fs::write(letter.join("localhost_mod_roster.dbser"), "dear Juliet").unwrap();
        let told = bench.export(&letter, &[]).await;
        assert!(
            told.starts_with("Operation failed after exporting 0 records with error "),
            "{told}"
        );
        assert_eq!(letter.read_dir().unwrap().count(), 1);
    });
}

#[test]
fn an_export_that_is_aborted_leaves_nothing() {
    test(async {
        let bench = Bench::new().await;
        bench.fill().await;
        let folder = bench.folder("out");
        bench.serialized("export_db", &folder, &[]).await.unwrap();
        let second = bench.serialized("export_db", &folder, &[]).await.unwrap_err().to_string();
        assert_eq!(second, "Operation in progress");
        assert_eq!(bench.says("export_db_abort").await, "Operation aborted");
        assert_eq!(bench.says("export_db_abort").await, "No task running");
        let told = bench.says("export_db_status").await;
        assert!(told.starts_with("Operation was aborted after exporting "), "{told}");
        bench.world.settle(&mut []).await.unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(folder.read_dir().unwrap().count(), 0);
    });
}
