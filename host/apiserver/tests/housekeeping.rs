//! What the server does by itself: owners, namespaces, certificates.

use std::sync::Arc;

use kube::Client;
use kube::api::PostParams;
use outrigger_apiserver::{Options, User};
use outrigger_auth::pki;
use outrigger_store::Store;
use serde_json::{Value, json};

use crate::harness::*;

fn owned_by(name: &str, owner: &Value, blocks: bool) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": [{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": blocks}]}})
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn map(client: &Client, body: &Value) -> Value {
    let (code, made) = send(client, "POST", MAPS, body).await;
    assert_eq!(code, 201, "{made}");
    made
}

async fn owner(client: &Client, name: &str) -> Value {
    map(client, &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})).await
}

#[tokio::test]
async fn dependents_go_with_their_last_owner() {
    let server = server().await;
    let client = admin(&server);
    let (one, two) = (owner(&client, "one").await, owner(&client, "two").await);
    map(&client, &owned_by("a", &one, false)).await;
    let mut both = owned_by("b", &one, false);
    let second = owned_by("b", &two, false)["metadata"]["ownerReferences"][0].clone();
    both["metadata"]["ownerReferences"].as_array_mut().expect("a list").push(second);
    let both = map(&client, &both).await;
    let grandchild = map(&client, &owned_by("c", &both, false)).await;
    assert!(grandchild["metadata"]["uid"].is_string());
    send(&client, "DELETE", &format!("{MAPS}/one"), &json!({})).await;
    gone(&client, &format!("{MAPS}/a")).await;
    // One owner is left, so it stays, without the reference to the one that went.
    until(&client, &format!("{MAPS}/b"), |_, value| {
        value["metadata"]["ownerReferences"].as_array().map(Vec::len) == Some(1)
    })
    .await;
    send(&client, "DELETE", &format!("{MAPS}/two"), &json!({})).await;
    gone(&client, &format!("{MAPS}/b")).await;
    gone(&client, &format!("{MAPS}/c")).await;
}

#[tokio::test]
async fn uncertain_owners_keep_their_dependents() {
    let server = server().await;
    let client = admin(&server);
    // A kind that nobody serves, a cluster-wide object owned by a namespaced one: both may be there.
    let unknown =
        json!({"apiVersion": "unknown.example.com/v1", "kind": "Thing", "metadata": {"name": "x", "uid": "1"}});
    map(&client, &owned_by("kept", &unknown, false)).await;
    let absent = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "uid": "1"}});
    let mut role = owned_by("kept", &absent, false);
    role["apiVersion"] = "rbac.authorization.k8s.io/v1".into();
    role["kind"] = "ClusterRole".into();
    let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    assert_eq!(send(&client, "POST", roles, &role).await.0, 201);
    // This one is certain, and comes after the others.
    map(&client, &owned_by("swept", &absent, false)).await;
    gone(&client, &format!("{MAPS}/swept")).await;
    assert_eq!(get(&client, &format!("{MAPS}/kept")).await.0, 200);
    assert_eq!(get(&client, &format!("{roles}/kept")).await.0, 200);
}

#[tokio::test]
async fn an_owner_made_anew_is_another_one() {
    let server = server().await;
    let client = admin(&server);
    let first = owner(&client, "one").await;
    send(&client, "DELETE", &format!("{MAPS}/one"), &json!({})).await;
    owner(&client, "one").await;
    map(&client, &owned_by("a", &first, false)).await;
    gone(&client, &format!("{MAPS}/a")).await;
    assert_eq!(get(&client, &format!("{MAPS}/one")).await.0, 200);
}

#[tokio::test]
async fn orphans_stay_and_lose_their_owner() {
    let server = server().await;
    let client = admin(&server);
    let one = owner(&client, "one").await;
    map(&client, &owned_by("a", &one, false)).await;
    send(&client, "DELETE", &format!("{MAPS}/one"), &json!({"propagationPolicy": "Orphan"})).await;
    gone(&client, &format!("{MAPS}/one")).await;
    let (code, left) = get(&client, &format!("{MAPS}/a")).await;
    assert_eq!((code, left["metadata"].get("ownerReferences")), (200, None));
}

#[tokio::test]
async fn foreground_deletion_waits_for_dependents() {
    let server = server().await;
    let client = admin(&server);
    let one = owner(&client, "one").await;
    let mut held = owned_by("a", &one, true);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    map(&client, &held).await;
    send(&client, "DELETE", &format!("{MAPS}/one"), &json!({"propagationPolicy": "Foreground"})).await;
    until(&client, &format!("{MAPS}/a"), |_, value| value["metadata"]["deletionTimestamp"].is_string()).await;
    assert_eq!(get(&client, &format!("{MAPS}/one")).await.0, 200, "it waits");
    patch(&client, &format!("{MAPS}/a"), "json-patch+json", &json!([{"op": "remove", "path": "/metadata/finalizers"}]))
        .await;
    gone(&client, &format!("{MAPS}/a")).await;
    gone(&client, &format!("{MAPS}/one")).await;
}

#[tokio::test]
async fn a_namespace_goes_with_everything_in_it() {
    let server = server().await;
    let client = admin(&server);
    let name = namespace(&client).await;
    let maps = config_maps(&client, &name);
    maps.create(&PostParams::default(), &config_map("a", json!({}))).await.expect("created");
    let mut held = config_map("held", json!({}));
    held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    maps.create(&PostParams::default(), &held).await.expect("created");
    let path = format!("/api/v1/namespaces/{name}");
    let (code, marked) = send(&client, "DELETE", &path, &json!({})).await;
    assert_eq!((code, marked["status"]["phase"].as_str()), (200, Some("Terminating")));
    gone(&client, &format!("{path}/configmaps/a")).await;
    let remaining = |value: &Value| {
        value["status"]["conditions"].as_array().into_iter().flatten().any(|one| {
            one["type"] == "NamespaceFinalizersRemaining"
                && one["status"] == "True"
                && one["message"].as_str().is_some_and(|text| text.contains("example.com/hold in 1 resource instances"))
        })
    };
    until(&client, &path, |_, value| remaining(value)).await;
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}});
    let (code, status) = send(&client, "POST", &format!("{path}/configmaps"), &body).await;
    assert_eq!((code, status["reason"].as_str()), (403, Some("Forbidden")));
    assert!(status["message"].as_str().is_some_and(|text| text.contains("because it is being terminated")), "{status}");
    patch(&client, &format!("{path}/configmaps/held"), "merge-patch+json", &json!({"metadata": {"finalizers": null}}))
        .await;
    gone(&client, &path).await;
    let left = server
        .store()
        .range(&outrigger_store::Range { prefix: format!("/registry/core/configmaps/{name}/"), ..Default::default() });
    assert!(left.expect("readable").entries.is_empty());
    let (code, status) = send(&client, "DELETE", "/api/v1/namespaces/default", &json!({})).await;
    assert_eq!(
        (code, status["message"].as_str()),
        (403, Some("namespaces \"default\" is forbidden: this namespace may not be deleted"))
    );
}

#[tokio::test]
async fn approved_requests_are_signed() {
    let authority = authority();
    let server = server_with(Options { signer: Some(authority.clone()), ..Options::default() }).await;
    let client = admin(&server);
    let (pem, _) = pki::create_csr("agent:east", &["agents"]).expect("a request");
    use base64::Engine;
    let request = base64::engine::general_purpose::STANDARD.encode(&pem);
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let body = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "east"},
        "spec": {"request": request, "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"], "username": "liar"}});
    let (code, made) = send(&client, "POST", path, &body).await;
    assert_eq!((code, made["spec"]["username"].as_str()), (201, Some("admin")), "{made}");
    let approve =
        json!({"status": {"conditions": [{"type": "Approved", "status": "True", "reason": "Test", "message": ""}]}});
    let (code, answer) = patch(&client, &format!("{path}/east/approval"), "merge-patch+json", &approve).await;
    assert_eq!(code, 200, "{answer}");
    let signed = until(&client, &format!("{path}/east"), |_, value| value["status"]["certificate"].is_string()).await;
    let chain = base64::engine::general_purpose::STANDARD
        .decode(signed["status"]["certificate"].as_str().expect("text"))
        .expect("base64");
    let subject = pki::subject_of_pem(&String::from_utf8(chain).expect("PEM")).expect("a certificate");
    assert_eq!(
        (subject.common_name.as_str(), subject.organizations.as_slice()),
        ("agent:east", &["agents".to_owned()][..])
    );
    // A server certificate is not what this signer gives.
    let mut wrong = body.clone();
    wrong["metadata"]["name"] = "wrong".into();
    wrong["spec"]["usages"] = json!(["server auth"]);
    send(&client, "POST", path, &wrong).await;
    patch(&client, &format!("{path}/wrong/approval"), "merge-patch+json", &approve).await;
    let failed = |value: &Value| {
        value["status"]["conditions"].as_array().into_iter().flatten().any(|one| one["type"] == "Failed")
    };
    until(&client, &format!("{path}/wrong"), |_, value| failed(value)).await;
}

#[tokio::test]
async fn events_do_not_stay() {
    let lifetime = std::time::Duration::from_millis(200);
    let server = server_with(Options { event_lifetime: lifetime, ..Options::default() }).await;
    let client = admin(&server);
    let event =
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod"}});
    let path = "/api/v1/namespaces/default/events";
    assert_eq!(send(&client, "POST", path, &event).await.0, 201);
    gone(&client, &format!("{path}/e")).await;
}

#[tokio::test]
async fn nobody_becomes_master_or_approves_through_status() {
    let server = server_with(Options { signer: Some(authority()), ..Options::default() }).await;
    let client = admin(&server);
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let body = |name: &str, group: &str| {
        use base64::Engine;
        let (pem, _) = pki::create_csr("x", &[group]).expect("a request");
        json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
            "spec": {"request": base64::engine::general_purpose::STANDARD.encode(&pem),
                "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}})
    };
    let (code, status) = send(&client, "POST", path, &body("master", "system:masters")).await;
    assert_eq!((code, status["reason"].as_str()), (403, Some("Forbidden")), "{status}");
    assert_eq!(send(&client, "POST", path, &body("agent", "agents")).await.0, 201);
    let approve =
        json!({"status": {"conditions": [{"type": "Approved", "status": "True", "reason": "Me", "message": ""}]}});
    let (code, answer) = patch(&client, &format!("{path}/agent/status"), "merge-patch+json", &approve).await;
    assert_eq!((code, answer.pointer("/status/conditions")), (200, None), "{answer}");
    let mut broken = body("broken", "agents");
    broken["spec"]["request"] = "bm90IFBFTQ==".into();
    assert_eq!(send(&client, "POST", path, &broken).await.0, 422);
}

#[tokio::test]
async fn a_restart_writes_nothing() {
    let store: Arc<dyn Store> = Arc::new(outrigger_store::MemoryStore::default());
    let start =
        async || outrigger_apiserver::ApiServer::start(store.clone(), Options::default()).await.expect("a server");
    let first = start().await;
    let client = admin(&first);
    let one = owner(&client, "one").await;
    map(&client, &owned_by("a", &one, false)).await;
    first.stop().await;
    let before = store.revision();
    let second = start().await;
    let client = client_as(&second, User::system("admin"));
    assert_eq!(get(&client, &format!("{MAPS}/a")).await.0, 200);
    assert_eq!(store.revision(), before);
    // It takes up where the first left off.
    send(&client, "DELETE", &format!("{MAPS}/one"), &json!({})).await;
    gone(&client, &format!("{MAPS}/a")).await;
}
