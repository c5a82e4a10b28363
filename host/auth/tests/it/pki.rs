use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use outrigger_auth::{
    Authenticator, ErrorKind,
    pki::{
        CertificateAuthority, CertificateRequest, Credentials, Serving, Usage, create_csr, csr_subject, kubeconfig,
        pin, subject_of_pem, validity, verify_pin,
    },
};
use rstest::rstest;

use crate::{later, noon};

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn authority() -> CertificateAuthority {
    CertificateAuthority::create("test", noon()).expect("made").0
}

pub(crate) fn assert_private(path: &Path) {
    let mode = fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{}", path.display());
}

fn der(pem: &str) -> Vec<u8> {
    use rustls_pki_types::{CertificateDer, pem::PemObject};
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM").to_vec()
}

#[test]
fn authority_is_made_once_and_kept_private() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("pki");
    let first = CertificateAuthority::open(&directory, "test", noon()).expect("made");
    let second = CertificateAuthority::open(&directory, "test", noon()).expect("read");
    assert_eq!(first.certificate(), second.certificate());
    assert_private(&directory.join("ca.key"));
    assert_private(&directory.join("ca.crt"));
    let mode = fs::metadata(&directory).expect("a directory").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    assert_eq!(fs::read_dir(&directory).expect("entries").count(), 2, "no temporary files stay");

    let key = fs::read_to_string(directory.join("ca.key")).expect("a key");
    let told = format!("{first:?} {:?}", first.issue_client("a", &[], HOUR, noon()));
    assert!(!told.contains("PRIVATE KEY") && !told.contains(key.lines().nth(1).expect("a line")), "{told}");

    // A start that was cut short between the two files is made good; a lost key is not.
    fs::remove_file(directory.join("ca.crt")).expect("removed");
    let third = CertificateAuthority::open(&directory, "test", noon()).expect("made again");
    assert_ne!(first.certificate(), third.certificate());
    fs::remove_file(directory.join("ca.key")).expect("removed");
    let error = CertificateAuthority::open(&directory, "test", noon()).expect_err("no key");
    assert_eq!(error.kind(), ErrorKind::Terminal);
    // A key that belongs to another certificate is noticed.
    fs::write(directory.join("ca.key"), key).expect("written");
    let error = CertificateAuthority::open(&directory, "test", noon()).expect_err("another key");
    assert!(error.to_string().contains("does not belong"), "{error}");
}

#[test]
fn client_certificate_names_user_and_groups() {
    let authority = authority();
    let issued = authority.issue_client("alice", &["dev", "ops"], HOUR, noon()).expect("issued");
    let authenticator = Authenticator::new();
    let user = authenticator.certificate(&der(&issued.certificate), later(60)).expect("valid");
    assert_eq!(
        (user.name.as_str(), user.groups),
        ("alice", vec!["dev".into(), "ops".into(), "system:authenticated".into()])
    );
    for moment in [later(3601), later(-301)] {
        let error = authenticator.certificate(&der(&issued.certificate), moment).expect_err("not valid then");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    }
    assert!(authority.issue_client("alice", &["a", "b", "c"], HOUR, noon()).is_err(), "more groups than fit");
    assert!(authenticator.certificate(b"nonsense", noon()).is_err());
    let nobody = authority.issue_client("", &["ops"], HOUR, noon()).expect("issued");
    let error = authenticator.certificate(&der(&nobody.certificate), later(60)).expect_err("it names nobody");
    assert!(error.to_string().contains("no common name"), "{error}");
    let again = authority.issue_client("alice", &[], HOUR, noon()).expect("issued");
    assert_ne!(issued.certificate, again.certificate);
}

#[test]
fn no_certificate_outlives_the_authority() {
    let authority = authority();
    let issued = authority.issue_client("alice", &[], HOUR * 24 * 365 * 50, noon()).expect("issued");
    assert_eq!(validity(&issued.certificate).expect("dates").not_after, authority.validity().not_after);
    let after = authority.validity().not_after + Duration::from_secs(1);
    assert!(authority.issue_client("alice", &[], HOUR, after).is_err());
}

#[test]
fn own_request_round_trip() {
    let authority = authority();
    let (pem, key) = create_csr("system:node:east", &["system:nodes"]).expect("made");
    let subject = csr_subject(&pem).expect("read");
    assert_eq!(
        (subject.common_name.as_str(), subject.organizations),
        ("system:node:east", vec!["system:nodes".into()])
    );
    let chain = authority.sign_csr(&pem, Usage::Client, HOUR, noon()).expect("signed");
    assert_eq!(subject_of_pem(&chain).expect("read").common_name, "system:node:east");
    assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(!format!("{key:?}").contains("PRIVATE"));
    assert_eq!(validity(&chain).expect("dates").renewal(), later(-300 + 3900 / 3 * 2));
}

macro_rules! request {
    ($name:literal) => {
        include_str!(concat!("requests/", $name, ".csr"))
    };
}

#[rstest]
#[case::rsa(request!("rsa2048"), Usage::Client, Ok("system:node:a"))]
#[case::ed25519(request!("ed25519"), Usage::Client, Ok("ed"))]
#[case::p384_two_groups(request!("p384"), Usage::Client, Ok("p384"))]
#[case::server(request!("server"), Usage::Server, Ok("web"))]
#[case::weak_rsa(request!("rsa1024"), Usage::Client, Err("RSA keys need at least 2048 bits"))]
#[case::p521(request!("p521"), Usage::Client, Err("keys of this type are not signed"))]
#[case::authority(request!("ca"), Usage::Client, Err("it asks for the right to sign certificates"))]
#[case::signer(request!("signer"), Usage::Client, Err("it asks for the right to sign certificates"))]
#[case::code_signing(request!("codesign"), Usage::Client, Err("a usage that is neither"))]
#[case::three_groups(request!("three"), Usage::Client, Err("at most 2 groups"))]
#[case::no_name(request!("noname"), Usage::Client, Err("the common name is empty"))]
#[case::two_names(request!("two"), Usage::Client, Err("more than one common name"))]
#[case::email(request!("email"), Usage::Client, Err("neither DNS name nor address"))]
#[case::server_as_client(request!("server"), Usage::Client, Err("it asks for server authentication"))]
#[case::client_with_names(request!("named"), Usage::Client, Err("has no DNS names or addresses"))]
#[case::client_as_server(request!("rsa2048"), Usage::Server, Err("it names no DNS name"))]
#[case::nonsense("nonsense", Usage::Client, Err("not PEM"))]
#[case::empty(
    "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
    Usage::Client,
    Err("signing request")
)]
fn request_is_signed_or_refused(#[case] pem: &str, #[case] usage: Usage, #[case] expected: Result<&str, &str>) {
    let signed = authority().sign_csr(pem, usage, HOUR, noon());
    match (signed, expected) {
        (Ok(chain), Ok(name)) => assert_eq!(subject_of_pem(&chain).expect("read").common_name, name),
        (Err(error), Err(words)) => {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(words), "{error}");
        }
        (signed, expected) => panic!("{signed:?}, not {expected:?}"),
    }
}

#[test]
fn request_of_another_key_is_refused() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let pem = request!("rsa2048");
    let body: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
    let mut der = STANDARD.decode(body).expect("base64");
    let at = der.windows(13).position(|bytes| bytes == b"system:node:a").expect("the name");
    der[at + 12] = b'b';
    let forged =
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", STANDARD.encode(der));
    let error = CertificateRequest::parse(&forged).expect_err("forged");
    assert!(error.to_string().contains("signature"), "{error}");
}

#[test]
fn pin_is_that_of_the_public_key() {
    let (authority, other) = (authority(), authority());
    let own = authority.pin().expect("a pin");
    assert_eq!(pin(authority.certificate()).expect("a pin"), own);
    assert_eq!(own.len(), "sha256:".len() + 64);
    let both = format!("{}{}", other.certificate(), authority.certificate());
    assert_eq!(verify_pin(&both, &own).expect("found"), authority.certificate());
    assert!(verify_pin(other.certificate(), &own).is_err());
    // Computed with openssl x509 -pubkey | openssl pkey -outform der | sha256sum.
    let known = include_str!("requests/known.crt");
    assert_eq!(pin(known).expect("a pin"), include_str!("requests/known.pin").trim());
}

#[test]
fn kubeconfig_holds_what_a_client_needs() {
    let authority = authority();
    let issued = authority.issue_client("alice", &[], HOUR, noon()).expect("issued");
    let credentials = Credentials::Certificate { certificate: &issued.certificate, key: &issued.key };
    let config = kubeconfig("east", "https://127.0.0.1:6443", authority.certificate(), credentials);
    assert_eq!(config["current-context"], "east");
    assert_eq!(config["clusters"][0]["cluster"]["server"], "https://127.0.0.1:6443");
    let user = config["users"][0]["user"].as_object().expect("a user");
    assert_eq!(user.keys().collect::<Vec<_>>(), ["client-certificate-data", "client-key-data"]);
    let config = kubeconfig("east", "https://a", "", Credentials::Token(&issued.key));
    assert_eq!(config["users"][0]["user"]["token"], issued.key.expose());
}

#[test]
fn serving_certificate_renews_itself() {
    let authority = authority();
    let serving =
        Serving::issue(&authority, vec!["localhost".into(), "127.0.0.1".into()], HOUR, noon()).expect("issued");
    let first = serving.validity();
    assert!(!serving.renew_if_due(&authority, later(600)).expect("asked"));
    assert_eq!(serving.validity(), first);
    assert!(serving.renew_if_due(&authority, later(3000)).expect("asked"));
    assert_eq!(serving.validity().not_after, later(6600));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// A request that has been changed anywhere is refused, and nothing breaks on the way.
    #[test]
    fn changed_request_is_refused_or_says_the_same(at in 0..10_000_usize, change in 1..=255_u8) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let pem = request!("server");
        let body: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
        let mut der = STANDARD.decode(body).expect("base64");
        let at = at % der.len();
        der[at] ^= change;
        let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", STANDARD.encode(der));
        // What surrounds the signature is not signed: reading it leniently must change nothing.
        if let Ok(parsed) = CertificateRequest::parse(&pem) {
            proptest::prop_assert_eq!(parsed, CertificateRequest::parse(request!("server")).expect("a request"));
        }
    }

    #[test]
    fn nonsense_is_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        proptest::prop_assert!(Authenticator::new().certificate(&bytes, noon()).is_err());
    }
}
