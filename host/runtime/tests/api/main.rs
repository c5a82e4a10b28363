//! The runtime against a real API server in this process.

mod network;

use std::sync::Arc;
use std::time::Duration;

use network::Network;
use outrigger_apiserver::{ApiServer, Options, User};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{
    Change, Client, DeleteParams, Discovery, ErrorKind, Informer, InformerSet, LeaderConfig, LeaderElection,
    ListParams, Lookup, Metrics, Patch, Recorder, RecorderConfig, Selection, Subresource, SystemClock,
};
use outrigger_store::{Limits, MemoryStore};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Long enough for anything here; passing it is a failure.
const LONG: Duration = Duration::from_secs(10);

async fn server() -> ApiServer {
    ApiServer::start(Arc::new(MemoryStore::new(Limits::default())), Options::default()).await.unwrap()
}

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

fn configmaps() -> Resource {
    kind("", "v1", "ConfigMap", "configmaps")
}

fn kind(group: &str, version: &str, kind: &str, plural: &str) -> Resource {
    Resource {
        gvk: Gvk::new(group, version, kind),
        plural: plural.into(),
        namespaced: true,
        has_status: false,
        has_scale: false,
    }
}

fn configmap(name: &str, value: &str) -> Object {
    object(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "default", "name": name}, "data": {"k": value}}),
    )
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("default", name)
}

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.unwrap_or_else(|_| panic!("{what}: not within {LONG:?}"))
}

/// Changes of an informer as words.
fn words(informer: &Informer) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    informer.on_change(move |change| {
        let word = match change {
            Change::Added(new) => format!("+{}", new.name()),
            Change::Updated { old, new } => {
                let value = |object: &Object| object.str(&["data", "k"]).unwrap_or_default().to_owned();
                format!("{}:{}>{}", new.name(), value(old), value(new))
            }
            Change::Deleted(old) => format!("-{}", old.name()),
            Change::Synced => "synced".into(),
        };
        let _ = sender.send(word);
    });
    receiver
}

async fn expect(words: &mut mpsc::UnboundedReceiver<String>, expected: &[&str]) {
    for word in expected {
        assert_eq!(soon(word, words.recv()).await.as_deref(), Some(*word));
    }
}

#[tokio::test]
async fn requests_and_their_errors() {
    let server = server().await;
    let network = Network::default();
    let client = Client::new(network.client(&server), "hub").with_metrics(Metrics::default());
    let check = |result: Result<Object, outrigger_runtime::Error>, kind: ErrorKind| {
        let error = result.expect_err("it should fail");
        assert_eq!(error.kind(), kind, "{error}");
        error.to_string()
    };

    let created = client.create(&configmaps(), &configmap("a", "1")).await.unwrap();
    assert_eq!(created.gvk(), configmaps().gvk);
    let error = check(client.create(&configmaps(), &configmap("a", "1")).await, ErrorKind::AlreadyExists);
    assert!(error.starts_with("cluster hub: create configmaps default/a: "), "{error}");
    check(client.get(&configmaps(), &key("none")).await, ErrorKind::NotFound);
    check(client.create(&configmaps(), &configmap("Bad Name", "1")).await, ErrorKind::Invalid);

    let mut stale = created.clone();
    stale.set(&["data", "k"], "2");
    let updated = client.update(&configmaps(), &stale).await.unwrap();
    check(client.update(&configmaps(), &stale).await, ErrorKind::Conflict);
    let patch = Patch::Merge(json!({"data": {"k": "3"}}));
    let patched = client.patch(&configmaps(), &key("a"), &patch, Subresource::None).await.unwrap();
    assert_eq!(patched.str(&["data", "k"]), Some("3"));
    assert_ne!(patched.resource_version(), updated.resource_version());
    let patch = Patch::Json(vec![json!({"op": "test", "path": "/data/k", "value": "9"})]);
    assert!(client.patch(&configmaps(), &key("a"), &patch, Subresource::None).await.is_err());

    let applied = client.apply(&configmaps(), &configmap("applied", "1"), false).await.unwrap();
    assert_eq!(applied.get(&["metadata", "managedFields"]).unwrap()[0]["manager"], "outrigger");

    let params = DeleteParams { uid: Some("other".into()), ..DeleteParams::default() };
    let error = client.delete(&configmaps(), &key("a"), &params).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(client.delete(&configmaps(), &key("a"), &DeleteParams::of(&created)).await.unwrap().is_some());
    assert!(client.delete(&configmaps(), &key("a"), &DeleteParams::default()).await.unwrap().is_none());

    let nobody = Client::new(network.client_as(&server, User::authenticated("nobody", ["x"])), "hub");
    check(nobody.get(&configmaps(), &key("applied")).await, ErrorKind::Forbidden);
    network.cut();
    let error = client.get(&configmaps(), &key("applied")).await.unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains("the network is down"), "{error}");
    assert_eq!(client.metrics().requests_to("hub", "create", "configmaps"), 3);
    assert_eq!(client.metrics().requests_to("hub", "", ""), 13);
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let server = server().await;
    let network = Network::default();
    let client = Client::new(network.client(&server), "hub");
    for number in 0..5 {
        client.create(&configmaps(), &configmap(&format!("c{number}"), "1")).await.unwrap();
    }
    network.take_requests();
    let params = ListParams { limit: Some(2), ..ListParams::default() };
    let list = client.list(&configmaps(), Some("default"), &params).await.unwrap();
    let names: Vec<&str> = list.items.iter().map(Object::name).filter(|name| name.starts_with('c')).collect();
    assert_eq!(names, ["c0", "c1", "c2", "c3", "c4"]);
    assert!(network.take_requests().len() >= 3);
    assert_eq!(list.items[0].kind(), "ConfigMap");
}

#[tokio::test]
async fn an_informer_follows_and_survives_the_network() {
    let server = server().await;
    let (network, other) = (Network::default(), Network::default());
    let client = Client::new(other.client(&server), "hub");
    client.create(&configmaps(), &configmap("a", "1")).await.unwrap();
    let cancel = CancellationToken::new();
    let selection = Selection::all(configmaps()).namespace("default").fields("metadata.name!=kube-root-ca.crt");
    let informer = Informer::unstarted(selection, &cancel);
    let mut seen = words(&informer);
    informer.begin(Client::new(network.client(&server), "hub"));
    expect(&mut seen, &["+a", "synced"]).await;
    assert!(informer.synced());

    client.create(&configmaps(), &configmap("b", "1")).await.unwrap();
    expect(&mut seen, &["+b"]).await;
    let patch = |value: &str| Patch::Merge(json!({"data": {"k": value}}));
    client.patch(&configmaps(), &key("a"), &patch("2"), Subresource::None).await.unwrap();
    expect(&mut seen, &["a:1>2"]).await;

    network.cut();
    client.patch(&configmaps(), &key("a"), &patch("3"), Subresource::None).await.unwrap();
    client.delete(&configmaps(), &key("b"), &DeleteParams::default()).await.unwrap();
    client.create(&configmaps(), &configmap("c", "1")).await.unwrap();
    network.mend();
    expect(&mut seen, &["a:2>3", "-b", "+c"]).await;
    let lists = network.take_requests().iter().filter(|line| line.contains("sendInitialEvents")).count();
    assert_eq!(lists, 1, "the watch went on from where it was");
    assert_eq!(informer.get(&key("a")).unwrap().get(&["metadata", "managedFields"]), None);

    let mut late = words(&informer);
    expect(&mut late, &["+a", "+c", "synced"]).await;
    informer.stop();
    client.create(&configmaps(), &configmap("d", "1")).await.unwrap();
    assert!(soon("handlers go", seen.recv()).await.is_none());
}

/// What is decided once an informer has synced may rely on what its handlers keep. A scheduler that began with
/// the first of three clusters in its snapshot took the objects of the other two away.
#[tokio::test]
async fn who_waits_for_an_informer_finds_its_handlers_done() {
    let server = server().await;
    let client = Client::new(Network::default().client(&server), "hub");
    for name in ["a", "b"] {
        client.create(&configmaps(), &configmap(name, "1")).await.unwrap();
    }
    let selection = Selection::all(configmaps()).namespace("default").fields("metadata.name!=kube-root-ca.crt");
    let informer = Informer::unstarted(selection, &CancellationToken::new());
    let (told, mut synced_when_told) = mpsc::unbounded_channel();
    let asked = informer.clone();
    informer.on_change(move |change| {
        if change.object().is_some() {
            told.send(asked.synced()).unwrap();
        }
    });
    informer.begin(client);
    assert!(soon("it syncs", informer.wait_synced()).await);
    for _ in 0..2 {
        assert_eq!(synced_when_told.recv().await, Some(false));
    }
    informer.stop();
}

#[tokio::test]
async fn a_view_tells_of_one_namespace_and_watches_nothing_itself() {
    let server = server().await;
    let network = Network::default();
    let client = Client::new(network.client(&server), "hub");
    let namespaces = Resource { namespaced: false, ..kind("", "v1", "Namespace", "namespaces") };
    let other = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}});
    client.create(&namespaces, &object(other)).await.unwrap();
    let elsewhere = || {
        let mut elsewhere = configmap("a", "elsewhere");
        elsewhere.set(&["metadata", "namespace"], "other");
        elsewhere
    };
    client.create(&configmaps(), &configmap("a", "1")).await.unwrap();
    client.create(&configmaps(), &elsewhere()).await.unwrap();
    let cancel = CancellationToken::new();
    let all = Informer::unstarted(Selection::all(configmaps()).fields("metadata.name!=kube-root-ca.crt"), &cancel);
    let (early, late) = (all.view("default", &cancel), all.view("default", &cancel));
    let mut seen = words(&early);
    early.begin_view(&all);
    all.begin(client.clone());
    expect(&mut seen, &["+a", "synced"]).await;
    assert!(Arc::ptr_eq(&early.get(&key("a")).unwrap(), &all.get(&key("a")).unwrap()), "not shared");
    let mut seen_late = words(&late);
    late.begin_view(&all);
    expect(&mut seen_late, &["+a", "synced"]).await;

    let patch = Patch::Merge(json!({"data": {"k": "2"}}));
    client.patch(&configmaps(), &elsewhere().key(), &patch, Subresource::None).await.unwrap();
    client.patch(&configmaps(), &key("a"), &patch, Subresource::None).await.unwrap();
    expect(&mut seen, &["a:1>2"]).await;
    client.delete(&configmaps(), &elsewhere().key(), &DeleteParams::default()).await.unwrap();
    client.delete(&configmaps(), &key("a"), &DeleteParams::default()).await.unwrap();
    expect(&mut seen, &["-a"]).await;
    assert!(early.is_empty());
    let watches = network.take_requests().iter().filter(|line| line.contains("configmaps?watch")).count();
    assert!(watches <= 1, "{watches} watches");

    early.stop();
    assert!(soon("handlers go", seen.recv()).await.is_none());
    client.create(&configmaps(), &configmap("b", "1")).await.unwrap();
    expect(&mut seen_late, &["a:1>2", "-a", "+b"]).await;
}

#[tokio::test]
async fn a_version_that_is_gone_gives_a_list_of_true_differences() {
    let limits = Limits { events: 4, ..Limits::default() };
    let server = ApiServer::start(Arc::new(MemoryStore::new(limits)), Options::default()).await.unwrap();
    let (network, other) = (Network::default(), Network::default());
    let client = Client::new(other.client(&server), "hub");
    for name in ["a", "b", "c"] {
        client.create(&configmaps(), &configmap(name, "1")).await.unwrap();
    }
    let informer = Informer::unstarted(
        Selection::all(configmaps()).namespace("default").fields("metadata.name!=kube-root-ca.crt"),
        &CancellationToken::new(),
    );
    let mut seen = words(&informer);
    informer.begin(Client::new(network.client(&server), "hub"));
    expect(&mut seen, &["+a", "+b", "+c"]).await;
    expect(&mut seen, &["synced"]).await;
    network.cut();
    client.delete(&configmaps(), &key("b"), &DeleteParams::default()).await.unwrap();
    for number in 0..20 {
        let patch = Patch::Merge(json!({"data": {"k": format!("{number}")}}));
        client.patch(&configmaps(), &key("c"), &patch, Subresource::None).await.unwrap();
    }
    network.take_requests();
    network.mend();
    expect(&mut seen, &["-b", "c:1>19"]).await;
    assert!(network.take_requests().iter().any(|line| line.contains("sendInitialEvents")), "it listed again");
    assert!(seen.try_recv().is_err(), "and told nothing of a, which did not change");
}

#[tokio::test]
async fn informers_are_shared_and_stop_with_their_last_user() {
    let server = server().await;
    let set = InformerSet::new(Client::new(Network::default().client(&server), "hub"), &CancellationToken::new());
    let selection = Selection::all(configmaps());
    let (first, second) = (set.get(&selection), set.get(&selection));
    assert!(soon("sync", first.wait_synced()).await && second.synced(), "one informer");
    let (sender, mut told) = mpsc::unbounded_channel();
    first.on_change(move |_| {
        let _ = sender.send(());
    });
    drop(first);
    while told.recv().await.is_some() {}
    assert_eq!(set.selections(), [selection]);
    drop(second);
    assert!(set.selections().is_empty());
}

fn crd() -> Object {
    object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "backups.velero.io"},
        "spec": {"group": "velero.io", "scope": "Namespaced",
            "names": {"plural": "backups", "singular": "backup", "kind": "Backup", "listKind": "BackupList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}
    }))
}

#[tokio::test]
async fn discovery_learns_of_new_kinds_and_knows_what_it_does_not_know() {
    let server = server().await;
    let network = Network::default();
    let client = Client::new(network.client(&server), "hub");
    let discovery = Discovery::new(client.clone());
    let deployment = Gvk::new("apps", "v1", "Deployment");
    assert!(matches!(discovery.lookup(&deployment), Lookup::Unknown(_)), "not asked yet");
    network.cut();
    assert!(matches!(discovery.resolve(&deployment).await, Lookup::Unknown(_)), "could not be asked");
    network.mend();
    discovery.refresh().await.unwrap();
    let Lookup::Found(found) = discovery.lookup(&deployment) else { panic!("{:?}", discovery.lookup(&deployment)) };
    assert_eq!(
        (found.plural.as_str(), found.namespaced, found.has_status, found.has_scale),
        ("deployments", true, true, true)
    );
    assert!(discovery.is_watchable(&deployment));
    let backup = Gvk::new("velero.io", "v1", "Backup");
    assert_eq!(discovery.lookup(&backup), Lookup::Absent);

    let cancel = CancellationToken::new();
    let following = tokio::spawn({
        let (discovery, cancel) = (discovery.clone(), cancel.clone());
        async move { discovery.follow(cancel).await }
    });
    let mut changes = discovery.changes();
    let crds = Resource {
        namespaced: false,
        ..kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
    };
    client.create(&crds, &crd()).await.unwrap();
    soon("discovery hears of the CRD", async {
        while !matches!(discovery.lookup(&backup), Lookup::Found(_)) {
            changes.changed().await.unwrap();
        }
    })
    .await;
    let Lookup::Found(found) = discovery.lookup_plural("velero.io", "backups") else { panic!() };
    assert!(!found.has_status, "this kind has no status subresource");

    network.cut();
    assert!(discovery.refresh().await.is_err());
    assert!(matches!(discovery.lookup(&backup), Lookup::Found(_)), "what was known stays");
    assert!(matches!(discovery.lookup(&Gvk::new("a", "v1", "B")), Lookup::Unknown(_)), "and what is not is not absent");
    network.mend();
    client.delete(&crds, &ObjectKey::new("", "backups.velero.io"), &DeleteParams::default()).await.unwrap();
    soon("discovery hears that the CRD is gone", async {
        while discovery.lookup(&backup) != Lookup::Absent {
            changes.changed().await.unwrap();
        }
    })
    .await;
    cancel.cancel();
    soon("following ends", following).await.unwrap();
}

#[tokio::test]
async fn events_are_counted_and_not_repeated() {
    let server = server().await;
    let network = Network::default();
    let client = Client::new(network.client(&server), "hub");
    let config = RecorderConfig { pause: Duration::from_secs(3600), ..RecorderConfig::default() };
    let recorder = Recorder::start(client.clone(), "test", Arc::new(SystemClock), config, CancellationToken::new());
    let about = client.create(&configmaps(), &configmap("a", "1")).await.unwrap();
    for number in 0..50 {
        recorder.warn(&about, "SyncFailed", format!("try {number}"));
    }
    recorder.normal(&about, "Done", "it is done");
    let events =
        Informer::start(client.clone(), Selection::all(kind("", "v1", "Event", "events")), &CancellationToken::new());
    let (sender, mut seen) = mpsc::unbounded_channel();
    events.on_change(move |change| {
        if let Some(event) = change.object() {
            let _ = sender.send(format!(
                "{} {}",
                event.str(&["reason"]).unwrap_or_default(),
                event.str(&["message"]).unwrap_or_default()
            ));
        }
    });
    let mut first_two = [soon("an event", seen.recv()).await.unwrap(), soon("an event", seen.recv()).await.unwrap()];
    first_two.sort();
    assert_eq!(first_two, ["Done it is done", "SyncFailed try 0"]);
    let writes =
        network.take_requests().iter().filter(|line| line.starts_with("POST") && line.contains("/events")).count();
    assert_eq!(writes, 2, "fifty failures are one Event");
}

#[tokio::test]
async fn one_leads_and_the_next_need_not_wait_after_a_clean_stop() {
    let server = server().await;
    let (first_network, second_network) = (Network::default(), Network::default());
    let config = |identity: &str| LeaderConfig {
        retry: Duration::from_millis(20),
        ..LeaderConfig::new(ObjectKey::new("kube-system", "outrigger"), identity)
    };
    let start = |network: &Network, identity: &str| {
        let client = Client::new(network.client(&server), "hub");
        let election = LeaderElection::new(client, config(identity), Arc::new(SystemClock));
        let (cancel, (sender, receiver)) = (CancellationToken::new(), mpsc::unbounded_channel());
        let token = cancel.clone();
        let run = tokio::spawn(election.run(token, move |leading| async move {
            let _ = sender.send("leads");
            leading.cancelled().await;
            let _ = sender.send("ends");
        }));
        (cancel, receiver, run)
    };
    let (first, mut first_told, first_run) = start(&first_network, "one");
    assert_eq!(soon("the first leads", first_told.recv()).await, Some("leads"));
    let (second, mut second_told, second_run) = start(&second_network, "two");
    soon("the second asks", async {
        while second_network.take_requests().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(second_told.try_recv().is_err(), "another holds the lease");
    let start_of_end = tokio::time::Instant::now();
    first.cancel();
    assert!(soon("the first ends", first_run).await.unwrap());
    assert_eq!(first_told.recv().await, Some("ends"));
    assert_eq!(soon("the second leads", second_told.recv()).await, Some("leads"));
    assert!(start_of_end.elapsed() < Duration::from_secs(5), "it did not wait for the lease to run out");
    second.cancel();
    soon("the second ends", second_run).await.unwrap();
}

#[tokio::test]
async fn who_cannot_renew_stops_leading() {
    let server = server().await;
    let network = Network::default();
    let config = LeaderConfig {
        retry: Duration::from_millis(10),
        renew_deadline: Duration::from_millis(100),
        ..LeaderConfig::new(ObjectKey::new("kube-system", "outrigger"), "one")
    };
    let election = LeaderElection::new(Client::new(network.client(&server), "hub"), config, Arc::new(SystemClock));
    let (sender, mut told) = mpsc::unbounded_channel();
    let run = tokio::spawn(election.run(CancellationToken::new(), move |leading| async move {
        let _ = sender.send(());
        leading.cancelled().await;
    }));
    soon("it leads", told.recv()).await.unwrap();
    network.cut();
    assert!(!soon("it gives up", run).await.unwrap(), "it lost the lease");
}
