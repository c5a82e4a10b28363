//! `token create`, `register` and `agent`.

use std::os::unix::fs::PermissionsExt;

use outrigger_auth::pki::{self, Credentials};
use outrigger_object::Object;
use outrigger_runtime::{Client, ErrorKind, ListParams};
use serde_json::{Value, json};

use crate::push::{Hub, place};
use crate::servers::{Api, Running, client, clusters, config_maps, is_ready, key, kind, outrigger, secrets, until};

/// Makes a token; gives what the command printed.
pub async fn token(hub_file: &str, ttl: &str) -> Value {
    let (text, code) = outrigger(&["token", "create", "--ttl", ttl, "-o", "json", "--kubeconfig", hub_file]).await;
    assert_eq!(code, 0);
    let end = text.rfind('}').unwrap();
    serde_json::from_str(&text[..=end]).unwrap()
}

/// What an agent is started with.
pub fn agent_args(token: &Value, member: &Api, state: &str) -> Vec<String> {
    let text = |name: &str| token[name].as_str().unwrap().to_owned();
    let args = [
        ("--hub", text("hub")),
        ("--token", text("token")),
        ("--ca-hash", text("caHash")),
        ("--cluster-name", member.name.clone()),
        ("--member-kubeconfig", member.kubeconfig.display().to_string()),
        ("--state-dir", state.to_owned()),
        ("--log", "info".to_owned()),
    ];
    std::iter::once("agent".to_owned())
        .chain(args.into_iter().flat_map(|(name, value)| [name.to_owned(), value]))
        .collect()
}

pub fn borrow(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

async fn with_token(hub: &Hub, token: &str) -> Client {
    let kubeconfig = kube::config::Kubeconfig::read_from(&hub.kubeconfig).unwrap();
    let cluster = kubeconfig.clusters[0].cluster.clone().unwrap();
    let data = cluster.certificate_authority_data.unwrap();
    use base64::Engine as _;
    let authority = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).unwrap()).unwrap();
    let secret = outrigger_auth::Secret::new(token);
    let server = cluster.server.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kubeconfig");
    let content = pki::kubeconfig("hub", &server, &authority, Credentials::Token(&secret));
    std::fs::write(&file, content.to_string()).unwrap();
    client(&file, "hub").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_good_for_a_certificate_and_nothing_else() {
    let hub = Hub::start().await;
    let created = token(&hub.file(), "10m").await;
    assert!(created["commands"]["register"].as_str().unwrap().contains("outrigger register https://127.0.0.1:"));
    let client = with_token(&hub, created["token"].as_str().unwrap()).await;
    let forbidden = |kind: Option<ErrorKind>, what: &str| assert_eq!(kind, Some(ErrorKind::Forbidden), "{what}");
    let all = ListParams::default();
    for resource in [secrets(), clusters(), config_maps()] {
        forbidden(client.list(&resource, None, &all).await.err().map(|error| error.kind()), &resource.plural);
    }
    let csrs = kind("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", false);
    // Another's certificate, or more rights than an agent has, are not to be had either.
    for (name, group) in [("system:karmada:agent:edge", "admins"), ("admin", "system:karmada:agents")] {
        let (request, _) = pki::create_csr(name, &[group]).unwrap();
        use base64::Engine as _;
        let body = json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"generateName": "test-"},
            "spec": {
                "request": base64::engine::general_purpose::STANDARD.encode(request),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth", "digital signature"],
            },
        });
        let made = client.create(&csrs, &Object::from_value(body).unwrap()).await.unwrap();
        if name.starts_with("system:karmada") {
            until(&hub.client, &csrs, &made.key(), |request| {
                request.is_some_and(|request| {
                    request.get(&["status", "conditions"]).is_some_and(|list| list[0]["type"] == "Denied")
                })
            })
            .await;
        }
        let now = hub.client.get(&csrs, &made.key()).await.unwrap();
        assert_eq!(now.get(&["status", "certificate"]), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_enrols_works_and_comes_back() {
    let (hub, edge) = tokio::join!(Hub::start(), Api::start("edge"));
    let state = tempfile::tempdir().unwrap();
    let state_dir = state.path().join("state").display().to_string();
    let mut args = agent_args(&token(&hub.file(), "10m").await, &edge, &state_dir);
    let agent = Running::start(&borrow(&args), "registered").await;
    until(&hub.client, &clusters(), &key("", "edge"), is_ready).await;
    let cluster = hub.client.get(&clusters(), &key("", "edge")).await.unwrap();
    assert_eq!(cluster.str(&["spec", "syncMode"]), Some("Pull"));
    for entry in std::fs::read_dir(&state_dir).unwrap() {
        let mode = entry.as_ref().unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{entry:?} is open to others");
    }
    place(&hub.client, "greeting").await;
    until(&edge.client, &config_maps(), &key("default", "greeting"), |object| object.is_some()).await;

    // A neighbour's Works are not for it to see.
    let stored: Value =
        serde_json::from_str(&std::fs::read_to_string(state.path().join("state/agent.json")).unwrap()).unwrap();
    let text = |name: &str| stored[name].as_str().unwrap();
    let own = outrigger_auth::Secret::new(text("key"));
    let credentials = Credentials::Certificate { certificate: text("certificate"), key: &own };
    let file = state.path().join("kubeconfig");
    std::fs::write(&file, pki::kubeconfig("hub", text("server"), text("authority"), credentials).to_string()).unwrap();
    let as_agent = client(&file, "hub").await;
    let works = kind("work.karmada.io", "v1alpha1", "Work", "works", true);
    let all = ListParams::default();
    assert!(as_agent.list(&works, Some("karmada-es-edge"), &all).await.is_ok());
    let refused = as_agent.list(&works, Some("karmada-es-east"), &all).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Forbidden);

    // Stopped and started again, without a token.
    assert_eq!(agent.end().await, 0);
    let at = args.iter().position(|arg| arg == "--token").unwrap();
    args.drain(at..at + 2);
    let agent = Running::start(&borrow(&args), "registered").await;
    place(&hub.client, "again").await;
    until(&edge.client, &config_maps(), &key("default", "again"), |object| object.is_some()).await;
    assert_eq!(agent.end().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_will_not_work_is_said_once_and_ends() {
    let (hub, edge) = tokio::join!(Hub::start(), Api::start("edge"));
    let state = tempfile::tempdir().unwrap();
    let state_dir = state.path().join("state").display().to_string();
    let good = token(&hub.file(), "10m").await;
    let check = async |change: &dyn Fn(&mut Value), parts: &[&str]| {
        let mut told = good.clone();
        change(&mut told);
        let (said, code) = outrigger(&borrow(&agent_args(&told, &edge, &state_dir))).await;
        assert_eq!(code, 1, "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "not all of {parts:?} in:\n{said}");
        assert_eq!(said.matches("error:").count(), 1, "{said}");
    };
    check(
        &|told| told["token"] = "aaaaaa.0123456789abcdef".into(),
        &["wrong or has expired", "outrigger token create"],
    )
    .await;
    check(&|told| told["caHash"] = format!("sha256:{}", "0a".repeat(32)).into(), &["does not have the public key"])
        .await;
    let expired = token(&hub.file(), "1ms").await;
    check(&|told| told["token"] = expired["token"].clone(), &["wrong or has expired"]).await;
    let no_identity = outrigger(&[
        "agent",
        "--cluster-name",
        "edge",
        "--state-dir",
        &state_dir,
        "--member-kubeconfig",
        &edge.kubeconfig.display().to_string(),
    ])
    .await;
    assert_eq!(no_identity.1, 1);
    assert!(no_identity.0.contains("give a token"), "{}", no_identity.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_that_is_not_up_yet_is_waited_for() {
    let edge = Api::start("edge").await;
    let state = tempfile::tempdir().unwrap();
    let state_dir = state.path().join("state").display().to_string();
    let told = json!({
        "hub": format!("https://127.0.0.1:{}", crate::servers::free_port()), "token": "aaaaaa.0123456789abcdef",
        "caHash": format!("sha256:{}", "0a".repeat(32)),
    });
    let agent = Running::start(&borrow(&agent_args(&told, &edge, &state_dir)), "trying again in").await;
    assert_eq!(agent.end().await, 0);
}
