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
    assert_eq!(status["details"]["causes"][0]["reason"], "NamespaceTerminating", "{status}");
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
async fn to_approve_or_sign_one_needs_the_signer() {
    let server = server_with(Options { signer: Some(authority()), ..Options::default() }).await;
    let (admin, bob) = (admin(&server), client_as(&server, User::authenticated("bob", [""; 0])));
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let request = |name: &str, signer: &str, (user, group): (&str, &str)| {
        use base64::Engine;
        let (pem, _) = pki::create_csr(user, &[group]).expect("a request");
        json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
            "spec": {"request": base64::engine::general_purpose::STANDARD.encode(&pem),
                "signerName": format!("kubernetes.io/{signer}"), "usages": ["client auth"]}})
    };
    for (name, signer, subject) in [
        ("mine", "kube-apiserver-client", ("x", "agents")),
        ("other", "kube-apiserver-client-kubelet", ("system:node:a", "system:nodes")),
        ("false", "kube-apiserver-client-kubelet", ("root", "admins")),
    ] {
        assert_eq!(send(&admin, "POST", path, &request(name, signer, subject)).await.0, 201, "{name}");
    }
    let master = request("master", "kube-apiserver-client-kubelet", ("x", "system:masters"));
    assert_eq!(send(&admin, "POST", path, &master).await.0, 403);

    let requests = ["certificatesigningrequests/approval", "certificatesigningrequests/status"];
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "approver"},
        "rules": [{"apiGroups": ["certificates.k8s.io"], "resources": requests, "verbs": ["get", "patch", "update"]},
            {"apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "verbs": ["approve"],
                "resourceNames": ["kubernetes.io/kube-apiserver-client"]}]});
    assert_eq!(send(&admin, "POST", &format!("{rbac}/clusterroles"), &role).await.0, 201);
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "approver"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "approver"},
        "subjects": [{"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"}]});
    assert_eq!(send(&admin, "POST", &format!("{rbac}/clusterrolebindings"), &binding).await.0, 201);
    let approve =
        json!({"status": {"conditions": [{"type": "Approved", "status": "True", "reason": "Me", "message": ""}]}});
    let answer = async |name: &str| patch(&bob, &format!("{path}/{name}/approval"), "merge-patch+json", &approve).await;
    let mut first = answer("mine").await;
    for _ in 0..10_000 {
        // The role takes effect a moment after it is written.
        if first.0 == 200 {
            break;
        }
        tokio::task::yield_now().await;
        first = answer("mine").await;
    }
    assert_eq!(first.0, 200, "{}", first.1);
    let (code, status) = answer("other").await;
    assert_eq!(code, 403, "{status}");
    assert!(status["message"].as_str().is_some_and(|text| text.contains("may not approve for the signer")), "{status}");
    let signed = json!({"status": {"certificate": "Zm9yZ2Vk"}});
    assert_eq!(patch(&bob, &format!("{path}/other/status"), "merge-patch+json", &signed).await.0, 403);

    // A kubelet is a node.
    assert_eq!(patch(&admin, &format!("{path}/false/approval"), "merge-patch+json", &approve).await.0, 200);
    let refused = until(&admin, &format!("{path}/false"), |_, request| {
        request
            .pointer("/status/conditions")
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(|one| one["type"] == "Failed"))
    })
    .await;
    assert_eq!(refused.pointer("/status/certificate"), None, "{refused}");
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

#[tokio::test]
async fn only_what_was_approved_is_signed_and_only_as_far_as_allowed() {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::STANDARD;
    let lifetime = std::time::Duration::from_secs(3600);
    let options = Options { signer: Some(authority()), certificate_lifetime: lifetime, ..Options::default() };
    let server = server_with(options).await;
    let client = admin(&server);
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let (pem, _) = pki::create_csr("agent:east", &["agents"]).expect("a request");
    let make = async |name: &str, spec: Value, decisions: &[&str]| {
        let mut body = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": name}, "spec": {"request": base64.encode(&pem), "groups": ["system:masters"],
                "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}});
        for (field, value) in spec.as_object().into_iter().flatten() {
            body["spec"][field] = value.clone();
        }
        let (code, made) = send(&client, "POST", path, &body).await;
        assert_eq!(code, 201, "{made}");
        assert_ne!(made["spec"]["groups"], json!(["system:masters"]), "groups are those of who asks");
        let conditions: Vec<Value> = decisions
            .iter()
            .map(|kind| json!({"type": kind, "status": "True", "reason": "Test", "message": ""}))
            .collect();
        if !conditions.is_empty() {
            let body = json!({"status": {"conditions": conditions}});
            assert_eq!(patch(&client, &format!("{path}/{name}/approval"), "merge-patch+json", &body).await.0, 200);
        }
    };
    make("undecided", json!({}), &[]).await;
    make("denied", json!({}), &["Approved", "Denied"]).await;
    make("elsewhere", json!({"signerName": "example.com/other"}), &["Approved"]).await;
    make("server", json!({"usages": ["client auth", "server auth"]}), &["Approved"]).await;
    make("long", json!({"expirationSeconds": 86_400_000}), &["Approved"]).await;
    make("short", json!({"expirationSeconds": 1200}), &["Approved"]).await;
    // Requests are looked at in order, so that all before the last have been by then.
    let signed = |value: &Value| value["status"]["certificate"].is_string();
    let life = async |name: &str| {
        let value = until(&client, &format!("{path}/{name}"), |_, value| signed(value)).await;
        let chain = base64.decode(value["status"]["certificate"].as_str().expect("text")).expect("base64");
        let expires = pki::validity(&String::from_utf8(chain).expect("PEM")).expect("a certificate").not_after;
        expires.as_second() - jiff::Timestamp::now().as_second()
    };
    let short = life("short").await;
    assert!((900..=1200).contains(&short), "{short} s");
    let long = life("long").await;
    assert!((1200..=3600).contains(&long), "{long} s");
    for name in ["undecided", "denied", "elsewhere", "server"] {
        let (_, value) = get(&client, &format!("{path}/{name}")).await;
        assert!(!signed(&value), "{name} was signed: {value}");
    }
}

/// Marks a stored object as deleted, as a server does that ends right afterwards.
async fn mark(store: &Arc<dyn Store>, key: &str, finalizers: Option<&[&str]>) {
    let entry = store.get(key).expect("readable").expect("it is there");
    let mut value: Value = serde_json::from_slice(&entry.value).expect("JSON");
    value["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    if let Some(finalizers) = finalizers {
        value["metadata"]["finalizers"] = json!(finalizers);
    }
    // A stored text begins with its metadata.
    let metadata = value.as_object_mut().and_then(|map| map.remove("metadata")).expect("metadata");
    let rest = value.to_string();
    let text = match rest.as_str() {
        "{}" => format!("{{\"metadata\":{metadata}}}"),
        rest => format!("{{\"metadata\":{metadata},{}", &rest[1..]),
    };
    let op = outrigger_store::Op::Put(text.into());
    store.write(key, outrigger_store::Expect::Revision(entry.revision), op).await.expect("written");
}

#[tokio::test]
async fn a_start_takes_up_what_an_end_left_undone() {
    let store: Arc<dyn Store> = Arc::new(outrigger_store::MemoryStore::default());
    let start =
        async || outrigger_apiserver::ApiServer::start(store.clone(), Options::default()).await.expect("a server");
    let first = start().await;
    let client = admin(&first);
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"}, "versions": [
            {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert_eq!(send(&client, "POST", definitions, &definition).await.0, 201);
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}});
    let things = "/apis/example.com/v1/namespaces/default/things";
    assert_eq!(send(&client, "POST", things, &thing).await.0, 201);
    let (one, two) = (owner(&client, "one").await, owner(&client, "two").await);
    map(&client, &owned_by("a", &one, false)).await;
    map(&client, &owned_by("b", &two, true)).await;
    let name = namespace(&client).await;
    config_maps(&client, &name).create(&PostParams::default(), &config_map("c", json!({}))).await.expect("created");
    first.stop().await;
    let delete = outrigger_store::Op::Delete;
    let anything = outrigger_store::Expect::Anything;
    store.write("/registry/core/configmaps/default/one", anything, delete).await.expect("deleted");
    mark(&store, "/registry/core/configmaps/default/two", Some(&["foregroundDeletion"])).await;
    mark(&store, &format!("/registry/core/namespaces/{name}"), None).await;
    mark(&store, "/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.com", None).await;

    let second = start().await;
    let client = admin(&second);
    for path in [
        format!("{MAPS}/a"),
        format!("{MAPS}/b"),
        format!("{MAPS}/two"),
        format!("/api/v1/namespaces/{name}"),
        format!("{definitions}/things.example.com"),
    ] {
        gone(&client, &path).await;
    }
    let page = store.range(&outrigger_store::Range { prefix: "/registry/example.com/".into(), ..Default::default() });
    assert!(page.expect("readable").entries.is_empty());
}

#[tokio::test]
async fn a_namespace_takes_custom_objects_with_it() {
    let server = server().await;
    let client = admin(&server);
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"}, "versions": [
            {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert_eq!(send(&client, "POST", definitions, &definition).await.0, 201);
    let name = namespace(&client).await;
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}});
    let things = format!("/apis/example.com/v1/namespaces/{name}/things");
    assert_eq!(send(&client, "POST", &things, &thing).await.0, 201);
    send(&client, "DELETE", &format!("/api/v1/namespaces/{name}"), &json!({})).await;
    gone(&client, &format!("/api/v1/namespaces/{name}")).await;
    let page =
        server.store().range(&outrigger_store::Range { prefix: "/registry/example.com/".into(), ..Default::default() });
    assert!(page.expect("readable").entries.is_empty());
}

#[tokio::test]
async fn deletions_heed_how_they_were_asked_for() {
    let server = server().await;
    let client = admin(&server);
    for (name, query, body) in [("q", "?propagationPolicy=Orphan", ""), ("o", "", "{\"orphanDependents\":true}")] {
        let one = owner(&client, name).await;
        map(&client, &owned_by(&format!("of-{name}"), &one, false)).await;
        let content = [("content-type", "application/json")];
        assert_eq!(raw(&client, "DELETE", &format!("{MAPS}/{name}{query}"), &content, body).await.0, 200);
        gone(&client, &format!("{MAPS}/{name}")).await;
        let (code, left) = get(&client, &format!("{MAPS}/of-{name}")).await;
        assert_eq!((code, left["metadata"].get("ownerReferences")), (200, None), "{name}");
    }
    // A collection's options hold for each of its objects.
    let one = owner(&client, "many").await;
    map(&client, &owned_by("of-many", &one, false)).await;
    let many = format!("{MAPS}?fieldSelector=metadata.name%3Dmany&propagationPolicy=Orphan");
    assert_eq!(raw(&client, "DELETE", &many, &[], "").await.0, 200);
    gone(&client, &format!("{MAPS}/many")).await;
    assert_eq!(get(&client, &format!("{MAPS}/of-many")).await.0, 200);
    // What does not block its owner is not waited for.
    let one = owner(&client, "free").await;
    let mut held = owned_by("of-free", &one, false);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    map(&client, &held).await;
    send(&client, "DELETE", &format!("{MAPS}/free"), &json!({"propagationPolicy": "Foreground"})).await;
    gone(&client, &format!("{MAPS}/free")).await;
    assert_eq!(get(&client, &format!("{MAPS}/of-free")).await.0, 200);
}
