//! What the walks over values share: the kind of a value under a type, and how list elements are told
//! apart.

use outrigger_schema::{List, ListType, Node, NodeId, Object, Schema};
use serde_json::Value;

use super::element::PathElement;

/// The type of which nothing is known.
pub(super) const ANY: NodeId = NodeId::MAX;

/// How a value of some type is walked.
pub(super) enum Form<'a> {
    /// One value: scalars, atomic lists and maps.
    Leaf,
    /// By field.
    Map(&'a Object),
    /// By field, of a type of which nothing is known.
    AnyMap,
    /// By element.
    List(&'a List),
}

/// How values of a type are walked. `sample` decides where the type does not: below
/// [`Node::Any`], maps are walked and all else is a leaf.
pub(super) fn form<'a>(schema: &'a Schema, id: NodeId, sample: &Value) -> Form<'a> {
    match schema.node(id) {
        Node::Any => match sample {
            Value::Object(_) => Form::AnyMap,
            _ => Form::Leaf,
        },
        Node::Scalar(_) => Form::Leaf,
        Node::Object(object) if object.atomic => Form::Leaf,
        Node::Object(object) => match sample {
            Value::Object(_) | Value::Null => Form::Map(object),
            _ => Form::Leaf,
        },
        Node::List(list) if list.list_type == ListType::Atomic => Form::Leaf,
        Node::List(list) => match sample {
            Value::Array(_) | Value::Null => Form::List(list),
            _ => Form::Leaf,
        },
    }
}

/// How an object is walked whose type is at the root.
pub(super) fn map_form(schema: &Schema, id: NodeId) -> Form<'_> {
    match schema.node(id) {
        Node::Object(object) => Form::Map(object),
        _ => Form::AnyMap,
    }
}

/// The type of a field, and whether the struct names it; entries of maps and fields that the type
/// does not know are not named.
pub(super) fn field(form: &Form<'_>, name: &str) -> (NodeId, bool) {
    match form {
        Form::Map(object) => match object.fields.get(name) {
            Some(field) => (field.node, true),
            None => (object.additional.unwrap_or(ANY), false),
        },
        _ => (ANY, false),
    }
}

/// What names an element of a set or of a keyed list; an error for elements that nothing can name.
pub(super) fn element(list: &List, item: &Value) -> Result<PathElement, String> {
    let keys = match &list.list_type {
        ListType::Map(keys) => keys,
        ListType::Set => {
            return match item {
                Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
                Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
                Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
                scalar => Ok(PathElement::Value(Box::new(scalar.clone()))),
            };
        }
        ListType::Atomic => return Err("invalid indexing of non-associative list".to_owned()),
    };
    let Value::Object(item) = item else {
        let what = if item.is_null() { "a null element" } else { "non-map elements" };
        return Err(format!("associative list with keys may not have {what}"));
    };
    let mut key: Vec<(Box<str>, Value)> = Vec::with_capacity(keys.len());
    for (name, default) in keys {
        if let Some(value) = item.get(&**name).or(default.as_ref()) {
            key.push((name.clone(), value.clone()));
        }
    }
    if key.is_empty() {
        let names: Vec<_> = keys.iter().map(|(name, _)| format!("{name:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] \
             (and doesn't have default values for any key fields)",
            names.join(" ")
        ));
    }
    key.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(PathElement::Key(key.into()))
}

/// The elements of a list by name, sorted; elements that nothing names are left out.
pub(super) struct Elements<'v>(Vec<(PathElement, usize, &'v Value)>);

impl<'v> Elements<'v> {
    pub(super) fn new(list: &List, items: &'v [Value]) -> Self {
        let mut named: Vec<_> = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| Some((element(list, item).ok()?, index, item)))
            .collect();
        named.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)));
        Self(named)
    }

    /// Runs of elements of the same name, in the order of names.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&PathElement, &[(PathElement, usize, &'v Value)])> {
        self.0.chunk_by(|a, b| a.0 == b.0).filter_map(|run| run.first().map(|first| (&first.0, run)))
    }
}
