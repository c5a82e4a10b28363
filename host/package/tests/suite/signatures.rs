//! Signatures: who is believed, and who is not.

use outrigger_package::{
    ErrorKind, sha256,
    trust::{PublicKey, Signature, SigningKey, verify},
};

use crate::guestbook;

/// Made with `openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt`, its public half, and
/// the base64 of `printf 'outrigger' | openssl dgst -sha256 -sign KEY`, which is what `cosign sign-blob` makes.
const KEY: &str = include_str!("openssl/key.pem");
const PUBLIC: &str = include_str!("openssl/public.pem");
const SIGNATURE: &str = include_str!("openssl/signature.txt");

fn image(manifest: &str, key: &SigningKey) -> Signature {
    let (payload, signature) = Signature::of_manifest(manifest.as_bytes(), "example.com/guestbook", key).unwrap();
    Signature::of_image(payload.as_bytes(), &signature, manifest.as_bytes()).unwrap()
}

#[test]
fn what_openssl_signs_is_verified() {
    let key = PublicKey::from_pem("public.pem", PUBLIC).unwrap();
    let signature: Signature = SIGNATURE.parse().unwrap();
    signature.verify(b"outrigger", &key).unwrap();
    assert_eq!(signature.verify(b"outriggers", &key).unwrap_err().kind(), ErrorKind::Untrusted);
    let own = SigningKey::from_pem("key.pem", KEY).unwrap();
    assert_eq!(own.public(), key);
    assert_eq!(key.to_pem(), PUBLIC);
    Signature::of_archive(b"x", &own).unwrap().verify(b"x", &key).unwrap();
}

#[test]
fn only_a_trusted_key_is_believed() {
    let archive = guestbook::package().archive().clone();
    let (first, pem) = SigningKey::generate().unwrap();
    let (other, _) = SigningKey::generate().unwrap();
    assert_eq!(SigningKey::from_pem("key", &pem).unwrap().public(), first.public());
    let signature = Signature::of_archive(&archive, &first).unwrap();
    let written: Signature = signature.to_string().parse().unwrap();
    assert_eq!(written, signature);
    let keys = [other.public(), first.public()];
    assert_eq!(verify(&archive, &[written], &keys).unwrap(), &first.public());
    let check = |signatures: &[Signature], keys: &[PublicKey], told: &str| {
        let error = verify(&archive, signatures, keys).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted);
        assert!(error.to_string().contains(told), "{error}");
    };
    check(&[], &keys, "not signed");
    check(std::slice::from_ref(&signature), &[], "no key was named");
    check(std::slice::from_ref(&signature), &[other.public()], "not by this key");
    let short = Signature::of_archive(&archive[1..], &first).unwrap();
    check(&[short.clone(), short], &keys, "none of 2 signature(s)");
}

#[test]
fn an_image_is_believed_only_for_the_archive_that_its_manifest_names() {
    let archive = guestbook::package().archive().clone();
    let (key, _) = SigningKey::generate().unwrap();
    let public = key.public();
    let manifest = format!("{{\"layers\":[{{\"digest\":\"{}\"}}]}}", sha256(&archive));
    let signature = image(&manifest, &key);
    signature.verify(&archive, &public).unwrap();
    assert_eq!(signature.to_string().parse::<Signature>().unwrap(), signature);
    let refused = |signature: Signature, told: &str| {
        let error = signature.verify(&archive, &public).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    };
    refused(image("{\"layers\":[]}", &key), "another package");
    refused(image(&manifest, &SigningKey::generate().unwrap().0), "not by this key");
    let (payload, made) = Signature::of_manifest(b"{}", "x", &key).unwrap();
    refused(Signature::of_image(payload.as_bytes(), &made, manifest.as_bytes()).unwrap(), "another manifest");
    // A signature of the archive is none of an image, and the other way round.
    let blob = Signature::of_archive(&archive, &key).unwrap().to_string();
    refused(Signature::of_image(&archive[..0], &blob, manifest.as_bytes()).unwrap(), "not by this key");
    let statement = sha256(&archive);
    let blob = Signature::of_archive(statement.as_bytes(), &key).unwrap().to_string();
    refused(Signature::of_image(statement.as_bytes(), &blob, manifest.as_bytes()).unwrap(), "no statement");
}

#[test]
fn keys_of_other_sorts_are_named() {
    let public = |pem: &str, told: &str| {
        let error = PublicKey::from_pem("k.pub", pem).unwrap_err().to_string();
        assert!(error.starts_with("k.pub: ") && error.contains(told), "{error}");
    };
    public("", "BEGIN PUBLIC KEY");
    public(KEY, "is a private key");
    public(include_str!("openssl/p384.pem"), "only ECDSA over P-256");
    public(&PUBLIC.replace("END PUBLIC", "END"), "no public key");
    let private = |pem: &str, told: &str| {
        let error = SigningKey::from_pem("k.pem", pem).unwrap_err().to_string();
        assert!(error.starts_with("k.pem: ") && error.contains(told), "{error}");
    };
    private("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----", "cosign import-key-pair");
    private("-----BEGIN EC PRIVATE KEY-----", "openssl pkcs8 -topk8");
    private("-----BEGIN ENCRYPTED PRIVATE KEY-----", "is encrypted");
    private(PUBLIC, "no private key");
    for text in ["", "???", "AAAA", "e30="] {
        assert!(text.parse::<Signature>().is_err(), "{text:?}");
    }
}
