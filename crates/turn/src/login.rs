//! Who asks: the long-term credential mechanism (RFC 8489 §9.2), its nonce, and where passwords come from.
//!
//! A user name is looked up as one that a host handed out (`mod_stun_disco`), else as an account. The keys of an
//! account's own password come from clear text where that is stored, else from what `accounts` keeps sealed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use accounts::RelayKeys;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jid::BareJid;
use kernel::contracts::{Bans, RelayCredentials};
use sha2::Sha256;
use stun_wire::{
    Algorithm, Class, Key, Message, MessageWriter, NONCE_PREFIX_BYTES, SecurityFeatures, attr,
    code, split_nonce, user_hash,
};
use subtle::ConstantTimeEq;

use crate::Stun;
use crate::behaviour::Behaviour;
use crate::options::{Settings, host_of};
use crate::shared::{Ends, Use};

/// The longest user name (RFC 8489 §14.3), in bytes.
const USER_BYTES_MAX: usize = 508;
/// The longest realm and nonce (RFC 8489 §14.9, §14.10), in bytes.
const REALM_BYTES_MAX: usize = 763;
/// How long a nonce may be used, in seconds.
const NONCE_SECONDS: u32 = 3_600;
/// What makes a nonce ours: when it was made, and eight bytes of an HMAC over that and the address.
const MARK_BYTES: usize = 12;
const NONCE_BYTES: usize = NONCE_PREFIX_BYTES + MARK_BYTES / 3 * 4;
/// In the order of preference.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

/// Where a request came from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) client: SocketAddr,
    /// Our address that it was sent to, as far as the system tells.
    pub(crate) server: Option<IpAddr>,
}

/// Somebody who has proved to know a password.
pub(crate) struct Login {
    pub(crate) user: String,
    hash: [u8; 32],
    md5: Option<Key>,
    sha256: Option<Key>,
    pub(crate) used: Arc<Use>,
    /// When it began to be looked up.
    pub(crate) since: Ends,
}

/// How an answer is protected: as its request was.
#[derive(Clone, Copy)]
pub(crate) struct Seal<'a> {
    key: &'a Key,
    sha256: bool,
}

/// What is to be done with a request that needs a log-in.
pub(crate) enum Judged {
    /// Not before the user is looked up.
    LookUp(Name),
    /// Refused with this answer.
    Refused(Vec<u8>),
    /// The present log-in goes on.
    Present,
}

/// How a client says who it is.
pub(crate) enum Name {
    /// `USERNAME`.
    User(String),
    /// `USERHASH` (RFC 8489 §14.4).
    Hash([u8; 32]),
}

/// What a request says about who asks.
struct Claim<'a> {
    user: Result<&'a str, [u8; 32]>,
    algorithm: Algorithm,
}

impl Login {
    fn key(&self, algorithm: Algorithm) -> Option<&Key> {
        match algorithm {
            Algorithm::Md5 => self.md5.as_ref(),
            Algorithm::Sha256 => self.sha256.as_ref(),
        }
    }

    /// For `auth_type: anonymous`: an address as a user.
    pub(crate) fn anonymous(stun: &Stun, origin: &Origin) -> Self {
        let name = origin.client.ip().to_string();
        let (since, used) = (stun.shared.ends(), stun.shared.use_of(&name, None));
        Self { user: name, hash: [0; 32], md5: None, sha256: None, used, since }
    }
}

impl Stun {
    /// A nonce for an address: when it was made, and our mark. Nothing is kept, and nothing allocated.
    fn nonce(&self, ip: IpAddr) -> [u8; NONCE_BYTES] {
        let made = self.shared.started.elapsed().as_secs() as u32;
        let features = SecurityFeatures { password_algorithms: true, username_anonymity: false };
        let mut nonce = [0; NONCE_BYTES];
        let (prefix, mark) = nonce.split_at_mut(NONCE_PREFIX_BYTES);
        prefix.copy_from_slice(&features.nonce_prefix());
        let marked = self.marked(made, ip);
        URL_SAFE_NO_PAD.encode_slice(marked, mark).expect("twelve bytes become sixteen letters");
        nonce
    }

    fn marked(&self, made: u32, ip: IpAddr) -> [u8; MARK_BYTES] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.shared.nonce_key)
            .expect("HMAC takes keys of any length");
        mac.update(&made.to_be_bytes());
        match ip {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        }
        let mut marked = [0; MARK_BYTES];
        let (time, mark) = marked.split_at_mut(4);
        time.copy_from_slice(&made.to_be_bytes());
        mark.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        marked
    }

    /// Whether a nonce is ours, for this address, and not too old.
    fn is_fresh(&self, nonce: &str, ip: IpAddr) -> bool {
        let (features, rest) = split_nonce(nonce);
        let mut bytes = [0; MARK_BYTES];
        if URL_SAFE_NO_PAD.decode_slice(rest, &mut bytes) != Ok(MARK_BYTES) {
            return false;
        }
        let Some(made) = bytes.first_chunk().map(|made| u32::from_be_bytes(*made)) else {
            return false;
        };
        let now = self.shared.started.elapsed().as_secs() as u32;
        let ours: bool = self.marked(made, ip).ct_eq(&bytes).into();
        ours && features.password_algorithms && now.saturating_sub(made) <= NONCE_SECONDS
    }

    /// An error with what the client needs to try again. No word more than that: the sender may be forged.
    pub(crate) fn challenge(
        &self,
        settings: &Settings,
        message: &Message<'_>,
        code: u16,
        origin: &Origin,
    ) -> Vec<u8> {
        let writer = MessageWriter::error(message, code)
            .attribute(attr::REALM, settings.realm.as_bytes())
            .attribute(attr::NONCE, &self.nonce(origin.client.ip()))
            .password_algorithms(&ALGORITHMS);
        finish(writer, message)
    }

    fn refused(&self, reason: &'static str, answer: Vec<u8>) -> Judged {
        refusal(reason);
        Judged::Refused(answer)
    }

    /// Checks what can be checked without looking anybody up (RFC 8489 §9.2.4).
    pub(crate) fn judge(
        &self,
        settings: &Settings,
        message: &Message<'_>,
        origin: &Origin,
        present: Option<&Login>,
    ) -> Judged {
        let ip = origin.client.ip();
        let challenge = |code| self.challenge(settings, message, code, origin);
        if settings.anonymous {
            return Judged::Present;
        }
        if !message.has_integrity() {
            // The first request of every client: no refusal that is worth counting.
            return Judged::Refused(challenge(code::UNAUTHENTICATED));
        }
        let Some(claim) = claim(message) else {
            let answer = finish(MessageWriter::error(message, code::BAD_REQUEST), message);
            return self.refused("malformed", answer);
        };
        let nonce =
            message.attribute(attr::NONCE).and_then(|nonce| nonce.text(REALM_BYTES_MAX).ok());
        if !nonce.is_some_and(|nonce| self.is_fresh(nonce, ip)) {
            return self.refused("stale_nonce", challenge(code::STALE_NONCE));
        }
        match (claim.user, present) {
            (Ok(user), None) => Judged::LookUp(Name::User(user.to_owned())),
            (Err(hash), None) => Judged::LookUp(Name::Hash(hash)),
            (user, Some(login)) => {
                let same = match user {
                    Ok(user) => user == login.user,
                    Err(hash) => hash == login.hash,
                };
                if !same {
                    let answer =
                        finish(MessageWriter::error(message, code::WRONG_CREDENTIALS), message);
                    return self.refused("other_user", answer);
                }
                match login.key(claim.algorithm) {
                    Some(key) if message.verify(key) => Judged::Present,
                    _ => self.refused("password", challenge(code::UNAUTHENTICATED)),
                }
            }
        }
    }

    /// Checks a request of a user who has been looked up; `None` is nobody.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub(crate) fn admit(
        &self,
        settings: &Settings,
        message: &Message<'_>,
        origin: &Origin,
        found: Option<Login>,
    ) -> Result<Arc<Login>, Vec<u8>> {
        let right = found.filter(|login| {
            let key = claim(message).and_then(|claim| login.key(claim.algorithm));
            key.is_some_and(|key| message.verify(key))
        });
        right.map(Arc::new).ok_or_else(|| {
            refusal("password");
            self.challenge(settings, message, code::UNAUTHENTICATED, origin)
        })
    }

    /// Finds the keys of a user name.
    pub(crate) async fn look_up(&self, realm: &str, name: Name) -> Option<Login> {
        let since = self.shared.ends();
        match name {
            Name::User(user) => self.look_up_user(realm, &user, since).await,
            Name::Hash(hash) => {
                let (user, host) = self.kernel.accounts().relay_account(hash).await.ok()??;
                let names = [format!("{user}@{host}"), user];
                let name = names.into_iter().find(|name| user_hash(name, realm) == hash)?;
                self.look_up_account(realm, &name, since).await
            }
        }
    }

    async fn look_up_user(&self, realm: &str, user: &str, since: Ends) -> Option<Login> {
        let now = self.kernel.clock().unix_seconds();
        for host in self.kernel.hosts() {
            let Some(credentials) = host.generation().contract::<dyn RelayCredentials>() else {
                continue;
            };
            let Some(login) = credentials.login(user, now) else { continue };
            let node = login.account.node()?;
            // Whoever is gone relays no more, however long the log-in was to be valid.
            let exists = self.kernel.accounts().exists(node, login.account.domain()).await;
            let may = matches!(exists, Ok(true)) && !self.is_banned(&login.account).await;
            let keys = || RelayKeys::derive(user, realm, &login.password);
            return may.then(|| self.login(realm, user, since, &login.account, keys()));
        }
        self.look_up_account(realm, user, since).await
    }

    /// Finds the keys of an account's own password.
    async fn look_up_account(&self, realm: &str, user: &str, since: Ends) -> Option<Login> {
        let account = self.account(realm, user)?;
        let node = account.node()?;
        if self.is_banned(&account).await {
            return None;
        }
        let accounts = self.kernel.accounts();
        let keys = accounts.relay_keys(node, account.domain(), realm, user).await.ok()??;
        Some(self.login(realm, user, since, &account, keys))
    }

    /// Whether an account is banned; when that cannot be read, it counts as banned.
    async fn is_banned(&self, account: &BareJid) -> bool {
        let host = self.kernel.host(account.domain());
        let Some(bans) = host.and_then(|host| host.generation().contract::<dyn Bans>()) else {
            return false;
        };
        !matches!(bans.ban(&self.kernel, account).await, Ok(None))
    }

    /// The account of a user name that was not handed out: of the realm when that is a host, else of the first host.
    fn account(&self, realm: &str, user: &str) -> Option<BareJid> {
        if let Ok(account) = BareJid::new(user)
            && account.node().is_some()
        {
            return self.kernel.host(account.domain()).map(|_| account);
        }
        let config = self.kernel.config();
        BareJid::new(&format!("{user}@{}", host_of(realm, &config))).ok()
    }

    fn login(
        &self,
        realm: &str,
        user: &str,
        since: Ends,
        account: &BareJid,
        keys: RelayKeys,
    ) -> Login {
        Login {
            user: user.to_owned(),
            hash: user_hash(user, realm),
            md5: Some(keys.md5),
            sha256: Some(keys.sha256),
            used: self.shared.use_of(account.as_str(), Some(account)),
            since,
        }
    }
}

/// Counts why something was refused.
pub(crate) fn refusal(reason: &'static str) {
    metrics::counter!(observe::names::TURN_REFUSALS, "reason" => reason).increment(1);
}

/// What a request says, if it says it well (RFC 8489 §9.2.4, with its defence against bidding down).
fn claim<'a>(message: &Message<'a>) -> Option<Claim<'a>> {
    message.attribute(attr::REALM)?.text(REALM_BYTES_MAX).ok()?;
    message.attribute(attr::NONCE)?;
    let user = match message.attribute(attr::USERNAME) {
        Some(user) => Ok(user.text(USER_BYTES_MAX).ok()?),
        None => Err(message.attribute(attr::USERHASH)?.value.try_into().ok()?),
    };
    let offered = message.attribute(attr::PASSWORD_ALGORITHMS);
    let chosen = message.attribute(attr::PASSWORD_ALGORITHM);
    let algorithm = match (offered, chosen) {
        (None, None) => Algorithm::Md5,
        (Some(offered), Some(chosen)) => {
            let told = ALGORITHMS.map(|algorithm| u32::from(algorithm.number()) << 16);
            if offered.value != told.map(u32::to_be_bytes).as_flattened() {
                return None;
            }
            chosen.password_algorithm().ok()??
        }
        _ => return None,
    };
    Some(Claim { user, algorithm })
}

impl Login {
    /// How to protect the answer to a request of this log-in.
    pub(crate) fn seal<'a>(&'a self, message: &Message<'_>) -> Option<Seal<'a>> {
        let algorithm = claim(message)?.algorithm;
        Some(Seal { key: self.key(algorithm)?, sha256: message.has_sha256() })
    }
}

/// Completes an answer without protection.
pub(crate) fn finish(writer: MessageWriter, request: &Message<'_>) -> Vec<u8> {
    match request.fingerprint() {
        Some(_) => writer.fingerprint().finish(),
        None => writer.finish(),
    }
}

/// Completes the answer to somebody who has logged in: the server's name, integrity as the request had it.
pub(crate) fn finish_for(
    login: &Login,
    settings: &Settings,
    writer: MessageWriter,
    request: &Message<'_>,
) -> Vec<u8> {
    let writer = match settings.software.as_str() {
        "" => writer,
        name => writer.attribute(attr::SOFTWARE, name.as_bytes()),
    };
    let writer = match login.seal(request) {
        Some(Seal { key, sha256: true }) => writer.integrity_sha256(key),
        Some(Seal { key, sha256: false }) => writer.integrity_sha1(key),
        None => writer,
    };
    finish(writer, request)
}

/// Answers a Binding request (RFC 8489 §6.3.1, §11 for peers of RFC 3489). It needs no log-in.
pub(crate) fn binding(
    message: &Message<'_>,
    origin: &Origin,
    behaviour: Option<&Behaviour>,
) -> Vec<u8> {
    const KNOWN: &[u16] = &[
        attr::USERNAME,
        attr::MESSAGE_INTEGRITY,
        attr::MESSAGE_INTEGRITY_SHA256,
        attr::REALM,
        attr::NONCE,
        attr::PASSWORD_ALGORITHM,
        attr::USERHASH,
        attr::PRIORITY,
        attr::USE_CANDIDATE,
        attr::PADDING,
        attr::CHANGE_REQUEST,
    ];
    let known = if behaviour.is_some() { KNOWN } else { &KNOWN[..KNOWN.len() - 1] };
    let mut unknown = message.unknown(known, UNKNOWN_MAX).peekable();
    if unknown.peek().is_some() && !message.is_classic() {
        let writer = MessageWriter::error(message, code::UNKNOWN_ATTRIBUTE);
        return finish(writer.unknown_attributes(unknown), message);
    }
    let writer = MessageWriter::answer(message, Class::Success);
    let writer = match message.is_classic() {
        true => writer.address(attr::MAPPED_ADDRESS, origin.client),
        false => writer.xor_address(attr::XOR_MAPPED_ADDRESS, origin.client),
    };
    let writer = match behaviour.filter(|_| !message.is_classic()) {
        None => writer,
        // RFC 5780 §6.1.
        Some(behaviour) => writer
            .address(attr::MAPPED_ADDRESS, origin.client)
            .address(attr::RESPONSE_ORIGIN, behaviour.origin)
            .address(attr::OTHER_ADDRESS, behaviour.other),
    };
    finish(writer, message)
}

/// Unknown types that an answer lists.
pub(crate) const UNKNOWN_MAX: usize = 8;
