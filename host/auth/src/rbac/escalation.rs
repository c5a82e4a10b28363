//! Escalation: nobody grants what it does not hold.

use outrigger_object::Object;

use super::{Attributes, Escalation, GROUP, RbacIndex, Rule, index::read_rules};
use crate::User;

impl RbacIndex {
    /// Whether a user may write this Role or ClusterRole: it holds all that the role grants, or has the
    /// verb `escalate` on it. With the role that it replaces, a change that leaves the rules alone is
    /// always allowed.
    pub fn may_write_role(&self, user: &User, role: &Object, old: Option<&Object>) -> Result<(), Escalation> {
        let unchanged = |old: &Object| {
            old.get(&["rules"]) == role.get(&["rules"])
                && old.get(&["aggregationRule"]) == role.get(&["aggregationRule"])
        };
        if old.is_some_and(unchanged) {
            return Ok(());
        }
        let resource = if role.kind() == "ClusterRole" { "clusterroles" } else { "roles" };
        if self.may(user, "escalate", resource, role.namespace(), role.name()) {
            return Ok(());
        }
        // What an aggregating role will grant is not known yet, so only who may grant all may write one.
        if role.get(&["aggregationRule"]).is_some_and(|rule| !rule.is_null()) {
            let all = || vec!["*".to_owned()];
            let everything = [
                Rule { api_groups: all(), resources: all(), verbs: all(), ..Rule::default() },
                Rule { non_resource_urls: all(), verbs: all(), ..Rule::default() },
            ];
            return self.holds(user, role.namespace(), &everything);
        }
        self.holds(user, role.namespace(), &read_rules(role))
    }

    /// Whether a user may write this RoleBinding or ClusterRoleBinding: it holds all that the role
    /// grants that is bound, or has the verb `bind` on it. With the binding that it replaces, a change
    /// that leaves role and subjects alone is always allowed.
    pub fn may_write_binding(&self, user: &User, binding: &Object, old: Option<&Object>) -> Result<(), Escalation> {
        let unchanged = |old: &Object| {
            old.get(&["subjects"]) == binding.get(&["subjects"]) && old.get(&["roleRef"]) == binding.get(&["roleRef"])
        };
        if old.is_some_and(unchanged) {
            return Ok(());
        }
        let namespace = binding.namespace();
        let name = binding.str(&["roleRef", "name"]).unwrap_or_default();
        let cluster_role = binding.str(&["roleRef", "kind"]) == Some("ClusterRole");
        let resource = if cluster_role { "clusterroles" } else { "roles" };
        if self.may(user, "bind", resource, namespace, name) {
            return Ok(());
        }
        match self.role(if cluster_role { "" } else { namespace }, name) {
            Some(rules) => self.holds(user, namespace, &rules),
            None => Err(Escalation(format!("{resource}.{GROUP} {name:?} not found"))),
        }
    }

    fn may(&self, user: &User, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
        self.decide(user, &Attributes::resource(verb, GROUP, resource, namespace, name)).allowed
    }

    fn holds(&self, user: &User, namespace: &str, rules: &[Rule]) -> Result<(), Escalation> {
        let own = self.rules_for(user, namespace);
        let atoms = rules.iter().flat_map(Rule::atoms);
        let mut missing: Vec<String> =
            atoms.filter(|atom| !own.iter().any(|rule| rule.covers(atom))).map(|atom| atom.to_string()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort();
        missing.dedup();
        let name = &user.name;
        let groups = &user.groups;
        Err(Escalation(format!(
            "user {name:?} (groups={groups:?}) is attempting to grant RBAC permissions not currently held:\n{}",
            missing.join("\n")
        )))
    }
}
