//! What other servers than ejabberd keep: Prosody, jabberd 1.4.

use std::path::{Path, PathBuf};

use kernel::commands::Value;

use super::{Bench, counts, test};

fn others(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Made by Prosody 0.12.3 with clients.
#[test]
fn accounts_of_prosody_are_read() {
    test(async {
        let bench = Bench::new().await;
        for _ in 0..2 {
            let report = bench.migration().import_prosody(others("prosody-0.12")).await.unwrap();
            let stored = [
                ("accounts", 2),
                ("contacts", 4),
                ("offline messages", 2),
                ("private data", 1),
                ("vCards", 1),
            ];
            assert_eq!(counts(&report), stored);
            let skipped: Vec<&String> = report.skipped.keys().collect();
            assert_eq!(skipped, ["host fun-house.test (not among the hosts of the configuration)"]);
        }
        assert!(bench.password_is("romeo", "p\u{e2}ss<w>").await);
        assert!(
            bench.password_is("juliet", "secret").await && !bench.password_is("juliet", "x").await
        );
        let rows = bench.sql("SELECT jid || '|' || nick || '|' || subscription || approved || ask || '|' || askmessage FROM rosterusers \
                              WHERE username = 'romeo' ORDER BY jid").await;
        assert_eq!(
            rows,
            [
                "juliet@localhost|Juli\u{eb}t <3|B1N|",
                "nurse@elsewhere.test||N0O|",
                "o.brien-x@fun-house.test||N0I|hi"
            ]
        );
        let groups =
            bench.sql("SELECT grp FROM rostergroups WHERE username = 'romeo' ORDER BY grp").await;
        assert_eq!(groups, ["Friends", "Ver\"ona"]);
        let card = bench.sql("SELECT vcard FROM vcard WHERE username = 'romeo'").await;
        assert_eq!(
            card,
            [
                "<vCard xmlns='vcard-temp'><FN>Romeo \u{e9} &amp; co</FN><N><FAMILY>Montague</FAMILY></N></vCard>"
            ]
        );
        let private =
            bench.sql("SELECT data FROM private_storage WHERE namespace = 'exodus:prefs'").await;
        assert!(private[0].contains("<b>line\none</b>"), "{private:?}");
        let spool = bench
            .sql("SELECT created_at || xml FROM spool WHERE username = 'juliet' ORDER BY seq")
            .await;
        assert_eq!(spool.len(), 2);
        assert!(
            spool[0].starts_with("2026-11-23 00:47:15<message ")
                && spool[0].contains("h\u{e9}llo &lt;&amp;&gt; \"\\"),
            "{spool:?}"
        );
        assert!(!spool[0].contains("<message stamp") && spool[0].contains("<delay "), "{spool:?}");
    });
}

#[test]
fn folders_of_others_that_are_none_are_told() {
    test(async {
        let bench = Bench::new().await;
        let folder = bench.path("prosody");
        let stores = folder.join("localhost");
        for store in ["roster", "accounts", "pep_data"] {
            std::fs::create_dir_all(stores.join(store)).unwrap();
        }
        std::fs::write(stores.join("accounts/eve.dat"), "os.execute('true')").unwrap();
        std::fs::write(stores.join("accounts/bob.dat"), "return { iteration_count = 1 };").unwrap();
        std::fs::write(stores.join("roster/b%20b.dat"), "return {};").unwrap();
        let report = bench.migration().import_prosody(folder).await.unwrap();
        assert!(report.stored.is_empty(), "{report}");
        for told in [
            "eve.dat (line 1: neither",
            "bob.dat (not understood)",
            "store pep_data",
            "name that no account",
        ] {
            assert!(report.to_string().contains(told), "{report}");
        }
        let (empty, file) = (bench.path("empty"), bench.path("localhost/x.xml"));
        std::fs::create_dir(&empty).unwrap();
        std::fs::create_dir(bench.path("localhost")).unwrap();
        assert!(bench.run_file("import_prosody", &empty).await.is_err());
        for (text, why) in [("<xdb", ""), ("<other/>", "no file of jabberd"), ("", "")] {
            std::fs::write(&file, text).unwrap();
            for (name, path) in [("import_file", &file), ("import_dir", &bench.path("localhost"))] {
                let Ok(Value::Restuple(false, told)) = bench.run_file(name, path).await else {
                    panic!("{text}")
                };
                assert!(told.contains(why) && told.contains("x.xml"), "{told}");
            }
        }
        for name in ["import_file", "import_dir"] {
            let result = bench.run_file(name, &empty).await;
            assert!(matches!(result, Ok(Value::Restuple(false, _))), "{name}: {result:?}");
        }
    });
}

#[test]
fn a_spool_of_jabberd_14_is_read() {
    test(async {
        let bench = Bench::new().await;
        let stored = [
            ("accounts", 1),
            ("contacts", 3),
            ("last activity", 1),
            ("offline messages", 1),
            ("private data", 1),
            ("vCards", 1),
        ];
        let report =
            bench.migration().import_jabberd14_dir(others("jabberd14/localhost")).await.unwrap();
        assert_eq!(counts(&report), stored);
        let file = others("jabberd14/localhost/mercutio.xml");
        assert_eq!(counts(&bench.migration().import_jabberd14_file(file).await.unwrap()), stored);
        assert!(
            report.skipped.keys().all(|what| what.starts_with("jabber:iq:browse ")),
            "{report}"
        );
        assert!(bench.password_is("mercutio", "que&en mab").await);
        let rows = bench.sql("SELECT jid || '|' || nick || '|' || subscription || ask || '|' || askmessage || subscribe FROM rosterusers \
                              ORDER BY jid").await;
        assert_eq!(
            rows,
            [
                "benvolio@localhost||NO|",
                "romeo@localhost|Rom\u{e9}o|BN|",
                "tybalt@localhost||NI|let us fight"
            ]
        );
        let spool = bench.sql("SELECT created_at || xml FROM spool").await;
        assert_eq!(spool.len(), 1);
        assert!(
            spool[0].starts_with("2002-09-10 23:08:25<message ")
                && spool[0].contains("<body>Peace, peace</body>"),
            "{spool:?}"
        );
        assert!(!spool[0].contains("jabber:x:offline"), "{spool:?}");
        assert_eq!(bench.sql("SELECT seconds || state FROM last").await, ["1031699305Registered"]);
        let private = bench.sql("SELECT data FROM private_storage").await;
        assert_eq!(private, ["<exodus xmlns='exodus:prefs'><toolbar/></exodus>"]);
    });
}
