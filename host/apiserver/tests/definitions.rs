//! CustomResourceDefinitions and the objects that they make possible.

use kube::Client;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, api::DynamicObject};
use serde_json::{Value, json};

use crate::harness::*;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A definition of `things` in a group of its own.
fn things(group: &str) -> Value {
    // Schemas, or selectable fields, that are the same in all versions kube-apiserver folds into one.
    let older = json!({"type": "object", "description": "Older.", "x-kubernetes-preserve-unknown-fields": true, "properties": {
        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"colour": {"type": "string"}}}}});
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 1},
            "colour": {"type": "string", "default": "red", "enum": ["red", "green"]},
            "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed is fixed"}]},
            "replicas": {"type": "integer"},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}},
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}, "phase": {"type": "string"}}}}});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("things.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing", "shortNames": ["th"], "categories": ["stuff"]},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}},
                    "selectableFields": [{"jsonPath": ".spec.colour"}],
                    "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}, {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]},
                {"name": "v1beta1", "served": true, "storage": false, "schema": {"openAPIV3Schema": older}, "subresources": {"status": {}}}]}})
}

fn group(namespace: &str) -> String {
    format!("{namespace}.example.com")
}

fn api(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind(&format!("{}/v1", group(namespace)), "Thing", "things"))
}

fn thing(namespace: &str, name: &str, spec: Value) -> DynamicObject {
    object(
        json!({"apiVersion": format!("{}/v1", group(namespace)), "kind": "Thing", "metadata": {"name": name}, "spec": spec}),
    )
}

/// Makes the definition and waits until it is served, as `kubectl wait` would.
async fn define(client: &Client, definition: &Value) {
    let (code, made) = send(client, "POST", DEFINITIONS, definition).await;
    assert_eq!(code, 201, "{made}");
    let name = definition["metadata"]["name"].as_str().expect("a name");
    let path = format!("{DEFINITIONS}/{name}");
    let established = |value: &Value| {
        value["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|one| one["type"] == "Established" && one["status"] == "True")
    };
    until(client, &path, |_, value| established(value)).await;
    let (group, version) = (&definition["spec"]["group"], &definition["spec"]["versions"][0]["name"]);
    let (group, version) = (group.as_str().expect("a group"), version.as_str().expect("a version"));
    // Another server may take a moment to serve what it has established.
    for _ in 0..200 {
        if get(client, &format!("/apis/{group}/{version}")).await.0 == 200
            && get(
                client,
                &format!(
                    "/apis/{group}/{version}/{}",
                    definition["spec"]["names"]["plural"].as_str().expect("a plural")
                ),
            )
            .await
            .0 == 200
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{group}/{version} is not served");
}

#[tokio::test]
async fn objects_are_defaulted_pruned_and_validated() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        define(&client, &things(&group(&namespace))).await;
        let api = api(&client, &namespace);
        let made = api.create(&PostParams::default(), &thing(&namespace, "a", json!({"size": 1, "unknown": 1, "free": {"x": 1}, "fixed": "f"}))).await.expect("created");
        assert_eq!(made.data["spec"], json!({"size": 1, "colour": "red", "free": {"x": 1}, "fixed": "f"}));
        assert_eq!(made.metadata.generation, Some(1));
        let refused = async |spec: Value, expected: &str| {
            let text = api.create(&PostParams::default(), &thing(&namespace, "b", spec)).await.expect_err("refused").to_string();
            assert!(text.contains(expected), "{text}");
        };
        refused(json!({"size": 0}), "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1").await;
        refused(json!({"size": "1"}), "spec.size: Invalid value: \"string\": spec.size in body must be of type integer").await;
        refused(json!({"size": 1, "colour": "blue"}), "spec.colour: Unsupported value: \"blue\": supported values: \"red\", \"green\"").await;
        refused(json!({}), "spec.size: Required value").await;
        let path = format!("/apis/{}/v1/namespaces/{namespace}/things/a", group(&namespace));
        let (code, status) = patch(&client, &path, "merge-patch+json", &json!({"spec": {"fixed": "g"}})).await;
        assert_eq!(code, 422);
        assert!(status["message"].as_str().is_some_and(|text| text.contains("fixed is fixed")), "{status}");
        let (code, status) = patch(&client, &path, "strategic-merge-patch+json", &json!({})).await;
        assert_eq!((code, status["reason"].as_str()), (415, Some("UnsupportedMediaType")));
        let unversioned = json!({"apiVersion": format!("{}/v1", group(&namespace)), "kind": "Thing", "metadata": {"name": "a"}, "spec": {"size": 2}});
        let (code, status) = send(&client, "PUT", &path, &unversioned).await;
        assert_eq!(code, 422);
        assert!(status["message"].as_str().is_some_and(|text| text.contains("metadata.resourceVersion") && text.contains("must be specified for an update")), "{status}");
    })
    .await;
}

#[tokio::test]
async fn status_scale_and_selectable_fields() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        define(&client, &things(&group(&namespace))).await;
        let mut wanted = thing(&namespace, "a", json!({"size": 1, "replicas": 2}));
        wanted.data["status"] = json!({"phase": "no"});
        let made = api(&client, &namespace).create(&PostParams::default(), &wanted).await.expect("created");
        assert_eq!(made.data.get("status"), None, "a status is not created");
        let path = format!("/apis/{}/v1/namespaces/{namespace}/things", group(&namespace));
        let status = json!({"status": {"phase": "yes", "replicas": 2, "selector": "a=b"}, "spec": {"size": 9}, "metadata": {"labels": {"l": "m"}}});
        let (code, got) = patch(&client, &format!("{path}/a/status"), "merge-patch+json", &status).await;
        assert_eq!((code, &got["status"]["phase"], &got["spec"]["size"]), (200, &json!("yes"), &json!(1)));
        assert_eq!((&got["metadata"]["generation"], got["metadata"].get("labels")), (&json!(1), None));
        let managers: Vec<_> = got["metadata"]["managedFields"].as_array().into_iter().flatten().map(|one| &one["subresource"]).collect();
        assert!(managers.contains(&&json!("status")), "{managers:?}");
        let (_, scale) = get(&client, &format!("{path}/a/scale")).await;
        assert_eq!((&scale["spec"]["replicas"], &scale["status"]), (&json!(2), &json!({"replicas": 2, "selector": "a=b"})));
        let (code, _) = patch(&client, &format!("{path}/a/scale"), "merge-patch+json", &json!({"spec": {"replicas": 5}})).await;
        assert_eq!(code, 200);
        let (_, got) = get(&client, &format!("{path}/a")).await;
        assert_eq!((&got["spec"]["replicas"], &got["metadata"]["generation"]), (&json!(5), &json!(2)));
        api(&client, &namespace).create(&PostParams::default(), &thing(&namespace, "b", json!({"size": 1, "colour": "green"}))).await.expect("created");
        let (_, green) = get(&client, &format!("{path}?fieldSelector=spec.colour%3Dgreen")).await;
        assert_eq!(green["items"].as_array().map(Vec::len), Some(1));
        let (_, table) = raw(&client, "GET", &path, &[("accept", "application/json;as=Table;g=meta.k8s.io;v=v1")], "").await;
        let columns: Vec<&str> = table["columnDefinitions"].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(columns, ["Name", "Size", "Age"]);
        assert_eq!(table["rows"][0]["cells"][1], 1);
    })
    .await;
}

#[tokio::test]
async fn versions_show_the_same_objects() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        define(&client, &things(&group(&namespace))).await;
        api(&client, &namespace)
            .create(&PostParams::default(), &thing(&namespace, "a", json!({"size": 1})))
            .await
            .expect("created");
        let path = format!("/apis/{}/v1beta1/namespaces/{namespace}/things", group(&namespace));
        let (_, old) = get(&client, &format!("{path}/a")).await;
        assert_eq!(old["apiVersion"], format!("{}/v1beta1", group(&namespace)));
        let (_, list) = get(&client, &path).await;
        assert_eq!((&list["kind"], &list["items"][0]["apiVersion"]), (&json!("ThingList"), &old["apiVersion"]));
        let (_, shown) = get(&client, &format!("/apis/{}", group(&namespace))).await;
        assert_eq!(shown["preferredVersion"]["version"], "v1");
    })
    .await;
}

#[tokio::test]
async fn defaults_reach_objects_that_are_older() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let definition = things(&group(&namespace));
        define(&client, &definition).await;
        api(&client, &namespace).create(&PostParams::default(), &thing(&namespace, "a", json!({"size": 1}))).await.expect("created");
        let path = format!("{DEFINITIONS}/things.{}", group(&namespace));
        let add = json!([{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/late", "value": {"type": "string", "default": "late"}}]);
        let (code, answer) = patch(&client, &path, "json-patch+json", &add).await;
        assert_eq!(code, 200, "{answer}");
        let path = format!("/apis/{}/v1/namespaces/{namespace}/things", group(&namespace));
        for _ in 0..200 {
            if get(&client, &format!("{path}/a")).await.1["spec"]["late"] == "late" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let (_, one) = get(&client, &format!("{path}/a")).await;
        assert_eq!(one["spec"]["late"], "late");
        let (_, list) = get(&client, &path).await;
        assert_eq!(list["items"][0], one);
    })
    .await;
}

#[tokio::test]
async fn a_definition_takes_its_objects_with_it() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        define(&client, &things(&group(&namespace))).await;
        let mut held = thing(&namespace, "a", json!({"size": 1}));
        held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
        api(&client, &namespace).create(&PostParams::default(), &held).await.expect("created");
        let path = format!("{DEFINITIONS}/things.{}", group(&namespace));
        let (code, marked) = send(&client, "DELETE", &path, &json!({})).await;
        assert_eq!((code, marked["metadata"]["deletionTimestamp"].is_string()), (200, true), "{marked}");
        let thing = format!("/apis/{}/v1/namespaces/{namespace}/things/a", group(&namespace));
        until(&client, &thing, |_, value| value["metadata"]["deletionTimestamp"].is_string()).await;
        let body = serde_json::to_value(self::thing(&namespace, "b", json!({"size": 1}))).expect("JSON");
        let (code, _) = send(&client, "POST", thing.trim_end_matches("/a"), &body).await;
        assert_eq!(code, 403, "nothing new while it goes");
        patch(&client, &thing, "merge-patch+json", &json!({"metadata": {"finalizers": null}})).await;
        gone(&client, &path).await;
        assert_eq!(get(&client, &thing).await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_definition() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let group = group(&namespace);
        let refused = async |change: &dyn Fn(&mut Value), expected: &str| {
            let mut definition = things(&group);
            change(&mut definition);
            let (code, status) = send(&client, "POST", DEFINITIONS, &definition).await;
            assert_eq!(code, 422, "{status}");
            assert!(status["message"].as_str().is_some_and(|text| text.contains(expected)), "{status}");
        };
        refused(
            &|it| it["metadata"]["name"] = "other.example.com".into(),
            "metadata.name: Invalid value: \"other.example.com\": must be spec.names.plural+\".\"+spec.group",
        )
        .await;
        refused(
            &|it| it["spec"]["versions"][0]["storage"] = false.into(),
            "must have exactly one version marked as storage version",
        )
        .await;
        refused(&|it| it["spec"]["scope"] = "Galaxy".into(), "spec.scope: Unsupported value: \"Galaxy\"").await;
        refused(
            &|it| it["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["type"] = "thing".into(),
            "spec.versions[0].schema.openAPIV3Schema",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn names_that_clash_are_not_accepted() {
    let server = server().await;
    let client = admin(&server);
    define(&client, &things("example.com")).await;
    let mut second = things("example.com");
    second["metadata"]["name"] = "thingies.example.com".into();
    second["spec"]["names"]["plural"] = "thingies".into();
    let (code, made) = send(&client, "POST", DEFINITIONS, &second).await;
    assert_eq!(code, 201);
    let accepted =
        made["status"]["conditions"].as_array().into_iter().flatten().find(|one| one["type"] == "NamesAccepted");
    assert_eq!(accepted.map(|one| &one["status"]), Some(&json!("False")));
    assert_eq!(get(&client, "/apis/example.com/v1/thingies").await.0, 404);
    let api: Api<DynamicObject> = Api::all_with(
        client.clone(),
        &kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
    );
    api.delete("thingies.example.com", &DeleteParams::default()).await.expect("deleted");
    gone(&client, &format!("{DEFINITIONS}/thingies.example.com")).await;
    assert_eq!(get(&client, "/apis/example.com/v1/things").await.0, 200, "the other one stays");
}

#[tokio::test]
async fn what_a_definition_serves_follows_it() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let group = group(&namespace);
        define(&client, &things(&group)).await;
        let definition = format!("{DEFINITIONS}/things.{group}");
        let (_, stored) = get(&client, &definition).await;
        assert_eq!(stored["status"]["storedVersions"], json!(["v1"]));
        let (code, status) =
            patch(&client, &definition, "merge-patch+json", &json!({"spec": {"scope": "Cluster"}})).await;
        assert_eq!((code, status["reason"].as_str()), (422, Some("Invalid")), "{status}");
        let path = |version: &str| format!("/apis/{group}/{version}/namespaces/{namespace}/things");
        let (_, list) = get(&client, &path("v1")).await;
        let revision = list["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned();
        let watch = async |version: &str| {
            Lines::open(&client, &format!("{}?watch=true&resourceVersion={revision}", path(version))).await
        };
        let (mut new, mut old) = (watch("v1").await, watch("v1beta1").await);
        api(&client, &namespace)
            .create(&PostParams::default(), &thing(&namespace, "a", json!({"size": 1})))
            .await
            .expect("created");
        for (lines, version) in [(&mut new, "v1"), (&mut old, "v1beta1")] {
            let line = lines.next().await.expect("a line");
            assert_eq!(line["object"]["apiVersion"], format!("{group}/{version}"));
        }
        let wrong = json!({"status": {"replicas": "many"}});
        let (code, _) = patch(&client, &format!("{}/a/status", path("v1")), "merge-patch+json", &wrong).await;
        assert_eq!(code, 422, "a status is validated as well");
        let hide = json!([{"op": "replace", "path": "/spec/versions/1/served", "value": false}]);
        assert_eq!(patch(&client, &definition, "json-patch+json", &hide).await.0, 200);
        for _ in 0..200 {
            if get(&client, &path("v1beta1")).await.0 == 404 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(get(&client, &path("v1beta1")).await.0, 404, "a version that is not served any more");
        assert_eq!(get(&client, &path("v1")).await.0, 200);
    })
    .await;
}
