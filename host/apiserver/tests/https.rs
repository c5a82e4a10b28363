//! Over the network: certificates, tokens, the end.

use outrigger_apiserver::{Error, Options};
use outrigger_auth::bootstrap::BootstrapToken;
use outrigger_auth::service_account::TokenIssuer;
use serde_json::{Value, json};

use crate::harness::*;

async fn whoami(client: &kube::Client) -> (u16, Value) {
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let (code, answer) = send(client, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", &body).await;
    (code, answer["status"]["userInfo"].clone())
}

#[tokio::test]
async fn certificates_and_tokens_say_who_calls() {
    let served = serve(Options {
        admin_token: Some(outrigger_auth::Secret::new("let-me-in")),
        token_issuer: Some(TokenIssuer::new(&[7; 32])),
        ..Options::default()
    })
    .await;
    let check = async |config: Value, name: &str, groups: &[&str]| {
        let (code, info) = whoami(&connect(config).await).await;
        assert_eq!((code, info["username"].as_str()), (201, Some(name)));
        assert_eq!(info["groups"], json!(groups));
    };
    check(served.kubeconfig("alice", &["team"]), "alice", &["team", "system:authenticated"]).await;
    check(served.kubeconfig_with_token("let-me-in"), "admin", &["system:masters", "system:authenticated"]).await;

    let token = BootstrapToken::generate(&mut rand::rng());
    let admin = admin(&served.server);
    let secret = token.secret(None, &["system:bootstrappers:agents"], "");
    let secret = serde_json::to_value(&secret).expect("JSON");
    let (code, answer) = send(&admin, "POST", "/api/v1/namespaces/kube-system/secrets", &secret).await;
    assert_eq!(code, 201, "{answer}");
    let config = served.kubeconfig_with_token(token.expose().expose());
    let client = connect(config.clone()).await;
    // The token is known as soon as the watch has told of its Secret.
    for _ in 0..500 {
        if whoami(&client).await.0 == 201 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let name = format!("system:bootstrap:{}", token.id());
    check(config, &name, &["system:bootstrappers", "system:bootstrappers:agents", "system:authenticated"]).await;

    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}});
    send(&admin, "POST", "/api/v1/namespaces/default/serviceaccounts", &account).await;
    let (code, issued) =
        send(&admin, "POST", "/api/v1/namespaces/default/serviceaccounts/robot/token", &json!({"spec": {}})).await;
    assert_eq!(code, 201, "{issued}");
    let config = served.kubeconfig_with_token(issued["status"]["token"].as_str().expect("a token"));
    check(
        config.clone(),
        "system:serviceaccount:default:robot",
        &["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
    )
    .await;
    send(&admin, "DELETE", "/api/v1/namespaces/default/serviceaccounts/robot", &json!({})).await;
    assert_eq!(whoami(&connect(config).await).await.0, 401, "the account is gone");

    assert_eq!(whoami(&connect(served.kubeconfig_with_token("wrong")).await).await.0, 401);
    let mut nobody = served.kubeconfig_with_token("x");
    nobody["users"][0]["user"] = json!({});
    let (code, status) = get(&connect(nobody).await, "/api/v1/namespaces").await;
    assert_eq!(code, 403);
    assert_eq!(
        status["message"],
        "namespaces is forbidden: User \"system:anonymous\" cannot list resource \"namespaces\" in API group \"\" at the cluster scope"
    );
    served.stop.cancel();
    served.task.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn certificates_of_others_are_refused() {
    let (ours, theirs) = (serve(Options::default()).await, serve(Options::default()).await);
    let mut config = theirs.kubeconfig("admin", &["system:masters"]);
    let server = ours.kubeconfig("x", &[])["clusters"][0]["cluster"].clone();
    config["clusters"][0]["cluster"] = server;
    let client = connect(config).await;
    assert!(client.apiserver_version().await.is_err());
}

#[tokio::test]
async fn a_stop_ends_watches_and_frees_the_port() {
    let served = serve(Options::default()).await;
    let client = connect(served.kubeconfig("admin", &["system:masters"])).await;
    let mut lines = Lines::open(&client, "/api/v1/namespaces/default/configmaps?watch=true").await;
    let address = served.url.trim_start_matches("https://").parse().expect("an address");
    let taken = outrigger_apiserver::listen(address).await.expect_err("in use");
    assert!(matches!(taken, Error::PortInUse { .. }));
    assert_eq!(
        taken.to_string(),
        format!("{address} is in use by another process; stop that one first, or choose another port")
    );
    served.server.stop().await;
    assert!(lines.next().await.is_none());
    tokio::time::timeout(PATIENCE, served.task).await.expect("it ends").expect("no panic").expect("a clean end");
    outrigger_apiserver::listen(address).await.expect("the port is free");
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let served = serve(Options { request_limit: 4096, ..Options::default() }).await;
    let client = connect(served.kubeconfig("admin", &["system:masters"])).await;
    let body = serde_json::to_value(config_map("a", json!({"k": "x".repeat(8000)}))).expect("JSON");
    let (code, status) = send(&client, "POST", "/api/v1/namespaces/default/configmaps", &body).await;
    assert_eq!((code, status["reason"].as_str()), (413, Some("RequestEntityTooLarge")));
}

#[tokio::test]
async fn yaml_in_and_out() {
    let served = serve(Options::default()).await;
    let client = connect(served.kubeconfig("admin", &["system:masters"])).await;
    let path = "/api/v1/namespaces/default/configmaps";
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: \"1\"\n";
    let (code, made) = raw(&client, "POST", path, &[("content-type", "application/yaml")], yaml).await;
    assert_eq!((code, &made["data"]["k"]), (201, &json!("1")));
    let (_, text) = raw(&client, "GET", &format!("{path}/a"), &[("accept", "application/yaml")], "").await;
    assert!(text.as_str().is_some_and(|text| text.contains("k: \"1\"") || text.contains("k: '1'")), "{text}");
    let (code, _) = raw(&client, "GET", path, &[("accept", "application/vnd.kubernetes.protobuf")], "").await;
    assert_eq!(code, 406);
}

#[tokio::test]
async fn requests_are_counted() {
    let served = serve(Options::default()).await;
    let client = connect(served.kubeconfig("admin", &["system:masters"])).await;
    for _ in 0..3 {
        get(&client, "/api/v1/namespaces/default/configmaps/none").await;
    }
    let (_, text) = get(&client, "/metrics").await;
    let text = text.as_str().expect("text");
    let line = text.lines().find(|line| line.contains("resource=\"configmaps\"")).expect("a count");
    assert!(line.contains("code=\"404\"") && line.contains("verb=\"GET\"") && line.ends_with(" 3"), "{line}");
}
