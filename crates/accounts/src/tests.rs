//! Accounts in scratch stores: what a caller sees, and what lies in ejabberd's table.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use jid::BareJid;
use sasl::{Context, Failure, Mechanism, Negotiation, ScramHash, ScramVerifier, Step};
use stdx::Secret;
use store::testing::{ScratchStore, check_set_against_facts};

use crate::*;

mod relay;
mod rows;

fn random() -> [u8; 32] {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let mut bytes = [0; 32];
    for byte in &mut bytes {
        *byte = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(37);
    }
    bytes
}

struct Bench {
    accounts: Accounts,
    store: ScratchStore,
}

fn options(host: HostOptions) -> Options {
    Options {
        hosts: BTreeMap::from([("example.org".to_owned(), host)]),
        cache: CacheLimits::default(),
    }
}

fn stores(forms: &[Form]) -> HostOptions {
    HostOptions { stored: forms.to_vec(), stored_explicitly: true, ..HostOptions::default() }
}

const SHA1: Form = Form::Scram(ScramHash::Sha1);
const SHA256: Form = Form::Scram(ScramHash::Sha256);

impl Bench {
    async fn new(host: HostOptions) -> Self {
        let store = ScratchStore::open(&TABLES).unwrap();
        let accounts = Accounts::open(store.clone(), options(host), random).await.unwrap();
        Self { accounts, store }
    }

    async fn execute(&self, sql: &'static str) {
        self.store.write(move |tx| tx.execute(sql, &[])).await.unwrap().into_inner();
    }

    /// Type, password and iteration count of every row, by name and type.
    async fn table(&self) -> Vec<(String, i64, String, i64)> {
        let sql = "SELECT username, type, password, iterationcount FROM users ORDER BY 1, 2";
        let read = |row: &store::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        self.store.read(move |query| query.query(sql, &[], read)).await.unwrap()
    }

    async fn types(&self) -> Vec<i64> {
        self.table().await.into_iter().map(|row| row.1).collect()
    }

    async fn register(&self, user: &str, password: &str) -> Result<(), AccountError> {
        let done = self.accounts.register(user, "example.org", &Secret::new(password)).await;
        done.map(store::Committed::into_inner)
    }

    async fn check(&self, user: &str, password: &str) -> Result<Check, AccountError> {
        self.accounts.check_password(user, "example.org", &Secret::new(password)).await
    }

    async fn is_right(&self, user: &str, password: &str) -> bool {
        self.check(user, password).await.unwrap().is_right()
    }

    async fn exists(&self, user: &str) -> Result<bool, AccountError> {
        self.accounts.exists(user, "example.org").await
    }
}

#[test]
fn the_table_is_that_of_ejabberd() {
    let [users, ..] = TABLES;
    check_set_against_facts(users).unwrap();
}

#[tokio::test]
async fn register_check_change_remove() {
    let bench = Bench::new(HostOptions::default()).await;
    assert_eq!(bench.exists("juliet").await, Ok(false));
    assert!(!bench.is_right("juliet", "wherefore").await);
    bench.register("Juliet", "wherefore").await.unwrap();
    assert_eq!(bench.exists("JULIET").await, Ok(true));
    assert_eq!(bench.register("juliet", "other").await, Err(AccountError::Exists));
    for _ in 0..2 {
        assert!(bench.is_right("juliet", "wherefore").await);
        assert!(!bench.is_right("juliet", "Wherefore").await);
        assert!(!bench.is_right("romeo", "wherefore").await);
    }
    let new = Secret::new("arise");
    bench.accounts.set_password("juliet", "example.org", &new).await.unwrap().into_inner();
    assert!(!bench.is_right("juliet", "wherefore").await, "the cache must not remember");
    assert!(bench.is_right("juliet", "arise").await);
    bench.accounts.remove("juliet", "example.org").await.unwrap().into_inner();
    assert!(!bench.is_right("juliet", "arise").await);
    assert_eq!(bench.exists("juliet").await, Ok(false));
    let gone = bench.accounts.remove("juliet", "example.org").await;
    assert_eq!(gone.err(), Some(AccountError::NotFound));
    let gone = bench.accounts.set_password("juliet", "example.org", &new).await;
    assert_eq!(gone.err(), Some(AccountError::NotFound));
}

#[tokio::test]
async fn by_default_no_clear_text_reaches_the_table() {
    let bench = Bench::new(HostOptions::default()).await;
    bench.register("juliet", "wherefore").await.unwrap();
    assert_eq!(bench.types().await, [2, 3, 4]);
    for (_, _, password, iterations) in bench.table().await {
        assert!(!password.contains("wherefore"));
        assert_eq!(iterations, 4096);
    }
    assert!(bench.is_right("juliet", "wherefore").await);
    let found = std::fs::read_dir(bench.store.directory()).unwrap();
    for file in found {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|part| part == b"wherefore"));
    }
}

#[tokio::test]
async fn names_passwords_and_hosts_that_cannot_be() {
    let bench = Bench::new(HostOptions::default()).await;
    let long = "x".repeat(1024);
    for name in ["", "a@b", "a/b", "a b", "a\"b", &long] {
        assert!(
            matches!(bench.register(name, "p").await, Err(AccountError::InvalidName(_))),
            "{name}"
        );
        assert!(matches!(bench.exists(name).await, Err(AccountError::InvalidName(_))), "{name}");
    }
    for password in ["", "a\u{7}", "\u{AD}", &long] {
        assert_eq!(bench.register("juliet", password).await, Err(AccountError::InvalidPassword));
        assert_eq!(bench.check("juliet", password).await, Ok(Check::Wrong));
    }
    assert!(bench.table().await.is_empty());
    let elsewhere = bench.accounts.register("juliet", "example.com", &Secret::new("p")).await;
    assert_eq!(elsewhere.err(), Some(AccountError::UnknownHost("example.com".to_owned())));
    let upper = bench.accounts.register("juliet", "EXAMPLE.org", &Secret::new("p")).await;
    assert!(upper.is_ok(), "hosts are prepared");
}

#[tokio::test]
async fn passwords_are_prepared_on_both_sides() {
    let bench = Bench::new(stores(&[Form::Plain, SHA1])).await;
    bench.register("juliet", "I\u{AD}X").await.unwrap();
    for password in ["IX", "\u{2168}", "I\u{AD}X"] {
        assert!(bench.is_right("juliet", password).await, "{password:?}");
    }
    assert_eq!(bench.table().await[0].2, "IX");
}

#[tokio::test]
async fn one_row_for_each_configured_form() {
    for (forms, types) in
        [(&Form::ALL[..], &[1, 2, 3, 4][..]), (&[Form::Plain], &[1]), (&[SHA256], &[3])]
    {
        let bench = Bench::new(stores(forms)).await;
        bench.register("juliet", "wherefore").await.unwrap();
        assert_eq!(bench.types().await, types);
        assert!(bench.is_right("juliet", "wherefore").await);
        assert!(!bench.is_right("juliet", "wherefore!").await);
        bench
            .accounts
            .set_password("juliet", "example.org", &Secret::new("arise"))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(bench.types().await, types);
    }
}

#[tokio::test]
async fn a_log_in_brings_the_forms_up_to_date_and_a_wrong_one_does_not() {
    let bench = Bench::new(stores(&[Form::Plain])).await;
    bench.register("juliet", "wherefore").await.unwrap();
    bench.accounts.reconfigure(options(stores(&[SHA1, SHA256])));
    assert!(!bench.is_right("juliet", "arise").await);
    assert_eq!(bench.types().await, [1]);
    assert!(bench.is_right("juliet", "wherefore").await);
    assert_eq!(
        bench.types().await,
        [2, 3],
        "clear text goes: the administrator chose forms without"
    );
    let before = bench.table().await;
    assert!(bench.is_right("juliet", "wherefore").await);
    assert_eq!(bench.table().await, before, "once is enough");

    let bench = Bench::new(stores(&[Form::Plain])).await;
    bench.register("juliet", "wherefore").await.unwrap();
    bench.accounts.reconfigure(options(HostOptions::default()));
    assert!(bench.is_right("juliet", "wherefore").await);
    assert_eq!(bench.types().await, [1, 2, 3, 4], "nobody asked for clear text to go");
}

#[tokio::test]
async fn an_upgrade_never_overwrites_a_password_set_meanwhile() {
    let bench = Bench::new(stores(&[SHA1])).await;
    bench.register("juliet", "wherefore").await.unwrap();
    let before = bench.accounts.stored("juliet", "example.org").await.unwrap().unwrap();
    bench
        .accounts
        .set_password("juliet", "example.org", &Secret::new("arise"))
        .await
        .unwrap()
        .into_inner();
    let rows = crate::backend::sql::Rows { users: before.rows(), relay: Vec::new() };
    let upgraded =
        bench.accounts.0.sql.upgrade("example.org", "juliet", &before, rows, || ()).await;
    assert_eq!(upgraded.unwrap().into_inner(), crate::backend::sql::Changed::Refused);
    assert!(bench.is_right("juliet", "arise").await);
}

/// A caller that stops waiting must not leave a stale cache behind.
#[tokio::test]
async fn a_change_nobody_waits_for_still_reaches_the_cache() {
    let bench = Bench::new(stores(&[SHA1])).await;
    bench.register("juliet", "wherefore").await.unwrap();
    assert_eq!(bench.exists("juliet").await, Ok(true));
    // The writer is busy until the removal has been given up.
    let (go, wait) = std::sync::mpsc::sync_channel::<()>(1);
    let busy = move |_: &mut store::Tx<'_>| {
        // An error says that the other side is gone, which is what is waited for.
        wait.recv().ok();
        Ok::<_, store::StoreError>(())
    };
    bench.store.write_then(busy, |_| {}).unwrap();
    {
        let mut removal = std::pin::pin!(bench.accounts.remove("juliet", "example.org"));
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(removal.as_mut().poll(context).is_pending())
        });
        assert!(polled.await, "the change is queued, and its answer is not awaited");
    }
    drop(go);
    // A later change is committed after the one that was given up.
    bench.execute("DELETE FROM users WHERE username = 'romeo'").await;
    assert_eq!(bench.exists("juliet").await, Ok(false));
}

/// The whole way through SCRAM with what is stored, for a real client's arithmetic see the crate
/// `sasl`.
#[tokio::test]
async fn verifiers_for_scram() {
    let bench = Bench::new(stores(&[SHA256])).await;
    bench.register("juliet", "wherefore").await.unwrap();
    let verifier = |user: &'static str, hash| bench.accounts.verifier(user, "example.org", hash);
    let found = verifier("juliet", ScramHash::Sha256).await.unwrap().unwrap();
    assert!(found.matches(&Secret::new("wherefore")) && !found.matches(&Secret::new("arise")));
    assert_eq!(verifier("juliet", ScramHash::Sha512).await, Ok(None));
    assert_eq!(verifier("romeo", ScramHash::Sha256).await, Ok(None));
}

#[tokio::test]
async fn clear_text_gives_every_verifier_with_a_salt_that_stays() {
    let bench = Bench::new(stores(&[Form::Plain])).await;
    bench.register("juliet", "wherefore").await.unwrap();
    for hash in ScramHash::ALL {
        let mut salts = Vec::new();
        for use_cache in [true, false] {
            bench
                .accounts
                .reconfigure(options(HostOptions { use_cache, ..stores(&[Form::Plain]) }));
            let found =
                bench.accounts.verifier("juliet", "example.org", hash).await.unwrap().unwrap();
            assert!(found.matches(&Secret::new("wherefore")));
            salts.push(found.salt().to_vec());
        }
        assert_eq!(salts[0], salts[1]);
    }
}

/// Attack class 16, the visible half: SCRAM's challenge for an unknown account survives a restart.
#[tokio::test]
async fn invented_verifiers_are_the_same_after_a_restart() {
    let bench = Bench::new(HostOptions::default()).await;
    let again = Accounts::open(bench.store.clone(), options(HostOptions::default()), random);
    let again = again.await.unwrap();
    let challenge = |accounts: &Accounts| {
        let mechanism = Mechanism::Scram(ScramHash::Sha256);
        let context = Context {
            host: BareJid::new("example.org").unwrap(),
            offered: vec![mechanism],
            bindings: Vec::new(),
            bindings_advertised: false,
            downgrade_protection: true,
            nonce: [1; 18],
            decoy_key: accounts.decoy_key(),
            decoy_iterations: sasl::DEFAULT_ITERATIONS,
            certified: Vec::new(),
            anonymous: None,
        };
        let mut attempt = Negotiation::new(mechanism, context);
        assert!(matches!(attempt.start(Some(b"n,,n=nobody,r=nonce")), Step::NeedsVerifier { .. }));
        attempt.verifier(None)
    };
    assert_eq!(challenge(&bench.accounts), challenge(&again));
}

#[tokio::test]
async fn listing_and_counting() {
    let bench = Bench::new(stores(&[Form::Plain, SHA1])).await;
    for user in ["romeo", "juliet", "julia", "nurse", "j_l%", "élan"] {
        bench.register(user, "p").await.unwrap();
    }
    let list = async |prefix: &str, limit, offset| {
        bench.accounts.list("example.org", prefix, limit, offset).await.unwrap()
    };
    assert_eq!(list("", 10, 0).await, ["j_l%", "julia", "juliet", "nurse", "romeo", "élan"]);
    assert_eq!(list("", 2, 1).await, ["julia", "juliet"]);
    assert_eq!(list("jul", 10, 0).await, ["julia", "juliet"]);
    assert_eq!(list("j_", 10, 0).await, ["j_l%"], "no wildcards");
    assert_eq!(list("é", 10, 0).await, ["élan"]);
    assert_eq!(bench.accounts.count("example.org", "").await, Ok(6));
    assert_eq!(bench.accounts.count("example.org", "jul").await, Ok(2));
    assert!(bench.accounts.count("example.com", "").await.is_err());
}

#[tokio::test]
async fn the_cache_serves_until_something_changes() {
    let bench = Bench::new(stores(&[SHA1])).await;
    bench.register("juliet", "wherefore").await.unwrap();
    assert!(bench.is_right("juliet", "wherefore").await);
    assert_eq!(bench.exists("romeo").await, Ok(false));
    bench.execute("DELETE FROM users").await;
    assert!(bench.is_right("juliet", "wherefore").await, "cached");
    assert!(!bench.is_right("juliet", "arise").await, "a cached success is for one password");
    bench.register("romeo", "p").await.unwrap();
    assert_eq!(bench.exists("romeo").await, Ok(true), "a cached absence goes when it changes");

    bench.accounts.reconfigure(options(HostOptions { use_cache: false, ..stores(&[SHA1]) }));
    assert!(!bench.is_right("juliet", "wherefore").await, "auth_use_cache: false");

    let mut unmissed = options(stores(&[SHA1]));
    unmissed.cache.missed = false;
    bench.accounts.reconfigure(unmissed);
    assert_eq!(bench.exists("nurse").await, Ok(false));
    bench
        .execute("INSERT INTO users (username, server_host, type, password) VALUES ('nurse', 'example.org', 1, 'p')")
        .await;
    assert_eq!(bench.exists("nurse").await, Ok(true), "auth_cache_missed: false");
}

#[tokio::test]
async fn methods_not_in_force_are_named_when_they_would_decide() {
    let ldap = Method::from_name("ldap");
    let bench =
        Bench::new(HostOptions { methods: vec![Method::Sql, ldap], ..stores(&[SHA1]) }).await;
    bench.register("juliet", "wherefore").await.unwrap();
    assert!(bench.is_right("juliet", "wherefore").await);
    let refused = AccountError::MethodNotInForce { method: "ldap", host: "example.org".to_owned() };
    assert_eq!(bench.check("juliet", "arise").await, Err(refused.clone()));
    assert_eq!(bench.exists("romeo").await, Err(refused.clone()));
    assert!(refused.to_string().contains("ldap"));
    bench.accounts.reconfigure(options(HostOptions { methods: vec![ldap], ..stores(&[SHA1]) }));
    assert_eq!(bench.register("romeo", "p").await, Err(refused.clone()));
    assert_eq!(bench.accounts.list("example.org", "", 1, 0).await, Err(refused));
}

#[tokio::test]
async fn anonymous_log_in() {
    let anonymous = |protocol, shared| HostOptions {
        methods: vec![Method::Sql, Method::Anonymous],
        anonymous_protocol: protocol,
        anonymous_shared: shared,
        ..stores(&[SHA1])
    };
    let bench = Bench::new(anonymous(AnonymousProtocol::Sasl, false)).await;
    bench.register("juliet", "wherefore").await.unwrap();
    assert_eq!(bench.check("guest", "any").await, Ok(Check::Wrong), "sasl_anon only");
    bench.accounts.reconfigure(options(anonymous(AnonymousProtocol::Login, false)));
    assert_eq!(bench.check("guest", "any").await, Ok(Check::Right(Method::Anonymous)));
    assert_eq!(bench.check("juliet", "any").await, Ok(Check::Wrong), "the name has an account");
    assert_eq!(bench.check("juliet", "wherefore").await, Ok(Check::Right(Method::Sql)));

    let open = async |user: &str| bench.accounts.open_anonymous(user, "example.org").await;
    assert_eq!(open("juliet").await.err(), Some(AccountError::Exists));
    let session = open("guest").await.unwrap();
    assert_eq!(bench.exists("guest").await, Ok(true));
    assert_eq!(open("guest").await.err(), Some(AccountError::Exists));
    assert_eq!(bench.check("guest", "any").await, Ok(Check::Wrong));
    assert_eq!(bench.register("guest", "p").await, Err(AccountError::Exists));
    bench.accounts.reconfigure(options(anonymous(AnonymousProtocol::Login, true)));
    let mut session = session;
    let mut second = open("guest").await.unwrap();
    assert!(!session.leave(), "the other one stays");
    drop(session);
    assert_eq!(bench.exists("guest").await, Ok(true));
    assert!(second.leave() && !second.leave());
    assert_eq!(bench.exists("guest").await, Ok(false), "nothing more is kept for it");
    bench.accounts.reconfigure(options(anonymous(AnonymousProtocol::Login, false)));
    assert_eq!(open("guest").await.err(), Some(AccountError::Exists), "its data are not yet gone");
    drop(second);
    assert_eq!(bench.exists("guest").await, Ok(false));

    let node = bench.accounts.anonymous_node();
    assert_ne!(node, bench.accounts.anonymous_node());
    assert_eq!(node.as_str().len(), 32);
    let only = HostOptions { methods: vec![Method::Anonymous], ..HostOptions::default() };
    bench.accounts.reconfigure(options(only));
    let refused = AccountError::NotAllowed { host: "example.org".to_owned() };
    assert_eq!(bench.register("romeo", "p").await, Err(refused));
}

/// Attack class 16, the hidden half: an unknown account costs the same work as a wrong password.
#[tokio::test]
async fn unknown_accounts_cost_as_much_as_wrong_passwords() {
    let bench = Bench::new(stores(&[SHA256])).await;
    bench.register("juliet", "wherefore").await.unwrap();
    let mut fastest = [std::time::Duration::MAX; 2];
    for _ in 0..20 {
        for (user, fastest) in ["juliet", "nobody"].into_iter().zip(&mut fastest) {
            let started = std::time::Instant::now();
            assert!(!bench.is_right(user, "arise").await);
            *fastest = started.elapsed().min(*fastest);
        }
    }
    let [known, unknown] = fastest.map(|time| time.as_secs_f64());
    assert!((0.3..3.0).contains(&(unknown / known)), "{known} s and {unknown} s");
}

#[tokio::test]
async fn many_log_ins_at_once_all_get_an_answer() {
    let bench = Arc::new(Bench::new(stores(&[SHA256])).await);
    bench.register("juliet", "wherefore").await.unwrap();
    let mut log_ins = tokio::task::JoinSet::new();
    for number in 0..40 {
        let bench = Arc::clone(&bench);
        log_ins.spawn(async move {
            let right = number % 2 == 0;
            let password = if right { "wherefore" } else { "arise" };
            assert_eq!(bench.is_right("juliet", password).await, right);
        });
    }
    log_ins.join_all().await;
    assert_eq!(bench.accounts.stats().hashing, 0);
}

#[tokio::test]
async fn plain_through_sasl() {
    let bench = Bench::new(HostOptions::default()).await;
    bench.register("juliet", "wherefore").await.unwrap();
    let host_options = bench.accounts.host_options("example.org").unwrap();
    assert!(host_options.offers_passwords() && !host_options.offers_anonymous());
    assert_eq!(host_options.offers_scram(), ScramHash::ALL);
    let context = Context {
        host: BareJid::new("example.org").unwrap(),
        offered: vec![Mechanism::Plain],
        bindings: Vec::new(),
        bindings_advertised: false,
        downgrade_protection: false,
        nonce: [1; 18],
        decoy_key: bench.accounts.decoy_key(),
        decoy_iterations: sasl::DEFAULT_ITERATIONS,
        certified: Vec::new(),
        anonymous: None,
    };
    for (message, right) in [("\0juliet\0wherefore", true), ("\0juliet\0arise", false)] {
        let mut attempt = Negotiation::new(Mechanism::Plain, context.clone());
        let Step::NeedsPlainCheck { user, password } = attempt.start(Some(message.as_bytes()))
        else {
            panic!("no check");
        };
        let node = user.node().unwrap().as_str();
        let check = bench.accounts.check_password(node, user.domain().as_str(), &password).await;
        let step = attempt.password_checked(check.unwrap().is_right());
        match step {
            Step::Success { identity, .. } => assert!(right && identity == user),
            Step::Failure(Failure { .. }) => assert!(!right),
            other => panic!("{other:?}"),
        }
    }
}

fn verifier(hash: ScramHash, password: &str, salt: &[u8], iterations: u32) -> ScramVerifier {
    ScramVerifier::derive(hash, &Secret::new(password), salt.to_vec(), iterations).unwrap()
}
