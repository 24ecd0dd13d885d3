//! Certificate files: PEM with keys and chains in any order and in several files, matched by public key (RFC 7468).

use std::collections::{BTreeSet, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::pem::{self, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certs::{CertOptions, CertProblem};

/// A certificate file larger than this is refused.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Certificates and keys read from one file at most.
const SECTIONS_MAX: usize = 4096;
/// Files that the patterns of `certfiles` may name together.
const FILES_MAX: usize = 10_000;
/// Intermediates sent after a certificate at most.
const CHAIN_MAX: usize = 8;

/// What tells that a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: (i64, i64),
    length: u64,
    inode: u64,
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let data = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: (data.mtime(), data.mtime_nsec()),
            length: data.len(),
            inode: data.ino(),
        })
    }
}

/// One file as it was read.
pub(crate) struct PemFile {
    pub(crate) path: PathBuf,
    pub(crate) stamp: Option<Stamp>,
    mode: u32,
    certificates: Vec<CertificateDer<'static>>,
    keys: Vec<Arc<dyn SigningKey>>,
    unusable_keys: Vec<String>,
}

/// A certificate that can be presented: key, chain, and what the server needs to know of it.
#[derive(Debug)]
pub(crate) struct CertEntry {
    /// SHA-256 of the certificate.
    pub(crate) fingerprint: [u8; 32],
    /// The data of `tls-server-end-point` (RFC 5929 §4.1).
    pub(crate) end_point_hash: Option<Vec<u8>>,
    /// Names it is for, in ASCII and lower case; `*.` in front for a wildcard.
    pub(crate) names: Vec<String>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    pub(crate) key: Arc<CertifiedKey>,
    /// Where it was read from.
    pub(crate) file: PathBuf,
    /// Whether it was made by this server for want of a better one.
    pub(crate) self_made: bool,
}

impl CertEntry {
    pub(crate) fn is_valid_at(&self, now: SystemTime) -> bool {
        self.not_before <= now && now < self.not_after
    }

    /// Whether a client that takes these signature schemes can use it; unknown (empty) means yes.
    pub(crate) fn suits(&self, schemes: &[SignatureScheme]) -> bool {
        schemes.is_empty() || self.key.key.choose_scheme(schemes).is_some()
    }
}

/// The files that the patterns of `certfiles` name, sorted and without repetition.
pub(crate) fn expand(patterns: &[String]) -> (Vec<PathBuf>, Vec<CertProblem>) {
    let mut paths = BTreeSet::new();
    let mut problems = Vec::new();
    for pattern in patterns {
        let found = match glob::glob(pattern) {
            Ok(found) => found,
            Err(error) => {
                let why = format!("is not a valid pattern: {error}");
                problems.push(CertProblem::Unreadable { path: pattern.into(), why, kept: false });
                continue;
            }
        };
        let before = paths.len();
        let mut seen = 0_usize;
        for path in found.flatten().filter(|path| !path.is_dir()) {
            seen += 1;
            if paths.len() < FILES_MAX {
                paths.insert(path);
            }
        }
        if seen == 0 && paths.len() == before {
            problems.push(CertProblem::NoSuchFile { pattern: pattern.clone() });
        }
    }
    (paths.into_iter().collect(), problems)
}

/// The files of `certfiles` that hold a private key and can be read.
pub fn key_files(options: &CertOptions) -> Vec<PathBuf> {
    let (paths, _) = expand(&options.certfiles);
    let holds_key = |path: &PathBuf| PemFile::read(path).is_ok_and(|file| file.holds_keys());
    paths.into_iter().filter(holds_key).collect()
}

impl PemFile {
    /// Reads one file; says what is wrong with it otherwise.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let data = std::fs::metadata(path).map_err(|error| error.to_string())?;
        if data.len() > FILE_BYTES_MAX {
            return Err(format!("is larger than {} MiB", FILE_BYTES_MAX >> 20));
        }
        let stamp = Stamp::of(path);
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let mut file = Self {
            path: path.to_owned(),
            stamp,
            mode: data.mode() & 0o777,
            certificates: Vec::new(),
            keys: Vec::new(),
            unusable_keys: Vec::new(),
        };
        file.take_sections(&text)?;
        if file.certificates.is_empty() && file.keys.is_empty() && file.unusable_keys.is_empty() {
            return Err("holds neither a certificate nor a key in PEM".to_owned());
        }
        Ok(file)
    }

    fn take_sections(&mut self, text: &[u8]) -> Result<(), String> {
        let mut reader = text;
        for _ in 0..SECTIONS_MAX {
            let section = pem::from_buf(&mut reader)
                .map_err(|error| format!("is not valid PEM: {error:?}"))?;
            let Some((kind, der)) = section else { return Ok(()) };
            let key = match kind {
                SectionKind::Certificate => {
                    X509Certificate::from_der(&der)
                        .map_err(|error| format!("holds a malformed certificate: {error}"))?;
                    self.certificates.push(der.into());
                    continue;
                }
                SectionKind::PrivateKey => PrivateKeyDer::Pkcs8(der.into()),
                SectionKind::RsaPrivateKey => PrivateKeyDer::Pkcs1(der.into()),
                SectionKind::EcPrivateKey => PrivateKeyDer::Sec1(der.into()),
                _ => continue,
            };
            match any_supported_type(&key) {
                Ok(key) => self.keys.push(key),
                Err(error) => self.unusable_keys.push(error.to_string()),
            }
        }
        Err(format!("holds more than {SECTIONS_MAX} sections"))
    }

    fn holds_keys(&self) -> bool {
        !self.keys.is_empty() || !self.unusable_keys.is_empty()
    }
}

/// One certificate, read far enough to be matched and chained.
struct Parsed<'a> {
    der: &'a CertificateDer<'static>,
    path: &'a Path,
    x509: X509Certificate<'a>,
}

/// Matches keys to certificates and certificates to chains, over all files.
///
/// Entries come in the order of the files; duplicates count once.
pub(crate) fn assemble(
    files: &[Arc<PemFile>],
    now: SystemTime,
) -> (Vec<Arc<CertEntry>>, Vec<CertProblem>) {
    let mut problems = Vec::new();
    let mut seen = HashSet::new();
    let mut parsed = Vec::new();
    for file in files {
        if file.holds_keys() && file.mode & 0o007 != 0 {
            problems
                .push(CertProblem::ReadableByOthers { path: file.path.clone(), mode: file.mode });
        }
        for why in &file.unusable_keys {
            problems.push(CertProblem::KeyUnusable { path: file.path.clone(), why: why.clone() });
        }
        for der in &file.certificates {
            if seen.insert(der.as_ref())
                && let Ok((_, x509)) = X509Certificate::from_der(der)
            {
                parsed.push(Parsed { der, path: &file.path, x509 });
            }
        }
    }
    let mut entries = Vec::new();
    let mut used_keys = HashSet::new();
    for leaf in &parsed {
        let spki = leaf.x509.public_key().raw;
        let key = files
            .iter()
            .flat_map(|file| &file.keys)
            .find(|key| key.public_key().is_some_and(|public| public.as_ref() == spki));
        let Some(key) = key else {
            if !leaf.x509.is_ca() {
                let subject = subject_of(&leaf.x509);
                problems.push(CertProblem::NoKey { path: leaf.path.to_owned(), subject });
            }
            continue;
        };
        used_keys.insert(spki);
        entries.push(Arc::new(entry(leaf, key, &parsed, now, &mut problems)));
    }
    let mut orphans = HashSet::new();
    for file in files {
        for key in &file.keys {
            let Some(public) = key.public_key() else { continue };
            if !used_keys.contains(public.as_ref()) && orphans.insert(public.as_ref().to_vec()) {
                problems.push(CertProblem::NoCertificate { path: file.path.clone() });
            }
        }
    }
    (entries, problems)
}

fn subject_of(x509: &X509Certificate<'_>) -> String {
    names_of(x509).0.first().cloned().unwrap_or_else(|| x509.subject().to_string())
}

fn entry(
    leaf: &Parsed<'_>,
    key: &Arc<dyn SigningKey>,
    all: &[Parsed<'_>],
    now: SystemTime,
    problems: &mut Vec<CertProblem>,
) -> CertEntry {
    let (names, by_common_name) = names_of(&leaf.x509);
    let path = leaf.path.to_owned();
    let subject = names.first().cloned().unwrap_or_else(|| leaf.x509.subject().to_string());
    let validity = leaf.x509.validity();
    let not_before = time_of(validity.not_before.timestamp());
    let not_after = time_of(validity.not_after.timestamp());
    if now >= not_after {
        problems.push(CertProblem::Expired { path: path.clone(), subject: subject.clone() });
    } else if now < not_before {
        problems.push(CertProblem::NotYetValid { path: path.clone(), subject: subject.clone() });
    } else if not_after.duration_since(now).is_ok_and(|left| left < EXPIRES_SOON) {
        let days = not_after.duration_since(now).unwrap_or_default().as_secs() / 86_400;
        problems.push(CertProblem::ExpiresSoon {
            path: path.clone(),
            subject: subject.clone(),
            days,
        });
    }
    if by_common_name {
        problems.push(CertProblem::CommonNameOnly { path: path.clone(), subject: subject.clone() });
    }
    let (chain, complete) = chain_of(leaf, all);
    if !complete && chain.len() == 1 {
        problems
            .push(CertProblem::ChainIncomplete { path: path.clone(), subject: subject.clone() });
    }
    if signature_hash(&leaf.x509) == Some(Hash::Weak) {
        problems.push(CertProblem::WeakSignature { path, subject });
    }
    CertEntry {
        fingerprint: Sha256::digest(leaf.der).into(),
        end_point_hash: end_point_hash(leaf),
        names,
        not_before,
        not_after,
        key: Arc::new(CertifiedKey::new(chain, Arc::clone(key))),
        file: leaf.path.to_owned(),
        self_made: false,
    }
}

/// A certificate that ends within this time is reported.
const EXPIRES_SOON: Duration = Duration::from_secs(14 * 86_400);

fn time_of(timestamp: i64) -> SystemTime {
    let seconds = Duration::from_secs(timestamp.unsigned_abs());
    let time = if timestamp < 0 {
        UNIX_EPOCH.checked_sub(seconds)
    } else {
        UNIX_EPOCH.checked_add(seconds)
    };
    time.unwrap_or(UNIX_EPOCH)
}

/// The names in subjectAltName; without any, the common name, and true to say so.
fn names_of(x509: &X509Certificate<'_>) -> (Vec<String>, bool) {
    let mut names = Vec::new();
    if let Ok(Some(alternatives)) = x509.subject_alternative_name() {
        for name in &alternatives.value.general_names {
            if let GeneralName::DNSName(name) = name {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                if !name.is_empty() && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    if !names.is_empty() {
        return (names, false);
    }
    let common = x509.subject().iter_common_name().find_map(|name| name.as_str().ok());
    let common: Vec<_> =
        common.filter(|name| name.contains('.')).map(str::to_ascii_lowercase).into_iter().collect();
    let found = !common.is_empty();
    (common, found)
}

/// The certificate and the intermediates above it; whether the top is a self-signed authority that was found.
fn chain_of(leaf: &Parsed<'_>, all: &[Parsed<'_>]) -> (Vec<CertificateDer<'static>>, bool) {
    let mut chain = vec![leaf.der.clone()];
    let mut at = leaf;
    loop {
        if at.x509.issuer().as_raw() == at.x509.subject().as_raw() {
            // A root is not sent: who trusts it has it.
            if chain.len() > 1 {
                chain.pop();
            }
            return (chain, true);
        }
        let wanted = authority_key(&at.x509);
        let mut issuers = all.iter().filter(|candidate| {
            candidate.x509.subject().as_raw() == at.x509.issuer().as_raw()
                && candidate.x509.is_ca()
                && (wanted.is_none()
                    || subject_key(&candidate.x509).is_none()
                    || subject_key(&candidate.x509) == wanted)
        });
        // Of several with one name, as after a renewal, the one that lasts longest.
        let first = issuers.next();
        let issuer = issuers.fold(first, |best, other| match best {
            Some(best) if best.x509.validity().not_after >= other.x509.validity().not_after => {
                Some(best)
            }
            _ => Some(other),
        });
        let Some(issuer) = issuer else { return (chain, false) };
        if chain.len() > CHAIN_MAX || chain.contains(issuer.der) {
            return (chain, false);
        }
        chain.push(issuer.der.clone());
        at = issuer;
    }
}

fn authority_key<'a>(x509: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    x509.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(key) => key.key_identifier.as_ref().map(|id| id.0),
        _ => None,
    })
}

fn subject_key<'a>(x509: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    x509.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
        _ => None,
    })
}

/// The hash function of a certificate's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    /// MD5 or SHA-1.
    Weak,
    Sha256,
    Sha384,
    Sha512,
}

/// `None` when the signature algorithm has no hash of its own or is not known.
fn signature_hash(x509: &X509Certificate<'_>) -> Option<Hash> {
    let of_digest = |oid: &str| match oid {
        "1.3.14.3.2.26" => Some(Hash::Weak),
        "2.16.840.1.101.3.4.2.1" => Some(Hash::Sha256),
        "2.16.840.1.101.3.4.2.2" => Some(Hash::Sha384),
        "2.16.840.1.101.3.4.2.3" => Some(Hash::Sha512),
        _ => None,
    };
    match x509.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => Some(Hash::Weak),
        "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" => Some(Hash::Sha256),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Some(Hash::Sha384),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Some(Hash::Sha512),
        // RSASSA-PSS names its hash in the parameters, SHA-1 when there are none (RFC 4055 §3.1).
        "1.2.840.113549.1.1.10" => {
            let parameters = x509.signature_algorithm.parameters.as_ref()?;
            let parameters =
                x509_parser::signature_algorithm::RsaSsaPssParams::try_from(parameters).ok()?;
            of_digest(&parameters.hash_algorithm_oid().to_id_string())
        }
        _ => None,
    }
}

fn end_point_hash(leaf: &Parsed<'_>) -> Option<Vec<u8>> {
    Some(match signature_hash(&leaf.x509)? {
        // RFC 5929 §4.1 puts SHA-256 in the place of MD5 and SHA-1.
        Hash::Weak | Hash::Sha256 => Sha256::digest(leaf.der).to_vec(),
        Hash::Sha384 => Sha384::digest(leaf.der).to_vec(),
        Hash::Sha512 => Sha512::digest(leaf.der).to_vec(),
    })
}
