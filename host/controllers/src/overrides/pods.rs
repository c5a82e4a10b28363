//! Where workloads keep their containers, and changes of a container's command or arguments.

use outrigger_api::policy::{CommandArgsOverrider, OverriderOperator};
use serde_json::{Value, json};

/// JSON pointer to the containers of a workload of a known kind.
pub(super) fn containers(object: &Value) -> Option<&'static str> {
    match object["kind"].as_str()? {
        "Pod" => Some("/spec/containers"),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" => Some("/spec/template/spec/containers"),
        _ => None,
    }
}

/// Changes `command` or `args` of the containers of one name. Other kinds of objects stay as they are.
pub(super) fn apply(object: &mut Value, field: &str, overrider: &CommandArgsOverrider) {
    let Some(containers) = containers(object).and_then(|path| object.pointer_mut(path)?.as_array_mut()) else { return };
    for container in containers.iter_mut().filter(|one| one["name"] == json!(overrider.container_name)) {
        let mut items = container[field].as_array().cloned().unwrap_or_default();
        match overrider.operator {
            OverriderOperator::Add => items.extend(overrider.value.iter().map(|item| json!(item))),
            OverriderOperator::Remove => {
                items.retain(|item| !item.as_str().is_some_and(|item| overrider.value.iter().any(|one| one == item)));
            }
            OverriderOperator::Replace => {}
        }
        container[field] = Value::from(items);
    }
}
