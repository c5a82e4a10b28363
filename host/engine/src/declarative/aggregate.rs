//! One status out of many.
//!
//! [`Aggregate`] is the block; [`field`] says how the values of clusters become one value of a field.
//!
//! **Invariant:** the answer depends on the statuses and on the order of the clusters alone, and a status that
//! is not as it should be fails with the cluster's name and the path.

mod conditions;
mod field;
mod lists;
mod pick;

use outrigger_interpreter::{Error, StatusItem};
use outrigger_object::Object;
use serde_json::{Map, Value};

pub use self::{
    field::{Field, Picked},
    pick::Ranks,
};
use super::{
    Result,
    cel::{Expression, Scope},
    path::{Place, Root, as_int, type_name},
    within,
};
use crate::native::statuses;

/// The block `aggregateStatus`, compiled.
#[derive(Debug)]
pub struct Aggregate {
    pub fields: Vec<Field>,
    pub cel: Option<Expression>,
    pub single: bool,
    pub replace: bool,
    pub omit: Vec<Place>,
}

/// Something that has values: the status of a cluster, or an item of a list in it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'v> {
    pub cluster: &'v str,
    pub root: Root<'v>,
}

/// A value, and which source it is from.
#[derive(Clone, Copy, Debug)]
pub struct Found<'v> {
    pub source: usize,
    pub cluster: &'v str,
    pub value: &'v Value,
}

/// What of the clusters does not show in the statuses they report.
#[derive(Clone, Copy, Debug)]
pub struct Members<'v> {
    pub items: &'v [StatusItem],
    pub generation: i64,
    /// What the expressions of the fields have given, in the order of the fields.
    pub made: &'v [Option<Value>],
}

impl Members<'_> {
    fn unreported(&self) -> usize {
        self.items.iter().filter(|item| item.status.as_ref().is_none_or(Value::is_null)).count()
    }

    /// Whether every cluster's controller has seen an object made from the template's generation. A status
    /// that is missing has seen generation 0 of everything.
    fn have_all_seen(&self) -> Result<bool> {
        for item in self.items {
            let number = |name: &str| match item.status.as_ref().and_then(|status| status.get(name)) {
                None | Some(Value::Null) => Ok(0),
                Some(value) => as_int(value).ok_or_else(|| {
                    let found = type_name(value);
                    in_cluster(&item.cluster_name, &format_args!("{name}: expected an integer, found {found}"))
                }),
            };
            let from = number("resourceTemplateGeneration")?;
            if from != self.generation || number("generation")? != number("observedGeneration")? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Aggregate {
    /// The template with its status made from those of the clusters.
    pub fn template(&self, mut template: Object, items: &[StatusItem]) -> Result<Object> {
        let status = match items {
            [only] if self.single => {
                template.0.remove("status");
                only.status.clone().filter(|status| !status.is_null())
            }
            _ => self.joined(&mut template, items)?,
        };
        if let Some(status) = status {
            template.0.insert("status".to_owned(), status);
        }
        if !items.is_empty() {
            self.omit.iter().for_each(|place| place.take(&mut template.0));
        }
        template.0.retain(|_, part| !is_empty(part));
        template.0.values_mut().for_each(prune);
        Ok(template)
    }

    fn joined(&self, template: &mut Object, items: &[StatusItem]) -> Result<Option<Value>> {
        let sources: Vec<Source> = statuses(items)
            .map(|(cluster, status)| match status.as_object() {
                Some(map) => Ok(Source { cluster, root: Root::Map(map) }),
                None => Err(in_cluster(cluster, &"expected an object")),
            })
            .collect::<Result<_>>()?;
        let (whole, made) = self.made(template, items, &sources)?;
        let had_one = template.0.contains_key("status");
        let mut status = match (whole, template.0.remove("status")) {
            (Some(whole), _) => whole,
            (None, None | Some(Value::Null)) => Map::new(),
            (None, Some(Value::Object(_))) if self.replace && !items.is_empty() => Map::new(),
            (None, Some(Value::Object(status))) => status,
            (None, Some(other)) => {
                let found = type_name(&other);
                return Err(Error::invalid(format_args!("status: expected an object, found {found}")));
            }
        };
        let members = Members { items, generation: template.generation(), made: &made };
        field::join_all(&self.fields, &sources, &members, &mut status)?;
        if self.fields.iter().any(Field::is_generation) && template.get(&["metadata", "generation"]).is_none() {
            template.set(&["metadata", "generation"], 0);
        }
        Ok((had_one || !status.is_empty()).then_some(Value::Object(status)))
    }

    /// What the expressions give: the whole status, and the values of fields.
    fn made(&self, template: &Object, items: &[StatusItem], sources: &[Source]) -> Result<Made> {
        if self.cel.is_none() && self.fields.iter().all(|field| field.cel.is_none()) {
            return Ok((None, Vec::new()));
        }
        let scope = Scope::new(template).with_items(items);
        let whole = match &self.cel {
            None => None,
            Some(cel) => match scope.value(cel)? {
                Some(Value::Object(map)) => Some(map),
                None => Some(Map::new()),
                Some(other) => return Err(Scope::wrong(cel, "an object", &other)),
            },
        };
        let mut made = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            made.push(match &field.cel {
                None => None,
                Some(cel) => {
                    let found = field.found(sources)?;
                    scope.set_values(found.iter().map(|found| found.value));
                    scope.value(cel)?
                }
            });
        }
        Ok((whole, made))
    }
}

type Made = (Option<Map<String, Value>>, Vec<Option<Value>>);

/// An error about the status of a cluster.
pub fn in_cluster(cluster: &str, error: &dyn std::fmt::Display) -> Error {
    Error::invalid(format_args!("the status from cluster {cluster}: {error}"))
}

/// The same, for an error that has its own kind.
pub fn of_source(source: &Source, error: &Error) -> Error {
    within(&format!("the status from cluster {}", source.cluster), error)
}

/// Whether a value is nothing: null, or a map or list without entries.
pub fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Takes out what is empty, in one pass from the outside in: what becomes empty by that stays.
pub fn prune(value: &mut Value) {
    match value {
        Value::Array(list) => {
            list.retain(|item| !is_empty(item));
            list.iter_mut().for_each(prune);
        }
        Value::Object(map) => {
            map.retain(|_, item| !is_empty(item));
            map.values_mut().for_each(prune);
        }
        _ => {}
    }
}
