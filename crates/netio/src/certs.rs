//! The certificate store: which certificate is presented for which host, reloaded as a whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::SignatureScheme;

use crate::cert_files::{CertEntry, PemFile, Stamp, assemble, expand};
use crate::self_signed;

/// What a store is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertOptions {
    /// `certfiles`: paths and patterns (`*`, `?`, `[…]`, `**`) of PEM files.
    pub certfiles: Vec<String>,
    /// The served hosts; the first one's certificate is the default for clients that name no host or an unknown one.
    pub hosts: Vec<String>,
    /// Folder for the certificates this server makes itself; `None` makes none.
    pub self_signed_dir: Option<PathBuf>,
}

impl CertOptions {
    /// Adds a file by its name, which is no pattern.
    pub fn add_file(&mut self, file: &str) {
        self.certfiles.push(glob::Pattern::escape(file));
    }
}

/// How bad a [`CertProblem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Clients connect, but something should be done.
    Warning,
    /// Some clients will not connect, or a secret is exposed.
    Error,
}

/// Something wrong with the certificates, in words for the administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertProblem {
    /// A pattern of `certfiles` names no file.
    #[error("certfiles: {pattern} names no file: correct it, or create the certificate")]
    NoSuchFile {
        /// The pattern.
        pattern: String,
    },
    /// A file cannot be read or parsed.
    #[error("certfiles: {path} {why}{kept}", path = path.display(), kept = if *kept { " (its previous content stays in use)" } else { "" })]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
        /// Whether what it held before is still used.
        kept: bool,
    },
    /// A certificate has no private key in any file.
    #[error("{}: no file of `certfiles` holds the private key for {subject}: add it, or check that both belong together", path.display())]
    NoKey {
        /// The certificate's file.
        path: PathBuf,
        /// Its first name.
        subject: String,
    },
    /// A private key has no certificate in any file.
    #[error("{}: no file of `certfiles` holds a certificate for this private key: add it, or check that both belong together", path.display())]
    NoCertificate {
        /// The key's file.
        path: PathBuf,
    },
    /// A private key cannot be used.
    #[error("{}: the private key cannot be used: {why} (RSA needs 2048 bits; ECDSA P-256, P-384, P-521 and Ed25519 work)", path.display())]
    KeyUnusable {
        /// The file.
        path: PathBuf,
        /// The cryptographic library's words.
        why: String,
    },
    /// A certificate is past its time.
    #[error("{}: the certificate for {subject} has expired: renew it", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// The first name.
        subject: String,
    },
    /// A certificate ends within two weeks.
    #[error("{}: the certificate for {subject} expires in {days} days: renew it", path.display())]
    ExpiresSoon {
        /// The file.
        path: PathBuf,
        /// The first name.
        subject: String,
        /// Whole days left.
        days: u64,
    },
    /// A certificate is before its time, or the machine's clock is wrong.
    #[error("{}: the certificate for {subject} is not valid yet: check the clock", path.display())]
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// The first name.
        subject: String,
    },
    /// A certificate names its host in the common name only.
    #[error("{}: {subject} stands only in the common name, which clients no longer look at (RFC 9525): renew it with a subjectAltName", path.display())]
    CommonNameOnly {
        /// The file.
        path: PathBuf,
        /// The common name.
        subject: String,
    },
    /// The certificate of the issuer is in no file.
    #[error("{}: the issuer's certificate for {subject} is missing: add the chain, or some clients will refuse it", path.display())]
    ChainIncomplete {
        /// The file.
        path: PathBuf,
        /// The first name.
        subject: String,
    },
    /// A certificate is signed with a broken hash.
    #[error("{}: the certificate for {subject} is signed with SHA-1 or MD5, which clients refuse: renew it", path.display())]
    WeakSignature {
        /// The file.
        path: PathBuf,
        /// The first name.
        subject: String,
    },
    /// A file with a private key can be read by everybody on the machine.
    #[error("{path} holds a private key and is readable by others (mode {mode:03o}): run `chmod o-rwx {path}`", path = path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A host has no certificate of its own; clients must be told to trust the one made here.
    #[error(
        "no certificate in `certfiles` is for {host}: a self-signed one is used, SHA-256 fingerprint {fingerprint}"
    )]
    SelfSigned {
        /// The served host.
        host: String,
        /// Of the certificate, in upper-case hexadecimal with colons.
        fingerprint: String,
    },
    /// A host has no certificate and none could be made.
    #[error("no certificate in `certfiles` is for {host}, and none could be made: {why}")]
    NoneForHost {
        /// The served host.
        host: String,
        /// Why not.
        why: String,
    },
}

impl CertProblem {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::ExpiresSoon { .. }
            | Self::CommonNameOnly { .. }
            | Self::ChainIncomplete { .. }
            | Self::SelfSigned { .. }
            | Self::NoCertificate { .. } => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// One state of the store; never changed after it is built.
#[derive(Default)]
struct Table {
    options: CertOptions,
    files: BTreeMap<PathBuf, Arc<PemFile>>,
    /// Files that were there but could not be used, with what they looked like then.
    broken: BTreeMap<PathBuf, Option<Stamp>>,
    entries: Vec<Arc<CertEntry>>,
    exact: HashMap<String, Vec<Arc<CertEntry>>>,
    /// By the name behind `*.`.
    wildcard: HashMap<String, Vec<Arc<CertEntry>>>,
    default: Option<Arc<CertEntry>>,
}

/// The certificates in use; cheap to ask, swapped as a whole on reload.
pub struct CertStore {
    table: ArcSwap<Table>,
    /// Stores of listeners with a certificate of their own, read again whenever this one is.
    beside: Mutex<Vec<Weak<CertStore>>>,
}

impl std::fmt::Debug for CertStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertStore").field("certificates", &self.count()).finish()
    }
}

impl CertStore {
    /// Reads all certificates; for hosts without one a self-signed one is read or made.
    ///
    /// Never fails: what is wrong is in the list, and a host without any certificate refuses handshakes.
    pub fn open(options: &CertOptions, now: SystemTime) -> (Arc<Self>, Vec<CertProblem>) {
        let (table, problems) = Table::build(options, &Table::default(), now);
        let (table, beside) = (ArcSwap::from_pointee(table), Mutex::default());
        (Arc::new(Self { table, beside }), problems)
    }

    /// A store with one file alone, for a listener that names it (`certfile`). For as long as it lives it is read
    /// again whenever this one is. What is wrong is in the list; without a usable certificate it refuses handshakes.
    pub fn open_beside(&self, file: &str, now: SystemTime) -> (Arc<Self>, Vec<CertProblem>) {
        let mut options = CertOptions::default();
        options.add_file(file);
        let (own, problems) = Self::open(&options, now);
        let mut beside = self.beside.lock();
        beside.retain(|other| other.strong_count() > 0);
        beside.push(Arc::downgrade(&own));
        (own, problems)
    }

    fn others(&self) -> Vec<Arc<Self>> {
        self.beside.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Reads everything again and swaps it in; running connections keep what they have.
    ///
    /// A file that has become unreadable or malformed keeps its previous content in use and is reported.
    pub fn reload(&self, options: &CertOptions, now: SystemTime) -> Vec<CertProblem> {
        let (table, mut problems) = Table::build(options, &self.table.load(), now);
        self.table.store(Arc::new(table));
        for other in self.others() {
            problems.extend(other.reload(&other.options(), now));
        }
        problems
    }

    /// What a reload would find wrong now; nothing is changed. It looks at every file.
    pub fn problems(&self, now: SystemTime) -> Vec<CertProblem> {
        let table = self.table.load();
        Table::build(&table.options, &table, now).1
    }

    /// Whether a reload would find something else: a file was changed, added or removed, or a self-signed certificate
    /// needs renewal. To be called every few minutes, away from the async workers (it looks at every file).
    pub fn changed(&self, now: SystemTime) -> bool {
        let table = self.table.load();
        let (paths, _) = expand(&table.options.certfiles);
        let same_files = paths.len() == table.files.len() + table.only_broken()
            && paths.iter().all(|path| {
                let stamp = Stamp::of(path);
                match table.broken.get(path) {
                    Some(then) => *then == stamp,
                    None => table.files.get(path).is_some_and(|file| file.stamp == stamp),
                }
            });
        !same_files
            || self.others().iter().any(|other| other.changed(now))
            || table
                .entries
                .iter()
                .any(|entry| entry.self_made && self_signed::needs_renewal(entry, now))
    }

    /// The options of the last reload.
    pub fn options(&self) -> CertOptions {
        self.table.load().options.clone()
    }

    /// How many certificates can be presented.
    pub fn count(&self) -> usize {
        self.table.load().entries.len()
    }

    /// The certificates that can be presented, by the names they are for, with the files they come from.
    pub fn list(&self) -> Vec<(Vec<String>, PathBuf)> {
        let table = self.table.load();
        table.entries.iter().map(|entry| (entry.names.clone(), entry.file.clone())).collect()
    }

    /// SHA-256 of the certificate that a client which asks for `host` gets.
    pub fn fingerprint(&self, host: Option<&str>) -> Option<[u8; 32]> {
        self.pick(host, &[]).map(|entry| entry.fingerprint)
    }

    /// When the certificate for `host` ends.
    pub fn not_after(&self, host: &str) -> Option<SystemTime> {
        self.pick(Some(host), &[]).map(|entry| entry.not_after)
    }

    pub(crate) fn holds(&self, fingerprint: &[u8; 32]) -> bool {
        self.table.load().entries.iter().any(|entry| entry.fingerprint == *fingerprint)
    }

    /// The best certificate for a name that a client with these signature schemes can use; else the default one.
    pub(crate) fn pick(
        &self,
        host: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertEntry>> {
        let table = self.table.load();
        let candidates = host.and_then(|host| table.candidates(&ascii_host(host)));
        let candidates = candidates.or_else(|| {
            let default = table.options.hosts.first()?;
            table.candidates(&ascii_host(default))
        });
        let best = candidates
            .and_then(|list| list.iter().find(|entry| entry.suits(schemes)).or(list.first()));
        best.or(table.default.as_ref()).cloned()
    }
}

/// A host name as it stands in certificates: A-labels, lower case, no final dot.
pub(crate) fn ascii_host(host: &str) -> String {
    let host = host.trim_end_matches('.');
    idna::domain_to_ascii(host).unwrap_or_else(|_| host.to_ascii_lowercase())
}

impl Table {
    fn build(options: &CertOptions, previous: &Self, now: SystemTime) -> (Self, Vec<CertProblem>) {
        let (paths, mut problems) = expand(&options.certfiles);
        let mut table = Self { options: options.clone(), ..Self::default() };
        for path in paths {
            match PemFile::read(&path) {
                Ok(file) => {
                    table.files.insert(path, Arc::new(file));
                }
                Err(why) => {
                    table.broken.insert(path.clone(), Stamp::of(&path));
                    let old = previous.files.get(&path).cloned();
                    problems.push(CertProblem::Unreadable {
                        path: path.clone(),
                        why,
                        kept: old.is_some(),
                    });
                    table.files.extend(old.map(|old| (path, old)));
                }
            }
        }
        let files: Vec<_> = table.files.values().cloned().collect();
        let (entries, found) = assemble(&files, now);
        problems.extend(found);
        for entry in entries {
            table.insert(entry);
        }
        table.rank(now);
        table.fill_gaps(now, &mut problems);
        table.default = table.entries.first().cloned();
        (table, problems)
    }

    /// How many of the broken files have no previous content in use.
    fn only_broken(&self) -> usize {
        self.broken.keys().filter(|path| !self.files.contains_key(*path)).count()
    }

    fn insert(&mut self, entry: Arc<CertEntry>) {
        for name in &entry.names {
            match name.strip_prefix("*.") {
                Some(parent) => {
                    self.wildcard.entry(parent.to_owned()).or_default().push(Arc::clone(&entry))
                }
                None => self.exact.entry(name.clone()).or_default().push(Arc::clone(&entry)),
            }
        }
        self.entries.push(entry);
    }

    /// Best first: valid now, then the faster key, then the one that lasts longer.
    fn rank(&mut self, now: SystemTime) {
        for list in self.exact.values_mut().chain(self.wildcard.values_mut()) {
            list.sort_by_key(|entry| {
                let rsa = entry.key.key.algorithm() == rustls::SignatureAlgorithm::RSA;
                (!entry.is_valid_at(now), rsa, std::cmp::Reverse(entry.not_after))
            });
        }
    }

    /// The certificates for a name in ASCII; a wildcard stands for exactly one label (RFC 9525 §6.3).
    fn candidates(&self, host: &str) -> Option<&Vec<Arc<CertEntry>>> {
        self.exact.get(host).or_else(|| self.wildcard.get(host.split_once('.')?.1))
    }

    /// Gives every host without a certificate a self-signed one.
    fn fill_gaps(&mut self, now: SystemTime, problems: &mut Vec<CertProblem>) {
        for host in self.options.hosts.clone() {
            let ascii = ascii_host(&host);
            if self.candidates(&ascii).is_some() {
                continue;
            }
            let made = match &self.options.self_signed_dir {
                Some(folder) => self_signed::obtain(folder, &ascii, now),
                None => Err("there is no folder for self-signed ones".to_owned()),
            };
            match made {
                Ok(entry) => {
                    let fingerprint = hexadecimal(&entry.fingerprint);
                    problems.push(CertProblem::SelfSigned { host, fingerprint });
                    self.insert(Arc::new(entry));
                }
                Err(why) => problems.push(CertProblem::NoneForHost { host, why }),
            }
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// Self-signed certificates are renewed when less than this is left.
pub(crate) const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);
