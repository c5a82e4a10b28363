//! What of a member's status is reported.

use outrigger_object::Object;
use serde_json::{Map, Value};

use super::{
    Result, aggregate,
    path::{Pattern, Place},
};
use crate::native::TEMPLATE_GENERATION;

/// The block `status`, compiled.
#[derive(Debug)]
pub struct Reflect {
    pub patterns: Vec<Pattern>,
    pub fields: Vec<Reflected>,
    pub generations: bool,
}

/// One reported field.
#[derive(Debug)]
pub struct Reflected {
    pub from: Place,
    pub to: Place,
    pub default: Option<Value>,
}

impl Reflect {
    /// The status to report.
    pub fn of(&self, object: &Object) -> Result<Value> {
        let root = object.cursor();
        let mut reflected = Map::new();
        let Some(status) = root.map(&["status"])? else { return Ok(Value::Object(reflected)) };
        for pattern in &self.patterns {
            pattern.copy(status, &mut reflected)?;
        }
        for field in &self.fields {
            if let Some(value) = field.from.find(status)?.or(field.default.as_ref()) {
                field.to.put(&mut reflected, value.clone());
            }
        }
        if self.generations {
            if let Some(generation) = root.int(&["metadata", "generation"])? {
                reflected.insert("generation".to_owned(), generation.into());
            }
            let annotation = root.str(&["metadata", "annotations", TEMPLATE_GENERATION])?;
            if let Some(generation) = annotation.and_then(|text| text.parse::<i64>().ok()) {
                reflected.insert("resourceTemplateGeneration".to_owned(), generation.into());
            }
        }
        let mut reflected = Value::Object(reflected);
        aggregate::prune(&mut reflected);
        Ok(reflected)
    }
}
