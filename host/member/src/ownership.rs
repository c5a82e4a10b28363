//! Whose an object in a member is, by the marks that Karmada puts on what it applies.
//!
//! Kinds whose controllers copy metadata (a Velero Schedule, onto its Backups) bear no marks at all:
//! theirs are known by the fields that we applied.
//!
//! **Invariant:** an object that bears marks is ours only for the Work that they name. Marks alone are
//! not enough: what a member makes from our object may inherit them, and names another Work than its own.

use outrigger_api::labels::{MANAGED_RESOURCE_ANNOTATIONS, MANAGED_RESOURCE_LABELS, annotation, label};
use outrigger_object::{Object, ObjectKey};
use serde_json::{Map, Value, json};

use crate::fields;

/// Selects objects that the system put into a member.
pub const MANAGED_SELECTOR: &str = "karmada.io/managed=true";

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This Work's.
    Us,
    /// Another Work's; its namespace and name.
    Another(ObjectKey),
    /// Somebody's in the member.
    Member,
}

/// Whose `observed` is, seen from the Work `work`.
pub fn owner(observed: &Object, work: &ObjectKey) -> Owner {
    let is_applied = !fields::applied(observed).is_empty();
    let marked = is_applied || observed.label(label::MANAGED) == Some(label::MANAGED_TRUE);
    let named = (observed.annotation(annotation::WORK_NAMESPACE), observed.annotation(annotation::WORK_NAME));
    match named {
        (Some(namespace), Some(name)) if marked => {
            let named = ObjectKey::new(namespace, name);
            if named == *work { Owner::Us } else { Owner::Another(named) }
        }
        (None, None) if is_applied => Owner::Us,
        _ => Owner::Member,
    }
}

/// Whether an object that is not ours may be taken over without being asked: a namespace that we made
/// ourselves when something needed it.
pub fn is_adoptable(observed: &Object) -> bool {
    observed.gvk().group.is_empty() && observed.kind() == "Namespace" && fields::touched(observed)
}

/// A merge patch that takes our marks off an object and leaves it to the member; `None` when it bears
/// none.
pub fn release(observed: &Object) -> Option<Value> {
    let mut patch = Map::new();
    let mut take = |field: &str, names: &[&str]| {
        let map = observed.get(&["metadata", field]).and_then(Value::as_object);
        let gone: Map<String, Value> = names
            .iter()
            .filter(|name| map.is_some_and(|map| map.contains_key(**name)))
            .map(|name| ((*name).to_owned(), Value::Null))
            .collect();
        if !gone.is_empty() {
            patch.insert(field.to_owned(), Value::Object(gone));
        }
    };
    const POLICY_LABELS: [&str; 2] =
        [label::PROPAGATION_POLICY_PERMANENT_ID, label::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID];
    const POLICY_ANNOTATIONS: [&str; 4] = [
        annotation::PROPAGATION_POLICY_NAMESPACE,
        annotation::PROPAGATION_POLICY_NAME,
        annotation::CLUSTER_PROPAGATION_POLICY_NAME,
        annotation::CLUSTER_RESOURCE_BINDING_NAME,
    ];
    take("labels", &[&MANAGED_RESOURCE_LABELS[..], &POLICY_LABELS].concat());
    let annotations = [&MANAGED_RESOURCE_ANNOTATIONS[..], &POLICY_ANNOTATIONS, &[annotation::CONFLICT_RESOLUTION]];
    take("annotations", &annotations.concat());
    (!patch.is_empty()).then(|| json!({"metadata": patch}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(managed: bool, work: Option<&str>) -> Object {
        let mut object = Object::default();
        object.set(&["metadata", "name"], "a");
        if managed {
            object.set(&["metadata", "labels", "karmada.io/managed"], "true");
        }
        if let Some(work) = work {
            object.set(&["metadata", "annotations", "work.karmada.io/namespace"], "karmada-es-m");
            object.set(&["metadata", "annotations", "work.karmada.io/name"], work);
        }
        object
    }

    #[test]
    fn ours_only_for_the_work_it_names() {
        let work = ObjectKey::new("karmada-es-m", "w");
        let check = |object: &Object, expected| assert_eq!(owner(object, &work), expected);
        check(&object(true, Some("w")), Owner::Us);
        check(&object(true, Some("schedule")), Owner::Another(ObjectKey::new("karmada-es-m", "schedule")));
        check(&object(true, None), Owner::Member);
        check(&object(false, Some("w")), Owner::Member);
        let mut unlabelled = object(false, Some("w"));
        unlabelled.set(
            &["metadata", "managedFields"],
            json!([{"manager": "outrigger", "operation": "Apply", "fieldsV1": {"f:data": {}}}]),
        );
        check(&unlabelled, Owner::Us);
        let mut unmarked = unlabelled.clone();
        unmarked.remove(&["metadata", "annotations"]);
        check(&unmarked, Owner::Us);
    }

    #[test]
    fn release_takes_our_marks_and_nothing_else() {
        let mut object = object(true, Some("w"));
        object.set(&["metadata", "labels", "app"], "x");
        let expected = json!({"metadata": {
            "labels": {"karmada.io/managed": null},
            "annotations": {"work.karmada.io/namespace": null, "work.karmada.io/name": null},
        }});
        assert_eq!(release(&object), Some(expected));
        assert_eq!(release(&super::tests::object(false, None)), None);
    }
}
