//! CEL expressions.
//!
//! The language, its parser and Kubernetes' libraries are those of kube-cel; what an expression consists of
//! for the most part, fields, comparisons, loops, is evaluated here, on the JSON itself. That makes a condition
//! cheap, and it is what bounds the work: [`evaluate`] counts it. The rules are CEL's, with these additions:
//!
//! - `metadata`, `spec` and `status` are there even when the object has none, and then empty; a field of
//!   `null` is missing, as `null` itself is.
//! - Whole numbers and fractions may be mixed in arithmetic, since JSON does not tell `2` from `2.0`.
//! - `x.get('a.b', d)` is the field at a path of names, or `d`; `x.number('a.b', d)` the same for numbers that
//!   may be written as text; `javaMemory('1g')` the bytes of an amount of memory as the JVM writes it.
//!
//! **Invariant:** a field that is missing is told apart from a failure: see [`Truth`].

mod evaluate;
mod foreign;
mod functions;
mod program;
mod value;

use std::{borrow::Cow, cell::RefCell, sync::LazyLock};

use outrigger_interpreter::{Error, StatusItem};
use outrigger_object::Object;
use serde_json::{Map, Value as Json};

pub use self::value::Value;
use self::{evaluate::Machine, program::Node};
use super::{Result, path::Root};

/// The variables of every expression; the ones that have no value where an expression stands cannot be
/// named there.
const VARIABLES: [&str; 9] = ["object", "metadata", "spec", "status", "observed", "items", "values", "item", "key"];
const REPLICAS: [&str; 9] = ["object", "metadata", "spec", "status", "replicas", "", "", "", ""];
const LOCALIZE: [&str; 9] = ["object", "metadata", "spec", "status", "cluster", "config", "", "", ""];

/// Where an expression stands, and so what it can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `object`, and its parts `metadata`, `spec` and `status`.
    Object,
    /// Also `item`, a part of the object, and `key`, its key or index.
    Item,
    /// Also `observed`, the object in the member.
    Retain,
    /// Also `replicas`, the number to be written.
    Revise,
    /// Also `items`, what clusters report, and `values`, what was found there.
    Aggregate,
    /// Also `cluster`, the cluster that the object is for, and `config`, the configuration of the addon.
    Localize,
}

impl Place {
    fn variables(self) -> &'static [&'static str] {
        static OBJECT: [&str; 9] = ["object", "metadata", "spec", "status", "", "", "", "", ""];
        static ITEM: [&str; 9] = ["object", "metadata", "spec", "status", "", "", "", "item", "key"];
        static RETAIN: [&str; 9] = ["object", "metadata", "spec", "status", "observed", "", "", "", ""];
        static AGGREGATE: [&str; 9] = ["object", "metadata", "spec", "status", "", "items", "values", "", ""];
        match self {
            Self::Object => &OBJECT,
            Self::Item => &ITEM,
            Self::Retain => &RETAIN,
            Self::Revise => &REPLICAS,
            Self::Aggregate => &AGGREGATE,
            Self::Localize => &LOCALIZE,
        }
    }
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A field is missing: the path.
    Missing(String),
    /// A value is not what an operator or a function takes.
    Wrong(String),
    /// Too much work.
    Limit,
}

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    Holds,
    Not,
    /// It depends on a field that is missing: the path.
    Undefined(String),
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    node: Node,
    source: String,
    place: Place,
}

impl Expression {
    /// Compiles an expression; fails on a syntax error, an unknown variable or function, and on one that is
    /// too large.
    pub fn parse(source: &str, place: Place) -> std::result::Result<Self, String> {
        let node = program::parse(source, place.variables())?;
        Ok(Self { node, source: source.trim().to_owned(), place })
    }

    /// As it is written.
    pub fn source(&self) -> &str {
        &self.source
    }

    fn fault(&self, fault: Fault) -> Error {
        let source = &self.source;
        match fault {
            Fault::Missing(path) => Error::invalid(format_args!("{source}: {path} is missing")),
            Fault::Wrong(message) => Error::invalid(format_args!("{source}: {message}")),
            Fault::Limit => Error::limit(format_args!("{source}: the expression takes too long on this object")),
        }
    }

    /// The chains of names that it reads, from the object: `status.phase` is `["status", "phase"]`. Those of
    /// the object in the member begin with `observed`; loops and other variables are left out.
    fn reads(&self) -> Vec<Vec<String>> {
        let mut reads = Vec::new();
        self.node.visit(&mut |node| {
            let (mut fields, mut at) = (Vec::new(), node);
            loop {
                match at {
                    Node::Select(inner, field) | Node::Has(inner, field) | Node::Maybe(inner, field) => {
                        fields.push(field.clone());
                        at = inner;
                    }
                    Node::Index(inner, index) if matches!(**index, Node::Text(_)) => {
                        if let Node::Text(field) = &**index {
                            fields.push(field.clone());
                        }
                        at = inner;
                    }
                    _ => break,
                }
            }
            let Node::Slot(index) = at else { return fields.is_empty() };
            match self.place.variables().get(*index) {
                Some(&"object") => {}
                Some(name @ (&"metadata" | &"spec" | &"status" | &"observed")) => fields.push((*name).to_owned()),
                _ => return false,
            }
            fields.reverse();
            if !fields.is_empty() && !reads.contains(&fields) {
                reads.push(fields);
            }
            false
        });
        reads
    }
}

/// The fields that an expression reads, as chains of names from the object (those of the object in the member
/// begin with `observed`). Fails like loading an interpreter does.
pub fn reads(source: &str) -> std::result::Result<Vec<Vec<String>>, String> {
    let places = [Place::Object, Place::Item, Place::Retain, Place::Revise, Place::Aggregate, Place::Localize];
    let mut first = None;
    for place in places {
        match Expression::parse(source, place) {
            Ok(expression) => return Ok(expression.reads()),
            Err(message) => first = first.or(Some(message)),
        }
    }
    Err(first.unwrap_or_default())
}

/// Values for the variables of expressions.
pub struct Scope<'v> {
    machine: RefCell<Machine<'v>>,
}

static EMPTY: LazyLock<Map<String, Json>> = LazyLock::new(Map::new);

impl<'v> Scope<'v> {
    /// The object and its parts.
    pub fn new(object: &'v Object) -> Self {
        let part = |name: &str| match object.0.get(name) {
            None | Some(Json::Null) => Value::Map(value::Map::Json(&EMPTY)),
            Some(value) => Value::from(value),
        };
        let mut slots = Vec::with_capacity(12);
        slots.extend([Value::Map(value::Map::Json(&object.0)), part("metadata"), part("spec"), part("status")]);
        slots.resize(VARIABLES.len(), Value::Null);
        Self { machine: RefCell::new(Machine::new(slots, Place::Object.variables())) }
    }

    fn with(self, place: Place, values: impl IntoIterator<Item = (&'static str, Value<'v>)>) -> Self {
        let mut machine = self.machine.into_inner();
        machine.variables = place.variables();
        for (name, value) in values {
            let slot = machine.variables.iter().position(|known| *known == name);
            if let Some(slot) = slot.and_then(|index| machine.slots.get_mut(index)) {
                *slot = value;
            }
        }
        Self { machine: RefCell::new(machine) }
    }

    /// Also a part of the object, with its key.
    pub fn with_item(self, item: Root<'v>, key: Value<'v>) -> Self {
        self.with(Place::Item, [("item", of_root(item)), ("key", key)])
    }

    /// Also the object in the member.
    pub fn with_observed(self, observed: &'v Object) -> Self {
        self.with(Place::Retain, [("observed", Value::Map(value::Map::Json(&observed.0)))])
    }

    /// Also the number of replicas to be written.
    pub fn with_replicas(self, replicas: i64) -> Self {
        self.with(Place::Revise, [("replicas", Value::Int(replicas))])
    }

    /// Also what clusters report.
    pub fn with_items(self, items: &'v [StatusItem]) -> Self {
        let item = |item: &'v StatusItem| {
            let status = item.status.as_ref().filter(|status| !status.is_null());
            let entries = [
                ("clusterName", Value::text(&item.cluster_name)),
                ("applied", Value::Bool(item.applied)),
                ("health", Value::Text(Cow::Owned(format!("{:?}", item.health)))),
            ];
            Value::map(entries.into_iter().chain(status.map(|status| ("status", Value::from(status)))))
        };
        self.with(Place::Aggregate, [("items", Value::list(items.iter().map(item).collect()))])
    }

    /// Also the cluster that the object is for, and the configuration of the addon.
    pub fn with_cluster(self, cluster: &'v Json, config: &'v Json) -> Self {
        self.with(Place::Localize, [("cluster", Value::from(cluster)), ("config", Value::from(config))])
    }

    /// Also what was found in the statuses of clusters.
    pub fn set_values(&self, values: impl Iterator<Item = &'v Json>) {
        let slot = VARIABLES.iter().position(|name| *name == "values");
        let list = Value::list(values.map(Value::from).collect());
        let mut machine = self.machine.borrow_mut();
        if let Some(value) = slot.and_then(|index| machine.slots.get_mut(index)) {
            *value = list;
        }
    }

    /// The value of an expression, if nothing is missing.
    fn evaluate(&self, expression: &'v Expression) -> std::result::Result<Value<'v>, Fault> {
        let mut machine = self.machine.borrow_mut();
        machine.rest();
        machine.evaluate(&expression.node)
    }

    /// Whether a condition holds.
    pub fn truth(&self, condition: &'v Expression) -> Result<Truth> {
        match self.evaluate(condition) {
            Ok(Value::Bool(true)) => Ok(Truth::Holds),
            Ok(Value::Bool(false)) => Ok(Truth::Not),
            Ok(other) => {
                let found = other.type_name();
                Err(Error::invalid(format_args!("{}: gave {found} and not true or false", condition.source)))
            }
            Err(Fault::Missing(path)) => Ok(Truth::Undefined(path)),
            Err(fault) => Err(condition.fault(fault)),
        }
    }

    /// Whether a condition holds; one that depends on a missing field does not.
    pub fn holds(&self, condition: &'v Expression) -> Result<bool> {
        Ok(self.truth(condition)? == Truth::Holds)
    }

    /// The value of an expression as JSON; a field that is missing is a failure, and `null` is no value.
    pub fn value(&self, expression: &'v Expression) -> Result<Option<Json>> {
        let value = self.evaluate(expression).map_err(|fault| expression.fault(fault))?;
        self.machine.borrow_mut().spend(value.weight()).map_err(|fault| expression.fault(fault))?;
        let json = value.to_json().map_err(|message| expression.fault(Fault::Wrong(message)))?;
        Ok(Some(json).filter(|json| !json.is_null()))
    }

    /// The whole number that an expression gives; `null` is none.
    pub fn int(&self, expression: &'v Expression) -> Result<Option<i64>> {
        let Some(value) = self.value(expression)? else { return Ok(None) };
        super::path::as_int(&value)
            .map(Some)
            .ok_or_else(|| Error::invalid(format_args!("{}: gave {value} and not a whole number", expression.source)))
    }

    /// A fault of what an expression gave.
    pub fn wrong(expression: &Expression, expected: &str, found: &Json) -> Error {
        super::path::wrong(&expression.source, expected, found)
    }
}

fn of_root(root: Root) -> Value {
    match root {
        Root::Map(map) => Value::Map(value::Map::Json(map)),
        Root::Value(value) => Value::from(value),
    }
}

#[cfg(test)]
mod tests;
