//! A configuration merged into an object under its type: what server-side apply does to values.
//!
//! Fields that the configuration does not name stay. Leaves are replaced, elements of keyed lists and
//! sets are matched; the order of a list follows the configuration for its own elements and keeps the
//! others where they were among them.

use outrigger_schema::{List, NodeId, Schema};
use serde_json::{Map, Value};

use super::{
    element::PathElement,
    walk::{self, Form},
};
use crate::Error;

/// Merges `config` into `live`. Fails when `config` names a list element twice, or when an element of
/// either cannot be named.
pub(super) fn merge(schema: &Schema, live: &mut Map<String, Value>, config: &Map<String, Value>) -> Result<(), Error> {
    let mut walk = Walk { schema, path: Vec::new() };
    walk.merge_fields(walk::map_form(schema, schema.root_id()), live, config)
}

struct Walk<'a> {
    schema: &'a Schema,
    path: Vec<PathElement>,
}

impl Walk<'_> {
    fn error(&self, message: impl Into<String>) -> Error {
        Error::at(self.path.iter().map(ToString::to_string).collect::<String>(), message)
    }

    fn merge(&mut self, id: NodeId, live: &mut Value, config: &Value) -> Result<(), Error> {
        let form = match (walk::form(self.schema, id, config), config) {
            // Null takes the form of the other side.
            (Form::Leaf, Value::Null) => walk::form(self.schema, id, live),
            (form, _) => form,
        };
        match (form, &mut *live, config) {
            (form @ (Form::Map(_) | Form::AnyMap), Value::Object(live), Value::Object(config)) => {
                self.merge_fields(form, live, config)?;
            }
            (Form::List(list), Value::Array(live), Value::Array(config)) => self.merge_items(list, live, config)?,
            // A null leaves the fields and elements of others alone.
            (Form::Map(_) | Form::AnyMap, Value::Object(live), Value::Null) if !live.is_empty() => {}
            (Form::List(_), Value::Array(live), Value::Null) if !live.is_empty() => {}
            (_, live, config) => *live = config.clone(),
        }
        Ok(())
    }

    fn merge_fields(
        &mut self,
        form: Form<'_>,
        live: &mut Map<String, Value>,
        config: &Map<String, Value>,
    ) -> Result<(), Error> {
        for (name, value) in config {
            match live.get_mut(name) {
                Some(live) => {
                    let (id, _) = walk::field(&form, name);
                    self.path.push(PathElement::field(name));
                    self.merge(id, live, value)?;
                    self.path.pop();
                }
                None => {
                    live.insert(name.clone(), value.clone());
                }
            }
        }
        Ok(())
    }

    fn merge_items(&mut self, list: &List, live: &mut Vec<Value>, config: &[Value]) -> Result<(), Error> {
        let name = |walk: &Self, items: &[Value]| {
            let named = items.iter().enumerate().map(|(index, item)| {
                walk::element(list, item).map_err(|message| walk.error(format!("element {index}: {message}")))
            });
            named.collect::<Result<Vec<_>, _>>()
        };
        let theirs = Index::new(name(self, config)?);
        if let Some(twice) = theirs.duplicate() {
            return Err(self.error(format!("duplicate entries for key {twice}")));
        }
        let ours = Index::new(name(self, live)?);

        let mut items: Vec<Option<Value>> = live.drain(..).map(Some).collect();
        let mut shared = (0..config.len()).filter(|&at| ours.find(theirs.name(at)).is_some()).peekable();
        let mut out = Vec::with_capacity(items.len().max(config.len()));
        let (mut left, mut right) = (0, 0);
        let mut merged = vec![false; config.len()];
        while left < items.len() || right < config.len() {
            if left < items.len() {
                let next_shared = shared.peek().copied();
                match theirs.find(ours.name(left)) {
                    None => {
                        out.extend(items.get_mut(left).and_then(Option::take));
                        left += 1;
                        continue;
                    }
                    Some(at) if at == right => left += 1,
                    // In both lists, but another shared element comes first in the configuration.
                    Some(at) if right < config.len() && next_shared.is_some_and(|next| next != at) => {
                        left += 1;
                        continue;
                    }
                    Some(at) if merged.get(at) == Some(&true) => left += 1,
                    Some(_) => {}
                }
            }
            let Some(item) = config.get(right) else { continue };
            let element = theirs.name(right);
            // Elements that occur twice are replaced by the configuration's one, not merged.
            let twin = ours.find_only(element).and_then(|at| items.get_mut(at).and_then(Option::take));
            out.push(match twin {
                Some(mut twin) => {
                    self.path.push(element.clone());
                    self.merge(list.items, &mut twin, item)?;
                    self.path.pop();
                    twin
                }
                None => item.clone(),
            });
            if let Some(merged) = merged.get_mut(right) {
                *merged = true;
            }
            if shared.peek() == Some(&right) {
                shared.next();
            }
            right += 1;
        }
        *live = out;
        Ok(())
    }
}

/// Names of a list's elements, findable.
struct Index {
    names: Vec<PathElement>,
    sorted: Vec<usize>,
}

impl Index {
    fn new(names: Vec<PathElement>) -> Self {
        let mut sorted: Vec<usize> = (0..names.len()).collect();
        sorted.sort_by(|&a, &b| names.get(a).cmp(&names.get(b)).then(a.cmp(&b)));
        Self { names, sorted }
    }

    fn name(&self, at: usize) -> &PathElement {
        static NOTHING: PathElement = PathElement::Index(-1);
        self.names.get(at).unwrap_or(&NOTHING)
    }

    fn run(&self, element: &PathElement) -> &[usize] {
        let start = self.sorted.partition_point(|&at| self.name(at) < element);
        let rest = self.sorted.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|&&at| self.name(at) == element).count();
        rest.get(..length).unwrap_or_default()
    }

    /// The first position of an element.
    fn find(&self, element: &PathElement) -> Option<usize> {
        self.run(element).first().copied()
    }

    /// The position of an element that occurs once.
    fn find_only(&self, element: &PathElement) -> Option<usize> {
        match self.run(element) {
            [at] => Some(*at),
            _ => None,
        }
    }

    fn duplicate(&self) -> Option<&PathElement> {
        let twice = self.sorted.windows(2).find(|pair| match pair {
            [a, b] => self.name(*a) == self.name(*b),
            _ => false,
        });
        twice.and_then(|pair| pair.first()).map(|&at| self.name(at))
    }
}
