//! Keys for relays: when they are there, when they are not, and what lies in the database.

use std::os::unix::fs::PermissionsExt;

use store::testing::ScratchDirectory;
use stun_wire::user_hash;

use super::*;

fn realm(name: &str) -> RelayRealm {
    RelayRealm { name: name.to_owned(), host: "example.org".to_owned() }
}

impl Bench {
    /// Keeps keys for realm `relay`, sealed under a key of these bytes.
    fn keep_relay_keys(&self, seal: u8, name: &str) {
        let folder = ScratchDirectory::new();
        let seal = RelaySeal::open(&folder.path().join("key"), [seal; 32]).unwrap();
        self.accounts.keep_relay_keys(Some(seal), vec![realm(name)]);
    }

    /// Whether the kept keys of both names are those of the password.
    async fn has_relay_keys(&self, user: &str, realm: &str, password: &str) -> bool {
        let mut all = true;
        for name in [user.to_owned(), format!("{user}@example.org")] {
            let keys = self.accounts.relay_keys(user, "example.org", realm, &name).await.unwrap();
            let right = RelayKeys::derive(&name, realm, &Secret::new(password));
            all &= keys.is_some_and(|keys| keys.md5 == right.md5 && keys.sha256 == right.sha256);
        }
        all
    }

    async fn relay_rows(&self) -> Vec<Vec<u8>> {
        let sql = "SELECT sealed FROM rookery_relay_keys";
        self.store.read(move |query| query.query(sql, &[], |row| row.get(0))).await.unwrap()
    }
}

#[tokio::test]
async fn keys_live_as_long_as_the_password_they_are_of() {
    let bench = Bench::new(stores(&[SHA1])).await;
    bench.keep_relay_keys(1, "relay");
    bench.register("juliet", "r0m30").await.unwrap();
    assert!(bench.has_relay_keys("juliet", "relay", "r0m30").await);
    assert!(!bench.has_relay_keys("juliet", "other", "r0m30").await);
    assert_eq!(bench.types().await, [2], "what ejabberd reads is as before");
    let password = Secret::new("n3w");
    bench.accounts.set_password("juliet", "example.org", &password).await.unwrap().into_inner();
    assert!(bench.has_relay_keys("juliet", "relay", "n3w").await);
    assert!(!bench.has_relay_keys("juliet", "relay", "r0m30").await);
    let found = bench.accounts.relay_account(user_hash("juliet", "relay")).await.unwrap();
    assert_eq!(found, Some(("juliet".to_owned(), "example.org".to_owned())));
    bench.accounts.remove("juliet", "example.org").await.unwrap().into_inner();
    assert!(!bench.has_relay_keys("juliet", "relay", "n3w").await);
    assert!(bench.relay_rows().await.is_empty());
    assert_eq!(bench.accounts.relay_account(user_hash("juliet", "relay")).await.unwrap(), None);
}

#[tokio::test]
async fn a_password_shown_in_clear_makes_keys() {
    let bench = Bench::new(stores(&[SHA1])).await;
    bench.register("juliet", "r0m30").await.unwrap();
    assert!(bench.is_right("juliet", "r0m30").await);
    bench.keep_relay_keys(1, "relay");
    assert!(!bench.has_relay_keys("juliet", "relay", "r0m30").await);
    assert!(!bench.is_right("juliet", "wrong").await);
    assert!(!bench.has_relay_keys("juliet", "relay", "r0m30").await);
    assert!(bench.is_right("juliet", "r0m30").await);
    assert!(bench.has_relay_keys("juliet", "relay", "r0m30").await);
    // Another realm, and the key file lost: useless until the next time, and then right.
    for (seal, realm) in [(1, "moved"), (2, "moved")] {
        bench.keep_relay_keys(seal, realm);
        assert!(!bench.has_relay_keys("juliet", realm, "r0m30").await);
        assert!(bench.is_right("juliet", "r0m30").await);
        assert!(bench.has_relay_keys("juliet", realm, "r0m30").await);
    }
    // Somebody else, such as ejabberd, changes the password.
    let other = Bench::new(stores(&[SHA1])).await;
    other.register("juliet", "0ther").await.unwrap();
    let stored = other.table().await.remove(0).2;
    let change =
        move |tx: &mut store::Tx<'_>| tx.execute("UPDATE users SET password = ?1", &[&stored]);
    bench.store.write(change).await.unwrap().into_inner();
    bench.accounts.forget_all();
    assert!(!bench.has_relay_keys("juliet", "moved", "r0m30").await);
}

/// Where clear text is stored the keys come from it, also before any row is written.
#[tokio::test]
async fn clear_text_gives_keys_and_leaves_them_when_it_goes() {
    let bench = Bench::new(stores(&[Form::Plain])).await;
    bench.register("juliet", "r0m30").await.unwrap();
    assert!(bench.has_relay_keys("juliet", "relay", "r0m30").await);
    bench.keep_relay_keys(1, "relay");
    assert!(bench.accounts.convert_to_scram("juliet", "example.org").await.unwrap());
    assert_eq!(bench.types().await, [2]);
    assert!(bench.has_relay_keys("juliet", "relay", "r0m30").await);
}

/// Neither the rows nor the files of the database hold a key, or the key that they are sealed under.
#[tokio::test]
async fn the_database_gives_nothing_to_try_passwords_on() {
    let bench = Bench::new(stores(&[SHA256])).await;
    bench.keep_relay_keys(77, "relay");
    bench.register("juliet", "r0m30").await.unwrap();
    let keys = RelayKeys::derive("juliet", "relay", &Secret::new("r0m30"));
    let mut held: Vec<Vec<u8>> = bench.relay_rows().await;
    assert_eq!(held.len(), 2);
    for file in bench.store.directory().read_dir().unwrap() {
        held.push(std::fs::read(file.unwrap().path()).unwrap_or_default());
    }
    assert!(held.iter().any(|bytes| bytes.windows(17).any(|part| part == b"rookery_relay_key")));
    for secret in [keys.md5.expose(), keys.sha256.expose(), &[77; 32]] {
        let holds = |bytes: &Vec<u8>| bytes.windows(secret.len()).any(|part| part == secret);
        assert!(!held.iter().any(holds));
    }
}

#[test]
fn the_key_of_the_seal_is_made_once_and_for_nobody_else() {
    let folder = ScratchDirectory::new();
    let path = folder.path().join("relay.key");
    for fresh in [1, 2] {
        RelaySeal::open(&path, [fresh; 32]).map(drop).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [1; 32]);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    }
    std::fs::write(&path, b"short").unwrap();
    let error = RelaySeal::open(&path, [3; 32]).err().unwrap().to_string();
    assert!(error.contains("relay.key: holds no key of 32 bytes"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"short", "it is not overwritten");
}
