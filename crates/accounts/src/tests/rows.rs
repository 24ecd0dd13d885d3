//! Rows as ejabberd writes them, old and new, and the way there and back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use sasl::ScramHash;
use settings::{Inputs, Source};
use stdx::{Secret, SecretBytes};
use store::testing::ScratchDirectory;
use store::{Column, DefaultValue, Index, Kind, OpenOptions, Store, Table, TableSet};

use super::*;
use crate::stored::UserRow;

fn keys(verifier: &ScramVerifier) -> (String, String, String) {
    (
        STANDARD.encode(verifier.stored_key().expose()),
        STANDARD.encode(verifier.server_key().expose()),
        STANDARD.encode(verifier.salt()),
    )
}

/// Writes a row as ejabberd would.
async fn insert(
    bench: &Bench,
    user: &'static str,
    kind: Option<i64>,
    prefix: &str,
    of: &ScramVerifier,
) {
    let (stored_key, server_key, salt) = keys(of);
    let password = format!("{prefix}{stored_key}");
    let iterations = of.iterations();
    let change = move |tx: &mut store::Tx<'_>| {
        tx.execute(
            "INSERT INTO users (username, server_host, type, password, serverkey, salt, iterationcount) \
             VALUES (?1, 'example.org', ?2, ?3, ?4, ?5, ?6)",
            &[&user, &kind, &password, &server_key, &salt, &iterations],
        )
    };
    bench.store.write(change).await.unwrap().into_inner();
}

#[tokio::test]
async fn rows_of_every_type_are_read() {
    let cases = [
        (Some(0), "", ScramHash::Sha1),
        (Some(0), "sha256:", ScramHash::Sha256),
        (Some(0), "sha512:", ScramHash::Sha512),
        (None, "", ScramHash::Sha1),
        (Some(2), "", ScramHash::Sha1),
        (Some(3), "", ScramHash::Sha256),
        (Some(4), "", ScramHash::Sha512),
    ];
    for (kind, prefix, hash) in cases {
        let bench = Bench::new(HostOptions::default()).await;
        if kind.is_none() {
            // ejabberd's own schema for SQLite allows it.
            bench.execute("ALTER TABLE users ALTER COLUMN type DROP NOT NULL").await;
        }
        let found = verifier(hash, "wherefore", b"salt of ejabberd", 50);
        insert(&bench, "juliet", kind, prefix, &found).await;
        let read = bench.accounts.verifier("juliet", "example.org", hash).await.unwrap();
        assert_eq!(read.as_ref(), Some(&found), "{kind:?} {prefix}");
        assert!(!bench.is_right("juliet", "arise").await);
        assert!(bench.is_right("juliet", "wherefore").await, "{kind:?} {prefix}");
        assert_eq!(bench.types().await, [2, 3, 4], "the log-in brought the forms up to date");
        let kept = bench.accounts.verifier("juliet", "example.org", hash).await.unwrap();
        assert_eq!(kept, Some(found), "and kept the verifier there was");
    }
}

/// The table as releases before 25.03 made it: one row an account, no column `type`.
#[tokio::test]
async fn an_older_table_is_brought_up_to_date_and_served() {
    static COLUMNS: [Column; 7] = [
        Column::text("username"),
        Column::text("server_host"),
        Column::text("password"),
        Column::new("serverkey", Kind::TextMax(128)).or(DefaultValue::Empty),
        Column::new("salt", Kind::TextMax(128)).or(DefaultValue::Empty),
        Column::new("iterationcount", Kind::Integer).or(DefaultValue::Zero),
        Column::created_at(),
    ];
    static OLD: Table = Table::new("users", "ejabberd_auth", &COLUMNS)
        .indexes(&[Index::unique(&["server_host", "username"])]);
    static OLD_SET: TableSet =
        TableSet { module: "ejabberd_auth", version: 1, tables: &[&OLD], updates: &[] };

    let directory = ScratchDirectory::new();
    let place = OpenOptions::new(directory.path().join("database"));
    let store = Store::open(&place, &[&OLD_SET]).unwrap();
    let found = verifier(ScramHash::Sha256, "wherefore", b"salt of ejabberd", 50);
    let (stored_key, server_key, salt) = keys(&found);
    let password = format!("sha256:{stored_key}");
    let change = move |tx: &mut store::Tx<'_>| {
        tx.execute(
            "INSERT INTO users (username, server_host, password, serverkey, salt, iterationcount) \
             VALUES ('juliet', 'example.org', ?1, ?2, ?3, 50)",
            &[&password, &server_key, &salt],
        )
    };
    store.write(change).await.unwrap().into_inner();
    store.close().await.unwrap();
    drop(store);

    let store = Store::open(&place, &TABLES).unwrap();
    let accounts = Accounts::open(store, options(HostOptions::default()), random).await.unwrap();
    let right = accounts.check_password("juliet", "example.org", &Secret::new("wherefore")).await;
    assert_eq!(right, Ok(Check::Right(Method::Sql)));
    let stored = accounts.stored("juliet", "example.org").await.unwrap().unwrap();
    assert_eq!(stored.verifier(ScramHash::Sha256), Some(&found));
    assert_eq!(stored.forms().len(), 3);
}

#[tokio::test]
async fn clear_text_of_both_kinds_is_read() {
    for sql in [
        "INSERT INTO users (username, server_host, type, password) VALUES ('juliet', 'example.org', 0, 'a:b')",
        "INSERT INTO users (username, server_host, type, password) VALUES ('juliet', 'example.org', 1, 'a:b')",
    ] {
        let bench = Bench::new(stores(&[Form::Plain])).await;
        bench.execute(sql).await;
        assert!(!bench.is_right("juliet", "b").await);
        assert!(bench.is_right("juliet", "a:b").await);
        assert_eq!(bench.types().await, [1]);
    }
}

#[tokio::test]
async fn rows_that_are_not_understood_are_left_as_they_are() {
    let bench = Bench::new(HostOptions::default()).await;
    insert(&bench, "juliet", Some(2), "", &verifier(ScramHash::Sha1, "wherefore", b"salt", 5))
        .await;
    bench
        .execute("INSERT INTO users (username, server_host, type, password) VALUES ('juliet', 'example.org', 9, 'x')")
        .await;
    assert!(bench.is_right("juliet", "wherefore").await);
    assert_eq!(bench.types().await, [2, 9], "nothing is rewritten around an unknown row");
    bench
        .execute("INSERT INTO users (username, server_host, type, password) VALUES ('romeo', 'example.org', 3, 'x')")
        .await;
    assert_eq!(bench.exists("romeo").await, Ok(true));
    assert!(!bench.is_right("romeo", "x").await, "a damaged verifier matches nothing");
}

#[test]
fn damaged_rows_say_what_is_wrong() {
    let good = Stored::default();
    assert!(good.rows().is_empty());
    let row = |kind, password: &str, salt: &str, iterationcount| UserRow {
        kind,
        password: Secret::new(password),
        serverkey: Secret::new(STANDARD.encode([0; 20])),
        salt: salt.to_owned(),
        iterationcount,
    };
    let key = STANDARD.encode([0; 20]);
    let cases = [
        (row(7, "x", "", 0), "column `type`"),
        (row(2, "!", "c2FsdA==", 1), "base64"),
        (row(2, &key, "c2FsdA", 1), "base64"),
        (row(2, &key, "", 1), "salt"),
        (row(2, &key, "c2FsdA==", 0), "iteration count"),
        (row(2, &key, "c2FsdA==", -1), "iteration count"),
        (row(2, &key, "c2FsdA==", i64::MAX), "iteration count"),
        (row(3, &key, "c2FsdA==", 1), "digest"),
        (row(0, &format!("md5:{key}"), "c2FsdA==", 1), "base64"),
    ];
    for (row, expected) in cases {
        let mut said = String::new();
        let stored = Stored::from_rows(&[row], |error| said = error.to_string());
        assert!(stored.forms().is_empty() && said.contains(expected), "{expected}: {said}");
    }
}

fn any_verifier(hash: ScramHash) -> impl Strategy<Value = ScramVerifier> {
    let key = move || prop::collection::vec(any::<u8>(), hash.digest_bytes());
    let salt = prop::collection::vec(any::<u8>(), 1..40);
    (1_u32..1_000_000, salt, key(), key()).prop_map(move |(iterations, salt, stored, server)| {
        let (stored, server) = (SecretBytes::new(stored), SecretBytes::new(server));
        ScramVerifier::from_parts(hash, iterations, salt, stored, server).unwrap()
    })
}

proptest! {
    #[test]
    fn rows_go_there_and_back(
        plain in prop::option::of("[ -~]{1,20}"),
        sha1 in prop::option::of(any_verifier(ScramHash::Sha1)),
        sha256 in prop::option::of(any_verifier(ScramHash::Sha256)),
        sha512 in prop::option::of(any_verifier(ScramHash::Sha512)),
    ) {
        let mut stored = Stored::default();
        stored.set_plain(plain.as_deref().map(Secret::new));
        for verifier in [&sha1, &sha256, &sha512].into_iter().flatten() {
            stored.add(verifier.clone());
        }
        let rows = stored.rows();
        let read = Stored::from_rows(&rows, |error| panic!("{error}"));
        prop_assert_eq!(read.plain().map(Secret::expose), plain.as_deref());
        prop_assert_eq!(read.verifier(ScramHash::Sha1), sha1.as_ref());
        prop_assert_eq!(read.verifier(ScramHash::Sha256), sha256.as_ref());
        prop_assert_eq!(read.verifier(ScramHash::Sha512), sha512.as_ref());
        prop_assert!(!read.is_old());
        prop_assert!(read.rows() == rows);
    }

    #[test]
    fn no_row_makes_it_panic(
        kind in -1_i64..6,
        password in any::<String>(),
        salt in any::<String>(),
        iterationcount in any::<i64>(),
    ) {
        let serverkey = Secret::new(password.as_str());
        let row = UserRow { kind, password: Secret::new(password), serverkey, salt, iterationcount };
        let stored = Stored::from_rows(&[row], |_| ());
        prop_assert!(stored.verifier(ScramHash::Sha1).is_none());
    }
}

fn host_options(yaml: &str) -> HostOptions {
    let text = format!("hosts: [example.org]\n{yaml}\n");
    let source = Source::Text { name: "test".to_owned(), text };
    let loaded = settings::load(&source, &Inputs::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    Options::from_config(&loaded.config).hosts.remove("example.org").unwrap()
}

#[test]
fn which_forms_the_settings_ask_for() {
    let sha512 = Form::Scram(ScramHash::Sha512);
    let cases: [(&str, &[Form], bool); 7] = [
        ("", &[SHA1, SHA256, sha512], false),
        ("auth_password_format: plain", &[Form::Plain], true),
        ("auth_password_format: scram", &[SHA1], true),
        ("auth_password_format: scram\nauth_scram_hash: sha512", &[sha512], true),
        ("auth_scram_hash: sha256", &[SHA256], true),
        ("auth_stored_password_types: [scram_sha256, plain]", &[Form::Plain, SHA256], true),
        ("auth_stored_password_types: [scram_sha1]\nauth_password_format: plain", &[SHA1], true),
    ];
    for (yaml, forms, explicitly) in cases {
        let options = host_options(yaml);
        assert_eq!((&*options.stored, options.stored_explicitly), (forms, explicitly), "{yaml}");
    }
}

#[test]
fn which_mechanisms_the_settings_allow() {
    let all = ScramHash::ALL.to_vec();
    assert_eq!(
        host_options("").methods,
        [Method::Sql],
        "ejabberd's default is its built-in database"
    );
    assert_eq!(host_options("auth_password_format: plain").offers_scram(), all);
    let hidden = host_options(
        "auth_stored_password_types: [scram_sha1, scram_sha256]\n\
         auth_password_types_hidden_in_sasl1: [scram_sha1]",
    );
    assert_eq!(hidden.offers_scram(), [ScramHash::Sha1, ScramHash::Sha256]);
    assert_eq!(hidden.offers_scram_in_sasl1(), [ScramHash::Sha256]);
    let anonymous = host_options("auth_method: anonymous\nanonymous_protocol: both");
    assert!(anonymous.offers_anonymous() && anonymous.offers_passwords());
    assert!(anonymous.offers_scram().is_empty());
    let sasl_only = host_options("auth_method: [anonymous]");
    assert!(sasl_only.offers_anonymous() && !sasl_only.offers_passwords());
    let more = host_options(
        "auth_method: [ldap, internal]\ndisable_sasl_mechanisms: plain\n\
         disable_sasl_scram_downgrade_protection: true\nauth_use_cache: false",
    );
    assert_eq!(more.methods, [Method::NotInForce("ldap"), Method::Sql]);
    assert_eq!(more.disabled_mechanisms, ["PLAIN"]);
    assert!(!more.downgrade_protection && !more.use_cache);
}

#[test]
fn every_option_in_force_is_in_the_catalogue() {
    settings::InForce::default().toplevel(OPTIONS);
}
