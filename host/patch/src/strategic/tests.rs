use outrigger_schema::builtin;
use serde_json::json;

use super::*;

fn pod(spec: Value) -> Value {
    json!({"spec": spec})
}

fn patch(kind: (&str, &str, &str), target: Value, patch: Value) -> Result<Value, Error> {
    let schema = builtin::schema(kind.0, kind.1, kind.2).expect("a built-in kind");
    let mut target = target;
    apply(&schema, &mut target, patch).map(|()| target)
}

fn check(target: Value, patch_: Value, expected: Value) {
    let result = patch(("", "v1", "Pod"), target, patch_.clone());
    assert_eq!(result.unwrap_or_else(|error| panic!("{patch_}: {error}")), expected, "{patch_}");
}

fn check_error(target: Value, patch_: Value, code: u16, message: &str) {
    let error = patch(("", "v1", "Pod"), target, patch_).expect_err("is refused");
    assert_eq!((error.code(), error.to_string().as_str()), (code, message));
}

fn containers(names: &[&str]) -> Value {
    pod(json!({"containers": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()}))
}

#[test]
fn fields_merge_and_null_removes() {
    check(
        json!({"metadata": {"labels": {"a": "1", "b": "2"}}}),
        json!({"metadata": {"labels": {"a": null, "c": "3", "d": null}}}),
        json!({"metadata": {"labels": {"b": "2", "c": "3"}}}),
    );
    check(json!({}), json!({"metadata": {"labels": {"a": null}}}), json!({"metadata": {"labels": {}}}));
    check(pod(json!({"hostname": "a"})), pod(json!({"hostname": "b"})), pod(json!({"hostname": "b"})));
}

#[test]
fn lists_merge_by_key() {
    check(
        pod(json!({"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]})),
        pod(json!({"containers": [{"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}]}]})),
        pod(json!({"containers": [
            {"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]}, {"name": "b"}]})),
    );
    // The key of container ports is containerPort alone.
    check(
        pod(json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]})),
        pod(json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "UDP"}]}]})),
        pod(json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "UDP"}]}]})),
    );
    check_error(
        containers(&["a"]),
        pod(json!({"containers": [{"image": "x"}]})),
        422,
        "spec.containers: map: does not contain declared merge key: name",
    );
}

#[test]
fn lists_without_a_strategy_are_replaced() {
    check(
        pod(json!({"containers": [{"name": "a", "args": ["x", "y"]}], "tolerations": [{"key": "a"}]})),
        pod(json!({"containers": [{"name": "a", "args": ["z"]}], "tolerations": [{"key": "b"}]})),
        pod(json!({"containers": [{"name": "a", "args": ["z"]}], "tolerations": [{"key": "b"}]})),
    );
}

#[test]
fn patch_directives() {
    check(
        containers(&["a", "b"]),
        pod(json!({"containers": [{"name": "a", "$patch": "delete"}, {"name": "c"}]})),
        containers(&["c", "b"]),
    );
    check(
        containers(&["a", "b"]),
        pod(json!({"containers": [{"$patch": "replace"}, {"name": "c"}]})),
        containers(&["c"]),
    );
    check(
        json!({"metadata": {"labels": {"a": "1"}}}),
        json!({"metadata": {"labels": {"$patch": "replace", "b": "2"}}}),
        json!({"metadata": {"labels": {"b": "2"}}}),
    );
    check(
        pod(json!({"securityContext": {"runAsUser": 1}})),
        pod(json!({"securityContext": {"$patch": "delete"}})),
        pod(json!({"securityContext": {}})),
    );
    check(json!({}), pod(json!({"securityContext": {"$patch": "delete"}})), pod(json!({})));
    check_error(
        json!({"metadata": {"labels": {}}}),
        json!({"metadata": {"labels": {"$patch": "merge"}}}),
        422,
        "metadata.labels: unknown patch type found: \"merge\"",
    );
    check_error(
        containers(&["a"]),
        pod(json!({"containers": [{"name": "a", "$patch": "merge"}]})),
        422,
        "spec.containers: merging lists cannot yet be specified in the patch",
    );
}

#[test]
fn retain_keys() {
    let strategy = |strategy| json!({"spec": {"strategy": strategy}});
    let deployment = ("apps", "v1", "Deployment");
    let result = patch(
        deployment,
        strategy(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}})),
        strategy(json!({"$retainKeys": ["type"], "type": "Recreate"})),
    );
    assert_eq!(result.unwrap(), strategy(json!({"type": "Recreate"})));
    check(
        pod(json!({"volumes": [{"name": "v", "emptyDir": {}}]})),
        pod(json!({"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/"}}]})),
        pod(json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]})),
    );
    check_error(
        pod(json!({"volumes": [{"name": "v"}]})),
        pod(json!({"volumes": [{"name": "v", "$retainKeys": ["name"], "hostPath": {}}]})),
        400,
        "spec.volumes.[name=\"v\"]: invalid patch format of retainKeys: hostPath is set but not retained",
    );
}

#[test]
fn sets_of_scalars() {
    let finalizers = |list| json!({"metadata": {"finalizers": list}});
    check(finalizers(json!(["a", "b"])), finalizers(json!(["c", "a"])), finalizers(json!(["c", "a", "b"])));
    check(
        finalizers(json!(["a", "b", "c"])),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b", "x"]}}),
        finalizers(json!(["a", "c"])),
    );
    check(
        json!({"metadata": {}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"]}}),
        json!({"metadata": {}}),
    );
    check(
        finalizers(json!(["a", "b", "c"])),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"],
            "$setElementOrder/finalizers": ["d", "a"], "finalizers": ["d"]}}),
        finalizers(json!(["d", "a", "c"])),
    );
}

#[test]
fn element_order() {
    let ordered = |order: &[&str], list: Value| {
        let order: Vec<_> = order.iter().map(|name| json!({"name": name})).collect();
        pod(json!({"$setElementOrder/containers": order, "containers": list}))
    };
    check(containers(&["a", "b", "c"]), ordered(&["c", "a"], json!([{"name": "a"}])), containers(&["b", "c", "a"]));
    check(containers(&["a", "b"]), ordered(&["b", "n", "a"], json!([{"name": "n"}])), containers(&["b", "n", "a"]));
    check(
        containers(&["a", "s", "b"]),
        ordered(&["b"], json!([{"name": "a", "$patch": "delete"}])),
        containers(&["s", "b"]),
    );
    check(
        containers(&["a", "b"]),
        pod(json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]})),
        containers(&["b", "a"]),
    );
    check(json!({"spec": {}}), ordered(&["b", "a"], json!([{"name": "b"}, {"name": "a"}])), containers(&["b", "a"]));
    check_error(
        containers(&["a"]),
        ordered(&["a"], json!([{"name": "z"}])),
        400,
        "spec.containers: the order in the patch list does not match its $setElementOrder list",
    );
}

#[test]
fn new_values_lose_nulls_and_directives() {
    check(
        json!({}),
        pod(json!({"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "a", "image": null,
            "$setElementOrder/env": []}, {"name": "b", "$patch": "delete"}]})),
        pod(json!({"containers": [{"name": "a"}]})),
    );
}

#[test]
fn map_replaced_whole() {
    let selector = |labels| json!({"spec": {"selector": {"matchLabels": labels}}});
    let result =
        patch(("policy", "v1", "PodDisruptionBudget"), selector(json!({"a": "1"})), selector(json!({"b": "2"})));
    assert_eq!(result.unwrap(), selector(json!({"b": "2"})));
}
