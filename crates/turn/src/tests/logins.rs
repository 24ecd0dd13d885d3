//! Log-ins with an account's own password, of which no clear text is stored.

use stdx::Secret;
use stun_wire::{Algorithm, Class, Method, attr, code, long_term_key};

use super::Lab;
use super::client::Client;

const UDP: &str = "port: 0, transport: udp";

impl Lab {
    /// One with an account whose password is stored as verifiers alone.
    async fn with_account() -> Self {
        let lab = Self::start("auth_stored_password_types: [scram_sha256]", &[UDP]).await;
        lab.register("juliet").await;
        let stored = lab.kernel.accounts().stored("juliet", "example.org").await.unwrap();
        assert!(stored.unwrap().plain().is_none());
        lab
    }
}

/// Runs clients, which block, away from the server's thread.
async fn with_clients(lab: &Lab, run: impl FnOnce(std::net::SocketAddr) + Send + 'static) {
    let server = lab.address();
    tokio::task::spawn_blocking(move || run(server)).await.unwrap();
}

#[tokio::test]
async fn both_algorithms_both_names_and_hashes_of_them() {
    let lab = Lab::with_account().await;
    with_clients(&lab, |server| {
        for name in ["juliet", "juliet@example.org"] {
            for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
                for hashed in [false, true] {
                    let mut client = Client::of(server, name, algorithm);
                    client.hashed = hashed;
                    let answer = client.allocate();
                    assert_eq!(answer.code(), 0, "{name} {algorithm:?} {hashed}");
                    // The answer is protected as the request was (RFC 8489 §9.2.4).
                    let (message, key) = (answer.message(), client.key.as_ref().unwrap());
                    assert!(message.verify(key));
                    assert_eq!(message.has_sha256(), algorithm == Algorithm::Sha256);
                    assert_eq!(
                        client
                            .ask(Method::Refresh, |writer| writer.number(attr::LIFETIME, 0))
                            .code(),
                        0
                    );
                }
            }
        }
        for (name, password) in [("juliet", "wrong"), ("nobody", "secret")] {
            for hashed in [false, true] {
                let mut client = Client::of(server, name, Algorithm::Sha256);
                let password = Secret::new(password);
                client.key = Some(long_term_key(Algorithm::Sha256, name, &client.realm, &password));
                client.hashed = hashed;
                assert_eq!(client.allocate().code(), 401, "{name} {hashed}");
            }
        }
    })
    .await;
}

/// RFC 8489 §9.2.4, §18.1: whoever changes the list of algorithms, or the nonce that announces it, is noticed.
#[tokio::test]
async fn nobody_in_between_weakens_the_choice() {
    let lab = Lab::with_account().await;
    with_clients(&lab, |server| {
        const MD5: [u8; 4] = [0, 1, 0, 0];
        const SHA256: [u8; 4] = [0, 2, 0, 0];
        let told = [SHA256, MD5].concat();
        let changed: [(&[u8], Option<&[u8]>); 6] = [
            (&MD5, Some(&MD5)),
            (&SHA256, Some(&SHA256)),
            (&[MD5, SHA256].concat(), Some(&SHA256)),
            (&told, None),
            (&[], Some(&MD5)),
            (&told, Some(&[0, 9, 0, 0])),
        ];
        for (offered, chosen) in changed {
            let mut client = Client::of(server, "juliet", Algorithm::Sha256);
            let key = client.key.take().unwrap();
            let (realm, nonce) = (client.realm.clone(), client.nonce.clone());
            let answer = client.ask(Method::Allocate, |writer| {
                let mut writer = writer
                    .attribute(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
                    .attribute(attr::USERNAME, b"juliet")
                    .attribute(attr::REALM, realm.as_bytes())
                    .attribute(attr::NONCE, &nonce);
                if !offered.is_empty() {
                    writer = writer.attribute(attr::PASSWORD_ALGORITHMS, offered);
                }
                if let Some(chosen) = chosen {
                    writer = writer.attribute(attr::PASSWORD_ALGORITHM, chosen);
                }
                writer.integrity_sha256(&key)
            });
            assert_eq!(answer.code(), code::BAD_REQUEST, "{offered:?} {chosen:?}");
        }
        // A nonce without the bit that says that algorithms are told is not ours.
        let mut client = Client::of(server, "juliet", Algorithm::Md5);
        client.nonce[9..13].copy_from_slice(b"AAAA");
        let answer = client.allocate();
        assert_eq!(answer.code(), code::STALE_NONCE);
        let told_again = answer.message().attribute(attr::PASSWORD_ALGORITHMS).unwrap();
        assert_eq!(told_again.value, told);
        assert_eq!(answer.message().class(), Class::Error);
    })
    .await;
}
