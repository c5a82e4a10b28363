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
    path::{Place, Root, as_int, type_name},
    within,
};
use crate::native::statuses;

/// The block `aggregateStatus`, compiled.
#[derive(Debug)]
pub struct Aggregate {
    pub fields: Vec<Field>,
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
        let old = template.0.remove("status");
        let had_one = old.is_some();
        let status = match (old, items) {
            (_, [only]) if self.single => only.status.clone().filter(|status| !status.is_null()),
            (None | Some(Value::Null), _) => self.joined(Map::new(), had_one, &mut template, items)?,
            (Some(Value::Object(status)), _) => self.joined(status, had_one, &mut template, items)?,
            (Some(other), _) => {
                let found = type_name(&other);
                return Err(Error::invalid(format_args!("status: expected an object, found {found}")));
            }
        };
        if let Some(mut status) = status {
            prune(&mut status);
            if !is_empty(&status) {
                template.0.insert("status".to_owned(), status);
            }
        }
        for place in &self.omit {
            place.take(&mut template.0);
        }
        Ok(template)
    }

    fn joined(
        &self,
        mut status: Map<String, Value>,
        had_one: bool,
        template: &mut Object,
        items: &[StatusItem],
    ) -> Result<Option<Value>> {
        if self.replace && !items.is_empty() {
            status.clear();
        }
        let sources: Vec<Source> = statuses(items)
            .map(|(cluster, status)| match status.as_object() {
                Some(map) => Ok(Source { cluster, root: Root::Map(map) }),
                None => Err(in_cluster(cluster, &"expected an object")),
            })
            .collect::<Result<_>>()?;
        let members = Members { items, generation: template.generation() };
        field::join_all(&self.fields, &sources, &members, &mut status)?;
        if self.fields.iter().any(Field::is_generation) && template.get(&["metadata", "generation"]).is_none() {
            template.set(&["metadata", "generation"], 0);
        }
        Ok((had_one || !status.is_empty()).then_some(Value::Object(status)))
    }
}

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
