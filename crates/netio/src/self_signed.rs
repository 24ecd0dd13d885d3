//! Self-signed certificates for hosts that have none, kept in a folder so that a restart keeps the fingerprint.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, SanType,
};
use rcgen::{OtherNameValue, date_time_ymd};

use crate::cert_files::{CertEntry, PemFile, assemble};
use crate::certs::RENEW_BEFORE;

/// How long a new certificate is valid.
const VALID_FOR: Duration = Duration::from_secs(398 * 86_400);

/// Back-dating, for peers whose clock is behind.
const VALID_SINCE: Duration = Duration::from_secs(86_400);

/// Whether a certificate made here should be replaced.
pub(crate) fn needs_renewal(entry: &CertEntry, now: SystemTime) -> bool {
    now < entry.not_before
        || entry.not_after.duration_since(now).map_or(true, |left| left < RENEW_BEFORE)
}

/// Reads the certificate for `host` from `folder`, or makes and writes one; says why it cannot otherwise.
pub(crate) fn obtain(folder: &Path, host: &str, now: SystemTime) -> Result<CertEntry, String> {
    let path = file_of(folder, host);
    if let Some(entry) = read(&path, host, now)
        && !needs_renewal(&entry, now)
    {
        return Ok(entry);
    }
    let pem = make(host, now).map_err(|error| error.to_string())?;
    write(folder, &path, &pem).map_err(|error| format!("{}: {error}", path.display()))?;
    read(&path, host, now).ok_or_else(|| format!("{}: cannot be read back", path.display()))
}

/// The file's name is the host's, with everything but letters, digits, `-` and inner dots escaped.
fn file_of(folder: &Path, host: &str) -> PathBuf {
    let mut name = String::new();
    for (at, byte) in host.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || (byte == b'.' && at > 0) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    // Nothing is left of a host that consists of dots.
    let name = if name.is_empty() { "%".to_owned() } else { name };
    folder.join(format!("{name}.pem"))
}

fn read(path: &Path, host: &str, now: SystemTime) -> Option<CertEntry> {
    let file = PemFile::read(path).ok()?;
    let (entries, _) = assemble(&[Arc::new(file)], now);
    let entry = Arc::into_inner(entries.into_iter().next()?)?;
    entry.names.iter().any(|name| name == host).then_some(CertEntry { self_made: true, ..entry })
}

/// Key and certificate in PEM.
fn make(host: &str, now: SystemTime) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new([host.to_owned()])?;
    // XMPP clients also look for the host among the XMPP addresses (RFC 6120 §13.7.1.2.1).
    let xmpp_addr = vec![1, 3, 6, 1, 5, 5, 7, 8, 5];
    params
        .subject_alt_names
        .push(SanType::OtherName((xmpp_addr, OtherNameValue::Utf8String(host.to_owned()))));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, host);
    let epoch = date_time_ymd(1970, 1, 1);
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    params.not_before = epoch + since_epoch.saturating_sub(VALID_SINCE);
    params.not_after = epoch + since_epoch + VALID_FOR;
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()))
}

/// Writes beside and renames, so that a crash leaves either the old file or the new one; modes do not depend on umask.
fn write(folder: &Path, path: &Path, pem: &str) -> std::io::Result<()> {
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    let beside = path.with_extension("pem.new");
    // A left-over of a crash could belong to a wider mode.
    fs::remove_file(&beside).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
