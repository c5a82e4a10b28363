use std::time::Duration;

use jiff::Timestamp;
use outrigger_auth::{
    Authenticator, ErrorKind, Secret, User,
    bootstrap::{BootstrapToken, BootstrapTokens},
    service_account::{ServiceAccount, TokenIssuer},
};
use outrigger_object::Object;
use rand::{SeedableRng, rngs::StdRng};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{later, noon};

const HOUR: Duration = Duration::from_secs(3600);

fn account() -> ServiceAccount {
    ServiceAccount { namespace: "shop".into(), name: "web".into(), uid: "u-1".into() }
}

#[test]
fn service_account_token_round_trip() {
    let issuer = TokenIssuer::new(&[7; 32]);
    let issued = issuer.issue(&account(), &[], HOUR, noon()).expect("issued");
    assert_eq!(issued.expires, later(3600));
    assert_eq!(issuer.verify(issued.token.expose(), later(3599)).expect("genuine"), account());

    let user = account().user();
    assert_eq!(user.name, "system:serviceaccount:shop:web");
    assert_eq!(user.uid, "u-1");
    assert_eq!(user.groups, ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"]);
}

#[test]
fn service_account_token_is_refused() {
    let issuer = TokenIssuer::new(&[7; 32]);
    let token = issuer.issue(&account(), &[], HOUR, noon()).expect("issued").token.expose().to_owned();
    let check = |token: &str, now: Timestamp, expected: &str| {
        let error = issuer.verify(token, now).expect_err("refused");
        assert_eq!((error.to_string().as_str(), error.kind()), (expected, ErrorKind::Unauthenticated));
    };
    check(&token, later(3600), "the bearer token has expired");
    check(&token, later(-3600), "the bearer token is not valid yet");
    check("", noon(), "the bearer token is not known");
    check("a.b.c", noon(), "the bearer token is not known");
    check(&"x".repeat(100_000), noon(), "the bearer token is not known");
    let other = TokenIssuer::new(&[8; 32]).issue(&account(), &[], HOUR, noon()).expect("issued");
    check(other.token.expose(), noon(), "the bearer token is not known");
    let elsewhere = issuer.issue(&account(), &["vault".into()], HOUR, noon()).expect("issued");
    check(elsewhere.token.expose(), noon(), "the bearer token is meant for another audience");
    assert!(issuer.verify_for(elsewhere.token.expose(), &["vault"], noon()).is_ok());
}

#[test]
fn service_account_token_lives_neither_too_short_nor_too_long() {
    let issuer = TokenIssuer::new(&[7; 32]);
    let seconds = |life: Duration| {
        let issued = issuer.issue(&account(), &[], life, noon()).expect("issued");
        issued.expires.as_second() - noon().as_second()
    };
    assert_eq!([Duration::ZERO, HOUR, HOUR * 24 * 3650].map(seconds), [600, 3600, 365 * 24 * 3600]);
}

/// No single character of a token can be changed, cut or swapped for another part.
#[test]
fn service_account_token_cannot_be_tampered_with() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let issuer = TokenIssuer::new(&[7; 32]);
    let token = issuer.issue(&account(), &[], HOUR, noon()).expect("issued").token.expose().to_owned();
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(issuer.verify(&changed, noon()).is_err(), "changed at {at}");
        assert!(issuer.verify(&token[..at], noon()).is_err(), "cut at {at}");
    }
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value = serde_json::from_slice(&BASE64.decode(parts[1]).expect("base64")).expect("JSON");
    claims["kubernetes.io"]["serviceaccount"]["name"] = "admin".into();
    let body = BASE64.encode(claims.to_string());
    assert!(issuer.verify(&format!("{}.{body}.{}", parts[0], parts[2]), noon()).is_err());
    let unsigned = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
    assert!(issuer.verify(&format!("{unsigned}.{}.", parts[1]), noon()).is_err());
}

#[test]
fn bootstrap_token_form() {
    let token = BootstrapToken::generate(&mut StdRng::seed_from_u64(1));
    let text = token.expose();
    assert_eq!(text.expose().parse::<BootstrapToken>().expect("its own form"), token);
    assert_eq!(text.expose().len(), 23);
    assert_ne!(token, BootstrapToken::generate(&mut StdRng::seed_from_u64(2)));
    for bad in
        ["", "abcdef", "abcdef.", "ABCDEF.0123456789abcdef", "abcde.0123456789abcdef", "abcdef.0123456789abcdef0"]
    {
        assert!(bad.parse::<BootstrapToken>().is_err(), "{bad:?}");
    }
}

const TOKEN: &str = "abcdef.0123456789abcdef";

fn secret(change: impl FnOnce(&mut Object)) -> Object {
    let token: BootstrapToken = TOKEN.parse().expect("a token");
    let mut secret = token.secret(Some(later(60)), &["system:bootstrappers:agents"], "for joining");
    change(&mut secret);
    secret
}

#[test]
fn bootstrap_token_is_accepted_until_it_expires() {
    let tokens = BootstrapTokens::default();
    tokens.apply(&secret(|_| ()));
    let user = tokens.authenticate(TOKEN, noon()).expect("accepted").expect("a bootstrap token");
    assert_eq!(user.name, "system:bootstrap:abcdef");
    assert_eq!(user.groups, ["system:bootstrappers", "system:bootstrappers:agents", "system:authenticated"]);
    let error = tokens.authenticate(TOKEN, later(60)).expect_err("expired");
    assert_eq!(error.to_string(), "the bootstrap token has expired");
    assert!(tokens.authenticate("abcdef.0123456789abcdee", noon()).is_err(), "wrong secret");
    assert!(tokens.authenticate("abcdeg.0123456789abcdef", noon()).is_err(), "unknown id");
    assert_eq!(tokens.authenticate("something else", noon()), Ok(None));
    tokens.remove("kube-system", "bootstrap-token-abcdef");
    assert!(tokens.authenticate(TOKEN, noon()).is_err(), "removed");
}

#[rstest]
#[case::encoded(|secret: &mut Object| {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let plain = secret.remove(&["stringData"]).unwrap_or_default();
    for (name, value) in plain.as_object().into_iter().flatten() {
        secret.set(&["data", name], STANDARD.encode(value.as_str().unwrap_or_default()));
    }
}, true)]
#[case::other_namespace(|secret: &mut Object| secret.set(&["metadata", "namespace"], "default"), false)]
#[case::other_type(|secret: &mut Object| secret.set(&["type"], "Opaque"), false)]
#[case::not_for_authentication(|secret: &mut Object| secret.set(&["stringData", "usage-bootstrap-authentication"], "false"), false)]
#[case::other_id(|secret: &mut Object| secret.set(&["stringData", "token-id"], "zzzzzz"), false)]
#[case::short_secret(|secret: &mut Object| secret.set(&["stringData", "token-secret"], "short"), false)]
#[case::foreign_group(|secret: &mut Object| secret.set(&["stringData", "auth-extra-groups"], "system:masters"), false)]
#[case::bad_expiration(|secret: &mut Object| secret.set(&["stringData", "expiration"], "tomorrow"), false)]
#[case::no_expiration(|secret: &mut Object| { secret.remove(&["stringData", "expiration"]); }, true)]
#[case::going(|secret: &mut Object| secret.set(&["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z"), false)]
fn bootstrap_secret_is_usable(#[case] change: fn(&mut Object), #[case] accepted: bool) {
    let tokens = BootstrapTokens::default();
    tokens.apply(&secret(change));
    assert_eq!(tokens.authenticate(TOKEN, noon()).is_ok(), accepted);
    if !accepted {
        // What was accepted before must not be once its Secret is no longer usable.
        let tokens = BootstrapTokens::default();
        tokens.apply(&secret(|_| ()));
        let changed = secret(change);
        if changed.namespace() == "kube-system" {
            tokens.apply(&changed);
            assert!(tokens.authenticate(TOKEN, noon()).is_err());
        }
    }
}

#[test]
fn authenticator_tries_every_source_and_tells_no_secret() {
    let issuer = TokenIssuer::new(&[7; 32]);
    let token = issuer.issue(&account(), &[], HOUR, noon()).expect("issued").token;
    let authenticator =
        Authenticator::new().with_service_accounts(issuer).with_account_check(Box::new(|account| account.uid == "u-1"));
    authenticator.add_token("fixed-token", User::authenticated("alice", ["dev"]));
    authenticator.bootstrap_tokens().apply(&secret(|_| ()));
    let name = |header: &str| authenticator.authorization(header, noon()).map(|user| user.name);
    assert_eq!(name("Bearer fixed-token").as_deref(), Ok("alice"));
    assert_eq!(name(&format!("bearer {TOKEN}")).as_deref(), Ok("system:bootstrap:abcdef"));
    assert_eq!(name(&format!("Bearer {}", token.expose())).as_deref(), Ok("system:serviceaccount:shop:web"));

    let gone = ServiceAccount { uid: "u-0".into(), ..account() };
    let issued = authenticator.issuer().expect("one").issue(&gone, &[], HOUR, noon()).expect("issued");
    assert!(name(&format!("Bearer {}", issued.token.expose())).is_err(), "an account that is gone");

    authenticator.remove_token("fixed-token");
    authenticator.add_token("fixed-token-2", User::authenticated("bob", ["dev"]));
    for header in ["Bearer fixed-token", "Bearer fixed-tokem", "Basic fixed-token-2", "fixed-token-2", "Bearer"] {
        let error = authenticator.authorization(header, noon()).expect_err(header);
        let told = format!("{error} {error:?} {authenticator:?}");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{header}");
        assert!(!told.contains("fixed-toke") && !told.contains("0123456789abcdef"), "{told}");
    }
    let bootstrap: BootstrapToken = TOKEN.parse().expect("a token");
    let told = format!("{bootstrap:?} {:?} {:?} {issued:?}", Secret::new("hidden"), authenticator.issuer());
    assert!(
        !told.contains("hidden") && !told.contains("0123456789abcdef") && !told.contains(issued.token.expose()),
        "{told}"
    );
}

#[test]
fn anonymous_is_not_authenticated() {
    let user = User::anonymous();
    assert_eq!((user.name.as_str(), user.groups), ("system:anonymous", vec!["system:unauthenticated".to_owned()]));
    let user = User::authenticated("alice", ["system:authenticated", "dev"]);
    assert_eq!(user.groups, ["system:authenticated", "dev"]);
    assert_eq!(json!(user), json!({"name": "alice", "groups": ["system:authenticated", "dev"]}));
}

#[test]
fn the_token_key_is_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = TokenIssuer::open(directory.path()).expect("made");
    let token = first.issue(&account(), &[], HOUR, noon()).expect("issued").token;
    let second = TokenIssuer::open(directory.path()).expect("read");
    assert!(second.verify(token.expose(), noon()).is_ok());
    crate::pki::assert_private(&directory.path().join("sa.key"));
    std::fs::write(directory.path().join("sa.key"), "short").expect("written");
    let error = TokenIssuer::open(directory.path()).expect_err("no key");
    assert_eq!(error.kind(), ErrorKind::Terminal);
    assert!(error.to_string().contains("sa.key"), "{error}");
}
