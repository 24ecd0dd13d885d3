//! Client certificates: taken at the handshake whatever they are, judged afterwards (RFC 6120 §13.7.2, XEP-0178).
//!
//! A handshake that fails tells a person nothing; so any certificate is let in, and SASL EXTERNAL asks here what it proves.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

/// `id-on-xmppAddr` (RFC 6120 §13.7.1.4).
const XMPP_ADDR: &str = "1.3.6.1.5.5.7.8.5";

/// Addresses taken from one certificate at most.
const IDENTITIES_MAX: usize = 64;

/// A CA file larger than this is refused.
const CA_FILE_BYTES_MAX: u64 = 16 << 20;

/// What a client's certificate proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificate {
    /// The client sent none, or none was asked for.
    Absent,
    /// It proves nothing; EXTERNAL must refuse and may say why.
    Rejected {
        /// The reason, for the log.
        why: String,
    },
    /// A CA of the configured file vouches for it now.
    Verified {
        /// The XMPP addresses in it, not yet prepared; empty when it names none.
        identities: Vec<String>,
    },
}

impl ClientCertificate {
    pub(crate) fn judge(
        chain: &[CertificateDer<'_>],
        roots: Option<&ClientRoots>,
        now: SystemTime,
    ) -> Self {
        let Some((own, intermediates)) = chain.split_first() else { return Self::Absent };
        let Some(roots) = roots else {
            return Self::Rejected {
                why: "no CA file is configured to judge client certificates by".to_owned(),
            };
        };
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let verified = webpki::EndEntityCert::try_from(own).and_then(|certificate| {
            certificate
                .verify_for_usage(
                    webpki::ALL_VERIFICATION_ALGS,
                    &roots.anchors,
                    intermediates,
                    UnixTime::since_unix_epoch(since_epoch),
                    webpki::KeyUsage::client_auth(),
                    None,
                    None,
                )
                .map(|_| ())
        });
        match verified {
            Ok(()) => Self::Verified { identities: client_identities(own) },
            Err(error) => Self::Rejected { why: error.to_string() },
        }
    }
}

/// The XMPP addresses in a certificate (subjectAltName, `id-on-xmppAddr`), in order and without repetition.
///
/// Addresses with control characters, and all of a certificate that cannot be parsed, are left out. The addresses are
/// the issuer's words: prepare them before comparing.
pub fn client_identities(certificate_der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate_der) else {
        return Vec::new();
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let mut identities: Vec<String> = Vec::new();
    for name in &names.value.general_names {
        let GeneralName::OtherName(oid, value) = name else { continue };
        if oid.to_id_string() != XMPP_ADDR || identities.len() >= IDENTITIES_MAX {
            continue;
        }
        if let Some(address) = utf8_string(value)
            && !address.is_empty()
            && !address.contains(char::is_control)
            && !identities.iter().any(|seen| seen == address)
        {
            identities.push(address.to_owned());
        }
    }
    identities
}

/// The text of `[0] EXPLICIT UTF8String`, the value of an otherName.
fn utf8_string(value: &[u8]) -> Option<&str> {
    let (_, explicit) = Any::from_der(value).ok()?;
    if explicit.header.class() != Class::ContextSpecific {
        return None;
    }
    let (_, inner) = Any::from_der(explicit.data).ok()?;
    (inner.header.tag() == Tag::Utf8String).then(|| std::str::from_utf8(inner.data).ok()).flatten()
}

/// The certificate authorities whose clients are believed.
pub(crate) struct ClientRoots {
    anchors: Vec<TrustAnchor<'static>>,
    subjects: Vec<DistinguishedName>,
}

impl ClientRoots {
    /// Reads a PEM file of CA certificates; says what is wrong with it otherwise.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
        if size > CA_FILE_BYTES_MAX {
            return Err(format!("is larger than {} MiB", CA_FILE_BYTES_MAX >> 20));
        }
        let pem = std::fs::read(path).map_err(|error| error.to_string())?;
        let mut roots = Self { anchors: Vec::new(), subjects: Vec::new() };
        for der in CertificateDer::pem_slice_iter(&pem) {
            let der = der.map_err(|error| format!("is not PEM: {error}"))?;
            let anchor = webpki::anchor_from_trusted_cert(&der)
                .map_err(|error| error.to_string())?
                .to_owned();
            roots.subjects.push(DistinguishedName::in_sequence(anchor.subject.as_ref()));
            roots.anchors.push(anchor);
        }
        if roots.anchors.is_empty() {
            return Err("holds no certificate".to_owned());
        }
        Ok(roots)
    }
}

/// Asks for a certificate and takes any whose key the client holds.
#[derive(Debug)]
pub(crate) struct TakeAny {
    provider: CryptoProvider,
    hints: Vec<DistinguishedName>,
}

impl TakeAny {
    pub(crate) fn new(provider: CryptoProvider, roots: Option<&ClientRoots>) -> Self {
        // A long list of hints would be sent in every handshake; past a few the client decides better without.
        let hints =
            roots.map(|roots| roots.subjects.clone()).filter(|subjects| subjects.len() <= 16);
        Self { provider, hints: hints.unwrap_or_default() }
    }
}

impl ClientCertVerifier for TakeAny {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
