use outrigger_auth::{
    User,
    rbac::{Attributes, RbacIndex, Rule, default_objects},
};
use outrigger_object::Object;
use rstest::rstest;
use serde_json::{Value, json};

fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

fn role(namespace: &str, name: &str, rules: Value) -> Object {
    let kind = if namespace.is_empty() { "ClusterRole" } else { "Role" };
    let metadata = json!({"name": name, "namespace": namespace});
    object(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": rules}))
}

fn binding(namespace: &str, name: &str, role: (&str, &str), subjects: Value) -> Object {
    let kind = if namespace.is_empty() { "ClusterRoleBinding" } else { "RoleBinding" };
    object(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1},
        "subjects": subjects,
    }))
}

fn user(name: &str) -> Value {
    json!([{"kind": "User", "name": name}])
}

fn index(objects: &[Object]) -> RbacIndex {
    let index = RbacIndex::new();
    objects.iter().for_each(|object| index.apply(object));
    index
}

fn shop() -> RbacIndex {
    index(&[
        role(
            "",
            "reader",
            json!([
                {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]},
                {"nonResourceURLs": ["/metrics", "/debug/*"], "verbs": ["get"]},
            ]),
        ),
        role("", "scaler", json!([{"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["*"]}])),
        role("", "everything", json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])),
        role(
            "shop",
            "one-secret",
            json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["key"], "verbs": ["get"]}]),
        ),
        binding("", "readers", ("ClusterRole", "reader"), json!([{"kind": "Group", "name": "dev"}])),
        binding("shop", "scale", ("ClusterRole", "scaler"), user("bob")),
        binding("shop", "secret", ("Role", "one-secret"), json!([{"kind": "ServiceAccount", "name": "web"}])),
        binding("bank", "secret", ("Role", "one-secret"), user("bob")),
        binding(
            "bank",
            "all",
            ("ClusterRole", "everything"),
            json!([{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]),
        ),
    ])
}

#[rstest]
#[case("alice", "get", "", "pods", "shop", "a", true)]
#[case("alice", "get", "", "pods", "", "", true)]
#[case("alice", "get", "", "pods/log", "shop", "a", true)]
#[case("alice", "get", "", "pods/exec", "shop", "a", false)]
#[case("alice", "delete", "", "pods", "shop", "a", false)]
#[case("alice", "get", "apps", "pods", "shop", "a", false)]
#[case("carol", "get", "", "pods", "shop", "a", false)]
#[case("bob", "update", "apps", "deployments/scale", "shop", "a", true)]
#[case("bob", "update", "apps", "deployments/scale", "bank", "a", false)]
#[case("bob", "update", "apps", "deployments/scale", "", "", false)]
#[case("bob", "update", "apps", "deployments", "shop", "a", false)]
#[case("bob", "update", "apps", "scale", "shop", "a", false)]
#[case("bob", "get", "", "secrets", "bank", "key", false)] // the Role that is named is not there
#[case("system:serviceaccount:shop:web", "get", "", "secrets", "shop", "key", true)]
#[case("system:serviceaccount:shop:web", "get", "", "secrets", "shop", "other", false)]
#[case("system:serviceaccount:shop:web", "list", "", "secrets", "shop", "", false)]
#[case("system:serviceaccount:shop:web", "patch", "x.io", "any/status", "bank", "n", true)]
#[case("system:serviceaccount:shop:web", "patch", "x.io", "any", "", "", false)]
#[case("system:serviceaccount:bank:web", "get", "", "secrets", "shop", "key", false)]
fn decides_on_resources(
    #[case] name: &str,
    #[case] verb: &str,
    #[case] group: &str,
    #[case] resource: &str,
    #[case] namespace: &str,
    #[case] object: &str,
    #[case] allowed: bool,
) {
    let groups: &[&str] = if name == "alice" { &["dev"] } else { &[] };
    let user = User::authenticated(name, groups.iter().copied());
    let decision = shop().decide(&user, &Attributes::resource(verb, group, resource, namespace, object));
    assert_eq!(decision.allowed, allowed, "{decision:?}");
}

#[rstest]
#[case("/metrics", true)]
#[case("/metrics/cadvisor", false)]
#[case("/debug/pprof", true)]
#[case("/debug", false)]
fn decides_on_paths(#[case] path: &str, #[case] allowed: bool) {
    let user = User::authenticated("alice", ["dev"]);
    assert_eq!(shop().decide(&user, &Attributes::path("get", path)).allowed, allowed);
    assert!(!shop().decide(&user, &Attributes::path("post", path)).allowed);
}

#[test]
fn says_by_what_and_what_not() {
    let index = shop();
    let alice = User::authenticated("alice", ["dev"]);
    let reason = |verb, resource, namespace| {
        index.decide(&alice, &Attributes::resource(verb, "", resource, namespace, "")).reason
    };
    assert_eq!(
        reason("get", "pods", "shop"),
        r#"RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "dev""#
    );
    assert_eq!(
        reason("create", "pods/exec", "shop"),
        r#"User "alice" cannot create resource "pods/exec" in API group "" in the namespace "shop""#
    );
    assert_eq!(
        reason("list", "nodes", ""),
        r#"User "alice" cannot list resource "nodes" in API group "" at the cluster scope"#
    );
    let denial = index.decide(&User::anonymous(), &Attributes::path("get", "/metrics")).reason;
    assert_eq!(denial, r#"User "system:anonymous" cannot get path "/metrics""#);
    let web = User::authenticated("system:serviceaccount:shop:web", Vec::<String>::new());
    assert_eq!(
        index.decide(&web, &Attributes::resource("get", "", "secrets", "shop", "key")).reason,
        r#"RBAC: allowed by RoleBinding "secret/shop" of Role "one-secret" to ServiceAccount "web/shop""#
    );
    assert!(index.decide(&User::system("host"), &Attributes::path("delete", "/")).allowed);
}

#[test]
fn follows_changes() {
    let index = shop();
    let alice = User::authenticated("alice", ["dev"]);
    let may = || index.decide(&alice, &Attributes::resource("get", "", "pods", "shop", "")).allowed;
    let reader = role("", "reader", json!([]));
    assert!(may());
    index.apply(&reader);
    assert!(!may(), "the role grants nothing any more");
    index.apply(&role("", "reader", json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])));
    assert!(may());
    index.remove(&reader.reference());
    assert!(!may(), "the role is gone");
    index.apply(&role("", "reader", json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])));
    assert!(may(), "bindings outlive their role");
    index.apply(&binding("", "readers", ("ClusterRole", "reader"), json!([{"kind": "Group", "name": "ops"}])));
    assert!(!may(), "the subjects are others");
    index.apply(&binding(
        "",
        "readers",
        ("ClusterRole", "reader"),
        json!([{"kind": "Group", "name": "dev"}, {"kind": "User", "name": "alice"}]),
    ));
    assert!(may());
    index.remove(&binding("", "readers", ("ClusterRole", "reader"), json!([])).reference());
    assert!(!may(), "the binding is gone");

    let pods = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let own = role("shop", "reader", pods);
    index.apply(&own);
    index.apply(&binding("shop", "readers", ("Role", "reader"), user("alice")));
    assert!(may());
    index.remove(&own.reference());
    assert!(!may(), "the role of the namespace is gone");
}

#[test]
fn what_cannot_be_read_grants_nothing() {
    let index = index(&[
        role("", "odd", json!([{"apiGroups": "*", "resources": ["*"], "verbs": ["*"]}, 7, {"verbs": null}])),
        binding(
            "",
            "odd",
            ("ClusterRole", "odd"),
            json!([{"kind": "User", "name": "alice"}, "bob", {"kind": "Robot", "name": "alice"}]),
        ),
        binding("", "strange", ("Robot", "odd"), user("alice")),
    ]);
    let alice = User::authenticated("alice", Vec::<String>::new());
    assert!(!index.decide(&alice, &Attributes::resource("get", "", "pods", "", "")).allowed);
    // A group named like a user is not that user.
    let group = User::authenticated("nobody", ["alice"]);
    assert!(index.rules_for(&group, "").is_empty());
}

#[test]
fn aggregates_roles_by_label() {
    let part = |name: &str, label: &str, resource: &str| {
        let mut part = role("", name, json!([{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}]));
        part.set(&["metadata", "labels", label], "true");
        part
    };
    let mut whole = role("", "whole", json!([]));
    whole.set(&["aggregationRule"], json!({"clusterRoleSelectors": [{"matchLabels": {"to-whole": "true"}}]}));
    let mut middle = role("", "middle", json!([]));
    middle.set(&["aggregationRule"], json!({"clusterRoleSelectors": [{"matchLabels": {"to-middle": "true"}}]}));
    middle.set(&["metadata", "labels", "to-whole"], "true");
    // A circle ends.
    whole.set(&["metadata", "labels", "to-middle"], "true");
    let index = index(&[
        whole,
        middle,
        part("a", "to-whole", "pods"),
        part("b", "to-middle", "services"),
        binding("", "w", ("ClusterRole", "whole"), user("alice")),
    ]);
    let alice = User::authenticated("alice", Vec::<String>::new());
    let may = |resource| index.decide(&alice, &Attributes::resource("get", "", resource, "", "")).allowed;
    assert!(may("pods") && may("services") && !may("secrets"));
    let outdated: Vec<String> = index.outdated_aggregates().into_iter().map(|(name, _)| name).collect();
    assert_eq!(outdated, ["middle", "whole"]);
    index.remove(&part("b", "to-middle", "services").reference());
    assert!(may("pods") && !may("services"));
}

#[test]
fn nobody_grants_what_it_does_not_hold() {
    let index = index(&[
        role(
            "",
            "owner",
            json!([{"apiGroups": ["", "apps"], "resources": ["pods", "*/scale"], "verbs": ["get", "list"]}]),
        ),
        role(
            "",
            "granter",
            json!([{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["secret"], "verbs": ["escalate", "bind"]}]),
        ),
        role("", "secret", json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}])),
        role("", "pods", json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])),
        binding("", "owner", ("ClusterRole", "owner"), user("alice")),
        binding("", "granter", ("ClusterRole", "granter"), user("bob")),
        binding("shop", "owner", ("ClusterRole", "owner"), user("carol")),
    ]);
    let person = |name: &str| User::authenticated(name, Vec::<String>::new());
    let check_role = |name: &str, namespace: &str, rules: Value, allowed: bool| {
        let outcome = index.may_write_role(&person(name), &role(namespace, "new", rules.clone()), None);
        assert_eq!(outcome.is_ok(), allowed, "{name} {namespace} {rules} {outcome:?}");
    };
    check_role("alice", "", json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]), true);
    check_role(
        "alice",
        "",
        json!([{"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["list"]}]),
        true,
    );
    check_role(
        "alice",
        "",
        json!([{"apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"], "verbs": ["get"]}]),
        true,
    );
    check_role("alice", "", json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"]}]), false);
    check_role("alice", "", json!([{"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]}]), false);
    check_role("alice", "", json!([{"nonResourceURLs": ["/x"], "verbs": ["get"]}]), false);
    check_role("carol", "shop", json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]), true);
    check_role("carol", "", json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]), false);
    check_role("alice", "", json!([]), true);

    let check_binding = |name: &str, namespace: &str, to: &str, allowed: bool| {
        let new = binding(namespace, "new", ("ClusterRole", to), user("eve"));
        let outcome = index.may_write_binding(&person(name), &new, None);
        assert_eq!(outcome.is_ok(), allowed, "{name} {namespace} {to} {outcome:?}");
        assert!(index.may_write_binding(&person("nobody"), &new, Some(&new)).is_ok(), "nothing changes");
    };
    check_binding("alice", "", "pods", true);
    check_binding("alice", "", "secret", false);
    check_binding("bob", "", "secret", true);
    check_binding("bob", "", "pods", false);
    check_binding("carol", "shop", "pods", true);
    check_binding("carol", "bank", "pods", false);
    check_binding("alice", "", "missing", false);

    let secret = role("", "secret", json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}]));
    assert!(index.may_write_role(&person("bob"), &secret, None).is_ok(), "it may escalate this one");
    assert!(index.may_write_role(&person("alice"), &secret, Some(&secret)).is_ok(), "nothing changes");
    let mut aggregate = role("", "all", json!([]));
    aggregate.set(&["aggregationRule"], json!({"clusterRoleSelectors": [{}]}));
    assert!(index.may_write_role(&person("alice"), &aggregate, None).is_err(), "it could come to grant anything");
    assert!(index.may_write_role(&User::system("host"), &aggregate, None).is_ok());
    let error = index.may_write_role(&person("alice"), &secret, None).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "user \"alice\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"*\"]}"
    );
}

#[test]
fn default_roles_fit_together() {
    let index = index(&default_objects());
    let anonymous = User::anonymous();
    assert!(index.decide(&anonymous, &Attributes::path("get", "/healthz")).allowed);
    assert!(!index.decide(&anonymous, &Attributes::path("get", "/apis")).allowed);
    let alice = User::authenticated("alice", Vec::<String>::new());
    assert!(index.decide(&alice, &Attributes::path("get", "/apis/apps/v1")).allowed);
    index.apply(&binding("shop", "edit", ("ClusterRole", "edit"), user("alice")));
    index.apply(&binding("shop", "view", ("ClusterRole", "view"), user("bob")));
    let may = |name, verb, resource| {
        index
            .decide(
                &User::authenticated(name, Vec::<String>::new()),
                &Attributes::resource(verb, "", resource, "shop", ""),
            )
            .allowed
    };
    assert!(may("alice", "create", "pods") && may("alice", "list", "pods") && may("alice", "get", "secrets"));
    assert!(may("bob", "list", "pods") && !may("bob", "get", "secrets") && !may("bob", "create", "pods"));
    assert!(index.role("", "admin").expect("there").len() > index.role("", "edit").expect("there").len());
    let rule: Vec<Rule> = index.role("", "cluster-admin").expect("there");
    assert_eq!(
        serde_json::to_value(&rule[0]).expect("JSON"),
        json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})
    );
}
