//! The paths and expressions of an interpreter with their places, for tools that check them against a schema.
//!
//! **Invariant:** what compiles is listed whole: a text that names a field, whether as a path or in CEL, has
//! one [`Mention`]. Texts that do not compile are left to the compiler.

mod steps;

use outrigger_interpreter::Operation;

use super::format::{self, Text};
use crate::{LoadError, error::yaml_options};

/// A text that names fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Its column, from 1.
    pub column: u64,
    /// As it is written.
    pub text: String,
    /// The operation whose block it is in; `None` for those about the life cycle.
    pub operation: Option<Operation>,
    /// Where it begins, from the object.
    pub base: Vec<Step>,
    /// What it is.
    pub what: What,
}

/// What a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A path, from its base.
    Path(Vec<Step>),
    /// A path into what a member reports, which may have fields that the kind itself has not.
    Reported(Vec<Step>),
    /// An expression.
    Cel,
    /// A script.
    Lua,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The field of this name.
    Field(String),
    /// One item of a list, by its index.
    Item,
    /// Those items that a condition names; with the paths, from the item, that it reads.
    Filter(Vec<Vec<Step>>),
    /// All items of a list, or all values of a map.
    All,
    /// All items of a list, all values of a map, or one object as it is.
    Each,
    /// What cannot be followed: nothing after it is known.
    Unknown,
}

/// All mentions of an interpreter, in the order of the format. Fails where the text is not in that format.
pub fn mentions(source: &str, yaml: &str) -> Result<Vec<Mention>, LoadError> {
    let read: format::Interpreter = serde_saphyr::from_str_with_options(yaml, yaml_options())
        .map_err(|error| LoadError::of_yaml(source, &error))?;
    let mut list = List { mentions: Vec::new(), operation: None, base: Vec::new() };
    list.spec(&read.spec);
    Ok(list.mentions)
}

struct List {
    mentions: Vec<Mention>,
    operation: Option<Operation>,
    base: Vec<Step>,
}

impl List {
    fn add(&mut self, text: &Text, what: What) {
        let place = &text.0.referenced;
        self.mentions.push(Mention {
            line: place.line(),
            column: place.column(),
            text: text.0.value.clone(),
            operation: self.operation,
            base: self.base.clone(),
            what,
        });
    }

    fn paths<'t>(&mut self, texts: impl IntoIterator<Item = &'t Text>) {
        for text in texts {
            if let Ok(steps) = steps::of(&text.0.value) {
                self.add(text, What::Path(steps));
            }
        }
    }

    fn reported<'t>(&mut self, texts: impl IntoIterator<Item = &'t Text>) {
        for text in texts {
            if let Ok(steps) = steps::of(&text.0.value) {
                self.add(text, What::Reported(steps));
            }
        }
    }

    fn code(&mut self, cel: Option<&Text>, lua: Option<&Text>) {
        for (text, what) in [(cel, What::Cel), (lua, What::Lua)] {
            if let Some(text) = text {
                self.add(text, what);
            }
        }
    }

    /// Lists what is relative to the items that a path finds.
    fn within(&mut self, path: Option<&Text>, last: Option<Step>, list: impl FnOnce(&mut Self)) {
        let before = self.base.len();
        if let Some(text) = path {
            self.base.extend(steps::of(&text.0.value).unwrap_or_else(|_| vec![Step::Unknown]));
            self.base.extend(last);
        }
        list(self);
        self.base.truncate(before);
    }

    /// Lists what is relative to the status.
    fn in_status(&mut self, list: impl FnOnce(&mut Self)) {
        let outside = std::mem::replace(&mut self.base, vec![Step::Field("status".to_owned())]);
        list(self);
        self.base = outside;
    }

    fn spec(&mut self, spec: &format::Spec) {
        self.code(spec.started.as_ref(), None);
        if let Some(block) = &spec.replicas {
            self.operation = Some(Operation::InterpretReplica);
            self.paths(block.path.iter().chain(&block.paths).chain(&block.pod_template).chain(&block.pod_spec));
            self.paths(&block.resources_from);
            block.resources.iter().for_each(|resource| self.resource(resource));
            self.code(block.cel.as_ref(), block.lua.as_ref());
        }
        self.operation = Some(Operation::InterpretComponent);
        spec.components.iter().flatten().for_each(|component| self.component(component));
        if let Some(block) = &spec.revise_replica {
            self.operation = Some(Operation::ReviseReplica);
            self.paths(block.path.iter().chain(&block.paths));
            self.code(block.cel.as_ref(), block.lua.as_ref());
        }
        if let Some(block) = &spec.retain {
            self.operation = Some(Operation::Retain);
            self.paths(block.paths.iter().flatten().chain(&block.replicas));
            block.rules.iter().for_each(|rule| self.retained(rule));
            self.code(None, block.lua.as_ref());
        }
        if let Some(block) = &spec.aggregate_status {
            self.operation = Some(Operation::AggregateStatus);
            self.paths(&block.omit);
            self.code(block.cel.as_ref(), block.lua.as_ref());
            self.in_status(|list| block.fields.iter().for_each(|field| list.aggregated(field)));
        }
        self.operation = Some(Operation::InterpretDependency);
        spec.dependencies.iter().flatten().for_each(|dependency| self.dependency(dependency));
        if let Some(block) = &spec.status {
            self.operation = Some(Operation::InterpretStatus);
            self.in_status(|list| list.paths(block.paths.iter().chain(block.fields.iter().map(|field| &field.path))));
            block.fields.iter().for_each(|field| self.code(field.cel.as_ref(), None));
            self.code(block.cel.as_ref(), block.lua.as_ref());
        }
        self.operation = Some(Operation::InterpretHealth);
        spec.health.iter().flatten().for_each(|rule| self.health(rule));
        self.operation = Some(Operation::Localize);
        for entry in spec.localize.iter().flatten() {
            self.paths([&entry.path]);
            self.code(entry.when.as_ref(), None);
            self.code(entry.cel.as_ref(), None);
        }
    }

    fn resource(&mut self, resource: &format::Resource) {
        self.paths(resource.name_from.iter().chain(&resource.path).chain(&resource.paths));
        self.code(resource.cel.as_ref(), None);
    }

    fn component(&mut self, component: &format::Component) {
        self.paths(component.each.iter().chain(&component.of));
        let last = component.each.as_ref().map(|_| Step::Each);
        self.within(component.each.as_ref().or(component.of.as_ref()), last, |list| {
            // A name is a path only where there are several.
            list.paths(component.each.as_ref().and(component.name.as_ref()));
            list.paths(component.require.iter().chain(&component.replicas));
            list.paths(component.pod_template.iter().chain(&component.pod_spec).chain(&component.resources_from));
            component.resources.iter().for_each(|resource| list.resource(resource));
            list.code(component.when.as_ref(), None);
            list.code(component.cel.as_ref(), component.lua.as_ref());
        });
    }

    fn retained(&mut self, rule: &format::RetainRule) {
        self.paths([&rule.path]);
        self.within(Some(&rule.path), Some(Step::All), |list| list.paths(rule.key.iter().chain(&rule.fields)));
        self.code(rule.when.as_ref(), None);
        self.code(rule.cel.as_ref(), None);
    }

    fn aggregated(&mut self, field: &format::Field) {
        self.paths([&field.path]);
        self.paths(&field.along);
        self.reported(&field.from);
        self.code(field.cel.as_ref(), None);
        self.within(Some(&field.path), Some(Step::All), |list| {
            list.paths(&field.by);
            field.fields.iter().for_each(|part| list.part(part));
        });
    }

    fn part(&mut self, part: &format::Part) {
        self.paths([&part.path]);
        self.paths(part.along.iter().chain(&part.from));
        self.within(Some(&part.path), Some(Step::All), |list| list.paths(&part.by));
    }

    fn dependency(&mut self, dependency: &format::Dependency) {
        self.paths(dependency.pod_template.iter().chain(&dependency.pod_spec).chain(&dependency.each));
        self.within(dependency.each.as_ref(), Some(Step::Each), |list| {
            list.paths(dependency.name.iter().chain(&dependency.names).chain(&dependency.namespace));
            list.paths(dependency.kind_from.iter().chain(&dependency.api_version_from).chain(&dependency.selector));
            list.code(dependency.when.as_ref(), None);
        });
        self.code(dependency.cel.as_ref(), dependency.lua.as_ref());
    }

    fn health(&mut self, rule: &format::HealthRule) {
        self.code(rule.when.as_ref(), None);
        self.paths(rule.condition.iter().flat_map(|condition| &condition.list));
        self.paths(rule.reason_from.iter().chain(&rule.message_from));
        self.code(rule.cel.as_ref(), rule.lua.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(block: &str, expected: &[&str]) {
        let yaml = format!(
            "apiVersion: {}\nkind: {}\nmetadata: {{name: x}}\nspec:\n  target: {{apiVersion: a/v1, kind: A}}\n{block}",
            format::API_VERSION,
            format::KIND
        );
        let shown = |steps: &[Step]| -> String {
            let show = |step: &Step| match step {
                Step::Field(name) => format!(".{name}"),
                Step::Item => "[0]".to_owned(),
                Step::Filter(reads) => format!("[?{}]", reads.len()),
                Step::All => "[*]".to_owned(),
                Step::Each => "<each>".to_owned(),
                Step::Unknown => "<unknown>".to_owned(),
            };
            steps.iter().map(show).collect()
        };
        let found: Vec<String> = mentions("x", &yaml)
            .unwrap()
            .iter()
            .map(|mention| {
                let what = match &mention.what {
                    What::Path(steps) => shown(steps),
                    What::Reported(steps) => format!("reported{}", shown(steps)),
                    What::Cel => "cel".to_owned(),
                    What::Lua => "lua".to_owned(),
                };
                format!("{}:{} {} {what}", mention.line, mention.column, shown(&mention.base)).replace("  ", " ")
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_text_is_listed_with_its_place() {
        check(
            "  replicas: {path: spec.n, podTemplate: 'spec.t[0]'}\n  components:\n  - {each: spec.parts, name: id, replicas: n}\n  \
             - {of: spec.head, name: head, replicas: n}\n",
            &[
                "6:20 .spec.n",
                "6:41 .spec.t[0]",
                "8:12 .spec.parts",
                "8:30 .spec.parts<each> .id",
                "8:44 .spec.parts<each> .n",
                "9:10 .spec.head",
                "9:43 .spec.head .n",
            ],
        );
        check(
            "  aggregateStatus:\n    fields:\n    - {path: n, from: x.n, op: sum}\n    - {path: list, op: groupBy, by: \
             [id], fields: [{path: m, op: sum}]}\n  status: {paths: ['a.*.b']}\n",
            &[
                "8:14 .status .n",
                "8:23 .status reported.x.n",
                "9:14 .status .list",
                "9:38 .status.list[*] .id",
                "9:59 .status.list[*] .m",
                "10:20 .status .a[*].b",
            ],
        );
        check(
            "  health:\n  - when: status.a == 1\n    health: Healthy\n    messageFrom: status.c[?@.type=='R' && @.x.y].m\n  \
             - {condition: {type: R, in: status.d}, health: Healthy}\n",
            &["7:11 cel", "9:18 .status.c[?2].m", "10:31 .status.d"],
        );
    }
}
