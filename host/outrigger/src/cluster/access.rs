//! The identity that the control plane gets in a member that it reaches out to (push mode).
//!
//! Namespace, names and rules are those of `karmadactl join`: whoever takes the control plane over finds
//! what it expects, and removes what it knows.
//!
//! **Invariant:** everything is applied, so that doing it again changes nothing.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outrigger_api::labels::label;
use outrigger_api::names;
use outrigger_auth::Secret;
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{Client, DeleteParams, ListParams};
use serde_json::{Value, json};

use super::progress::Progress;
use super::{kinds, wait};
use crate::connect::{Connection, explain};

/// How long a token controller has to fill the Secret of a ServiceAccount.
const FILLED_WITHIN: Duration = Duration::from_secs(4);
/// How long a token is asked for where there is no such controller. The API server may grant less.
const TOKEN_SECONDS: u64 = 365 * 24 * 60 * 60;
/// The ServiceAccount through which the control plane acts as the user who asks.
const IMPERSONATOR: &str = "impersonator";

/// What the control plane needs to know to reach a member.
pub struct Credentials {
    /// Of the control plane's own ServiceAccount.
    pub token: Secret,
    /// Of the impersonator.
    pub impersonator: Secret,
    /// What the API server's certificate leads to, in PEM; empty where the member does not say.
    pub authority: String,
}

/// A JSON literal as an object.
pub(super) fn object(value: Value) -> Object {
    Object::from_value(value).unwrap_or_default()
}

/// Identity of a cluster: the UID of its `kube-system`.
pub async fn cluster_id(connection: &Connection) -> Result<String> {
    let key = ObjectKey::new("", "kube-system");
    let found = connection.client.get_opt(&kinds::namespace(), &key).await;
    let Some(namespace) = found.map_err(|error| explain(error, connection))? else {
        bail!(
            "cluster {} ({}): it has no namespace kube-system, whose UID tells clusters apart; create it and try again",
            connection.client.cluster(),
            connection.url()
        )
    };
    Ok(namespace.uid().to_owned())
}

/// The namespace of the system, as it is in members and on the control plane.
pub fn namespace() -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": names::NAMESPACE_CLUSTER, "labels": {label::SYSTEM: label::SYSTEM_TRUE}},
    }))
}

fn service_account(name: &str) -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {
            "name": name, "namespace": names::NAMESPACE_CLUSTER, "labels": {label::SYSTEM: label::SYSTEM_TRUE},
        },
    }))
}

/// What the control plane may do: everything, as with `karmadactl join`, since templates are of any kind
/// and may be roles themselves, which only who has their rights may write.
fn role(account: &str) -> [Object; 2] {
    let name = names::role(account);
    let labels = json!({label::SYSTEM: label::SYSTEM_TRUE});
    let group = "rbac.authorization.k8s.io";
    let role = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels},
        "rules": [
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"nonResourceURLs": ["*"], "verbs": ["get"]},
        ],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": labels},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": names::NAMESPACE_CLUSTER}],
    });
    [object(role), object(binding)]
}

/// Makes the identity and gives its credentials.
pub async fn grant(member: &Connection, cluster: &str, progress: &Progress) -> Result<Credentials> {
    let account = names::service_account(cluster);
    let impersonator = names::service_account(IMPERSONATOR);
    let [role, binding] = role(&account);
    let objects = [namespace(), service_account(&account), service_account(&impersonator), role, binding];
    for object in &objects {
        apply(member, object).await?;
    }
    progress.done(format!("cluster {cluster}: service account {}/{account}", names::NAMESPACE_CLUSTER));
    let filled = has_token_controller(member).await?;
    let (own, other) = tokio::try_join!(token(member, &account, filled), token(member, &impersonator, filled))?;
    if let Some(expires) = &own.expires {
        progress.done(format!(
            "cluster {cluster}: nothing fills token Secrets there, so its token lasts until {expires}; `join` again before"
        ));
    }
    let authority = Some(member.ca_pem()).filter(|pem| !pem.is_empty()).unwrap_or(own.authority);
    Ok(Credentials { token: own.token, impersonator: other.token, authority })
}

async fn apply(member: &Connection, object: &Object) -> Result<Object> {
    let resource = kinds::find(&object.gvk()).ok_or_else(|| anyhow!("{} is no kind of this command", object.gvk()))?;
    member.client.apply(&resource, object, true).await.map_err(|error| explain(error, member))
}

/// Whether the controller that fills token Secrets runs there: the same process gives every namespace a
/// ServiceAccount, kube-system first of all.
async fn has_token_controller(member: &Connection) -> Result<bool> {
    let key = ObjectKey::new("kube-system", "default");
    let found = member.client.get_opt(&kinds::service_account(), &key).await;
    Ok(found.map_err(|error| explain(error, member))?.is_some())
}

/// A ServiceAccount's token, and what came with it.
struct Token {
    token: Secret,
    authority: String,
    expires: Option<String>,
}

/// A ServiceAccount's token: out of a Secret that lasts as long as the account, or else one that expires.
async fn token(member: &Connection, account: &str, filled: bool) -> Result<Token> {
    if !filled {
        return request_token(&member.client, account).await;
    }
    let wanted = object(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": account, "namespace": names::NAMESPACE_CLUSTER,
            "labels": {label::SYSTEM: label::SYSTEM_TRUE},
            "annotations": {"kubernetes.io/service-account.name": account},
        },
    }));
    apply(member, &wanted).await?;
    let (secrets, key) = (kinds::secret(), wanted.key());
    let filled = wait::until(&member.client, &secrets, &key, FILLED_WITHIN, |secret| {
        let secret = secret?;
        let (token, authority) = (Secret::new(data(secret, "token")?), data(secret, "ca.crt").unwrap_or_default());
        Some(Token { token, authority, expires: None })
    });
    match filled.await.map_err(|error| explain(error, member))? {
        Some(found) => Ok(found),
        None => request_token(&member.client, account).await,
    }
}

/// A key of a Secret, as text; `None` while it is missing or empty.
pub(super) fn data(secret: &Object, key: &str) -> Option<String> {
    let bytes = STANDARD.decode(secret.str(&["data", key])?).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

async fn request_token(client: &Client, account: &str) -> Result<Token> {
    let path = format!("/api/v1/namespaces/{}/serviceaccounts/{account}/token", names::NAMESPACE_CLUSTER);
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": null, "expirationSeconds": TOKEN_SECONDS},
    });
    let request = http::Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(serde_json::to_vec(&body)?)?;
    let what = || format!("cluster {}: token of service account {account}", client.cluster());
    let answer: Value = client.kube().request(request).await.with_context(what)?;
    let text = |pointer| answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    match text("/status/token") {
        Some(token) if !token.is_empty() => Ok(Token {
            token: Secret::new(token),
            authority: String::new(),
            expires: text("/status/expirationTimestamp"),
        }),
        _ => bail!("{}: the API server gave none", what()),
    }
}

/// Removes the identity. Other control planes' identities, and the namespace with them, stay.
pub async fn revoke(member: &Connection, cluster: &str) -> Result<Vec<String>> {
    let account = names::service_account(cluster);
    let role = names::role(&account);
    let here = |name: &str| ObjectKey::new(names::NAMESPACE_CLUSTER, name);
    let mut targets = vec![
        (kinds::rbac("ClusterRoleBinding"), ObjectKey::new("", role.as_str())),
        (kinds::rbac("ClusterRole"), ObjectKey::new("", role.as_str())),
        (kinds::secret(), here(&account)),
        (kinds::service_account(), here(&account)),
    ];
    let system = ListParams::labels(format!("{}={}", label::SYSTEM, label::SYSTEM_TRUE));
    let accounts = member.client.list(&kinds::service_account(), Some(names::NAMESPACE_CLUSTER), &system).await;
    let accounts = accounts.map_err(|error| explain(error, member))?.items;
    let impersonator = names::service_account(IMPERSONATOR);
    if accounts.iter().all(|one| one.name() == account || one.name() == impersonator) {
        let ours = |namespace: &Object| namespace.label(label::SYSTEM) == Some(label::SYSTEM_TRUE);
        targets.push((kinds::secret(), here(&impersonator)));
        targets.push((kinds::service_account(), here(&impersonator)));
        let key = ObjectKey::new("", names::NAMESPACE_CLUSTER);
        let found = member.client.get_opt(&kinds::namespace(), &key).await.map_err(|error| explain(error, member))?;
        if found.as_ref().is_some_and(ours) {
            targets.push((kinds::namespace(), key));
        }
    }
    let mut removed = Vec::new();
    for (resource, key) in targets {
        let gone = member.client.delete(&resource, &key, &DeleteParams::default()).await;
        if gone.map_err(|error| explain(error, member))?.is_some() {
            removed.push(format!("{} {key}", resource.gvk.kind));
        }
    }
    Ok(removed)
}
