//! What to do about one manifest: decided here, done in [`apply`](crate::apply).
//!
//! Inputs: the manifest, the object in the member, the kind's life cycle, what the Work's status says.
//! Output: one [`Step`].
//!
//! | Life cycle | not there | there, ours | there, not ours |
//! |---|---|---|---|
//! | Declarative | create | apply what differs | refuse, or take over |
//! | RunOnce | create, unless it was there before: then it is over | before it starts: apply; after: labels and annotations alone | refuse, or take over |
//! | Request | create, unless it was there before: then it is answered | labels and annotations alone | refuse |
//! | MemberOwned | nothing | nothing | nothing |
//!
//! **Invariant:** pure. An object that is not ours is never written without the user's word, and
//! nothing that has run once is created a second time.

use outrigger_api::labels::annotation;
use outrigger_interpreter::LifeCycle;
use outrigger_object::{Object, ObjectKey};
use serde_json::{Map, Value, json};

use crate::fields;
use crate::ownership::{self, Owner};

/// What is known when one manifest is planned.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The member's name, for messages.
    pub cluster: &'a str,
    /// The Work that the manifest stands in.
    pub work: &'a ObjectKey,
    /// The manifest.
    pub manifest: &'a Object,
    /// The object in the member; `None` when the member says that there is none.
    pub observed: Option<&'a Object>,
    /// How objects of this kind live.
    pub life_cycle: LifeCycle,
    /// Whether a RunOnce object has started.
    pub started: bool,
    /// Whether the Work's status says that it was in the member before.
    pub was_applied: bool,
    /// What the interpreter's Retain makes of [`desired`] and `observed`, where it has a say.
    pub retained: Option<&'a Object>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Create it: apply it without force, so that nobody's object is taken who came in between.
    Create(Object),
    /// Apply it with force. With a version, only if it still is at that version.
    Apply {
        /// What is asserted.
        object: Object,
        /// The version that the decision depends on.
        version: Option<String>,
    },
    /// Change labels and annotations alone, by a merge patch.
    Relabel(Value),
    /// It is as it should be.
    Keep,
    /// It is only observed.
    Observe,
    /// It is being deleted; it can be created when it is gone.
    AwaitDeletion,
    /// It was there, and the member has done with it.
    Over(&'static str),
    /// It is not ours.
    Refuse(String),
}

/// What we assert of a manifest: all of it but its status and what only a server writes.
pub fn desired(manifest: &Object) -> Object {
    let mut object = manifest.clone();
    object.remove(&["status"]);
    for field in [
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
        "ownerReferences",
    ] {
        object.remove(&["metadata", field]);
    }
    object
}

/// Decides about one manifest.
pub fn plan(inputs: &Inputs<'_>) -> Step {
    if inputs.life_cycle == LifeCycle::MemberOwned {
        return Step::Observe;
    }
    let Some(observed) = inputs.observed else {
        return match inputs.life_cycle {
            LifeCycle::RunOnce if inputs.was_applied => {
                Step::Over("it has run, and the member has removed it; it is not created again")
            }
            LifeCycle::Request if inputs.was_applied => Step::Over("the member has answered it and removed it"),
            _ => Step::Create(desired(inputs.manifest)),
        };
    };
    match ownership::owner(observed, inputs.work) {
        Owner::Us => {}
        _ if observed.is_deleting() => return Step::AwaitDeletion,
        other => {
            if !may_take(inputs.manifest, observed) {
                return Step::Refuse(refusal(inputs, &other));
            }
        }
    }
    if observed.is_deleting() {
        return match inputs.life_cycle {
            LifeCycle::Declarative => Step::AwaitDeletion,
            _ => Step::Keep,
        };
    }
    match inputs.life_cycle {
        LifeCycle::Request => relabel(inputs.manifest, observed),
        LifeCycle::RunOnce if inputs.started => relabel(inputs.manifest, observed),
        life_cycle => {
            let object = assertion(inputs, observed);
            if !fields::differs(&object, observed) {
                return Step::Keep;
            }
            // Between this look and the write it may start: then the write must fail.
            let version = (life_cycle == LifeCycle::RunOnce).then(|| observed.resource_version().to_owned());
            Step::Apply { object, version }
        }
    }
}

/// What we assert of an object that is there: what Retain took from it is asserted only where we own it
/// already, and otherwise let go of.
pub fn assertion(inputs: &Inputs<'_>, observed: &Object) -> Object {
    let desired = desired(inputs.manifest);
    let Some(retained) = inputs.retained else { return desired };
    let owned = fields::applied(observed);
    let mut out = Object(let_go(&desired.0, &retained.0, &observed.0, &owned));
    for path in [&["apiVersion"][..], &["kind"], &["metadata", "name"], &["metadata", "namespace"]] {
        if let Some(value) = desired.get(path) {
            out.set(path, value.clone());
        }
    }
    self::desired(&out)
}

fn let_go(
    desired: &Map<String, Value>,
    retained: &Map<String, Value>,
    observed: &Map<String, Value>,
    owned: &Map<String, Value>,
) -> Map<String, Value> {
    let mut out = Map::new();
    let empty = Map::new();
    for (name, kept) in retained {
        let (wanted, seen) = (desired.get(name), observed.get(name));
        let sub = owned.get(&format!("f:{name}")).and_then(Value::as_object);
        if wanted == Some(kept) {
            out.insert(name.clone(), kept.clone());
        } else if let (Some(Value::Object(wanted)), Value::Object(kept), Some(Value::Object(seen))) =
            (wanted, kept, seen)
        {
            out.insert(name.clone(), Value::Object(let_go(wanted, kept, seen, sub.unwrap_or(&empty))));
        } else if seen != Some(kept) || sub.is_some() {
            out.insert(name.clone(), kept.clone());
        }
    }
    out
}

fn may_take(manifest: &Object, observed: &Object) -> bool {
    manifest.annotation(annotation::CONFLICT_RESOLUTION) == Some(annotation::CONFLICT_RESOLUTION_OVERWRITE)
        || ownership::is_adoptable(observed)
}

fn refusal(inputs: &Inputs<'_>, owner: &Owner) -> String {
    let what = format!("{} exists in cluster {}", inputs.manifest.reference(), inputs.cluster);
    let whose = match owner {
        Owner::Another(work) => format!("and belongs to Work {work}"),
        _ => "and is not managed by this control plane".to_owned(),
    };
    format!("{what} {whose}; set conflictResolution: Overwrite in its policy to take it over, or remove it there")
}

/// A merge patch of the labels and annotations that changed; [`Step::Keep`] when none did.
fn relabel(manifest: &Object, observed: &Object) -> Step {
    let mut patch = Map::new();
    for (field, record) in [("labels", annotation::MANAGED_LABELS), ("annotations", annotation::MANAGED_ANNOTATIONS)] {
        let map =
            |object: &Object| object.get(&["metadata", field]).and_then(Value::as_object).cloned().unwrap_or_default();
        let (want, have) = (map(manifest), map(observed));
        let mut changed: Map<String, Value> = want
            .iter()
            .filter(|(name, value)| have.get(*name) != Some(value))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        // What we put there before and no longer want goes; what others put there stays.
        let recorded = observed.annotation(record).unwrap_or_default().split(',').map(str::to_owned);
        for name in recorded.chain(fields::metadata_of_ours(observed, field)) {
            if have.contains_key(&name) && !want.contains_key(&name) {
                changed.insert(name, Value::Null);
            }
        }
        if !changed.is_empty() {
            patch.insert(field.to_owned(), Value::Object(changed));
        }
    }
    if patch.is_empty() { Step::Keep } else { Step::Relabel(json!({"metadata": patch})) }
}

#[cfg(test)]
mod tests;
