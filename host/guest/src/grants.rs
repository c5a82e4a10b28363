//! Whether an addon may do what the host does for it.
//!
//! Where an API server can decide, it does. What an agent is handed is written by the host, and is checked here
//! against what was granted for members.

use outrigger_addon::manifest::{Permissions, Rule};
use outrigger_addon::{CallError, CallErrorKind};
use outrigger_object::Gvk;

/// Refuses what is not granted in members: `verb` on `plural`, on the object of this name.
pub(crate) fn check_member(
    grants: &Permissions,
    cluster: &str,
    verb: &str,
    gvk: &Gvk,
    plural: &str,
    name: &str,
) -> Result<(), CallError> {
    if grants.members.iter().any(|rule| allows(rule, verb, &gvk.group, plural, name)) {
        return Ok(());
    }
    let group = if gvk.group.is_empty() { "the core group".to_owned() } else { format!("group {}", gvk.group) };
    Err(CallError {
        kind: CallErrorKind::Forbidden,
        message: format!(
            "cluster {cluster}: {plural} {name:?} is forbidden: the addon has no permission to {verb} {plural} of {group} in members; ask for it in permissions.members of addon.yaml"
        ),
    })
}

fn allows(rule: &Rule, verb: &str, group: &str, plural: &str, name: &str) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|one| one == "*" || one == wanted);
    has(&rule.verbs, verb)
        && has(&rule.api_groups, group)
        && has(&rule.resources, plural)
        && (rule.resource_names.is_empty() || rule.resource_names.iter().any(|one| one == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_allow_what_they_name() {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let check = |groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str], expected: bool| {
            let rule = Rule {
                api_groups: list(groups),
                resources: list(resources),
                verbs: list(verbs),
                resource_names: list(names),
            };
            let grants = Permissions { hub: Vec::new(), members: vec![rule.clone()] };
            let gvk = Gvk::new("velero.io", "v1", "Backup");
            let result = check_member(&grants, "east", "patch", &gvk, "backups", "a");
            assert_eq!(result.is_ok(), expected, "{rule:?}");
            let elsewhere = Permissions { hub: grants.members, members: Vec::new() };
            assert!(check_member(&elsewhere, "east", "patch", &gvk, "backups", "a").is_err());
        };
        check(&["velero.io"], &["backups"], &["patch"], &[], true);
        check(&["*"], &["*"], &["*"], &["a"], true);
        check(&["velero.io"], &["backups"], &["patch"], &["b"], false);
        check(&["velero.io"], &["backups/status"], &["patch"], &[], false);
        check(&[""], &["backups"], &["patch"], &[], false);
        check(&["velero.io"], &["backups"], &["get"], &[], false);
    }
}
