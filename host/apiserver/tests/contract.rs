//! What any Kubernetes API server does. Each test runs against ours and, when asked to, another.

use kube::Client;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::harness::*;

#[tokio::test]
async fn objects_are_created_read_changed_and_deleted() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let api = config_maps(&client, &namespace);
        let made = api.create(&PostParams::default(), &config_map("a", json!({"k": "1"}))).await.expect("created");
        assert!(made.metadata.uid.is_some() && made.metadata.creation_timestamp.is_some());
        assert_eq!(made.metadata.generation, None, "ConfigMaps have no generation");
        let read = api.get("a").await.expect("read");
        assert_eq!(read.metadata.resource_version, made.metadata.resource_version);
        assert_eq!(read.data["data"], json!({"k": "1"}));

        let mut changed = read.clone();
        changed.data["data"]["k"] = "2".into();
        let changed = api.replace("a", &PostParams::default(), &changed).await.expect("replaced");
        assert_ne!(changed.metadata.resource_version, read.metadata.resource_version);
        let stale = api.replace("a", &PostParams::default(), &read).await.expect_err("stale");
        assert!(stale.to_string().contains("the object has been modified"), "{stale}");

        let again = api.create(&PostParams::default(), &config_map("a", json!({}))).await.expect_err("exists");
        assert!(again.to_string().contains("configmaps \"a\" already exists"), "{again}");
        let gone = api.delete("a", &DeleteParams::default()).await.expect("deleted");
        assert!(gone.right().is_some_and(|status| status.is_success()));
        let missing = api.get("a").await.expect_err("gone");
        assert!(missing.to_string().contains("configmaps \"a\" not found"), "{missing}");
    })
    .await;
}

#[track_caller]
fn expect(answer: (u16, Value), code: u16, reason: &str, message: &str) {
    let (got, status) = answer;
    assert_eq!(got, code, "{status}");
    assert_eq!(status["reason"], reason, "{status}");
    let text = status["message"].as_str().unwrap_or_default();
    assert!(text.contains(message), "{text:?} does not contain {message:?}");
    assert_eq!(status["kind"], "Status");
    assert_eq!(status["status"], "Failure");
    assert_eq!(status["code"], code);
}

#[tokio::test]
async fn refusals_say_why() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let maps = format!("/api/v1/namespaces/{namespace}/configmaps");
        let map = |metadata: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        let post = async |path: &str, body: &Value| send(&client, "POST", path, body).await;
        expect(get(&client, &format!("{maps}/x")).await, 404, "NotFound", "configmaps \"x\" not found");
        expect(
            post(&maps, &map(json!({"name": "A_b"}))).await,
            422,
            "Invalid",
            "ConfigMap \"A_b\" is invalid: metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain",
        );
        expect(post(&maps, &map(json!({}))).await, 422, "Invalid", "name or generateName is required");
        expect(
            post(&maps, &map(json!({"name": "a", "namespace": "other"}))).await,
            400,
            "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request",
        );
        expect(
            post(&maps, &map(json!({"name": "a", "labels": {"a": "b c"}}))).await,
            422,
            "Invalid",
            "metadata.labels: Invalid value: \"b c\"",
        );
        expect(
            post("/api/v1/namespaces/no-such/configmaps", &map(json!({"name": "a"}))).await,
            404,
            "NotFound",
            "namespaces \"no-such\" not found",
        );
        expect(
            post(&maps, &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}})).await,
            400,
            "BadRequest",
            "ecret",
        );
        expect(
            send(&client, "PUT", &format!("{maps}/x"), &map(json!({"name": "y"}))).await,
            400,
            "BadRequest",
            "the name of the object (y",
        );
        let (code, answer) = raw(&client, "POST", &maps, &[("content-type", "text/plain")], "{}").await;
        expect((code, answer), 415, "UnsupportedMediaType", "");
        let (code, _) = raw(&client, "GET", &maps, &[("accept", "text/html")], "").await;
        assert_eq!(code, 406);
        expect(raw(&client, "POST", &maps, &[("content-type", "application/json")], "{").await, 400, "BadRequest", "");
        let path = format!("{maps}?resourceVersion=x");
        let (code, _) = get(&client, &path).await;
        assert_eq!(code, 400);
    })
    .await;
}

#[tokio::test]
async fn unknown_fields_are_warned_about_or_refused() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = |validation: &str| {
            format!("/apis/apps/v1/namespaces/{namespace}/deployments?fieldValidation={validation}&dryRun=All")
        };
        let mut body = serde_json::to_value(deployment("web")).expect("JSON");
        body["spec"]["foo"] = 1.into();
        let (code, status) = send(&client, "POST", &path("Strict"), &body).await;
        assert_eq!((code, status["reason"].as_str()), (400, Some("BadRequest")));
        assert!(
            status["message"]
                .as_str()
                .is_some_and(|text| text.contains("strict decoding error: unknown field \"spec.foo\"")),
            "{status}"
        );
        let (code, made) = send(&client, "POST", &path("Ignore"), &body).await;
        assert_eq!(code, 201);
        assert_eq!(made["spec"]["foo"], Value::Null);

        let request = http::Request::post(path("Warn"))
            .header("content-type", "application/json")
            .body(kube::client::Body::from(body.to_string().into_bytes()))
            .expect("a request");
        let response = client.send(request).await.expect("an answer");
        let warning = response.headers().get("warning").and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(warning, "299 - \"unknown field \\\"spec.foo\\\"\"");

        let twice = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1","k":"2"}}"#;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps?fieldValidation=Strict");
        let (code, status) = raw(&client, "POST", &path, &[("content-type", "application/json")], twice).await;
        assert_eq!(code, 400);
        assert!(status["message"].as_str().is_some_and(|text| text.contains("duplicate field \"data.k\"")), "{status}");
    })
    .await;
}

#[tokio::test]
async fn generation_counts_changes_of_the_spec() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/web");
        let made =
            deployments(&client, &namespace).create(&PostParams::default(), &deployment("web")).await.expect("created");
        assert_eq!(made.metadata.generation, Some(1));
        assert_eq!(made.data["spec"]["replicas"], 1, "defaulted");
        let merge = async |path: &str, body: Value| patch(&client, path, "merge-patch+json", &body).await.1;
        assert_eq!(merge(&path, json!({"metadata": {"labels": {"a": "b"}}})).await["metadata"]["generation"], 1);
        assert_eq!(merge(&path, json!({"spec": {"replicas": 2}})).await["metadata"]["generation"], 2);
        // Status has a subresource of its own, and neither writes what is the other's.
        let through_main = merge(&path, json!({"status": {"replicas": 5}, "spec": {"replicas": 3}})).await;
        assert_eq!(through_main["metadata"]["generation"], 3);
        assert_eq!(through_main["status"]["replicas"], Value::Null);
        let through_status =
            merge(&format!("{path}/status"), json!({"status": {"replicas": 5}, "spec": {"replicas": 9}})).await;
        assert_eq!(through_status["status"]["replicas"], 5);
        assert_eq!(through_status["spec"]["replicas"], 3);
        assert_eq!(through_status["metadata"]["generation"], 3);
    })
    .await;
}

#[tokio::test]
async fn writes_that_change_nothing_are_not_made() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/web");
        deployments(&client, &namespace).create(&PostParams::default(), &deployment("web")).await.expect("created");
        let (_, before) = get(&client, &path).await;
        let (code, after) = patch(&client, &path, "merge-patch+json", &json!({"spec": {"replicas": 1}})).await;
        assert_eq!((code, &after["metadata"]["resourceVersion"]), (200, &before["metadata"]["resourceVersion"]));
        let (code, after) = send(&client, "PUT", &path, &before).await;
        assert_eq!((code, &after["metadata"]["resourceVersion"]), (200, &before["metadata"]["resourceVersion"]));
        let apply = format!("{path}?fieldManager=me&force=true");
        let config = serde_json::to_value(deployment("web")).expect("JSON");
        let (_, first) = patch(&client, &apply, "apply-patch+yaml", &config).await;
        let (_, second) = patch(&client, &apply, "apply-patch+yaml", &config).await;
        assert_eq!(first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"], "{second}");
    })
    .await;
}

#[tokio::test]
async fn patches_of_all_kinds() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/web");
        deployments(&client, &namespace).create(&PostParams::default(), &deployment("web")).await.expect("created");
        let strategic = json!({"spec": {"template": {"spec": {"containers": [{"name": "d", "image": "x"}]}}}});
        let (code, got) = patch(&client, &path, "strategic-merge-patch+json", &strategic).await;
        assert_eq!(
            (code, got["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len)),
            (200, Some(2)),
            "{got}"
        );
        let merge = json!({"metadata": {"annotations": {"a": "1"}}, "spec": {"paused": true}});
        let (_, got) = patch(&client, &path, "merge-patch+json", &merge).await;
        assert_eq!((&got["metadata"]["annotations"]["a"], &got["spec"]["paused"]), (&json!("1"), &json!(true)));
        let operations =
            json!([{"op": "test", "path": "/spec/paused", "value": true}, {"op": "remove", "path": "/spec/paused"}]);
        let (code, got) = patch(&client, &path, "json-patch+json", &operations).await;
        assert_eq!((code, got["spec"].get("paused")), (200, None));
        let (code, got) = patch(&client, &path, "json-patch+json", &operations).await;
        assert_eq!((code, got["reason"].as_str()), (422, Some("Invalid")), "{got}");
        let versioned = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 4}});
        let (code, got) = patch(&client, &path, "merge-patch+json", &versioned).await;
        assert_eq!((code, got["reason"].as_str()), (409, Some("Conflict")));
        let (code, _) = patch(&client, &format!("{path}x"), "merge-patch+json", &json!({})).await;
        assert_eq!(code, 404);
    })
    .await;
}

#[tokio::test]
async fn server_side_apply() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let api = config_maps(&client, &namespace);
        let config = config_map("a", json!({"k": "1", "l": "1"}));
        let made = api.patch("a", &PatchParams::apply("one"), &Patch::Apply(&config)).await.expect("created");
        let managers = made.metadata.managed_fields.expect("managers");
        assert_eq!(managers[0].manager.as_deref(), Some("one"));
        assert_eq!(managers[0].operation.as_deref(), Some("Apply"));
        let other = config_map("a", json!({"k": "2"}));
        let conflict = api.patch("a", &PatchParams::apply("two"), &Patch::Apply(&other)).await.expect_err("conflict");
        let text = conflict.to_string();
        assert!(text.contains("Apply failed with 1 conflict: conflict with \"one\": .data.k"), "{text}");
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/a?fieldManager=two");
        let (code, status) =
            patch(&client, &path, "apply-patch+yaml", &serde_json::to_value(&other).expect("JSON")).await;
        assert_eq!((code, status["reason"].as_str()), (409, Some("Conflict")));
        let cause = &status["details"]["causes"][0];
        assert_eq!(
            (cause["reason"].as_str(), cause["field"].as_str()),
            (Some("FieldManagerConflict"), Some(".data.k"))
        );
        let forced = api.patch("a", &PatchParams::apply("two").force(), &Patch::Apply(&other)).await.expect("forced");
        assert_eq!(forced.data["data"], json!({"k": "2", "l": "1"}));
        // What a manager names no more goes, unless another holds it.
        let less = api
            .patch("a", &PatchParams::apply("one"), &Patch::Apply(&config_map("a", json!({}))))
            .await
            .expect("applied");
        assert_eq!(less.data["data"], json!({"k": "2"}));
        let (code, status) =
            patch(&client, &format!("/api/v1/namespaces/{namespace}/configmaps/a"), "apply-patch+yaml", &json!({}))
                .await;
        assert_eq!(code, if status["reason"] == "BadRequest" { 400 } else { 422 }, "{status}");
    })
    .await;
}

#[tokio::test]
async fn scale_of_a_deployment() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/web/scale");
        deployments(&client, &namespace).create(&PostParams::default(), &deployment("web")).await.expect("created");
        let (code, scale) = get(&client, &path).await;
        assert_eq!((code, scale["kind"].as_str()), (200, Some("Scale")));
        assert_eq!((&scale["spec"]["replicas"], &scale["status"]["selector"]), (&json!(1), &json!("app=web")));
        let (code, scale) = patch(&client, &path, "merge-patch+json", &json!({"spec": {"replicas": 4}})).await;
        assert_eq!((code, &scale["spec"]["replicas"]), (200, &json!(4)));
        let mut put = scale.clone();
        put["spec"]["replicas"] = 2.into();
        let (code, _) = send(&client, "PUT", &path, &put).await;
        assert_eq!(code, 200);
        let (code, status) = send(&client, "PUT", &path, &put).await;
        assert_eq!((code, status["reason"].as_str()), (409, Some("Conflict")), "the same resourceVersion twice");
        let (_, web) = get(&client, path.trim_end_matches("/scale")).await;
        assert_eq!((&web["spec"]["replicas"], &web["metadata"]["generation"]), (&json!(2), &json!(3)));
    })
    .await;
}

#[tokio::test]
async fn finalizers_hold_a_deletion() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/a");
        let mut map = config_map("a", json!({}));
        map.metadata.finalizers = Some(vec!["example.com/hold".into()]);
        config_maps(&client, &namespace).create(&PostParams::default(), &map).await.expect("created");
        let (code, marked) = send(&client, "DELETE", &path, &json!({})).await;
        assert_eq!((code, marked["metadata"]["deletionTimestamp"].is_string()), (200, true), "{marked}");
        let (code, status) = patch(
            &client,
            &path,
            "merge-patch+json",
            &json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}),
        )
        .await;
        assert_eq!((code, status["reason"].as_str()), (422, Some("Invalid")));
        assert!(
            status["message"]
                .as_str()
                .is_some_and(|text| text.contains("no new finalizers can be added if the object is being deleted")),
            "{status}"
        );
        let (_, again) = send(&client, "DELETE", &path, &json!({})).await;
        assert_eq!(
            again["metadata"]["resourceVersion"], marked["metadata"]["resourceVersion"],
            "a second deletion changes nothing"
        );
        let (code, _) = patch(&client, &path, "merge-patch+json", &json!({"metadata": {"finalizers": null}})).await;
        assert_eq!(code, 200);
        assert_eq!(get(&client, &path).await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn deletions_have_preconditions_and_can_be_tried() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/a");
        let made = config_maps(&client, &namespace)
            .create(&PostParams::default(), &config_map("a", json!({})))
            .await
            .expect("created");
        let (code, status) = send(&client, "DELETE", &path, &json!({"preconditions": {"uid": "x"}})).await;
        assert_eq!((code, status["reason"].as_str()), (409, Some("Conflict")));
        assert!(
            status["message"]
                .as_str()
                .is_some_and(|text| text.contains("the UID in the precondition (x) does not match the UID in record (")),
            "{status}"
        );
        let (code, _) = send(&client, "DELETE", &path, &json!({"dryRun": ["All"]})).await;
        assert_eq!((code, get(&client, &path).await.0), (200, 200));
        let version = made.metadata.resource_version;
        let (code, _) = send(
            &client,
            "DELETE",
            &path,
            &json!({"preconditions": {"uid": made.metadata.uid, "resourceVersion": version}}),
        )
        .await;
        assert_eq!((code, get(&client, &path).await.0), (200, 404));
    })
    .await;
}

#[tokio::test]
async fn collections_are_deleted_by_selector() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let api = config_maps(&client, &namespace);
        for (name, tier) in [("a", "x"), ("b", "y"), ("c", "x")] {
            let mut map = config_map(name, json!({}));
            map.metadata.labels = Some([("tier".to_owned(), tier.to_owned())].into());
            api.create(&PostParams::default(), &map).await.expect("created");
        }
        api.delete_collection(&DeleteParams::default(), &ListParams::default().labels("tier=x"))
            .await
            .expect("deleted");
        let left: Vec<_> = api.list(&ListParams::default().labels("tier")).await.expect("listed").items;
        assert_eq!(left.iter().map(|map| map.metadata.name.clone().unwrap_or_default()).collect::<Vec<_>>(), ["b"]);
    })
    .await;
}

#[tokio::test]
async fn discovery_in_both_forms() {
    each(async |client: Client| {
        let (_, versions) = get(&client, "/api").await;
        assert_eq!(versions["versions"], json!(["v1"]));
        let (_, groups) = get(&client, "/apis").await;
        assert!(groups["groups"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "apps")));
        let (_, apps) = get(&client, "/apis/apps/v1").await;
        let scale = apps["resources"].as_array().into_iter().flatten().find(|one| one["name"] == "deployments/scale");
        assert_eq!(
            scale.map(|scale| (&scale["group"], &scale["kind"])),
            Some((&json!("autoscaling"), &json!("Scale")))
        );
        let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let (_, all) = raw(&client, "GET", "/apis", &[("accept", accept)], "").await;
        assert_eq!(
            (all["kind"].as_str(), all["apiVersion"].as_str()),
            (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io/v2"))
        );
        let (_, version) = get(&client, "/version").await;
        assert_eq!(version["major"], "1");
        let (_, health) = get(&client, "/readyz").await;
        assert_eq!(health, "ok");
        let discovery =
            kube::discovery::Discovery::new(client.clone()).run_aggregated().await.expect("kube discovers it");
        assert!(discovery.has_group("batch"));
        assert_eq!(get(&client, "/apis/nothing.example.com").await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn reviews_answer() {
    each(async |client: Client| {
        let review = async |kind: &str, group: &str, spec: Value| {
            let body = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "spec": spec});
            let (code, answer) = send(&client, "POST", &format!("/apis/{group}/v1/{}s", kind.to_lowercase()), &body).await;
            assert_eq!(code, 201, "{answer}");
            answer["status"].clone()
        };
        let pods = json!({"verb": "get", "resource": "pods", "namespace": "default"});
        assert_eq!(review("SelfSubjectAccessReview", "authorization.k8s.io", json!({"resourceAttributes": pods})).await["allowed"], true);
        let nobody = json!({"user": "nobody", "resourceAttributes": pods});
        assert_eq!(review("SubjectAccessReview", "authorization.k8s.io", nobody).await["allowed"], false);
        let master = json!({"user": "x", "groups": ["system:masters"], "resourceAttributes": pods});
        assert_eq!(review("SubjectAccessReview", "authorization.k8s.io", master).await["allowed"], true);
        let rules = review("SelfSubjectRulesReview", "authorization.k8s.io", json!({"namespace": "default"})).await;
        assert!(rules["resourceRules"].as_array().is_some_and(|rules| rules.iter().any(|rule| rule["verbs"] == json!(["*"]))));
        let me = review("SelfSubjectReview", "authentication.k8s.io", json!({})).await;
        assert_eq!(me["userInfo"]["username"], "admin");
        let token = review("TokenReview", "authentication.k8s.io", json!({"token": "no"})).await;
        assert_ne!(token["authenticated"], true);
    })
    .await;
}

#[tokio::test]
async fn patches_at_the_same_time_all_count() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/a");
        config_maps(&client, &namespace)
            .create(&PostParams::default(), &config_map("a", json!({})))
            .await
            .expect("created");
        let patches = (0..20).map(|number| {
            let (client, path) = (client.clone(), path.clone());
            async move {
                let body = json!({"data": {format!("k{number}"): "v"}});
                patch(&client, &path, "merge-patch+json", &body).await.0
            }
        });
        let codes = futures::future::join_all(patches).await;
        // Another server gives up after a few tries; what it has acknowledged must be there.
        let taken = codes.iter().filter(|code| **code == 200).count();
        let (_, map) = get(&client, &path).await;
        assert_eq!(map["data"].as_object().map_or(0, serde_json::Map::len), taken);
        assert!(codes.iter().all(|code| matches!(code, 200 | 409)), "{codes:?}");
    })
    .await;
}
