//! SCRAM with and without channel binding (RFC 5802, RFC 7677), server side.
//!
//! The grammar of RFC 5802 §7 is taken strictly: attributes stand in their order, extensions are
//! skipped, a mandatory extension (`m=`) is refused, base64 is canonical.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jid::BareJid;
use subtle::ConstantTimeEq;

use crate::{
    BindingType, Condition, Context, Failure, ScramHash, ScramVerifier, authzid, downgrade, keys,
};

/// The longest client nonce, in bytes.
const CLIENT_NONCE_BYTES_MAX: usize = 512;

const BAD_EXTENSION: Failure = Failure::malformed("A mandatory extension is not supported");
const BAD_BINDING: Failure = Failure::new(Condition::NotAuthorized, "Invalid channel binding");
const BAD_PROOF_SHAPE: Failure =
    Failure::malformed("The final message is not `c=…,r=…[,extensions],p=…`");

/// The client's first message, understood.
pub(crate) struct First {
    /// The account that `n=` names.
    pub(crate) user: BareJid,
    /// What `c=` has to decode to: GS2 header, then channel-binding data.
    expected_binding: Vec<u8>,
    bare: String,
    nonce: String,
}

/// The state after the challenge was sent.
pub(crate) struct Challenged {
    user: BareJid,
    expected_binding: Vec<u8>,
    nonce: String,
    /// `client-first-message-bare,server-first-message,`
    auth_message: String,
    verifier: ScramVerifier,
    /// The account exists; a decoy never succeeds, whatever the proof.
    genuine: bool,
}

/// Reads the client's first message (RFC 5802 §7, `client-first-message`).
pub(crate) fn first(bytes: &[u8], plus: bool, context: &Context) -> Result<First, Failure> {
    const SHAPE: Failure =
        Failure::malformed("The first message is not `gs2-header n=…,r=…[,extensions]`");
    let text = str::from_utf8(bytes).map_err(|_| Failure::malformed("The message is not UTF-8"))?;
    if text.contains('\0') {
        return Err(SHAPE);
    }
    let (flag, rest) = text.split_once(',').ok_or(SHAPE)?;
    let (claimed, bare) = rest.split_once(',').ok_or(SHAPE)?;
    let mut expected_binding = format!("{flag},{claimed},").into_bytes();
    expected_binding.extend_from_slice(binding_data(flag, plus, context)?);

    let mut attributes = bare.split(',');
    let name = attributes.next().ok_or(SHAPE)?;
    if name.starts_with("m=") {
        return Err(BAD_EXTENSION);
    }
    let name = unescape(name.strip_prefix("n=").ok_or(SHAPE)?)?;
    let nonce =
        attributes.next().and_then(|attribute| attribute.strip_prefix("r=")).ok_or(SHAPE)?;
    if nonce.is_empty()
        || nonce.len() > CLIENT_NONCE_BYTES_MAX
        || !nonce.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(Failure::malformed("The nonce is empty, too long or not printable"));
    }
    extensions(attributes)?;

    let user = authzid::account(&name, &context.host)?;
    match claimed.strip_prefix("a=") {
        Some(claimed) => authzid::confirm(&unescape(claimed)?, &user)?,
        None if claimed.is_empty() => {}
        None => return Err(SHAPE),
    }
    Ok(First { user, expected_binding, bare: bare.to_owned(), nonce: nonce.to_owned() })
}

/// The channel-binding data that the GS2 flag calls for (RFC 5802 §6).
fn binding_data<'c>(flag: &str, plus: bool, context: &'c Context) -> Result<&'c [u8], Failure> {
    match flag {
        "n" if !plus => Ok(&[]),
        // The client could have bound and believes that we cannot: someone removed -PLUS from our
        // offer.
        "y" if !plus && context.offered.iter().any(|mechanism| mechanism.is_plus()) => {
            Err(Failure::new(
                Condition::NotAuthorized,
                "Channel binding was offered; somebody hid it from you",
            ))
        }
        "y" if !plus => Ok(&[]),
        "n" | "y" => Err(BAD_BINDING),
        _ => {
            let name = flag.strip_prefix("p=").ok_or(Failure::malformed("Unknown GS2 flag"))?;
            let wanted = BindingType::from_name(name);
            let found = context.bindings.iter().find(|binding| Some(binding.kind) == wanted);
            match found {
                Some(binding) if plus => Ok(&binding.data),
                _ => Err(BAD_BINDING),
            }
        }
    }
}

impl First {
    /// Makes the challenge (RFC 5802 §7, `server-first-message`); without a verifier, one that
    /// looks the same.
    pub(crate) fn challenge(
        self,
        hash: ScramHash,
        verifier: Option<ScramVerifier>,
        context: &Context,
        server_nonce: &str,
    ) -> (Challenged, Vec<u8>) {
        let verifier = verifier.filter(|verifier| verifier.hash() == hash);
        let genuine = verifier.is_some();
        let verifier = verifier.unwrap_or_else(|| {
            ScramVerifier::decoy(
                hash,
                &context.decoy_key,
                self.user.as_str(),
                context.decoy_iterations,
            )
        });
        let nonce = format!("{}{server_nonce}", self.nonce);
        let mut challenge =
            format!("r={nonce},s={},i={}", STANDARD.encode(verifier.salt()), verifier.iterations());
        if context.downgrade_protection {
            let types: Vec<BindingType> =
                context.bindings.iter().map(|binding| binding.kind).collect();
            let advertised = (context.bindings_advertised && !types.is_empty()).then_some(&*types);
            challenge.push_str(",h=");
            challenge.push_str(&downgrade::hash_of_offer(hash, &context.offered, advertised));
        }
        let auth_message = format!("{},{challenge},", self.bare);
        let Self { user, expected_binding, .. } = self;
        let state = Challenged { user, expected_binding, nonce, auth_message, verifier, genuine };
        (state, challenge.into_bytes())
    }
}

impl Challenged {
    /// Checks the client's final message and returns the proven identity with `v=…` (RFC 5802 §3
    /// and §7).
    pub(crate) fn finish(self, bytes: &[u8]) -> Result<(BareJid, Vec<u8>), Failure> {
        let text =
            str::from_utf8(bytes).map_err(|_| Failure::malformed("The message is not UTF-8"))?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(BAD_PROOF_SHAPE)?;
        let mut attributes = without_proof.split(',');
        let binding = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("c="))
            .ok_or(BAD_PROOF_SHAPE)?;
        let nonce = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("r="))
            .ok_or(BAD_PROOF_SHAPE)?;
        extensions(attributes)?;
        let binding = decode(binding)?;
        let proof = decode(proof)?;

        if !bool::from(nonce.as_bytes().ct_eq(self.nonce.as_bytes())) {
            return Err(Failure::new(Condition::NotAuthorized, "Nonce mismatch"));
        }
        if !bool::from(binding.ct_eq(&self.expected_binding)) {
            return Err(BAD_BINDING);
        }
        let hash = self.verifier.hash();
        if proof.len() != hash.digest_bytes() {
            return Err(BAD_PROOF_SHAPE);
        }
        let auth_message = [self.auth_message.as_bytes(), without_proof.as_bytes()];
        let stored_key = self.verifier.stored_key().expose();
        let mut client_key = keys::hmac(hash, stored_key, &auth_message);
        for (byte, proven) in client_key.iter_mut().zip(&proof) {
            *byte ^= proven;
        }
        let proven = bool::from(keys::digest(hash, &[&client_key]).ct_eq(stored_key));
        if !(proven & self.genuine) {
            return Err(Failure::CREDENTIALS);
        }
        let signature = keys::hmac(hash, self.verifier.server_key().expose(), &auth_message);
        Ok((self.user, format!("v={}", STANDARD.encode(signature)).into_bytes()))
    }
}

/// Refuses what is not an attribute and every mandatory extension; optional ones are skipped (RFC
/// 5802 §5.1).
fn extensions<'a>(attributes: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    for attribute in attributes {
        match attribute.as_bytes() {
            [b'm', b'=', ..] => return Err(BAD_EXTENSION),
            [letter, b'=', _, ..] if letter.is_ascii_alphabetic() => {}
            _ => return Err(Failure::malformed("An extension is not `letter=value`")),
        }
    }
    Ok(())
}

/// Decodes a `saslname`: `=2C` is a comma, `=3D` an equals sign, any other `=` an error (RFC 5802
/// §5.1).
fn unescape(name: &str) -> Result<String, Failure> {
    const BAD: Failure = Failure::malformed("A name is empty or holds an unknown escape");
    let mut parts = name.split('=');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = if let Some(rest) = part.strip_prefix("2C") {
            plain.push(',');
            rest
        } else if let Some(rest) = part.strip_prefix("3D") {
            plain.push('=');
            rest
        } else {
            return Err(BAD);
        };
        plain.push_str(rest);
    }
    if plain.is_empty() { Err(BAD) } else { Ok(plain) }
}

fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|_| Failure::malformed("An attribute is not base64"))
}

#[cfg(test)]
impl Challenged {
    /// Turns the account into one that does not exist while its keys stay known to the test.
    pub(crate) fn forget_that_it_is_genuine(&mut self) {
        self.genuine = false;
    }
}
