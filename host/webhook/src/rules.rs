//! Which kinds and operations a hook is called for.
//!
//! A rule matches when its operations, groups, versions and kinds each hold the asked value or `*`; a hook
//! matches when one of its rules does (Karmada's `Matcher`).

use std::collections::BTreeSet;

use outrigger_api::config::{Rule, RuleWithOperations};
use outrigger_interpreter::{Operation, Operations};
use outrigger_object::Gvk;

const ANY: &str = "*";

/// Karmada's name of an operation; `None` for those that it does not have.
pub(crate) fn name_of(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::InterpretReplica => "InterpretReplica",
        Operation::InterpretComponent => "InterpretComponent",
        Operation::ReviseReplica => "ReviseReplica",
        Operation::Retain => "Retain",
        Operation::AggregateStatus => "AggregateStatus",
        Operation::InterpretDependency => "InterpretDependency",
        Operation::InterpretStatus => "InterpretStatus",
        Operation::InterpretHealth => "InterpretHealth",
        Operation::Localize => return None,
    })
}

/// The operations for which a kind goes to the hook with these rules.
pub(crate) fn operations_of(rules: &[RuleWithOperations], gvk: &Gvk) -> Operations {
    let of_kind = |rule: &&RuleWithOperations| matches(&rule.rule, gvk);
    let named = |operation: &Operation| {
        let name = name_of(*operation);
        name.is_some_and(|name| rules.iter().filter(of_kind).any(|rule| holds(&rule.operations, name)))
    };
    Operation::ALL.into_iter().filter(named).collect()
}

/// Whether any rule speaks of kinds without naming them.
pub(crate) fn is_open(rules: &[RuleWithOperations]) -> bool {
    rules.iter().any(|rule| {
        let Rule { api_groups, api_versions, kinds } = &rule.rule;
        [api_groups, api_versions, kinds].iter().any(|list| list.iter().any(|item| item == ANY))
    })
}

/// The kinds that rules name.
pub(crate) fn named_kinds(rules: &[RuleWithOperations]) -> BTreeSet<Gvk> {
    let mut named = BTreeSet::new();
    for RuleWithOperations { rule: Rule { api_groups, api_versions, kinds }, .. } in rules {
        for group in api_groups.iter().filter(|item| *item != ANY) {
            for version in api_versions.iter().filter(|item| *item != ANY) {
                named.extend(kinds.iter().filter(|item| *item != ANY).map(|kind| Gvk::new(group, version, kind)));
            }
        }
    }
    named
}

fn matches(rule: &Rule, gvk: &Gvk) -> bool {
    holds(&rule.api_groups, &gvk.group) && holds(&rule.api_versions, &gvk.version) && holds(&rule.kinds, &gvk.kind)
}

fn holds(list: &[String], value: &str) -> bool {
    list.iter().any(|item| item == ANY || item == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(operations: &[&str], groups: &[&str], versions: &[&str], kinds: &[&str]) -> RuleWithOperations {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        RuleWithOperations {
            operations: texts(operations),
            rule: Rule { api_groups: texts(groups), api_versions: texts(versions), kinds: texts(kinds) },
        }
    }

    #[test]
    fn rules_match_as_karmadas_do() {
        let rules = [
            rule(&["InterpretHealth", "Retain"], &["a.io"], &["v1", "v2"], &["Foo"]),
            rule(&["*"], &["b.io", ""], &["*"], &["Bar"]),
            rule(&["InterpretStatus", "Prune", "Localize"], &["*"], &["v1"], &["*"]),
            rule(&["InterpretReplica"], &["a.io"], &[], &["Foo"]),
        ];
        let check = |group: &str, version: &str, kind: &str, expected: &[Operation]| {
            let found = operations_of(&rules, &Gvk::new(group, version, kind));
            assert_eq!(found, expected.iter().copied().collect(), "{group}/{version}/{kind}");
        };
        use Operation::*;
        check("a.io", "v1", "Foo", &[InterpretHealth, Retain, InterpretStatus]);
        check("a.io", "v2", "Foo", &[InterpretHealth, Retain]);
        check("a.io", "v3", "Foo", &[]);
        check("a.io", "v2", "foo", &[]);
        check("", "v9", "Bar", &Operation::ALL[..8]);
        check("c.io", "v1", "Any", &[InterpretStatus]);
        let kinds: Vec<Gvk> = named_kinds(&rules).into_iter().collect();
        assert_eq!(kinds, [Gvk::new("a.io", "v1", "Foo"), Gvk::new("a.io", "v2", "Foo")]);
        assert!(is_open(&rules) && !is_open(&rules[..1]));
    }
}
