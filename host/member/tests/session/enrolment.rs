//! Enrolment over HTTPS, with a control plane that signs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use outrigger_api::crds;
use outrigger_apiserver::{ApiServer, Options, User, listen};
use outrigger_auth::{Secret, pki};
use outrigger_member::enroll::{self, Connection, EnrolConfig, Invitation, Registration};
use outrigger_object::{Object, ObjectKey, Resource};
use outrigger_runtime::{Change, Client, Informer, Patch, Selection, Subresource, SystemClock, to_object};
use outrigger_store::{Limits, MemoryStore};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::*;

struct ControlPlane {
    admin: Client,
    invitation: Invitation,
    stop: CancellationToken,
}

/// A control plane on a port, which shows its CA to anybody and knows a token.
async fn control_plane() -> ControlPlane {
    let now = Timestamp::now();
    let (authority, _) = pki::CertificateAuthority::create("outrigger", now).unwrap();
    let authority = Arc::new(authority);
    let token = Secret::new("abcdef.0123456789abcdef");
    let options = Options { signer: Some(authority.clone()), admin_token: Some(token.clone()), ..Options::default() };
    let server = ApiServer::start(Arc::new(MemoryStore::new(Limits::default())), options).await.unwrap();
    let serving = pki::Serving::issue(&authority, vec!["127.0.0.1".into()], Duration::from_secs(3600), now).unwrap();
    let tls = pki::server_config(&authority, Arc::new(serving)).unwrap();
    let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (serve, until) = (server.clone(), stop.clone());
    tokio::spawn(async move { serve.serve(listener, tls, until).await });

    let admin = Client::new(Network::default().client(&server), "hub");
    for crd in crds::all() {
        let definitions =
            resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false);
        admin.create(&definitions, &to_object(&crd).unwrap()).await.unwrap();
    }
    let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "", "cluster": {
        "server": address, "certificate-authority-data": STANDARD.encode(authority.certificate())}}]});
    let _ = admin.create(&namespaces(), &namespace("kube-public")).await;
    let info = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "kube-public", "name": "cluster-info"},
        "data": {"kubeconfig": kubeconfig.to_string()}});
    admin.create(&configmaps(), &object(info)).await.unwrap();
    let rbac =
        |kind: &str, plural: &str, namespaced| resource("rbac.authorization.k8s.io", "v1", kind, plural, namespaced);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"namespace": "kube-public", "name": "cluster-info"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["cluster-info"], "verbs": ["get"]}]});
    admin.create(&rbac("Role", "roles", true), &object(role)).await.unwrap();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"namespace": "kube-public", "name": "cluster-info"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "cluster-info"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:anonymous"}]});
    admin.create(&rbac("RoleBinding", "rolebindings", true), &object(binding)).await.unwrap();
    let invitation = Invitation { server: address, token, pin: authority.pin().unwrap() };
    ControlPlane { admin, invitation, stop }
}

fn requests() -> Resource {
    let kind = resource("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", false);
    Resource { has_status: true, ..kind }
}

/// Decides on every request, as the control plane's approver does.
fn decide(admin: &Client, verdict: &'static str) -> CancellationToken {
    let cancel = CancellationToken::new();
    let informer = Informer::unstarted(Selection::all(requests()), &cancel);
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    informer.on_change(move |change| {
        if let Change::Added(request) = change {
            let _ = sender.send(request.clone());
        }
    });
    informer.begin(admin.clone());
    let admin = admin.clone();
    tokio::spawn(async move {
        while let Some(request) = receiver.recv().await {
            let condition = json!({"type": verdict, "status": "True", "reason": "Test", "message": "by the test"});
            let patch = Patch::Merge(json!({"status": {"conditions": [condition]}}));
            admin.patch(&requests(), &request.key(), &patch, Subresource::Approval).await.unwrap();
        }
    });
    cancel
}

fn config() -> EnrolConfig {
    EnrolConfig { patience: LONG, ..EnrolConfig::default() }
}

async fn enrol(
    plane: &ControlPlane,
    place: &std::path::Path,
    invitation: Option<&Invitation>,
) -> Result<enroll::Credentials, String> {
    let _ = plane;
    enroll::enrol("edge", place, invitation, config(), Arc::new(SystemClock)).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn from_a_token_to_a_registered_cluster() {
    let plane = control_plane().await;
    let approving = decide(&plane.admin, "Approved");
    let directory = tempfile::tempdir().unwrap();
    let credentials = soon("enrolment", enrol(&plane, directory.path(), Some(&plane.invitation))).await.unwrap();
    let subject = pki::subject_of_pem(&credentials.certificate).unwrap();
    assert_eq!(
        (subject.common_name.as_str(), subject.organizations.as_slice()),
        ("system:karmada:agent:edge", &["system:karmada:agents".to_owned()][..])
    );
    let again = enrol(&plane, directory.path(), None).await.unwrap();
    assert_eq!(again.certificate, credentials.certificate, "a stored certificate is used again");

    let connection = Connection::new("edge", directory.path(), credentials, config(), Arc::new(SystemClock)).unwrap();
    let hub = Client::new(connection.client(), "hub");
    let refused = hub.get(&configmaps(), &ObjectKey::new("default", "x")).await.unwrap_err();
    assert!(refused.to_string().contains("system:karmada:agent:edge"), "it is known by its name: {refused}");
    allow_agents(&plane.admin).await;
    let member_server =
        ApiServer::start(Arc::new(MemoryStore::new(Limits::default())), Options::default()).await.unwrap();
    let member = Client::new(Network::default().client_as(&member_server, User::system("agent")), "edge");
    let registration = Registration { name: "edge".into(), region: "north".into(), ..Registration::default() };
    let cluster = enroll::register(&hub, &member, &registration).await.unwrap();
    assert_eq!((cluster.str(&["spec", "syncMode"]), cluster.str(&["spec", "region"])), (Some("Pull"), Some("north")));
    assert!(!cluster.str(&["spec", "id"]).unwrap().is_empty());
    let same = enroll::register(&hub, &member, &registration).await.unwrap();
    assert_eq!(same.resource_version(), cluster.resource_version(), "nothing differs, nothing is written");
    let other_server =
        ApiServer::start(Arc::new(MemoryStore::new(Limits::default())), Options::default()).await.unwrap();
    let other = Client::new(Network::default().client_as(&other_server, User::system("agent")), "edge");
    let taken = enroll::register(&hub, &other, &registration).await.unwrap_err();
    assert!(taken.to_string().contains("the name edge is taken by another cluster"), "{taken}");

    let before = std::fs::read_to_string(directory.path().join("agent.json")).unwrap();
    soon("renewal", connection.renew()).await.unwrap();
    assert_ne!(std::fs::read_to_string(directory.path().join("agent.json")).unwrap(), before);
    hub.get(&clusters(), &ObjectKey::new("", "edge")).await.unwrap();
    approving.cancel();
    plane.stop.cancel();
}

#[tokio::test]
async fn what_goes_wrong_is_said() {
    let plane = control_plane().await;
    let denying = decide(&plane.admin, "Denied");
    let directory = tempfile::tempdir().unwrap();
    let check = async |invitation: Option<Invitation>, expected: &str| {
        let error = soon("enrolment", enrol(&plane, directory.path(), invitation.as_ref())).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    let ours = || plane.invitation.clone();
    check(None, "give a token and the CA's hash").await;
    check(Some(ours()), "was denied: Test by the test").await;
    check(Some(Invitation { pin: format!("sha256:{}", "0".repeat(64)), ..ours() }), "somebody is in between").await;
    check(Some(Invitation { token: Secret::new("wrong0.0123456789abcdef"), ..ours() }), "nauthorized").await;
    check(Some(Invitation { server: "https://127.0.0.1:1".into(), ..ours() }), "onnect").await;
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is stored");
    denying.cancel();
    plane.stop.cancel();
}

async fn allow_agents(admin: &Client) {
    let rbac = |kind: &str, plural: &str| resource("rbac.authorization.k8s.io", "v1", kind, plural, false);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "agents"},
        "rules": [{"apiGroups": ["cluster.karmada.io"], "resources": ["clusters"], "verbs": ["*"]},
            {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"], "verbs": ["*"]}]});
    admin.create(&rbac("ClusterRole", "clusterroles"), &object(role)).await.unwrap();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "agents"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "agents"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:karmada:agents"}]});
    let _: Object = admin.create(&rbac("ClusterRoleBinding", "clusterrolebindings"), &object(binding)).await.unwrap();
}
