//! Paths and expressions against the fields of the kinds that they are for.

use outrigger_engine::declarative::{
    cel_reads,
    mentions::{self, Mention, Step, What},
};
use outrigger_object::Gvk;
use outrigger_schema::Schema;
use serde_json::Value;

use super::{Finding, Rule};
use crate::{Fault, definitions::Kinds, fields, files::Document, load};

/// What a member's report may have beside the fields of the status.
const REPORTED: [&str; 2] = ["generation", "resourceTemplateGeneration"];

/// Checks what a declarative interpreter mentions. Where several kinds are meant, a field has to be in one of
/// them.
pub fn check(document: &Document, kinds: &Kinds, findings: &mut Vec<Finding>) {
    let Ok(mentions) = mentions::mentions(&document.file, &document.text) else { return };
    let targets: Vec<Gvk> = load::document(document)
        .and_then(Result::ok)
        .map(|loaded| loaded.interpreter.supports().into_iter().map(|support| support.gvk).collect())
        .unwrap_or_default();
    let shapes: Vec<(Gvk, Schema)> =
        targets.into_iter().filter_map(|gvk| kinds.shape(&gvk).map(|shape| (gvk, shape))).collect();
    if shapes.is_empty() {
        return;
    }
    let renamed = renamed(document);
    for mention in &mentions {
        for path in paths(mention, &renamed) {
            let wrong: Vec<(&Gvk, String)> =
                shapes.iter().filter_map(|(gvk, shape)| Some((gvk, fields::check_all(shape, &path).err()?))).collect();
            // A field that one of the kinds has is meant for that one.
            if let (Some((gvk, message)), true) = (wrong.first(), wrong.len() == shapes.len()) {
                let of = if mention.what == What::Cel { format!(", in {:?}", mention.text) } else { String::new() };
                let place = (mention.line, mention.column);
                let fault = Fault::at(&*document.file, place, format_args!("{}: {message}{of}", gvk.kind));
                findings.push(Finding::error(Rule::UnknownField, fault));
            }
        }
    }
}

/// The paths of a mention, from the object.
fn paths(mention: &Mention, renamed: &[String]) -> Vec<Vec<Step>> {
    let whole = |steps: &[Step]| mention.base.iter().chain(steps).cloned().collect::<Vec<_>>();
    match &mention.what {
        What::Path(steps) => vec![whole(steps)],
        What::Reported(steps) => match steps.first() {
            Some(Step::Field(name)) if REPORTED.contains(&name.as_str()) || renamed.contains(name) => Vec::new(),
            _ => vec![whole(steps)],
        },
        What::Cel => {
            let reads = cel_reads(&mention.text).unwrap_or_default();
            let fields = |chain: Vec<String>| -> Vec<Step> {
                let observed = chain.first().is_some_and(|first| first == "observed");
                chain.into_iter().skip(usize::from(observed)).map(Step::Field).collect()
            };
            reads.into_iter().map(fields).collect()
        }
        What::Lua => Vec::new(),
    }
}

/// The names that a member's report gives to fields.
fn renamed(document: &Document) -> Vec<String> {
    let fields = document.value.pointer("/spec/status/fields").and_then(Value::as_array);
    let names = fields.into_iter().flatten().filter_map(|field| field.get("as")?.as_str());
    names.map(|name| name.split(['.', '[']).next().unwrap_or_default().to_owned()).collect()
}
