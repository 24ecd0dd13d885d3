//! Tests over memory and loopback, and the certificates they need.

mod certificates;
mod client_certificates;
mod configuration;
mod handshakes;
mod hosts;
mod listeners;
mod streams;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::TempDir;

use crate::{CertOptions, CertStore, TlsEndpoint, TlsOptions};

const DAY: Duration = Duration::from_secs(86_400);

/// The time at which the tests' stores live: valid certificates begin a day before and last 90 days.
#[expect(clippy::disallowed_methods, reason = "the clients' TLS library looks at the real clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// An authority with an intermediate that signs the tests' certificates.
struct Authority {
    root: String,
    intermediate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key in PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn valid(params: &mut CertificateParams, from: SystemTime, until: SystemTime) {
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + from.duration_since(UNIX_EPOCH).unwrap();
    params.not_after = epoch + until.duration_since(UNIX_EPOCH).unwrap();
}

impl Authority {
    fn new(name: &str) -> Self {
        let root_key = KeyPair::generate().unwrap();
        let root_params = ca_params(&format!("{name} root"));
        let root = root_params.self_signed(&root_key).unwrap().pem();
        let root_issuer = Issuer::new(root_params, root_key);
        let key = KeyPair::generate().unwrap();
        let mut params = ca_params(&format!("{name} intermediate"));
        params.use_authority_key_identifier_extension = true;
        let intermediate = params.signed_by(&key, &root_issuer).unwrap().pem();
        Self { root, intermediate, issuer: Issuer::new(params, key) }
    }

    fn issue_with(
        &self,
        mut params: CertificateParams,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let key = KeyPair::generate().unwrap();
        valid(&mut params, now() - DAY, now() + 90 * DAY);
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    fn issue(&self, names: &[&str]) -> Pair {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        self.issue_with(CertificateParams::new(names).unwrap(), |_| {})
    }

    /// The whole chain in one text, as certbot's `fullchain.pem` and `privkey.pem` together.
    fn bundle(&self, pair: &Pair) -> String {
        format!("{}{}{}", pair.certificate, self.intermediate, pair.key)
    }
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A folder with certificates and the store over it.
struct Site {
    folder: TempDir,
    authority: Authority,
    options: CertOptions,
}

impl Site {
    fn new(hosts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = CertOptions {
            certfiles: vec![folder.path().join("*.pem").to_str().unwrap().to_owned()],
            hosts: hosts.iter().map(ToString::to_string).collect(),
            self_signed_dir: Some(folder.path().join("self-signed")),
        };
        Self { folder, authority: Authority::new("Test"), options }
    }

    /// One certificate per host, each in its file.
    fn with_certificates(hosts: &[&str]) -> Self {
        let site = Self::new(hosts);
        for host in hosts {
            site.put(
                &format!("{host}.pem"),
                &site.authority.bundle(&site.authority.issue(&[host])),
            );
        }
        site
    }

    fn put(&self, name: &str, text: &str) {
        write(self.folder.path().join(name), text);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The store and the problems in words, without the folder's path.
    fn open(&self) -> (Arc<CertStore>, Vec<String>) {
        let (store, problems) = CertStore::open(&self.options, now());
        (store, self.words(&problems))
    }

    fn words(&self, problems: &[crate::CertProblem]) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
    }

    fn endpoint(&self, options: &TlsOptions) -> TlsEndpoint {
        TlsEndpoint::new(options, self.open().0).unwrap().0
    }
}
