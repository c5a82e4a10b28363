//! Whether an agent's certificate signing request is granted: pure.
//!
//! An agent is the user `system:karmada:agent:<cluster>` of the group `system:karmada:agents`, and its
//! certificate is worth that one cluster. Asked for with a bootstrap token, it is granted once per
//! cluster; asked for by the agent itself, for the same name, any number of times.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outrigger_api::names::CLUSTER_NAME_MAX;
use outrigger_object::Object;
use serde_json::Value;
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

/// Group of all agents.
pub(crate) const AGENTS: &str = "system:karmada:agents";
/// Prefix of agents' user names; the cluster's name follows.
pub(crate) const AGENT_PREFIX: &str = "system:karmada:agent:";
/// Group of everybody who came with a bootstrap token.
pub(crate) const BOOTSTRAPPERS: &str = "system:bootstrappers";
const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// What to do about a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing: it is not an agent's, or it is decided already.
    NotOurs(&'static str),
    /// It is refused, and why.
    Deny(String),
    /// It is granted, provided that the cluster's name is free for this key.
    Grant(Grant),
}

/// A request that is in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grant {
    /// The cluster.
    pub(super) cluster: String,
    /// SHA-256 of the public key, in hexadecimal.
    pub(super) key: String,
    /// Whether the agent asks for itself, with the certificate that it has.
    pub(super) renewal: bool,
}

/// Judges a request by itself.
pub(super) fn judge(request: &Object) -> Verdict {
    if request.str(&["spec", "signerName"]) != Some(SIGNER) {
        return Verdict::NotOurs("another signer is asked");
    }
    let conditions = request.get(&["status", "conditions"]).and_then(Value::as_array);
    let decided = |one: &Value| matches!(one["type"].as_str(), Some("Approved" | "Denied" | "Failed"));
    if conditions.is_some_and(|list| list.iter().any(decided)) || request.get(&["status", "certificate"]).is_some() {
        return Verdict::NotOurs("it is decided already");
    }
    let Some(subject) = request.str(&["spec", "request"]).and_then(parse) else {
        return Verdict::NotOurs("it is not understood");
    };
    let Some(cluster) = subject.common_name.strip_prefix(AGENT_PREFIX) else {
        return Verdict::NotOurs("it is not an agent's");
    };
    let user = request.str(&["spec", "username"]).unwrap_or_default();
    let in_group = |group: &str| {
        let groups = request.get(&["spec", "groups"]).and_then(Value::as_array);
        groups.is_some_and(|groups| groups.iter().any(|one| one == group))
    };
    let renewal = user == subject.common_name && in_group(AGENTS);
    let verdict = check(request, &subject, cluster).and_then(|()| {
        if renewal || in_group(BOOTSTRAPPERS) {
            Ok(())
        } else {
            Err(format!("{user} may not ask for the certificate of an agent; use a bootstrap token"))
        }
    });
    match verdict {
        Err(why) => Verdict::Deny(why),
        Ok(()) => Verdict::Grant(Grant { cluster: cluster.to_owned(), key: subject.key, renewal }),
    }
}

fn check(request: &Object, subject: &Subject, cluster: &str) -> Result<(), String> {
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = |c: Option<char>| c.is_some_and(|c| c != '-');
    if cluster.is_empty()
        || cluster.len() > CLUSTER_NAME_MAX
        || !cluster.chars().all(name)
        || !ends(cluster.chars().next())
        || !ends(cluster.chars().last())
    {
        return Err(format!("{cluster:?} is not the name of a cluster"));
    }
    if subject.organizations != [AGENTS] {
        return Err(format!("the organization must be {AGENTS} and nothing else"));
    }
    if subject.has_alternatives {
        return Err("alternative names are not allowed".to_owned());
    }
    let mut usages: Vec<_> = request
        .get(&["spec", "usages"])
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    usages.sort_unstable();
    usages.dedup();
    match usages.as_slice() {
        ["client auth", "digital signature"] | ["client auth", "digital signature", "key encipherment"] => Ok(()),
        _ => Err("the usages must be digital signature and client auth, and may be key encipherment".to_owned()),
    }
}

struct Subject {
    common_name: String,
    organizations: Vec<String>,
    has_alternatives: bool,
    key: String,
}

/// Reads the PEM of a request, which is base64 within the object, and checks its signature.
fn parse(request: &str) -> Option<Subject> {
    let pem = STANDARD.decode(request).ok()?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).ok()?;
    let (_, csr) = X509CertificationRequest::from_der(&pem.contents).ok()?;
    let info = &csr.certification_request_info;
    let mut names = info.subject.iter_common_name();
    let common_name = names.next()?.as_str().ok()?.to_owned();
    if names.next().is_some() {
        return None;
    }
    let organizations =
        info.subject.iter_organization().map(|one| one.as_str().map(str::to_owned)).collect::<Result<_, _>>().ok()?;
    let mut extensions = csr.requested_extensions().into_iter().flatten();
    let has_alternatives = extensions.any(|one| matches!(one, ParsedExtension::SubjectAlternativeName(_)));
    let digest = Sha256::digest(info.subject_pki.raw);
    let key = digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    Some(Subject { common_name, organizations, has_alternatives, key })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};
    use serde_json::json;

    use super::*;

    fn request(user: &str, groups: &[&str], name: &str, organization: &str, alternative: Option<&str>) -> Object {
        let mut params =
            CertificateParams::new(alternative.map(str::to_owned).into_iter().collect::<Vec<_>>()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, organization);
        let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
        Object::from_value(json!({
            "kind": "CertificateSigningRequest", "metadata": {"name": "r"},
            "spec": {"signerName": SIGNER, "username": user, "groups": groups, "request": STANDARD.encode(pem),
                "usages": ["digital signature", "client auth"]},
        }))
        .unwrap()
    }

    fn check(request: Object, expected: &str) {
        let got = match judge(&request) {
            Verdict::NotOurs(why) => format!("not ours: {why}"),
            Verdict::Deny(why) => format!("deny: {why}"),
            Verdict::Grant(grant) => {
                assert_eq!(grant.key.len(), 64);
                format!("grant {}{}", grant.cluster, if grant.renewal { ", renewed" } else { "" })
            }
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn agents_get_their_own_name_and_no_other() {
        let token: (&str, &[&str]) = ("system:bootstrap:abcdef", &["system:bootstrappers", "system:authenticated"]);
        let agent = "system:karmada:agent:edge";
        check(request(token.0, token.1, agent, AGENTS, None), "grant edge");
        check(request(agent, &[AGENTS], agent, AGENTS, None), "grant edge, renewed");
        check(
            request(agent, &[AGENTS], "system:karmada:agent:west", AGENTS, None),
            "deny: system:karmada:agent:edge may not ask for the certificate of an agent; use a bootstrap token",
        );
        check(
            request("mallory", &[], agent, AGENTS, None),
            "deny: mallory may not ask for the certificate of an agent; use a bootstrap token",
        );
        check(
            request(token.0, token.1, agent, "system:masters", None),
            "deny: the organization must be system:karmada:agents and nothing else",
        );
        check(request(token.0, token.1, agent, AGENTS, Some("a.example")), "deny: alternative names are not allowed");
        check(
            request(token.0, token.1, "system:karmada:agent:Edge/1", AGENTS, None),
            "deny: \"Edge/1\" is not the name of a cluster",
        );
        check(request(token.0, token.1, "system:node:a", AGENTS, None), "not ours: it is not an agent's");
        let mut other = request(token.0, token.1, agent, AGENTS, None);
        other.set(&["spec", "usages"], json!(["digital signature", "server auth"]));
        check(other, "deny: the usages must be digital signature and client auth, and may be key encipherment");
        let mut done = request(token.0, token.1, agent, AGENTS, None);
        done.set(&["status", "conditions"], json!([{"type": "Approved"}]));
        check(done, "not ours: it is decided already");
        let mut broken = request(token.0, token.1, agent, AGENTS, None);
        broken.set(&["spec", "request"], "bm9uc2Vuc2U=");
        check(broken, "not ours: it is not understood");
    }
}
