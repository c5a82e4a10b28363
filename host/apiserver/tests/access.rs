//! RBAC at work.

use outrigger_apiserver::{Options, User};
use serde_json::json;

use crate::harness::*;

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Asks until the answer is as wanted: a new binding holds once the index has heard of it.
async fn settles(client: &kube::Client, path: &str, code: u16) {
    for _ in 0..10_000 {
        if get(client, path).await.0 == code {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{path} does not answer {code}: {:?}", get(client, path).await);
}

#[tokio::test]
async fn users_may_do_what_their_roles_say() {
    let server = server().await;
    let (admin, alice) = (admin(&server), client_as(&server, User::authenticated("alice", ["team"])));
    assert_eq!(get(&alice, MAPS).await.0, 403);
    assert_eq!(get(&alice, "/apis").await.0, 200, "discovery is for everyone who is known");
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["create", "update"]}]});
    assert_eq!(send(&admin, "POST", ROLES, &role).await.0, 201);
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "team"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "Group", "name": "team", "apiGroup": "rbac.authorization.k8s.io"}]});
    assert_eq!(send(&admin, "POST", BINDINGS, &binding).await.0, 201);
    settles(&alice, MAPS, 200).await;
    let (code, status) = send(&alice, "POST", MAPS, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(code, 403);
    assert_eq!(
        status["message"],
        "configmaps is forbidden: User \"alice\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"default\""
    );
    assert_eq!(get(&alice, "/api/v1/namespaces/kube-system/configmaps").await.0, 403);

    // Nobody hands out what they do not have.
    let mut more = role.clone();
    more["metadata"]["name"] = "writer".into();
    more["rules"][0]["verbs"] = json!(["delete"]);
    let (code, status) = send(&alice, "POST", ROLES, &more).await;
    assert_eq!(code, 403, "{status}");
    more["rules"] = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]);
    assert_eq!(send(&alice, "POST", ROLES, &more).await.0, 201);

    send(&admin, "DELETE", &format!("{BINDINGS}/team"), &json!({})).await;
    settles(&alice, MAPS, 403).await;
}

#[tokio::test]
async fn only_who_may_impersonates() {
    let server = server().await;
    let (admin, alice) = (admin(&server), client_as(&server, User::authenticated("alice", ["team"])));
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let headers = [("content-type", "application/json"), ("impersonate-user", "bob"), ("impersonate-group", "ops")];
    let (code, answer) = raw(&admin, "POST", path, &headers, &body).await;
    assert_eq!((code, answer["status"]["userInfo"]["username"].as_str()), (201, Some("bob")));
    assert_eq!(answer["status"]["userInfo"]["groups"], json!(["ops", "system:authenticated"]));
    assert_eq!(raw(&alice, "POST", path, &headers, &body).await.0, 403);
}

#[tokio::test]
async fn a_server_without_authorization_lets_everyone() {
    let server = server_with(Options { authorize: false, ..Options::default() }).await;
    assert_eq!(get(&client_as(&server, User::anonymous()), MAPS).await.0, 200);
}

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// Gives a user a role of the namespace `default`.
async fn grant(admin: &kube::Client, name: &str, user: &str, rules: serde_json::Value) {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules});
    assert_eq!(send(admin, "POST", ROLES, &role).await.0, 201);
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}]});
    assert_eq!(send(admin, "POST", BINDINGS, &binding).await.0, 201);
}

#[tokio::test]
async fn rules_name_objects_verbs_and_subresources() {
    let server = server().await;
    let (admin, alice) = (admin(&server), client_as(&server, User::authenticated("alice", [""; 0])));
    for name in ["mine", "other"] {
        assert_eq!(send(&admin, "POST", MAPS, &json!({"metadata": {"name": name}})).await.0, 201);
    }
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let body = serde_json::to_value(deployment("web")).expect("JSON");
    assert_eq!(send(&admin, "POST", deployments, &body).await.0, 201);
    let rules = json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"], "resourceNames": ["mine"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch", "list", "delete"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]);
    grant(&admin, "narrow", "alice", rules).await;
    settles(&alice, &format!("{MAPS}/mine"), 200).await;
    let check = async |method: &str, path: &str, code: u16| {
        let media = [("content-type", "application/merge-patch+json")];
        let body = if method == "PATCH" { "{}" } else { "" };
        let (got, status) = raw(&alice, method, path, &media, body).await;
        assert_eq!(got, code, "{method} {path}: {status}");
    };
    check("GET", &format!("{MAPS}/other"), 403).await;
    check("GET", MAPS, 403).await;
    check("GET", &format!("{MAPS}?fieldSelector=metadata.name%3Dmine"), 200).await;
    check("GET", &format!("{MAPS}?fieldSelector=metadata.name%3Dother"), 403).await;
    check("GET", &format!("{MAPS}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dmine"), 403).await;
    check("PATCH", &format!("{deployments}/web"), 200).await;
    check("PATCH", &format!("{deployments}/web/status"), 403).await;
    check("GET", &format!("{deployments}/web/scale"), 403).await;
    check("GET", &format!("{deployments}?watch=true&timeoutSeconds=1"), 403).await;
    check("DELETE", deployments, 403).await;
    check("GET", "/api/v1/namespaces/default", 200).await;
    check("GET", "/api/v1/namespaces/kube-system", 403).await;
    check("GET", "/metrics", 403).await;
    check("GET", "/version", 200).await;

    // A role that shrinks takes what it gave.
    let less = json!({"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]});
    assert_eq!(patch(&admin, &format!("{ROLES}/narrow"), "merge-patch+json", &less).await.0, 200);
    settles(&alice, &format!("{MAPS}/mine"), 403).await;
}

#[tokio::test]
async fn nobody_grants_more_than_they_have_by_any_verb() {
    let server = server().await;
    let (admin, alice) = (admin(&server), client_as(&server, User::authenticated("alice", [""; 0])));
    let rules = json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["create", "update", "patch", "get"]}]);
    grant(&admin, "writer", "alice", rules.clone()).await;
    settles(&alice, MAPS, 200).await;
    let more = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]);
    let role = |name: &str, rules: &serde_json::Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules});
    let (path, made) = (format!("{ROLES}/writer"), format!("{ROLES}/made"));
    let answers = [
        send(&alice, "POST", ROLES, &role("made", &more)).await,
        send(&alice, "PUT", &path, &role("writer", &more)).await,
        send(&alice, "PUT", &made, &role("made", &more)).await,
        patch(&alice, &path, "merge-patch+json", &json!({"rules": more})).await,
        patch(&alice, &format!("{path}?fieldManager=a&force=true"), "apply-patch+yaml", &role("writer", &more)).await,
        patch(&alice, &format!("{made}?fieldManager=a"), "apply-patch+yaml", &role("made", &more)).await,
    ];
    for (code, status) in answers {
        assert_eq!((code, status["reason"].as_str()), (403, Some("Forbidden")), "{status}");
        assert!(status["message"].as_str().is_some_and(|text| text.contains("not currently held")), "{status}");
    }
    let (_, kept) = get(&admin, &path).await;
    assert_eq!(kept["rules"], rules);
    assert_eq!(get(&admin, &made).await.0, 404);
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "rise"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}]});
    assert_eq!(send(&alice, "POST", BINDINGS, &binding).await.0, 403);
    assert_eq!(get(&admin, &format!("{BINDINGS}/rise")).await.0, 404);
}

#[tokio::test]
async fn impersonation_asks_for_the_user_and_for_each_group() {
    let server = server().await;
    let (admin, alice) = (admin(&server), client_as(&server, User::authenticated("alice", [""; 0])));
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "actor"},
        "rules": [{"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["bob"]},
            {"apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"], "resourceNames": ["ops"]}]});
    assert_eq!(send(&admin, "POST", &format!("{RBAC}/clusterroles"), &role).await.0, 201);
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "actor"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "actor"},
        "subjects": [{"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}]});
    assert_eq!(send(&admin, "POST", &format!("{RBAC}/clusterrolebindings"), &binding).await.0, 201);
    let act = async |headers: &[(&str, &str)]| raw(&alice, "GET", "/version", headers, "").await.0;
    let bob = [("impersonate-user", "bob"), ("impersonate-group", "ops")];
    for _ in 0..10_000 {
        if act(&bob).await == 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(act(&bob).await, 200);
    assert_eq!(act(&[("impersonate-user", "admin")]).await, 403);
    assert_eq!(act(&[("impersonate-user", "bob"), ("impersonate-group", "system:masters")]).await, 403);
    assert_eq!(act(&[("impersonate-group", "ops")]).await, 400);
}

#[tokio::test]
async fn credentials_that_are_no_good_are_not_taken_for_none() {
    let server = server().await;
    let client = |certificate: Option<Vec<u8>>| kube::Client::new(server.service(certificate), "default");
    assert_eq!(get(&client(None), "/version").await.0, 200, "anybody may");
    assert_eq!(get(&client(Some(b"no certificate".to_vec())), "/version").await.0, 401);
    let (code, _) = raw(&client(None), "GET", "/version", &[("authorization", "Bearer wrong")], "").await;
    assert_eq!(code, 401);
    let strict = server_with(Options { anonymous: false, ..Options::default() }).await;
    assert_eq!(get(&kube::Client::new(strict.service(None), "default"), "/version").await.0, 401);
}
