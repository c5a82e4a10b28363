//! Who owns which field: the seam to `outrigger_patch::managed`.

use outrigger_object::Object;
use outrigger_patch::managed::{self, FieldSet, PathElement, Write};

use crate::objects::Writer;
use crate::registry::Resource;
use crate::status::{Result, Status, StatusCause};

/// Fields that a write through an endpoint does not reach, among those at the top of the objects.
fn reset<'a>(resource: &Resource, subresource: &str, names: impl Iterator<Item = &'a String>) -> FieldSet {
    let mut set = FieldSet::default();
    match subresource {
        "" if resource.has_status() => set.insert(&[PathElement::field("status")]),
        "status" => {
            for name in names.filter(|name| !matches!(name.as_str(), "status" | "apiVersion" | "kind")) {
                set.insert(&[PathElement::field(name)]);
            }
        }
        _ => {}
    }
    set
}

/// Records the writer as the owner of what it changed. Writes of the server itself are not recorded.
pub(crate) fn track(resource: &Resource, old: Option<&Object>, new: &mut Object, writer: &Writer<'_>, now: &str) {
    if writer.manager.is_empty() {
        return;
    }
    let reset = reset(resource, writer.subresource, new.0.keys());
    let api_version = resource.api_version();
    let write = Write {
        schema: resource.schema(),
        api_version: &api_version,
        manager: writer.manager,
        subresource: writer.subresource,
        now,
        reset: &reset,
    };
    managed::update(&write, old, new);
}

/// Applies a configuration to an object, or to nothing.
pub(crate) fn apply(
    resource: &Resource,
    live: Option<&Object>,
    config: &Object,
    force: bool,
    writer: &Writer<'_>,
    now: &str,
) -> Result<Object> {
    let reset = reset(resource, writer.subresource, config.0.keys());
    let api_version = resource.api_version();
    let write = Write {
        schema: resource.schema(),
        api_version: &api_version,
        manager: writer.manager,
        subresource: writer.subresource,
        now,
        reset: &reset,
    };
    managed::apply(&write, live, config, force).map_err(refusal)
}

/// What a client hears of a patch that was refused.
pub(crate) fn refusal(error: outrigger_patch::Error) -> Status {
    let message = error.to_string();
    match (error.code(), error) {
        (_, outrigger_patch::Error::Conflict(conflicts)) => {
            let causes = conflicts
                .0
                .iter()
                .map(|conflict| StatusCause {
                    reason: "FieldManagerConflict".into(),
                    message: format!("conflict with {}", conflict.manager),
                    field: conflict.field.clone(),
                })
                .collect();
            Status::apply_conflict(message, causes)
        }
        (400, _) => Status::bad_request(message),
        (413, _) => Status { code: 413, reason: "RequestEntityTooLarge", ..Status::bad_request(message) },
        _ => Status::unprocessable(message),
    }
}
