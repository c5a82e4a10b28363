use super::*;

const WORK: &str = "w";

fn key() -> ObjectKey {
    ObjectKey::new("karmada-es-east", WORK)
}

fn manifest() -> Object {
    Object::from_value(json!({
        "apiVersion": "velero.io/v1", "kind": "Backup",
        "metadata": {
            "namespace": "velero", "name": "daily", "uid": "hub", "resourceVersion": "1",
            "labels": {"karmada.io/managed": "true", "team": "a"},
            "annotations": {
                "work.karmada.io/namespace": "karmada-es-east", "work.karmada.io/name": WORK,
                "resourcetemplate.karmada.io/managed-labels": "karmada.io/managed,team",
            },
            "ownerReferences": [{"uid": "hub"}],
        },
        "spec": {"ttl": "1h", "replicas": 2},
        "status": {"phase": "New"},
    }))
    .unwrap()
}

/// The object as our apply left it in the member.
fn observed() -> Object {
    let mut object = desired(&manifest());
    object.set(&["metadata", "uid"], "member");
    object.set(&["metadata", "resourceVersion"], "9");
    object.set(
        &["metadata", "managedFields"],
        json!([{"manager": "outrigger", "operation": "Apply", "fieldsV1": {
            "f:metadata": {
                "f:labels": {"f:karmada.io/managed": {}, "f:team": {}},
                "f:annotations": {"f:work.karmada.io/namespace": {}, "f:work.karmada.io/name": {},
                    "f:resourcetemplate.karmada.io/managed-labels": {}}},
            "f:spec": {"f:ttl": {}, "f:replicas": {}}}}]),
    );
    object
}

#[derive(Default)]
struct Case {
    life_cycle: LifeCycle,
    absent: bool,
    started: bool,
    was_applied: bool,
    retained: Option<Object>,
}

fn run(case: Case, change: fn(&mut Object, &mut Object)) -> String {
    let (mut manifest, mut observed) = (manifest(), observed());
    change(&mut manifest, &mut observed);
    let work = key();
    let step = plan(&Inputs {
        cluster: "east",
        work: &work,
        manifest: &manifest,
        observed: (!case.absent).then_some(&observed),
        life_cycle: case.life_cycle,
        started: case.started,
        was_applied: case.was_applied,
        retained: case.retained.as_ref(),
    });
    match step {
        Step::Create(object) => format!("create {}", object.0["spec"]),
        Step::Apply { object, version } => {
            assert_eq!(object.status(), None, "a status is never sent");
            assert_eq!(object.get(&["metadata", "ownerReferences"]), None);
            assert_eq!(object.uid(), "");
            format!("apply {} at {version:?}", object.0["spec"])
        }
        Step::Relabel(patch) => format!("relabel {patch}"),
        Step::Keep => "keep".into(),
        Step::Observe => "observe".into(),
        Step::AwaitDeletion => "await deletion".into(),
        Step::Over(why) => format!("over: {why}"),
        Step::Refuse(why) => format!("refuse: {why}"),
    }
}

fn nothing(_: &mut Object, _: &mut Object) {}

fn edit_spec(manifest: &mut Object, _: &mut Object) {
    manifest.set(&["spec", "ttl"], "2h");
}

fn relabelled(manifest: &mut Object, observed: &mut Object) {
    manifest.set(&["spec", "ttl"], "2h");
    manifest.remove(&["metadata", "labels", "team"]);
    manifest.set(&["metadata", "labels", "tier"], "1");
    observed.set(&["metadata", "labels", "velero.io/storage-location"], "default");
}

/// A kind that bears no marks, and so no record of which labels are ours but `managedFields`.
fn unrecorded(manifest: &mut Object, observed: &mut Object) {
    const RECORD: &[&str] = &["metadata", "annotations", "resourcetemplate.karmada.io/managed-labels"];
    manifest.remove(RECORD);
    observed.remove(RECORD);
    manifest.remove(&["metadata", "labels", "team"]);
}

fn shared(manifest: &mut Object, observed: &mut Object) {
    unrecorded(manifest, observed);
    let mut managers = observed.get(&["metadata", "managedFields"]).and_then(Value::as_array).cloned().unwrap();
    let fields = json!({"f:metadata": {"f:labels": {"f:team": {}}}});
    managers.push(json!({"manager": "somebody", "operation": "Update", "fieldsV1": fields}));
    observed.set(&["metadata", "managedFields"], managers);
}

fn foreign(_: &mut Object, observed: &mut Object) {
    observed.remove(&["metadata", "labels"]);
    observed.remove(&["metadata", "annotations"]);
    observed.remove(&["metadata", "managedFields"]);
}

fn foreign_overwrite(manifest: &mut Object, observed: &mut Object) {
    foreign(manifest, observed);
    manifest.set(&["metadata", "annotations", "work.karmada.io/conflict-resolution"], "overwrite");
}

fn another(_: &mut Object, observed: &mut Object) {
    observed.set(&["metadata", "annotations", "work.karmada.io/name"], "schedule");
}

fn deleting(_: &mut Object, observed: &mut Object) {
    observed.set(&["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z");
}

fn run_once() -> Case {
    Case { life_cycle: LifeCycle::RunOnce, ..Case::default() }
}

#[test]
fn declarative() {
    let check = |expected: &str, case: Case, change| assert_eq!(run(case, change), expected);
    check(r#"create {"replicas":2,"ttl":"1h"}"#, Case { absent: true, ..Case::default() }, nothing);
    let again = Case { absent: true, was_applied: true, ..Case::default() };
    check(r#"create {"replicas":2,"ttl":"1h"}"#, again, nothing);
    check("keep", Case::default(), nothing);
    check(r#"apply {"replicas":2,"ttl":"2h"} at None"#, Case::default(), edit_spec);
    check("await deletion", Case::default(), deleting);
}

#[test]
fn not_ours() {
    let check = |start: &str, change| {
        let step = run(Case::default(), change);
        assert!(step.starts_with(start), "{step}");
    };
    check("refuse: Backup velero/daily exists in cluster east and is not managed", foreign);
    check("refuse: Backup velero/daily exists in cluster east and belongs to Work karmada-es-east/schedule", another);
    check("apply", foreign_overwrite);
}

#[test]
fn run_once_is_left_alone_once_it_has_started() {
    let check = |expected: &str, case: Case, change| assert_eq!(run(case, change), expected);
    check(r#"apply {"replicas":2,"ttl":"2h"} at Some("9")"#, run_once(), edit_spec);
    check("keep", Case { started: true, ..run_once() }, edit_spec);
    check(
        r#"relabel {"metadata":{"labels":{"team":null,"tier":"1"}}}"#,
        Case { started: true, ..run_once() },
        relabelled,
    );
    check(r#"relabel {"metadata":{"labels":{"team":null}}}"#, Case { started: true, ..run_once() }, unrecorded);
    check("keep", Case { started: true, ..run_once() }, shared);
    check(r#"create {"replicas":2,"ttl":"1h"}"#, Case { absent: true, ..run_once() }, nothing);
    check(
        "over: it has run, and the member has removed it; it is not created again",
        Case { absent: true, was_applied: true, ..run_once() },
        nothing,
    );
    check("keep", Case { started: true, ..run_once() }, deleting);
}

#[test]
fn requests_and_member_owned() {
    let request = || Case { life_cycle: LifeCycle::Request, ..Case::default() };
    let check = |expected: &str, case: Case, change| assert_eq!(run(case, change), expected);
    check(r#"create {"replicas":2,"ttl":"1h"}"#, Case { absent: true, ..request() }, nothing);
    check("keep", request(), edit_spec);
    check(
        "over: the member has answered it and removed it",
        Case { absent: true, was_applied: true, ..request() },
        nothing,
    );
    let owned = Case { life_cycle: LifeCycle::MemberOwned, absent: true, ..Case::default() };
    check("observe", owned, nothing);
}

/// Retain that keeps the member's replicas.
fn keeps_replicas(replicas: i64) -> Option<Object> {
    let mut retained = desired(&manifest());
    retained.set(&["spec", "replicas"], replicas);
    Some(retained)
}

#[test]
fn what_retain_keeps_is_let_go_of() {
    let check = |expected: &str, change: fn(&mut Object, &mut Object)| {
        assert_eq!(run(Case { retained: keeps_replicas(5), ..Case::default() }, change), expected);
    };
    // The member's autoscaler took the field over: nothing to do, and nothing to fight about.
    check("keep", |_, observed| {
        observed.set(&["spec", "replicas"], 5);
        observed.0["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"].as_object_mut().unwrap().remove("f:replicas");
    });
    // We own it alone: letting go would delete it in the member, so its value is asserted.
    check(r#"apply {"replicas":5,"ttl":"1h"} at None"#, |_, observed| {
        observed.set(&["spec", "replicas"], 5);
        observed.set(&["spec", "ttl"], "2h");
    });
}
