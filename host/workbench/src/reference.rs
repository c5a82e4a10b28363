//! The reference page for authors, made from the format's JSON Schema.
//!
//! Words of general sort are in `reference/head.md` and `reference/tail.md`; everything about blocks, keys and
//! operators comes from the schema, and so from the docs of the types that read them.

use std::{collections::BTreeSet, fmt::Write};

use serde_json::{Map, Value};

/// The blocks in the order in which interpreters are written.
const BLOCKS: [&str; 13] = [
    "target",
    "lifeCycle",
    "started",
    "replicas",
    "components",
    "reviseReplica",
    "retain",
    "aggregateStatus",
    "dependencies",
    "status",
    "health",
    "localize",
    "cases",
];

/// The page, as Markdown.
pub fn page(schema: &Value) -> String {
    let mut page = Page { schema, text: include_str!("reference/head.md").to_owned(), told: BTreeSet::new() };
    page.table("Spec", &BLOCKS);
    for block in BLOCKS {
        if let Some(form) = page.properties("Spec").and_then(|properties| properties.get(block)).and_then(named) {
            page.section(&form, block);
        }
    }
    page.text.push_str(include_str!("reference/tail.md"));
    page.text
}

struct Page<'s> {
    schema: &'s Value,
    text: String,
    told: BTreeSet<String>,
}

impl<'s> Page<'s> {
    fn definition(&self, name: &str) -> Option<&'s Value> {
        self.schema.get("$defs")?.get(name)
    }

    fn properties(&self, name: &str) -> Option<&'s Map<String, Value>> {
        self.definition(name)?.get("properties")?.as_object()
    }

    /// A section on a form, and then on those that it mentions.
    fn section(&mut self, name: &str, title: &str) {
        let Some(definition) = self.definition(name).filter(|_| self.told.insert(name.to_owned())) else { return };
        let _ = writeln!(self.text, "\n## {title}\n\n{}", paragraph(definition));
        if let Some(choices) = definition.get("oneOf").and_then(Value::as_array) {
            let _ = writeln!(self.text, "\n| Value | Means |\n|---|---|");
            for choice in choices {
                let value = choice.get("const").and_then(Value::as_str).unwrap_or_default();
                let _ = writeln!(self.text, "| `{value}` | {} |", cell(choice));
            }
            return;
        }
        self.table(name, &[]);
        let mentioned: Vec<String> =
            self.properties(name).into_iter().flatten().filter_map(|(_, one)| named(one)).collect();
        for form in mentioned {
            self.section(&form, &form);
        }
    }

    /// The keys of a form; those in `first` before the others.
    fn table(&mut self, name: &str, first: &[&str]) {
        let Some(properties) = self.properties(name) else { return };
        let required: Vec<&str> = self
            .definition(name)
            .and_then(|one| one.get("required"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let place = |key: &str| first.iter().position(|one| *one == key).unwrap_or(first.len());
        let mut keys: Vec<&String> = properties.keys().collect();
        keys.sort_by_key(|key| (place(key), !required.contains(&key.as_str()), (*key).clone()));
        let _ = writeln!(self.text, "\n| Key | Form | Means |\n|---|---|---|");
        for key in keys {
            let Some(property) = properties.get(key) else { continue };
            // The section on a block is named for the block.
            let anchor = first.contains(&key.as_str()).then_some(key.as_str());
            let needed = if required.contains(&key.as_str()) { " (needed)" } else { "" };
            let _ = writeln!(self.text, "| `{key}`{needed} | {} | {} |", form(property, anchor), cell(property));
        }
    }
}

/// The form that a property refers to, itself or through its items.
fn named(property: &Value) -> Option<String> {
    let of = |value: &Value| Some(value.get("$ref")?.as_str()?.rsplit('/').next()?.to_owned());
    let choices = property.get("anyOf").or_else(|| property.get("allOf")).and_then(Value::as_array);
    of(property).or_else(|| choices?.iter().find_map(named)).or_else(|| property.get("items").and_then(named))
}

fn form(property: &Value, anchor: Option<&str>) -> String {
    let list = property.get("items").is_some() || is(property, "array");
    let inner = property.get("items").unwrap_or(property);
    let one = match named(property) {
        Some(name) => format!("[{name}](#{})", anchor.unwrap_or(&name).to_lowercase()),
        None => ["string", "integer", "number", "boolean", "object"]
            .into_iter()
            .find(|kind| is(inner, kind))
            .map_or("any value", |kind| if kind == "string" { "text" } else { kind })
            .to_owned(),
    };
    if list { format!("list of {one}") } else { one }
}

fn is(property: &Value, kind: &str) -> bool {
    match property.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        _ => false,
    }
}

fn paragraph(value: &Value) -> String {
    let text = value.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

/// A description in one line, for a cell of a table.
fn cell(value: &Value) -> String {
    let text = value.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_current_and_names_every_key_and_operator() {
        let schema = outrigger_engine::declarative::json_schema();
        let current = page(&schema);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../interpreters/docs/reference.md");
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(path, &current).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == current, "interpreters/docs/reference.md is old: run this test with UPDATE_REFERENCE=1");
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            let keys = definition["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone());
            let choices = definition["oneOf"].as_array().into_iter().flatten();
            let words = choices.filter_map(|choice| Some(choice["const"].as_str()?.to_owned()));
            for word in keys.chain(words).filter(|_| name != "Metadata") {
                assert!(current.contains(&format!("| `{word}`")), "{name}: {word} is not on the page");
            }
        }
        let blocks = schema["$defs"]["Spec"]["properties"].as_object().unwrap();
        let unsorted: Vec<_> = blocks.keys().filter(|key| !BLOCKS.contains(&key.as_str())).collect();
        assert!(unsorted.is_empty(), "no place for {unsorted:?}");
    }
}
