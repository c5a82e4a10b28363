//! Lists, pages, selectors and watches. Most of it is contract and runs against other servers too.

use std::time::Duration;

use kube::Client;
use kube::api::PostParams;
use outrigger_apiserver::Options;
use serde_json::{Value, json};

use crate::harness::*;

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().into_iter().flatten();
    items
        .filter_map(|item| item.pointer("/metadata/name").and_then(Value::as_str))
        .filter(|name| *name != "kube-root-ca.crt")
        .collect()
}

async fn fill(client: &Client, namespace: &str, names: &[&str]) {
    for name in names {
        let mut map = config_map(name, json!({}));
        map.metadata.labels =
            Some([("name".to_owned(), (*name).to_owned()), ("set".to_owned(), "s".to_owned())].into());
        config_maps(client, namespace).create(&PostParams::default(), &map).await.expect("created");
    }
}

#[tokio::test]
async fn pages_are_of_one_moment() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        fill(&client, &namespace, &["a", "b", "c", "d", "e"]).await;
        let (_, first) = get(&client, &format!("{path}?limit=2&labelSelector=set")).await;
        assert_eq!(names(&first), ["a", "b"]);
        assert_eq!(first["kind"], "ConfigMapList");
        fill(&client, &namespace, &["bb"]).await;
        send(&client, "DELETE", &format!("{path}/d"), &json!({})).await;
        let token = first["metadata"]["continue"].as_str().expect("a token").to_owned();
        let (_, second) = get(&client, &format!("{path}?limit=2&labelSelector=set&continue={token}")).await;
        assert_eq!(names(&second), ["c", "d"]);
        assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
        let token = second["metadata"]["continue"].as_str().expect("a token").to_owned();
        let (_, last) = get(&client, &format!("{path}?limit=2&labelSelector=set&continue={token}")).await;
        assert_eq!(names(&last), ["e"]);
        assert_eq!(last["metadata"].get("continue").and_then(Value::as_str).unwrap_or_default(), "");
        let (_, now) = get(&client, &path).await;
        assert_eq!(names(&now), ["a", "b", "bb", "c", "e"]);
        let (code, _) = get(&client, &format!("{path}?limit=2&continue=nonsense")).await;
        assert_eq!(code, 400);
    })
    .await;
}

#[tokio::test]
async fn lists_as_of_a_revision() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        fill(&client, &namespace, &["a"]).await;
        let (_, then) = get(&client, &path).await;
        let revision = then["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned();
        fill(&client, &namespace, &["b"]).await;
        let (_, exact) = get(&client, &format!("{path}?resourceVersion={revision}&resourceVersionMatch=Exact")).await;
        assert_eq!(names(&exact), ["a"]);
        let (_, later) =
            get(&client, &format!("{path}?resourceVersion={revision}&resourceVersionMatch=NotOlderThan")).await;
        assert_eq!(names(&later), ["a", "b"]);
        for wrong in [
            "resourceVersionMatch=Exact",
            "resourceVersion=1&resourceVersionMatch=Other",
            "resourceVersion=0&resourceVersionMatch=Exact",
        ] {
            let (code, status) = get(&client, &format!("{path}?{wrong}")).await;
            assert_eq!((code, status["reason"].as_str()), (422, Some("Invalid")), "{wrong}");
        }
    })
    .await;
}

#[tokio::test]
async fn selectors_select() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        fill(&client, &namespace, &["a", "b", "c"]).await;
        let check = async |query: &str, expected: &[&str]| {
            let (code, list) = get(&client, &format!("{path}?{query}")).await;
            assert_eq!((code, names(&list).as_slice()), (200, expected), "{query}");
        };
        check("labelSelector=name%3Db", &["b"]).await;
        check("labelSelector=name%20in%20(a,c)", &["a", "c"]).await;
        check("labelSelector=name!%3Da,set", &["b", "c"]).await;
        check("labelSelector=!set", &[]).await;
        check("fieldSelector=metadata.name%3Dc", &["c"]).await;
        check("fieldSelector=metadata.name!%3Dc&labelSelector=set", &["a", "b"]).await;
        check(&format!("fieldSelector=metadata.namespace%3D{namespace}&labelSelector=set"), &["a", "b", "c"]).await;
        let (code, status) = get(&client, &format!("{path}?fieldSelector=data.x%3D1")).await;
        assert_eq!((code, status["reason"].as_str()), (400, Some("BadRequest")));
        assert!(
            status["message"].as_str().is_some_and(|text| text
                .contains("\"data.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")),
            "{status}"
        );
        let (code, _) = get(&client, &format!("{path}?labelSelector=a%3D%3D%3Db")).await;
        assert_eq!(code, 400);
        let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
        send(&client, "POST", &secrets, &json!({"metadata": {"name": "s"}, "type": "example.com/x"})).await;
        let (_, found) = get(&client, &format!("{secrets}?fieldSelector=type%3Dexample.com/x")).await;
        assert_eq!(names(&found), ["s"]);
    })
    .await;
}

#[tokio::test]
async fn a_watch_tells_what_happens() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        let (_, list) = get(&client, &path).await;
        let revision = list["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned();
        fill(&client, &namespace, &["a"]).await;
        let mut all = Lines::open(&client, &format!("{path}?watch=true&resourceVersion={revision}")).await;
        let mut selected =
            Lines::open(&client, &format!("{path}?watch=true&resourceVersion={revision}&labelSelector=on")).await;
        assert_eq!(all.next_short().await, "ADDED a");
        patch(&client, &format!("{path}/a"), "merge-patch+json", &json!({"metadata": {"labels": {"on": "1"}}})).await;
        let (_, changed) = patch(&client, &format!("{path}/a"), "merge-patch+json", &json!({"data": {"x": "y"}})).await;
        patch(&client, &format!("{path}/a"), "merge-patch+json", &json!({"metadata": {"labels": {"on": null}}})).await;
        let (_, now) = get(&client, &format!("{path}/a")).await;
        send(&client, "DELETE", &format!("{path}/a"), &json!({})).await;
        for expected in ["MODIFIED a", "MODIFIED a", "MODIFIED a", "DELETED a"] {
            assert_eq!(all.next_short().await, expected);
        }
        // An object that begins to match is added, one that ceases to is deleted.
        assert_eq!(selected.next_short().await, "ADDED a");
        let modified = selected.next().await.expect("a line");
        assert_eq!((&modified["type"], &modified["object"]), (&json!("MODIFIED"), &changed));
        let deleted = selected.next().await.expect("a line");
        assert_eq!(deleted["type"], "DELETED");
        assert_eq!(deleted["object"]["metadata"]["resourceVersion"], now["metadata"]["resourceVersion"]);
        assert_eq!(deleted["object"]["metadata"]["labels"]["on"], "1", "it is shown as it last matched");
    })
    .await;
}

#[tokio::test]
async fn a_watch_begins_with_what_is_there() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        fill(&client, &namespace, &["a", "b"]).await;
        let mut plain = Lines::open(&client, &format!("{path}?watch=true&labelSelector=set")).await;
        let mut seen = [plain.next_short().await, plain.next_short().await];
        seen.sort();
        assert_eq!(seen, ["ADDED a", "ADDED b"]);
        let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=set";
        let mut streamed = Lines::open(&client, &format!("{path}?{query}")).await;
        let first = streamed.next_short().await;
        if first == "ERROR" && std::env::var("OUTRIGGER_TEST_KUBECONFIG").is_ok() {
            println!("skipped, the other server's etcd is too old for streaming lists");
            return;
        }
        assert_eq!(first, "ADDED a");
        assert_eq!(streamed.next_short().await, "ADDED b");
        let end = streamed.next().await.expect("a bookmark");
        assert_eq!((&end["type"], &end["object"]["kind"]), (&json!("BOOKMARK"), &json!("ConfigMap")));
        assert_eq!(end["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
        fill(&client, &namespace, &["c"]).await;
        assert_eq!(streamed.next_short().await, "ADDED c");
        for wrong in ["watch=true&sendInitialEvents=true", "watch=true&resourceVersion=1&resourceVersionMatch=NotOlderThan"] {
            assert_eq!(get(&client, &format!("{path}?{wrong}")).await.0, 422, "{wrong}");
        }
    })
    .await;
}

#[tokio::test]
async fn metadata_alone_and_tables() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
        let (_, before) = get(&client, &path).await;
        let revision = before["metadata"]["resourceVersion"].as_str().expect("a revision").to_owned();
        deployments(&client, &namespace).create(&PostParams::default(), &deployment("web")).await.expect("created");
        let accept = |what: &str| format!("application/json;as={what};g=meta.k8s.io;v=v1");
        let (_, list) = raw(&client, "GET", &path, &[("accept", &accept("PartialObjectMetadataList"))], "").await;
        assert_eq!((list["kind"].as_str(), names(&list)), (Some("PartialObjectMetadataList"), vec!["web"]));
        assert_eq!(list["items"][0].get("spec"), None);
        let (_, table) = raw(&client, "GET", &path, &[("accept", &accept("Table"))], "").await;
        let columns: Vec<&str> = table["columnDefinitions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert_eq!(columns, ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"]);
        let cells = table["rows"][0]["cells"].as_array().expect("cells");
        assert_eq!(
            (&cells[0], &cells[1], &cells[5], &cells[7]),
            (&json!("web"), &json!("0/1"), &json!("c"), &json!("app=web"))
        );
        assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
        let (_, one) =
            raw(&client, "GET", &format!("{path}/web"), &[("accept", &accept("PartialObjectMetadata"))], "").await;
        assert_eq!(
            (one["kind"].as_str(), one["metadata"]["name"].as_str()),
            (Some("PartialObjectMetadata"), Some("web"))
        );
        let watch = format!("{path}?watch=true&resourceVersion={revision}");
        let mut lines = Lines::open_with(&client, &watch, &[("accept", &accept("Table"))]).await;
        let line = lines.next().await.expect("a line");
        assert_eq!((&line["type"], &line["object"]["rows"][0]["cells"][0]), (&json!("ADDED"), &json!("web")));
    })
    .await;
}

#[tokio::test]
async fn what_is_forgotten_is_gone() {
    let server = server().await;
    let client = admin(&server);
    // Clients over the network try this one again and again, so no other server is asked.
    let (code, status) = get(&client, "/api/v1/configmaps?resourceVersion=999999999").await;
    assert_eq!((code, status["reason"].as_str()), (504, Some("Timeout")), "{status}");
    assert_eq!(status["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
    fill(&client, "default", &["a", "b", "c"]).await;
    let path = "/api/v1/namespaces/default/configmaps";
    let (_, page) = get(&client, &format!("{path}?limit=1")).await;
    let (revision, token) = (page["metadata"]["resourceVersion"].clone(), page["metadata"]["continue"].clone());
    let (revision, token) = (revision.as_str().expect("a revision"), token.as_str().expect("a token"));
    fill(&client, "default", &["d"]).await;
    server.store().compact(server.store().revision()).await.expect("compacted");

    let mut lines = Lines::open(&client, &format!("{path}?watch=true&resourceVersion={revision}")).await;
    let line = lines.next().await.expect("a line");
    assert_eq!(
        (&line["type"], &line["object"]["code"], &line["object"]["reason"]),
        (&json!("ERROR"), &json!(410), &json!("Expired"))
    );
    assert!(lines.next().await.is_none(), "the watch has ended");
    let mut lines = Lines::open(&client, &format!("{path}?watch=true&resourceVersion=99999")).await;
    assert_eq!(lines.next().await.expect("a line")["object"]["code"], 410, "a revision of another history");

    let (code, status) = get(&client, &format!("{path}?limit=1&continue={token}")).await;
    assert_eq!((code, status["reason"].as_str()), (410, Some("Expired")));
    let token = status["metadata"]["continue"].as_str().expect("a token to go on with");
    let (code, rest) = get(&client, &format!("{path}?continue={token}")).await;
    assert_eq!((code, names(&rest)), (200, vec!["b", "c", "d"]));
    let (code, _) = get(&client, &format!("{path}?resourceVersion={revision}&resourceVersionMatch=Exact")).await;
    assert_eq!(code, 410);
}

#[tokio::test]
async fn bookmarks_and_the_end_of_a_watch() {
    let options = Options { bookmark_interval: Duration::from_millis(300), ..Options::default() };
    let server = server_with(options).await;
    let client = admin(&server);
    let path = "/api/v1/namespaces/default/configmaps";
    let revision = server.store().revision();
    let mut lines = Lines::open(
        &client,
        &format!("{path}?watch=true&resourceVersion={revision}&allowWatchBookmarks=true&timeoutSeconds=1"),
    )
    .await;
    // Something that this watch is not about moves it along all the same.
    send(&client, "POST", "/api/v1/namespaces/kube-public/configmaps", &json!({"metadata": {"name": "x"}})).await;
    let at = server.store().revision().to_string();
    let first = lines.next().await.expect("a bookmark");
    assert_eq!((&first["type"], &first["object"]["metadata"]["resourceVersion"]), (&json!("BOOKMARK"), &json!(at)));
    let mut more = 0;
    while let Some(line) = lines.next().await {
        assert_eq!(line["type"], "BOOKMARK");
        more += 1;
        assert!(more < 20, "the watch goes on after its timeout");
    }
}

#[tokio::test]
async fn bookmarks_are_for_who_asks_and_the_last_one_says_how_far() {
    for (interval, asks) in [(Duration::from_millis(100), ""), (Duration::from_secs(60), "&allowWatchBookmarks=true")] {
        let server = server_with(Options { bookmark_interval: interval, ..Options::default() }).await;
        let client = admin(&server);
        let revision = server.store().revision();
        let path = "/api/v1/namespaces/default/configmaps?watch=true&timeoutSeconds=1";
        let mut lines = Lines::open(&client, &format!("{path}&resourceVersion={revision}{asks}")).await;
        fill(&client, "kube-public", &["x"]).await;
        let at = server.store().revision().to_string();
        if !asks.is_empty() {
            let last = lines.next().await.expect("a bookmark");
            assert_eq!(
                (&last["type"], &last["object"]["metadata"]["resourceVersion"]),
                (&json!("BOOKMARK"), &json!(at))
            );
        }
        assert_eq!(lines.next().await, None);
    }
}

#[tokio::test]
async fn long_lists_are_whole() {
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        let expected: Vec<String> = (0..40).map(|number| format!("m{number:02}")).collect();
        for name in &expected {
            let body = config_map(name, json!({"k": "x".repeat(8 << 10)}));
            config_maps(&client, &namespace).create(&PostParams::default(), &body).await.expect("created");
        }
        let (_, list) = get(&client, &path).await;
        assert_eq!(names(&list), expected, "a list of several pieces is not whole");
        let total = list["items"].as_array().map_or(0, Vec::len);
        let (_, page) = get(&client, &format!("{path}?limit=30")).await;
        assert_eq!(page["metadata"]["remainingItemCount"], total - 30);
        let (_, none) = get(&client, &format!("{path}?fieldSelector=metadata.name%3Dm01&labelSelector=a")).await;
        assert_eq!(names(&none), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_watch_without_initial_events_begins_now() {
    let server = server().await;
    let client = admin(&server);
    fill(&client, "default", &["a"]).await;
    let path = "/api/v1/namespaces/default/configmaps?watch=true";
    let query = "sendInitialEvents=false&resourceVersionMatch=NotOlderThan";
    let mut plain = Lines::open(&client, &format!("{path}&{query}")).await;
    let revision = server.store().revision();
    // Two forms of one event are told apart.
    let accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let from = format!("{path}&resourceVersion={revision}");
    let mut metadata = Lines::open_with(&client, &from, &[("accept", accept)]).await;
    fill(&client, "default", &["b"]).await;
    let line = plain.next().await.expect("a line");
    assert_eq!(
        (&line["type"], &line["object"]["metadata"]["name"], &line["object"]["kind"]),
        (&json!("ADDED"), &json!("b"), &json!("ConfigMap"))
    );
    let line = metadata.next().await.expect("a line");
    assert_eq!(line["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(line["object"].get("data"), None);
}

#[tokio::test]
async fn kube_runtime_style_lists_and_watches() {
    use futures::StreamExt;
    use kube::api::{ListParams, WatchEvent, WatchParams};
    each(async |client: Client| {
        let namespace = namespace(&client).await;
        let api = config_maps(&client, &namespace);
        let list = api.list(&ListParams::default()).await.expect("listed");
        let revision = list.metadata.resource_version.expect("a revision");
        let events = api.watch(&WatchParams::default(), &revision).await.expect("watched");
        let mut events = Box::pin(events);
        api.create(&PostParams::default(), &config_map("a", json!({}))).await.expect("created");
        let event =
            tokio::time::timeout(PATIENCE, events.next()).await.expect("in time").expect("an event").expect("no error");
        assert!(matches!(event, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("a")));
    })
    .await;
}
