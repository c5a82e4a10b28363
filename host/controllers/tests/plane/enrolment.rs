//! Pull clusters: enrolment, permissions, life and death.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outrigger_api::cluster::Cluster;
use outrigger_api::work::Work;
use outrigger_apiserver::User;
use outrigger_auth::pki;
use outrigger_controllers::SessionConfig;
use outrigger_member::{LeaseConfig, Member, MemberSession};
use outrigger_object::{Object, Resource};
use outrigger_runtime::{Client, ErrorKind, Patch, Recorder, RecorderConfig, Subresource, SystemClock, conditions};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::world::{Server, World, configmap, configmaps, kind, name, object, resource};

const AGENTS: &str = "system:karmada:agents";

fn requests() -> Resource {
    resource("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", false, true)
}

fn agent_name(cluster: &str) -> String {
    format!("system:karmada:agent:{cluster}")
}

fn client(hub: &Server, user: &str, groups: &[&str]) -> Client {
    let user = User::authenticated(user, groups.iter().copied());
    Client::new(kube::Client::new(hub.server.service_as(user), "default"), "hub")
}

fn agent(hub: &Server, cluster: &str) -> Client {
    client(hub, &agent_name(cluster), &[AGENTS])
}

/// Asks for a certificate, and gives the condition that decides.
async fn ask(world: &World, by: &Client, request: &str, cluster: &str) -> (String, String) {
    let (pem, _) = pki::create_csr(&agent_name(cluster), &[AGENTS]).expect("a request is made");
    let body = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": request},
        "spec": {"request": STANDARD.encode(&pem), "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["digital signature", "key encipherment", "client auth"]},
    });
    by.create(&requests(), &object(body)).await.expect("it may be asked for");
    let decided = |object: Option<&Object>| {
        object.is_some_and(|object| {
            object.get(&["status", "conditions"]).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
        })
    };
    let decided = world.hub.until("it is decided", &requests(), request, decided).await.unwrap();
    let condition = decided.get(&["status", "conditions"]).unwrap()[0].clone();
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    (text("type"), text("message"))
}

fn session(world: &World, edge: &Server, config: SessionConfig, cancel: &CancellationToken) -> MemberSession {
    let hub = agent(&world.hub, "edge");
    let clock = Arc::new(SystemClock);
    let recorder = Recorder::start(hub.clone(), "agent", clock.clone(), RecorderConfig::default(), cancel.clone());
    let member = Member {
        name: "edge".into(),
        hub,
        member: edge.client.clone(),
        engine: world.engine.clone(),
        works: None,
        observed: None,
    };
    MemberSession::start(member, config, recorder, clock, cancel)
}

#[tokio::test]
async fn an_agent_gets_its_own_cluster_and_nothing_else() {
    let world = World::start(&["east"]).await;
    world.policy("all", &[("v1", "ConfigMap")], json!({})).await;
    let token = client(&world.hub, "system:bootstrap:abcdef", &["system:bootstrappers", "system:authenticated"]);
    let roles = resource("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false, false);
    world.hub.until_there("agents may enrol", &roles, "system:karmada:agent-enrolment").await;
    assert_eq!(ask(&world, &token, "first", "edge").await.0, "Approved");
    let taken = ask(&world, &token, "second", "edge").await;
    assert_eq!(taken, ("Denied".into(), "the name edge is taken by a cluster with another key".into()));
    let push = ask(&world, &token, "third", "east").await;
    assert_eq!(push, ("Denied".into(), "the name east is taken by a push cluster".into()));
    let edge = agent(&world.hub, "edge");
    assert_eq!(ask(&world, &edge, "fourth", "edge").await.0, "Approved", "it may renew");
    assert_eq!(ask(&world, &edge, "fifth", "west").await.0, "Denied", "but only for itself");

    let server = Server::start("edge").await;
    let cancel = CancellationToken::new();
    let session = session(&world, &server, SessionConfig::pull(), &cancel);
    world.until_ready("edge").await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    server.until_there("it pulls what is its own", &configmaps(), "default/a").await;

    let works = kind::<Work>();
    let forbidden =
        |result: outrigger_runtime::Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::Forbidden);
    assert!(edge.list(&works, Some("karmada-es-edge"), &Default::default()).await.is_ok());
    forbidden(edge.list(&works, Some("karmada-es-east"), &Default::default()).await.map(drop));
    forbidden(edge.list(&works, None, &Default::default()).await.map(drop));
    forbidden(edge.get(&kind::<Cluster>(), &name("east")).await.map(drop));
    forbidden(edge.list(&kind::<Cluster>(), None, &Default::default()).await.map(drop));
    forbidden(edge.list(&crate::world::secrets(), Some("karmada-cluster"), &Default::default()).await.map(drop));
    forbidden(edge.get(&configmaps(), &name("default/a")).await.map(drop));
    let patch = Patch::Merge(json!({"spec": {"taints": []}}));
    forbidden(edge.patch(&kind::<Cluster>(), &name("east"), &patch, Subresource::None).await.map(drop));
    let lease = resource("coordination.k8s.io", "v1", "Lease", "leases", true, false);
    assert!(edge.get(&lease, &name("karmada-cluster/edge")).await.is_ok());
    forbidden(edge.get(&lease, &name("karmada-cluster/east")).await.map(drop));

    world.hub.delete(&kind::<Cluster>(), "edge").await;
    world.hub.until_gone("it may leave", &kind::<Cluster>(), "edge").await;
    assert!(server.get(&configmaps(), "default/a").await.is_none(), "with what it holds");
    forbidden(edge.list(&works, Some("karmada-es-edge"), &Default::default()).await.map(drop));
    assert_eq!(ask(&world, &token, "sixth", "edge").await.0, "Approved", "and the name is free");
    session.stop().await;
}

#[tokio::test]
async fn an_agent_that_falls_silent_is_lost_and_found() {
    let world = World::start_with(&[], |options| options.cluster_grace = Duration::from_millis(800)).await;
    let token = client(&world.hub, "system:bootstrap:abcdef", &["system:bootstrappers", "system:authenticated"]);
    let roles = resource("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false, false);
    world.hub.until_there("agents may enrol", &roles, "system:karmada:agent-enrolment").await;
    assert_eq!(ask(&world, &token, "first", "edge").await.0, "Approved");
    let server = Server::start("edge").await;
    let cancel = CancellationToken::new();
    let lease = LeaseConfig { duration: Duration::from_secs(1), renew: Duration::from_millis(200) };
    let config = SessionConfig { lease: Some(lease), ..SessionConfig::default() };
    let first = session(&world, &server, config, &cancel);
    world.until_ready("edge").await;
    first.stop().await;
    let lost = |cluster: Option<&Object>| {
        cluster.is_some_and(|cluster| {
            let ready = conditions::of(cluster, "Ready").map(|(status, reason, _)| (status, reason));
            let taints = cluster.get(&["spec", "taints"]).and_then(Value::as_array);
            ready == Some(("Unknown", "ClusterStatusUnknown"))
                && taints
                    .is_some_and(|taints| taints.iter().any(|taint| taint["key"] == "cluster.karmada.io/unreachable"))
        })
    };
    world.hub.until("it is lost", &kind::<Cluster>(), "edge", lost).await;
    let second = session(&world, &server, config, &cancel);
    world.until_ready("edge").await;
    world.policy("all", &[("v1", "ConfigMap")], json!({})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    server.until_there("it works again", &configmaps(), "default/a").await;
    second.stop().await;
    world.hub.until("it is lost again", &kind::<Cluster>(), "edge", lost).await;
    world.hub.delete(&kind::<Cluster>(), "edge").await;
    world.hub.until_gone("without its agent it can leave", &kind::<Cluster>(), "edge").await;
    assert!(server.get(&configmaps(), "default/a").await.is_some(), "what nobody can reach stays");
}

#[tokio::test]
async fn a_cluster_whose_agent_is_gone_can_leave_and_come_again() {
    let world = World::start_with(&[], |options| options.cluster_grace = Duration::from_millis(800)).await;
    world.policy("all", &[("v1", "ConfigMap")], json!({})).await;
    let token = client(&world.hub, "system:bootstrap:abcdef", &["system:bootstrappers", "system:authenticated"]);
    let roles = resource("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false, false);
    world.hub.until_there("agents may enrol", &roles, "system:karmada:agent-enrolment").await;
    assert_eq!(ask(&world, &token, "first", "edge").await.0, "Approved");
    let server = Server::start("edge").await;
    let cancel = CancellationToken::new();
    let lease = LeaseConfig { duration: Duration::from_secs(1), renew: Duration::from_millis(200) };
    let config = SessionConfig { lease: Some(lease), ..SessionConfig::default() };
    let first = session(&world, &server, config, &cancel);
    world.until_ready("edge").await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    server.until_there("it pulls what is its own", &configmaps(), "default/a").await;

    // Removed while it still counts as ready, and nobody is there any more to take its objects away.
    first.stop().await;
    world.hub.delete(&kind::<Cluster>(), "edge").await;
    world.hub.until_gone("it is not waited for", &kind::<Cluster>(), "edge").await;
    assert!(server.get(&configmaps(), "default/a").await.is_some(), "what it holds stays with it");
    assert_eq!(ask(&world, &token, "second", "edge").await.0, "Approved", "and the name is free");
}
