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
