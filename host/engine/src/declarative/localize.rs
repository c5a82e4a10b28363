//! What is different in each cluster: fields that are computed from the cluster's name, labels and place.

use outrigger_interpreter::{Assignment, ClusterFacts, Error};
use outrigger_object::Object;
use serde_json::{Value, json};

use super::{
    Result,
    cel::{Expression, Scope},
    compile, format,
    path::Place,
};
use crate::LoadError;

/// A list of assignments, compiled.
#[derive(Debug)]
pub struct Assignments(Vec<Entry>);

/// One of them.
#[derive(Debug)]
pub struct Entry {
    pub(super) place: Place,
    pub(super) when: Option<Expression>,
    pub(super) what: What,
}

/// What is written.
#[derive(Debug)]
pub enum What {
    /// This.
    Value(Value),
    /// What an expression gives.
    Cel(Expression),
    /// Nothing: the field is removed.
    Removed,
}

/// What an entry has changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The entry, by its number in the list from 0.
    pub entry: usize,
    /// The field.
    pub path: String,
    /// The expression that gave the value, if one did.
    pub expression: Option<String>,
    /// The value before.
    pub before: Option<Value>,
    /// The value after.
    pub after: Option<Value>,
}

impl Assignments {
    /// Compiles a list; `source` names where it comes from, in errors.
    pub fn compile(source: &str, list: &[Assignment]) -> std::result::Result<Self, LoadError> {
        compile::assignments(source, list.iter().map(format::Assignment::from).collect())
    }

    pub(super) fn new(entries: Vec<Entry>) -> Self {
        Self(entries)
    }

    /// The object as it should be in a cluster. `config` is that of the addon, or null.
    pub fn apply(&self, object: Object, cluster: &ClusterFacts, config: &Value) -> Result<Object> {
        self.run(object, cluster, config, |_| ())
    }

    /// The same, with what has changed.
    pub fn explain(&self, object: Object, cluster: &ClusterFacts, config: &Value) -> Result<(Object, Vec<Change>)> {
        let mut changes = Vec::new();
        let object = self.run(object, cluster, config, |change| changes.push(change))?;
        Ok((object, changes))
    }

    fn run(
        &self,
        mut object: Object,
        cluster: &ClusterFacts,
        config: &Value,
        mut told: impl FnMut(Change),
    ) -> Result<Object> {
        let cluster = variable(cluster);
        for (number, entry) in self.0.iter().enumerate() {
            let before = entry.place.find(&object)?.cloned();
            let Some(after) = entry.value(&object, &cluster, config)? else { continue };
            if before == after {
                continue;
            }
            match &after {
                Some(value) => entry.place.put(&mut object.0, value.clone()),
                None => entry.place.take(&mut object.0),
            }
            if entry.place.find(&object)? != after.as_ref() {
                let path = entry.place.source();
                return Err(Error::invalid(format_args!(
                    "{path}: cannot be written, since what it is in is not there"
                )));
            }
            let expression = match &entry.what {
                What::Cel(expression) => Some(expression.source().to_owned()),
                What::Value(_) | What::Removed => None,
            };
            told(Change { entry: number, path: entry.place.source().to_owned(), expression, before, after });
        }
        Ok(object)
    }
}

impl Entry {
    /// The value to write, or that there shall be none; `None` leaves the field alone.
    fn value(&self, object: &Object, cluster: &Value, config: &Value) -> Result<Option<Option<Value>>> {
        let scope = || Scope::new(object).with_cluster(cluster, config);
        if let Some(when) = &self.when
            && !scope().holds(when)?
        {
            return Ok(None);
        }
        match &self.what {
            What::Value(value) => Ok(Some(Some(value.clone()))),
            What::Cel(expression) => Ok(scope().value(expression)?.map(Some)),
            What::Removed => Ok(Some(None)),
        }
    }
}

/// A cluster as expressions see it.
fn variable(cluster: &ClusterFacts) -> Value {
    json!({
        "name": cluster.name,
        "labels": cluster.labels,
        "provider": cluster.provider,
        "region": cluster.region,
        "zone": cluster.zones.first().map(String::as_str).unwrap_or_default(),
        "zones": cluster.zones,
    })
}
