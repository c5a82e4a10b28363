//! Writes: what they keep, what they refuse, and what a writer may not set.

use std::sync::Arc;

use kube::Client;
use outrigger_apiserver::{ApiServer, Options};
use outrigger_store::RedbStore;
use serde_json::{Value, json};

use crate::harness::*;

fn map(metadata: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": "1"}})
}

async fn maps(client: &Client) -> String {
    format!("/api/v1/namespaces/{}/configmaps", namespace(client).await)
}

async fn make(client: &Client, collection: &str, body: &Value) -> Value {
    let (code, made) = send(client, "POST", collection, body).await;
    assert_eq!(code, 201, "{made}");
    made
}

#[tokio::test]
async fn dry_runs_keep_nothing() {
    each(async |client: Client| {
        let maps = maps(&client).await;
        let held = map(json!({"name": "held", "finalizers": ["example.com/hold"]}));
        make(&client, &maps, &held).await;
        make(&client, &maps, &map(json!({"name": "a"}))).await;
        let (_, before) = get(&client, &format!("{maps}/a")).await;
        let fresh = map(json!({"name": "b"}));
        assert_eq!(send(&client, "POST", &format!("{maps}?dryRun=All"), &fresh).await.0, 201);
        let apply = format!("{maps}/b?dryRun=All&fieldManager=me");
        assert_eq!(patch(&client, &apply, "apply-patch+yaml", &fresh).await.0, 201);
        assert_eq!(get(&client, &format!("{maps}/b")).await.0, 404, "a dry run has made it");
        let (code, status) = send(&client, "POST", &format!("{maps}?dryRun=All"), &map(json!({"name": "a"}))).await;
        assert_eq!((code, status["reason"].as_str()), (409, Some("AlreadyExists")));

        let tried = format!("{maps}/a?dryRun=All");
        let mut changed = before.clone();
        changed["data"]["k"] = "2".into();
        let (code, shown) = send(&client, "PUT", &tried, &changed).await;
        assert_eq!((code, &shown["data"]["k"]), (200, &json!("2")));
        let (code, shown) = patch(&client, &tried, "merge-patch+json", &json!({"data": {"k": "3"}})).await;
        assert_eq!((code, &shown["data"]["k"]), (200, &json!("3")));
        assert_eq!(raw(&client, "DELETE", &tried, &[], "").await.0, 200);
        assert_eq!(raw(&client, "DELETE", &format!("{maps}?dryRun=All"), &[], "").await.0, 200);
        assert_eq!(get(&client, &format!("{maps}/a")).await, (200, before));

        send(&client, "DELETE", &format!("{maps}/held"), &json!({})).await;
        let release = json!({"metadata": {"finalizers": null}});
        patch(&client, &format!("{maps}/held?dryRun=All"), "merge-patch+json", &release).await;
        assert_eq!(get(&client, &format!("{maps}/held")).await.0, 200, "a dry run has let it go");
    })
    .await;
}

#[tokio::test]
async fn what_a_creator_may_not_say() {
    each(async |client: Client| {
        let maps = maps(&client).await;
        let deployments = maps.replace("/api/v1", "/apis/apps/v1").replace("configmaps", "deployments");
        let mut body = serde_json::to_value(deployment("web")).expect("JSON");
        let old = "2001-01-01T00:00:00Z";
        body["metadata"] = json!({"name": "web", "generateName": "other-", "uid": "mine", "creationTimestamp": old,
            "generation": 7, "deletionTimestamp": old, "deletionGracePeriodSeconds": 0});
        let made = make(&client, &deployments, &body).await;
        let metadata = &made["metadata"];
        assert_eq!((&metadata["name"], &metadata["generation"]), (&json!("web"), &json!(1)));
        assert_ne!(metadata["uid"], "mine");
        assert_ne!(metadata["creationTimestamp"], old);
        assert_eq!(metadata.get("deletionTimestamp"), None);
        let (code, _) = send(&client, "POST", &maps, &map(json!({"name": "a", "resourceVersion": "1"}))).await;
        assert!(code >= 400, "a new object has no resourceVersion");
        let mut names = Vec::new();
        for _ in 0..3 {
            let made = make(&client, &maps, &map(json!({"generateName": "a-"}))).await;
            names.push(made["metadata"]["name"].as_str().expect("a name").to_owned());
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 3, "{names:?}");
    })
    .await;
}

#[tokio::test]
async fn what_an_update_cannot_change() {
    each(async |client: Client| {
        let maps = maps(&client).await;
        let held = map(json!({"name": "a", "finalizers": ["example.com/hold"]}));
        let made = make(&client, &maps, &held).await;
        let path = format!("{maps}/a");
        let change =
            async |metadata: Value| patch(&client, &path, "merge-patch+json", &json!({"metadata": metadata})).await;
        let (code, got) = change(json!({"creationTimestamp": "2001-01-01T00:00:00Z", "labels": {"a": "b"}})).await;
        assert_eq!((code, &got["metadata"]["creationTimestamp"]), (200, &made["metadata"]["creationTimestamp"]));
        let (code, status) = change(json!({"uid": "other"})).await;
        assert_eq!((code, status["reason"].as_str()), (409, Some("Conflict")), "{status}");
        let (code, _) = change(json!({"name": "b"})).await;
        assert_eq!(code, 400);
        send(&client, "DELETE", &path, &json!({})).await;
        let (_, marked) = get(&client, &path).await;
        let (code, got) = change(json!({"deletionTimestamp": null, "labels": {"a": "c"}})).await;
        assert_eq!((code, &got["metadata"]["labels"]["a"]), (200, &json!("c")), "{got}");
        assert_eq!(got["metadata"]["deletionTimestamp"], marked["metadata"]["deletionTimestamp"]);
        let deployments = maps.replace("/api/v1", "/apis/apps/v1").replace("configmaps", "deployments");
        let mut body = serde_json::to_value(deployment("web")).expect("JSON");
        body["metadata"]["finalizers"] = json!(["example.com/hold"]);
        make(&client, &deployments, &body).await;
        let path = format!("{deployments}/web");
        let numbered = json!({"metadata": {"generation": 9, "labels": {"a": "b"}}});
        let (_, got) = patch(&client, &path, "merge-patch+json", &numbered).await;
        assert_eq!(got["metadata"]["generation"], 1);
        send(&client, "DELETE", &path, &json!({})).await;
        assert_eq!(get(&client, &path).await.1["metadata"]["generation"], 2, "a deletion counts as a change");
    })
    .await;
}

#[tokio::test]
async fn of_writes_at_one_revision_one_is_taken() {
    // A store that waits for its disk lets all of them read before the first one writes.
    let directory = tempfile::tempdir().expect("a directory");
    let store = Arc::new(RedbStore::open(directory.path(), Default::default()).expect("a store"));
    let server = ApiServer::start(store, Options::default()).await.expect("a server");
    let client = admin(&server);
    let maps = "/api/v1/namespaces/default/configmaps";
    let made = make(&client, maps, &map(json!({"name": "a"}))).await;
    let path = format!("{maps}/a");
    let writes = (0..10).map(|number| {
        let (client, path, mut body) = (client.clone(), path.clone(), made.clone());
        body["data"] = json!({"writer": number.to_string()});
        async move { send(&client, "PUT", &path, &body).await }
    });
    let answers = futures::future::join_all(writes).await;
    let taken: Vec<_> = answers.iter().filter(|(code, _)| *code == 200).collect();
    assert_eq!(taken.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|(code, _)| matches!(code, 200 | 409)));
    assert_eq!(get(&client, &path).await.1, taken[0].1);
    // Those that name no revision all count.
    let patches = (0..10).map(|number| {
        let (client, path) = (client.clone(), path.clone());
        let body = json!({"data": {format!("k{number}"): "v"}});
        async move { patch(&client, &path, "merge-patch+json", &body).await.0 }
    });
    assert_eq!(futures::future::join_all(patches).await, [200; 10]);
    let (_, got) = get(&client, &path).await;
    assert_eq!(got["data"].as_object().map(serde_json::Map::len), Some(11), "{got}");
    let makes = (0..5).map(|_| send(&client, "POST", maps, json_b()));
    let codes: Vec<u16> = futures::future::join_all(makes).await.into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes.iter().filter(|code| **code == 201).count(), 1, "{codes:?}");
}

fn json_b() -> &'static Value {
    static BODY: std::sync::OnceLock<Value> = std::sync::OnceLock::new();
    BODY.get_or_init(|| map(json!({"name": "b"})))
}

#[tokio::test]
async fn updates_and_applies_that_create() {
    each(async |client: Client| {
        let maps = maps(&client).await;
        let leases = maps.replace("/api/v1", "/apis/coordination.k8s.io/v1").replace("configmaps", "leases");
        let lease =
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"}, "spec": {}});
        assert_eq!(send(&client, "PUT", &format!("{leases}/a"), &lease).await.0, 201);
        assert_eq!(send(&client, "PUT", &format!("{maps}/a"), &map(json!({"name": "a"}))).await.0, 404);
        let apply = async |path: &str, body: &Value| {
            patch(&client, &format!("{path}?fieldManager=me"), "apply-patch+yaml", body).await.0
        };
        assert_eq!(apply(&format!("{maps}/a"), &map(json!({"name": "a", "resourceVersion": "1"}))).await, 409);
        assert!(apply(&format!("{maps}/a"), &map(json!({"name": "a", "uid": "x"}))).await >= 400);
        assert_eq!(get(&client, &format!("{maps}/a")).await.0, 404);
        assert_eq!(apply(&format!("{maps}/a"), &map(json!({"name": "a"}))).await, 201);
        let mut stale = map(json!({"name": "a", "resourceVersion": "1"}));
        stale["data"]["k"] = "2".into();
        assert_eq!(apply(&format!("{maps}/a"), &stale).await, 409);
        let deployments = maps.replace("/api/v1", "/apis/apps/v1").replace("configmaps", "deployments");
        let body = serde_json::to_value(deployment("web")).expect("JSON");
        assert_eq!(apply(&format!("{deployments}/web/status"), &body).await, 404);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_an_object() {
    each(async |client: Client| {
        let maps = maps(&client).await;
        let refused = async |answer: (u16, Value), field: &str| {
            let (code, status) = answer;
            assert_eq!((code, status["reason"].as_str()), (422, Some("Invalid")), "{status}");
            let causes = status["details"]["causes"].as_array().cloned().unwrap_or_default();
            let named = causes.iter().any(|cause| cause["field"].as_str().is_some_and(|at| at.starts_with(field)));
            assert!(named, "{field}: {status}");
        };
        let post = async |metadata: Value| send(&client, "POST", &maps, &map(metadata)).await;
        let owner = |name: &str, controller: bool| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": "1", "controller": controller})
        };
        refused(post(json!({"name": "a", "labels": {"a b": "c"}})).await, "metadata.labels").await;
        refused(post(json!({"name": "a", "finalizers": ["a b"]})).await, "metadata.finalizers").await;
        let two = json!([owner("x", true), owner("y", true)]);
        refused(post(json!({"name": "a", "ownerReferences": two})).await, "metadata.ownerReferences").await;
        let nameless = json!([owner("", false)]);
        refused(post(json!({"name": "a", "ownerReferences": nameless})).await, "metadata.ownerReferences[0].name").await;
        let long = json!({"a": "x".repeat(300 << 10)});
        refused(post(json!({"name": "a", "annotations": long})).await, "metadata.annotations").await;
        let mut keyed = map(json!({"name": "a"}));
        keyed["data"] = json!({"a/b": "c"});
        refused(send(&client, "POST", &maps, &keyed).await, "data[a/b]").await;
        let mut fixed = map(json!({"name": "fixed"}));
        fixed["immutable"] = true.into();
        make(&client, &maps, &fixed).await;
        let path = format!("{maps}/fixed");
        refused(patch(&client, &path, "merge-patch+json", &json!({"data": {"k": "2"}})).await, "data").await;
        refused(patch(&client, &path, "merge-patch+json", &json!({"immutable": false})).await, "immutable").await;

        let deployments = maps.replace("/api/v1", "/apis/apps/v1").replace("configmaps", "deployments");
        make(&client, &deployments, &serde_json::to_value(deployment("web")).expect("JSON")).await;
        let other = json!({"spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}}}});
        let path = format!("{deployments}/web");
        refused(patch(&client, &path, "merge-patch+json", &other).await, "spec.selector").await;
        let scale = json!({"spec": {"replicas": -1}});
        let (code, status) = patch(&client, &format!("{path}/scale"), "merge-patch+json", &scale).await;
        assert_eq!((code, status["reason"].as_str()), (422, Some("Invalid")), "{status}");
        let (code, _) = send(&client, "POST", &format!("{path}/status"), &json!({})).await;
        assert_eq!(code, 405);

        let bindings = maps.replace("/api/v1", "/apis/rbac.authorization.k8s.io/v1").replace("configmaps", "rolebindings");
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "a"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}});
        make(&client, &bindings, &binding).await;
        let other = json!({"roleRef": {"name": "cluster-admin"}});
        refused(patch(&client, &format!("{bindings}/a"), "merge-patch+json", &other).await, "roleRef").await;
    })
    .await;
}

#[tokio::test]
async fn deletions_reach_what_they_name_and_no_more() {
    each(async |client: Client| {
        let maps = maps(&client).await;
        let name = maps.split('/').nth(4).expect("a namespace").to_owned();
        // A namespace whose name begins with that of the other.
        let longer = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("{name}x")}});
        make(&client, "/api/v1/namespaces", &longer).await;
        let neighbour = maps.replace(&name, &format!("{name}x"));
        make(&client, &neighbour, &map(json!({"name": "a"}))).await;
        for one in ["a", "b", "c"] {
            make(&client, &maps, &map(json!({"name": one}))).await;
        }
        let (code, status) =
            send(&client, "DELETE", &format!("{maps}/a"), &json!({"preconditions": {"resourceVersion": "1"}})).await;
        assert_eq!((code, status["reason"].as_str()), (409, Some("Conflict")));
        let (code, _) = raw(&client, "DELETE", &format!("{maps}/a?propagationPolicy=Never"), &[], "").await;
        assert!(matches!(code, 400 | 422), "{code}");
        let (code, _) = raw(&client, "DELETE", "/api/v1/configmaps", &[], "").await;
        assert_eq!(code, 405);
        let (code, list) = raw(&client, "DELETE", &format!("{maps}?fieldSelector=metadata.name%3Da"), &[], "").await;
        let names = |list: &Value| -> Vec<String> {
            let items = list["items"].as_array().cloned().unwrap_or_default();
            let names = items.iter().filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned));
            names.filter(|name| name != "kube-root-ca.crt").collect()
        };
        assert_eq!((code, names(&list)), (200, vec!["a".to_owned()]));
        assert_eq!(names(&get(&client, &maps).await.1), ["b", "c"]);
        assert_eq!(names(&get(&client, &neighbour).await.1), ["a"]);
        assert_eq!(raw(&client, "DELETE", &maps, &[], "").await.0, 200);
        assert_eq!(names(&get(&client, &maps).await.1), [""; 0]);
        assert_eq!(names(&get(&client, &neighbour).await.1), ["a"], "a neighbour's objects are gone");
        assert_eq!(raw(&client, "DELETE", "/api/v1/namespaces/kube-system", &[], "").await.0, 403);
        // Only the server takes the finalizer of a namespace away.
        let path = format!("/api/v1/namespaces/{name}");
        let (_, got) = patch(&client, &path, "merge-patch+json", &json!({"spec": {"finalizers": []}})).await;
        assert_eq!(got["spec"]["finalizers"], json!(["kubernetes"]));
    })
    .await;
}

#[tokio::test]
async fn pods_are_bound_once_and_evicted_as_asked() {
    each(async |client: Client| {
        let maps = maps(&client).await;
        let pods = maps.replace("configmaps", "pods");
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        let (code, made) = send(&client, "POST", &pods, &pod).await;
        if code == 403 {
            println!("skipped, the other server admits no pods here yet");
            return;
        }
        assert_eq!(code, 201, "{made}");
        let bind = async |node: &str| {
            let body = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": node}});
            send(&client, "POST", &format!("{pods}/p/binding"), &body).await.0
        };
        assert_eq!((bind("one").await, bind("two").await), (201, 409));
        assert_eq!(get(&client, &format!("{pods}/p")).await.1["spec"]["nodeName"], "one");
        let evict = async |query: &str, options: Value| {
            let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}, "deleteOptions": options});
            send(&client, "POST", &format!("{pods}/p/eviction{query}"), &body).await.0
        };
        assert_eq!(evict("", json!({"preconditions": {"uid": "other"}})).await, 409);
        assert_eq!(evict("?dryRun=All", json!({})).await, 201);
        assert_eq!(evict("", json!({"dryRun": ["All"]})).await, 201);
        let (code, left) = get(&client, &format!("{pods}/p")).await;
        assert_eq!((code, left["metadata"].get("deletionTimestamp")), (200, None));
    })
    .await;
}
