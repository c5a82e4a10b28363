//! What of a member's status is reported.

use outrigger_object::Object;
use serde_json::{Map, Value};

use super::{
    Result, aggregate,
    cel::{Expression, Scope},
    path::{Pattern, Place},
};
use crate::native::TEMPLATE_GENERATION;

/// The block `status`, compiled.
#[derive(Debug)]
pub struct Reflect {
    pub cel: Option<Expression>,
    pub patterns: Vec<Pattern>,
    pub fields: Vec<Reflected>,
    pub generations: bool,
}

/// One reported field.
#[derive(Debug)]
pub struct Reflected {
    pub from: Place,
    pub to: Place,
    pub cel: Option<Expression>,
    pub default: Option<Value>,
}

impl Reflect {
    /// The status to report.
    pub fn of(&self, object: &Object) -> Result<Value> {
        let root = object.cursor();
        let mut reflected = Map::new();
        let Some(status) = root.map(&["status"])? else { return Ok(Value::Object(reflected)) };
        let scope = Scope::new(object);
        if let Some(cel) = &self.cel {
            match scope.value(cel)? {
                None => {}
                Some(Value::Object(map)) => reflected = map,
                Some(other) => return Err(Scope::wrong(cel, "an object", &other)),
            }
        }
        for pattern in &self.patterns {
            pattern.copy(status, &mut reflected)?;
        }
        for field in &self.fields {
            let found = match &field.cel {
                Some(cel) => scope.value(cel)?,
                None => field.from.find(status)?.cloned(),
            };
            if let Some(value) = found.or_else(|| field.default.clone()) {
                field.to.put(&mut reflected, value);
            }
        }
        if self.generations {
            if let Some(generation) = root.int(&["metadata", "generation"])? {
                reflected.insert("generation".to_owned(), generation.into());
            }
            // An API server takes text alone; a number, as manifests may have it, counts as well.
            let annotation = root.value(&["metadata", "annotations", TEMPLATE_GENERATION])?;
            let generation = annotation.and_then(|value| match value.as_str() {
                Some(text) => text.parse().ok(),
                None => value.as_i64(),
            });
            if let Some(generation) = generation {
                reflected.insert("resourceTemplateGeneration".to_owned(), generation.into());
            }
        }
        let mut reflected = Value::Object(reflected);
        aggregate::prune(&mut reflected);
        Ok(reflected)
    }
}
