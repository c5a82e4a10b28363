//! The kinds that an interpreter is for: a list, and rules with `*` for those that a list cannot name.

use outrigger_object::Gvk;

use super::format;

/// Any name.
const ANY: &str = "*";

/// Every kind in every version of every group that is named.
#[derive(Debug)]
pub struct Targets {
    groups: Vec<String>,
    versions: Vec<String>,
    kinds: Vec<String>,
}

impl Targets {
    /// Takes a target apart; fails with a sentence where a name is missing or has a `*` that means nothing.
    pub fn parse(target: &format::Target) -> Result<Self, String> {
        let first = Gvk::from_api_version(&target.api_version, &target.kind);
        if first.version.is_empty() || first.kind.is_empty() || format!("{first:?}").contains('*') {
            return Err("target.apiVersion and target.kind are needed, and name one kind".to_owned());
        }
        let list = |first: String, also: &[String]| std::iter::once(first).chain(also.iter().cloned()).collect();
        let targets = Self {
            groups: list(first.group, &target.also_groups),
            versions: list(first.version, &target.also_versions),
            kinds: list(first.kind, &target.also_kinds),
        };
        let partly = |name: &&String| name.contains('*') && *name != ANY;
        let subgroups = |name: &&String| name.strip_prefix("*.").is_none_or(|parent| parent.contains('*'));
        let wrong = targets.groups.iter().filter(|name| name.contains('*')).find(subgroups);
        match wrong.or(targets.versions.iter().chain(&targets.kinds).find(partly)) {
            Some(name) => {
                Err(format!("{name:?}: `*` stands for any version or kind, and `*.` before a group for those below it"))
            }
            None => Ok(targets),
        }
    }

    /// The kinds that are named in full, the first one first.
    pub fn listed(&self) -> impl Iterator<Item = Gvk> + '_ {
        let plain = |names: &'_ [String]| names.iter().filter(|name| !name.contains('*')).cloned().collect::<Vec<_>>();
        let (groups, versions) = (plain(&self.groups), plain(&self.versions));
        plain(&self.kinds).into_iter().flat_map(move |kind| {
            let of_group = |group: String| {
                let kind = kind.clone();
                versions.clone().into_iter().map(move |version| Gvk {
                    group: group.clone(),
                    version,
                    kind: kind.clone(),
                })
            };
            groups.clone().into_iter().flat_map(of_group).collect::<Vec<_>>()
        })
    }

    /// Whether there is a rule.
    pub fn is_open(&self) -> bool {
        self.groups.iter().chain(&self.versions).chain(&self.kinds).any(|name| name.contains('*'))
    }

    /// Whether a kind is among them, by list or by rule.
    pub fn contain(&self, gvk: &Gvk) -> bool {
        let group = |name: &String| match name.strip_prefix('*') {
            Some(end) => gvk.group.len() > end.len() && gvk.group.ends_with(end),
            None => *name == gvk.group,
        };
        let any = |names: &[String], of: &str| names.iter().any(|name| name == ANY || name == of);
        any(&self.kinds, &gvk.kind) && any(&self.versions, &gvk.version) && self.groups.iter().any(group)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn targets(also_groups: &[&str], also_versions: &[&str], also_kinds: &[&str]) -> Result<Targets, String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Targets::parse(&format::Target {
            api_version: "a.example.com/v1".to_owned(),
            kind: "Widget".to_owned(),
            also_groups: owned(also_groups),
            also_versions: owned(also_versions),
            also_kinds: owned(also_kinds),
        })
    }

    #[test]
    fn every_kind_in_every_version() {
        let targets = targets(&[], &["v2"], &["Gadget"]).unwrap();
        let listed: Vec<Gvk> = targets.listed().collect();
        let expected = [("v1", "Widget"), ("v2", "Widget"), ("v1", "Gadget"), ("v2", "Gadget")];
        assert_eq!(listed, expected.map(|(version, kind)| Gvk::new("a.example.com", version, kind)));
        assert!(!targets.is_open());
    }

    #[rstest]
    #[case::listed("a.example.com/v1", "Widget", true)]
    #[case::below("b.example.com/v1", "Widget", true)]
    #[case::any_version("b.example.com/v7", "Widget", true)]
    #[case::any_kind("c.d.example.com/v7", "Gadget", true)]
    #[case::the_group_itself("example.com/v1", "Widget", false)]
    #[case::only_the_same_end("badexample.com/v1", "Widget", false)]
    #[case::elsewhere("example.org/v1", "Widget", false)]
    fn rules(#[case] api_version: &str, #[case] kind: &str, #[case] expected: bool) {
        let targets = targets(&["*.example.com"], &["*"], &["*"]).unwrap();
        assert!(targets.is_open());
        assert_eq!(targets.listed().count(), 1);
        assert_eq!(targets.contain(&Gvk::from_api_version(api_version, kind)), expected);
    }

    #[rstest]
    #[case(&["*"], &[], &[])]
    #[case(&["*example.com"], &[], &[])]
    #[case(&["*.*.com"], &[], &[])]
    #[case(&[], &["v*"], &[])]
    #[case(&[], &[], &["*Policy"])]
    fn a_star_stands_for_a_whole_name(#[case] groups: &[&str], #[case] versions: &[&str], #[case] kinds: &[&str]) {
        let message = targets(groups, versions, kinds).unwrap_err();
        assert!(message.contains("stands for"), "{message}");
    }
}
