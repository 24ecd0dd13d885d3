//! Certificate files, the store, self-signed ones, reload.

use super::*;
use crate::certs::Severity;

/// The host names of the certificate that a client asking for `host` gets.
fn names(store: &CertStore, host: &str) -> Vec<String> {
    store.pick(Some(host), &[]).unwrap().names.clone()
}

#[test]
fn key_and_chain_in_any_order_and_in_several_files() {
    let site = Site::new(&["a.example"]);
    let pair = site.authority.issue(&["a.example"]);
    // The key first in a file of its own, the root and a duplicate among the chain, the leaf last.
    site.put("1-key.pem", &pair.key);
    let chain =
        format!("{}{}{}", site.authority.root, site.authority.intermediate, pair.certificate);
    site.put("2-chain.pem", &chain);
    site.put("3-again.pem", &site.authority.bundle(&pair));
    let (store, problems) = site.open();
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(store.count(), 1);
    let entry = store.pick(Some("a.example"), &[]).unwrap();
    // Leaf and intermediate, without the root.
    assert_eq!(entry.key.cert.len(), 2);
    entry.key.keys_match().unwrap();
    assert_eq!(entry.end_point_hash.as_deref().unwrap(), entry.fingerprint);
}

#[test]
fn names_wildcards_and_the_default() {
    let site = Site::new(&["main.example", "b.example"]);
    site.put("a.pem", &site.authority.bundle(&site.authority.issue(&["b.example", "*.b.example"])));
    site.put("b.pem", &site.authority.bundle(&site.authority.issue(&["main.example"])));
    site.put("c.pem", &site.authority.bundle(&site.authority.issue(&["exact.b.example"])));
    let (store, problems) = site.open();
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(names(&store, "conference.b.example"), ["b.example", "*.b.example"]);
    assert_eq!(names(&store, "EXACT.b.example."), ["exact.b.example"]);
    // A wildcard stands for one label; an unknown or missing name gets the first host's.
    for other in ["x.y.b.example", "unknown.example", ""] {
        assert_eq!(names(&store, other), ["main.example"], "{other}");
    }
    assert_eq!(store.pick(None, &[]).unwrap().names, ["main.example"]);
}

#[test]
fn problems_say_what_and_how_to_mend() {
    let site = Site::new(&["a.example"]);
    let authority = &site.authority;
    let host = |name: &str| CertificateParams::new([name.to_owned()]).unwrap();
    let expired = authority
        .issue_with(host("old.example"), |params| valid(params, now() - 9 * DAY, now() - DAY));
    let early = authority
        .issue_with(host("early.example"), |params| valid(params, now() + DAY, now() + 90 * DAY));
    let soon = authority.issue_with(host("soon.example"), |params| {
        valid(params, now() - DAY, now() + 3 * DAY + DAY / 2)
    });
    let common = authority.issue_with(CertificateParams::default(), |params| {
        params.distinguished_name.push(DnType::CommonName, "cn.example");
    });
    let (one, two) = (authority.issue(&["a.example"]), authority.issue(&["other.example"]));
    site.put("a.pem", &authority.bundle(&one));
    site.put(
        "b-mismatch.pem",
        &format!("{}{}", two.certificate, KeyPair::generate().unwrap().serialize_pem()),
    );
    site.put("c-old.pem", &authority.bundle(&expired));
    site.put("d-early.pem", &authority.bundle(&early));
    site.put("e-soon.pem", &authority.bundle(&soon));
    site.put("f-cn.pem", &authority.bundle(&common));
    site.put("g-garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    site.put("h-empty.pem", "hello\n");
    fs::set_permissions(site.path("a.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let alone = Authority::new("Foreign");
    let foreign = alone.issue(&["foreign.example"]);
    site.put("i-foreign.pem", &format!("{}{}", foreign.certificate, foreign.key));
    let mut options = site.options.clone();
    options.certfiles.push("/nowhere/*.pem".to_owned());
    let (_, problems) = CertStore::open(&options, now());
    let words = site.words(&problems);
    for (part, severity) in [
        ("/nowhere/*.pem names no file", Severity::Error),
        ("g-garbage.pem holds a malformed certificate", Severity::Error),
        ("h-empty.pem holds neither a certificate nor a key", Severity::Error),
        (
            "a.pem holds a private key and is readable by others (mode 644): run `chmod o-rwx",
            Severity::Error,
        ),
        (
            "b-mismatch.pem: no file of `certfiles` holds the private key for other.example",
            Severity::Error,
        ),
        (
            "b-mismatch.pem: no file of `certfiles` holds a certificate for this private key",
            Severity::Warning,
        ),
        ("c-old.pem: the certificate for old.example has expired", Severity::Error),
        ("d-early.pem: the certificate for early.example is not valid yet", Severity::Error),
        ("e-soon.pem: the certificate for soon.example expires in 3 days", Severity::Warning),
        ("f-cn.pem: cn.example stands only in the common name", Severity::Warning),
        (
            "i-foreign.pem: the issuer's certificate for foreign.example is missing",
            Severity::Warning,
        ),
    ] {
        let at = words
            .iter()
            .position(|word| word.contains(part))
            .unwrap_or_else(|| panic!("{part} in {words:#?}"));
        assert_eq!(problems[at].severity(), severity, "{part}");
    }
    assert_eq!(words.len(), 11, "{words:#?}");
}

#[test]
fn of_several_for_one_host_the_valid_one_is_presented() {
    let site = Site::new(&["a.example"]);
    let host = CertificateParams::new(["a.example".to_owned()]).unwrap();
    let expired =
        site.authority.issue_with(host, |params| valid(params, now() - 9 * DAY, now() - DAY));
    site.put("1.pem", &site.authority.bundle(&expired));
    site.put("2.pem", &site.authority.bundle(&site.authority.issue(&["a.example"])));
    let (store, _) = site.open();
    assert!(store.not_after("a.example").unwrap() > now());
}

#[test]
fn self_signed_ones_keep_their_fingerprint_until_they_must_be_renewed() {
    let site = Site::new(&["bücher.example", "localhost"]);
    let (store, problems) = site.open();
    assert_eq!(problems.len(), 2 + 1, "{problems:?}");
    let fingerprint = store.fingerprint(Some("xn--bcher-kva.example")).unwrap();
    assert_eq!(store.fingerprint(Some("bücher.example")).unwrap(), fingerprint);
    assert_ne!(store.fingerprint(Some("localhost")).unwrap(), fingerprint);
    let path = site.path("self-signed/xn--bcher-kva.example.pem");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(site.path("self-signed")).unwrap().permissions().mode() & 0o777, 0o700);
    // A restart keeps it, a restart a year later does not.
    assert_eq!(site.open().0.fingerprint(Some("bücher.example")).unwrap(), fingerprint);
    assert!(!store.changed(now()));
    let later = now() + 380 * DAY;
    assert!(store.changed(later));
    store.reload(&site.options, later);
    assert_ne!(store.fingerprint(Some("bücher.example")).unwrap(), fingerprint);
    assert!(!store.changed(later));
}

#[test]
fn host_names_cannot_leave_the_folder() {
    let site = Site::new(&["../../evil", "..", "a/b"]);
    site.open();
    let mut found: Vec<_> = fs::read_dir(site.path("self-signed"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert!(found.iter().all(|name| !name.contains('/') && !name.starts_with('.')), "{found:?}");
    assert!(!site.folder.path().parent().unwrap().join("evil.pem").exists());
}

#[test]
fn reload_takes_what_is_good_and_keeps_what_was() {
    let site = Site::with_certificates(&["a.example", "b.example"]);
    let (store, problems) = site.open();
    assert_eq!(problems, Vec::<String>::new());
    assert!(!store.changed(now()));
    let (a, b) = (store.fingerprint(Some("a.example")), store.fingerprint(Some("b.example")));
    site.put("a.example.pem", "half a fi");
    site.put("b.example.pem", &site.authority.bundle(&site.authority.issue(&["b.example"])));
    assert!(store.changed(now()));
    let problems = site.words(&store.reload(&site.options, now()));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains("a.example.pem")
            && problems[0].contains("previous content stays in use")
    );
    assert_eq!(store.fingerprint(Some("a.example")), a);
    assert_ne!(store.fingerprint(Some("b.example")), b);
    // The bad file is not reported as a change again and again, its repair is.
    assert!(!store.changed(now()));
    site.put("a.example.pem", &site.authority.bundle(&site.authority.issue(&["a.example"])));
    assert!(store.changed(now()));
    assert_eq!(store.reload(&site.options, now()), []);
    assert_ne!(store.fingerprint(Some("a.example")), a);
    fs::remove_file(site.path("b.example.pem")).unwrap();
    assert!(store.changed(now()));
}

#[test]
fn without_any_certificate_there_is_none() {
    let mut site = Site::new(&["a.example"]);
    site.options.certfiles.clear();
    site.options.self_signed_dir = None;
    let (store, problems) = site.open();
    assert_eq!((store.count(), problems.len()), (0, 1));
    assert!(store.pick(Some("a.example"), &[]).is_none());
}
