//! From the form in which an interpreter is written to the one in which it runs. Every fault is found here.

use std::fmt;

use super::{
    Declarative, Needs, Reflect, Replicas, Rule,
    aggregate::Field,
    cel::Condition,
    format::{self, Op, Text},
    path::{Path, Place},
    target::Targets,
};
use crate::LoadError;

type Loaded<T> = Result<T, LoadError>;

/// Words errors with the place of the text that they are about.
struct Compiler<'a> {
    source: &'a str,
}

pub fn interpreter(source: &str, read: format::Interpreter) -> Loaded<Declarative> {
    let compiler = Compiler { source };
    compiler.expect(&read.api_version, format::API_VERSION, "apiVersion")?;
    compiler.expect(&read.kind, format::KIND, "kind")?;
    let spec = read.spec;
    if read.metadata.name.is_empty() {
        return Err(LoadError::at(source, (0, 0), "metadata.name is needed"));
    }
    let targets = Targets::parse(&spec.target).map_err(|message| LoadError::at(source, (0, 0), message))?;
    let compiled = Declarative {
        name: read.metadata.name,
        targets,
        life_cycle: spec.life_cycle,
        started: spec.started.as_ref().map(|text| compiler.condition(text)).transpose()?,
        replicas: spec.replicas.map(|block| compiler.replicas(&block)).transpose()?,
        revise: spec.revise_replica.map(|block| compiler.place(&block.path)).transpose()?,
        retain: spec.retain.map(|block| compiler.places(&block.paths)).transpose()?,
        aggregate: spec
            .aggregate_status
            .map(|block| block.fields.into_iter().map(|field| compiler.field(field)).collect::<Loaded<_>>())
            .transpose()?,
        dependencies: spec
            .dependencies
            .map(|list| list.into_iter().map(|one| compiler.needs(one)).collect::<Loaded<_>>())
            .transpose()?,
        status: spec
            .status
            .map(|block| Ok(Reflect { places: compiler.places(&block.paths)?, generations: block.generations }))
            .transpose()?,
        health: spec
            .health
            .map(|rules| rules.into_iter().map(|rule| compiler.rule(rule)).collect::<Loaded<_>>())
            .transpose()?,
    };
    Ok(compiled)
}

impl Compiler<'_> {
    fn wrong(&self, text: &Text, message: impl fmt::Display) -> LoadError {
        let location = &text.0.referenced;
        LoadError::at(self.source, (location.line(), location.column()), message)
    }

    fn expect(&self, text: &Text, expected: &str, key: &str) -> Loaded<()> {
        if text.0.value == expected {
            return Ok(());
        }
        Err(self.wrong(text, format_args!("{key} is {expected:?}, not {:?}", text.0.value)))
    }

    fn path(&self, text: &Text) -> Loaded<Path> {
        Path::parse(&text.0.value).map_err(|message| self.wrong(text, message))
    }

    fn place(&self, text: &Text) -> Loaded<Place> {
        Place::parse(&text.0.value).map_err(|message| self.wrong(text, message))
    }

    fn places(&self, texts: &[Text]) -> Loaded<Vec<Place>> {
        texts.iter().map(|text| self.place(text)).collect()
    }

    fn condition(&self, text: &Text) -> Loaded<Condition> {
        Condition::parse(&text.0.value).map_err(|message| self.wrong(text, message))
    }

    /// The names that lead to a pod spec, from a path to it or to the template around it.
    fn pod_spec(&self, template: Option<&Text>, spec: Option<&Text>) -> Loaded<Option<Vec<String>>> {
        let names = |text: &Text| {
            self.place(text)?.names().ok_or_else(|| self.wrong(text, "only names of fields can lead to a pod"))
        };
        match (template, spec) {
            (None, None) => Ok(None),
            (Some(text), None) => {
                let mut names = names(text)?;
                names.push("spec".to_owned());
                Ok(Some(names))
            }
            (None, Some(text)) => names(text).map(Some),
            (Some(_), Some(text)) => Err(self.wrong(text, "podSpec and podTemplate exclude each other")),
        }
    }

    fn replicas(&self, block: &format::Replicas) -> Loaded<Replicas> {
        Ok(Replicas {
            path: self.place(&block.path)?,
            default: block.default,
            pod_spec: self.pod_spec(block.pod_template.as_ref(), block.pod_spec.as_ref())?,
        })
    }

    fn field(&self, field: format::Field) -> Loaded<Field> {
        let wrong = |message: &str| self.wrong(&field.path, message);
        match field.op {
            Op::Worst if field.order.as_ref().is_none_or(Vec::is_empty) => return Err(wrong("worst needs an order")),
            op if op != Op::Worst && (field.order.is_some() || field.unreported.is_some()) => {
                return Err(wrong("order and unreported belong to worst"));
            }
            op if op != Op::Count && field.equal.is_some() => return Err(wrong("equal belongs to count")),
            op if op != Op::MergeConditions && field.negative.is_some() => {
                return Err(wrong("negative belongs to mergeConditions"));
            }
            Op::ObservedGeneration if field.from.is_some() || field.default.is_some() || field.initial.is_some() => {
                return Err(wrong("observedGeneration takes neither from nor default nor initial"));
            }
            _ => {}
        }
        Ok(Field {
            place: self.place(&field.path)?,
            from: self.path(field.from.as_ref().unwrap_or(&field.path))?,
            op: field.op,
            order: field.order.unwrap_or_default(),
            unreported: field.unreported,
            equal: field.equal,
            negative: field.negative.unwrap_or_default(),
            default: field.default,
            initial: field.initial,
        })
    }

    fn needs(&self, read: format::Dependency) -> Loaded<Needs> {
        if let Some(path) = self.pod_spec(read.pod_template.as_ref(), read.pod_spec.as_ref())? {
            let place = read.pod_template.as_ref().or(read.pod_spec.as_ref());
            let named = [read.api_version.is_some(), read.kind.is_some(), read.namespace.is_some()];
            let named = named.contains(&true) || read.optional.is_some() || read.cluster_scoped;
            return match (place, read.name.is_some() || named) {
                (Some(text), true) => Err(self.wrong(text, "an entry is for a pod or for a kind, not for both")),
                _ => Ok(Needs::Pod(path)),
            };
        }
        let (Some(api_version), Some(kind), Some(name)) = (read.api_version, read.kind, read.name) else {
            let message = "a dependency has apiVersion, kind and name, or podTemplate, or podSpec";
            return Err(LoadError::at(self.source, (0, 0), message));
        };
        if let (true, Some(text)) = (read.cluster_scoped, &read.namespace) {
            return Err(self.wrong(text, "a cluster-scoped kind has no namespace"));
        }
        Ok(Needs::Named {
            api_version,
            kind,
            name: self.path(&name)?,
            namespace: read.namespace.as_ref().map(|text| self.place(text)).transpose()?,
            cluster_scoped: read.cluster_scoped,
            optional: read.optional.unwrap_or(true),
        })
    }

    fn rule(&self, rule: format::HealthRule) -> Loaded<Rule> {
        let place = |text: &Option<Text>| text.as_ref().map(|text| self.place(text)).transpose();
        Ok(Rule {
            when: rule.when.as_ref().map(|text| self.condition(text)).transpose()?,
            health: rule.health,
            reason_from: place(&rule.reason_from)?,
            message_from: place(&rule.message_from)?,
            reason: rule.reason,
            message: rule.message,
        })
    }
}
