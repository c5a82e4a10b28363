//! FieldsV1 of a Deployment: what its creator and its applier own.

use outrigger_object::Object;
use outrigger_patch::managed::{FieldSet, Write, apply, update};
use outrigger_schema::builtin;

const DEPLOYMENT: &str = include_str!("deployment.yaml");

#[test]
fn fields_of_a_deployment() {
    let schema = builtin::schema("apps", "v1", "Deployment").expect("a built-in kind");
    let object: Object = serde_saphyr::from_str(DEPLOYMENT).expect("deployment.yaml");
    let write = Write {
        schema: &schema,
        api_version: "apps/v1",
        manager: "golden",
        subresource: "",
        now: "2026-01-01T00:00:00Z",
        reset: &FieldSet::default(),
    };
    let applied = apply(&write, None, &object, false).expect("applies");
    insta::assert_yaml_snapshot!("applied", applied.get(&["metadata", "managedFields"]));
    let mut created = object;
    update(&write, None, &mut created);
    insta::assert_yaml_snapshot!("created", created.get(&["metadata", "managedFields"]));
}
