//! What a pod's row says: how many containers are ready, one word for its state, restarts.

use jiff::Timestamp;
use outrigger_object::Object;
use serde_json::Value;

use super::age;

fn statuses<'a>(pod: &'a Object, name: &str) -> impl Iterator<Item = &'a Value> {
    pod.get(&["status", name]).and_then(Value::as_array).into_iter().flatten()
}

fn is_ready(status: &Value) -> bool {
    status.get("ready") == Some(&Value::Bool(true))
}

/// `ready/all` containers.
pub(super) fn ready(pod: &Object) -> Value {
    let all = pod.get(&["spec", "containers"]).and_then(Value::as_array).map_or(0, Vec::len);
    let ready = statuses(pod, "containerStatuses").filter(|status| is_ready(status)).count();
    format!("{ready}/{all}").into()
}

fn reason_of(status: &Value) -> Option<String> {
    let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(reason) = text("/state/waiting/reason").or(text("/state/terminated/reason")) {
        return Some(reason.to_owned());
    }
    let terminated = status.pointer("/state/terminated")?;
    let number = |name: &str| terminated.get(name).and_then(Value::as_i64).unwrap_or_default();
    Some(match number("signal") {
        0 => format!("ExitCode:{}", number("exitCode")),
        signal => format!("Signal:{signal}"),
    })
}

/// One word for the state of a pod.
pub(super) fn status(pod: &Object) -> String {
    let phase = pod.str(&["status", "phase"]).unwrap_or("Unknown");
    let mut reason = pod.str(&["status", "reason"]).filter(|text| !text.is_empty()).unwrap_or(phase).to_owned();
    let inits = pod.get(&["spec", "initContainers"]).and_then(Value::as_array).map_or(0, Vec::len);
    let mut initializing = false;
    for (index, init) in statuses(pod, "initContainerStatuses").enumerate() {
        let exit = init.pointer("/state/terminated/exitCode").and_then(Value::as_i64);
        if exit == Some(0) || init.get("started") == Some(&Value::Bool(true)) {
            continue;
        }
        initializing = true;
        reason = match reason_of(init) {
            Some(text) if text != "PodInitializing" => format!("Init:{text}"),
            _ => format!("Init:{index}/{inits}"),
        };
        break;
    }
    if !initializing {
        let mut running = false;
        for status in statuses(pod, "containerStatuses") {
            match reason_of(status) {
                Some(text) => reason = text,
                None => running |= is_ready(status) && status.pointer("/state/running").is_some(),
            }
        }
        if reason == "Completed" && running {
            reason = "Running".into();
        }
    }
    match (pod.is_deleting(), pod.str(&["status", "reason"])) {
        (true, Some("NodeLost")) => "Unknown".into(),
        (true, _) if !matches!(phase, "Succeeded" | "Failed") => "Terminating".into(),
        _ => reason,
    }
}

/// How often containers were restarted, and when last.
pub(super) fn restarts(pod: &Object, now: Timestamp) -> Value {
    let mut count = 0;
    let mut last: Option<Timestamp> = None;
    for status in statuses(pod, "containerStatuses") {
        count += status.get("restartCount").and_then(Value::as_i64).unwrap_or_default();
        let finished = status.pointer("/lastState/terminated/finishedAt").and_then(Value::as_str);
        last = last.max(finished.and_then(|text| text.parse().ok()));
    }
    match (count, last) {
        (0, _) | (_, None) => count.to_string(),
        (count, Some(last)) => format!("{count} ({} ago)", age::between(last, now)),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[track_caller]
    fn check(pod: serde_json::Value, expected: &str) {
        let pod = outrigger_object::Object::from_value(pod).expect("an object");
        assert_eq!(super::status(&pod), expected);
    }

    #[test]
    fn states() {
        check(json!({"status": {"phase": "Pending"}}), "Pending");
        check(
            json!({"status": {"phase": "Running", "containerStatuses": [{"ready": true, "state": {"running": {}}}]}}),
            "Running",
        );
        check(
            json!({"status": {"phase": "Running", "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
            "CrashLoopBackOff",
        );
        check(
            json!({"status": {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}}),
            "ExitCode:3",
        );
        check(
            json!({"spec": {"initContainers": [{}, {}]}, "status": {"phase": "Pending", "initContainerStatuses": [{"state": {"running": {}}}]}}),
            "Init:0/2",
        );
        check(json!({"metadata": {"deletionTimestamp": "x"}, "status": {"phase": "Running"}}), "Terminating");
        check(json!({"status": {"phase": "Failed", "reason": "Evicted"}}), "Evicted");
    }
}
