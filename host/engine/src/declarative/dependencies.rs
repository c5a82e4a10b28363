//! Objects that must be beside an object.
//!
//! **Invariant:** dependencies come sorted, each once.

use outrigger_interpreter::{Dependency, Error, LabelSelector};
use outrigger_object::Object;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Result,
    cel::{Expression, Scope, Value as CelValue},
    path::{Path, Place, Root, type_name, wrong},
    replicas::PodAt,
    within,
};
use crate::native::pod_spec_dependencies;

/// One entry of `dependencies`, compiled.
#[derive(Debug)]
pub struct Entry {
    pub when: Option<Expression>,
    pub needs: Needs,
}

/// What an entry needs.
#[derive(Debug)]
pub enum Needs {
    /// Everything that pods need.
    Pod(PodAt),
    /// Objects of a kind.
    Named(Box<Named>),
    /// What an expression gives.
    Made(Expression),
}

/// Objects of a kind, by name or by selector.
#[derive(Debug)]
pub struct Named {
    pub each: Option<Path>,
    pub api_version: Word,
    pub kind: Word,
    pub names: Vec<Path>,
    pub selector: Option<Place>,
    pub except: Vec<String>,
    pub namespace: Option<Place>,
    pub namespace_name: Option<String>,
    pub cluster_scoped: bool,
    pub optional: bool,
}

/// A word that a field may say otherwise.
#[derive(Debug)]
pub struct Word {
    pub from: Option<Path>,
    pub fixed: String,
}

impl Word {
    fn of<'a>(&'a self, root: Root<'a>) -> Result<&'a str> {
        let found = self.from.as_ref().map(|path| path.text(root)).transpose()?.flatten();
        Ok(found.filter(|word| !word.is_empty()).unwrap_or(&self.fixed))
    }
}

/// All dependencies of an object.
pub fn all(entries: &[Entry], object: &Object) -> Result<Vec<Dependency>> {
    let mut found = Vec::new();
    for entry in entries {
        // With `each`, the condition is about the item.
        let of_items = matches!(&entry.needs, Needs::Named(named) if named.each.is_some());
        if let Some(when) = entry.when.as_ref().filter(|_| !of_items)
            && !Scope::new(object).holds(when)?
        {
            continue;
        }
        match &entry.needs {
            Needs::Pod(at) => {
                let namespace = Some(object.namespace()).filter(|name| !name.is_empty()).unwrap_or("default");
                let pods = at.each(object.into(), |spec| pod_spec_dependencies(spec, namespace))?;
                found.extend(pods.into_iter().flatten());
            }
            Needs::Named(named) => named.collect(entry.when.as_ref(), object, &mut found)?,
            Needs::Made(expression) => found.extend(made(expression, object)?),
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The objects that an expression lists; one without a namespace is in the object's own.
fn made(expression: &Expression, object: &Object) -> Result<Vec<Dependency>> {
    let list = match Scope::new(object).value(expression)? {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(Scope::wrong(expression, "a list", &other)),
    };
    let read = |value: Value| {
        let bare = value.get("namespace").is_none();
        let wrong = || Scope::wrong(expression, "objects with apiVersion, kind, name and namespace", &value);
        let mut dependency = Dependency::deserialize(&value).map_err(|_| wrong())?;
        if bare {
            dependency.namespace = object.namespace().to_owned();
        }
        Ok(dependency)
    };
    list.into_iter().map(read).collect()
}

impl Named {
    fn collect<'v>(&self, when: Option<&'v Expression>, object: &'v Object, found: &mut Vec<Dependency>) -> Result<()> {
        let before = found.len();
        match &self.each {
            None => self.of_item(object, object.into(), found)?,
            Some(path) => {
                for value in path.find(object)? {
                    let items: &[Value] = match value {
                        Value::Array(items) => items,
                        one => std::slice::from_ref(one),
                    };
                    for (index, item) in items.iter().enumerate() {
                        if let Some(when) = when {
                            let key = CelValue::Int(i64::try_from(index).unwrap_or(i64::MAX));
                            if !Scope::new(object).with_item(Root::Value(item), key).holds(when)? {
                                continue;
                            }
                        }
                        let added = self.of_item(object, Root::Value(item), found);
                        added.map_err(|error| within(path.source(), &error))?;
                    }
                }
            }
        }
        if found.len() == before && !self.optional {
            let source = self.names.first().map_or("", Path::source);
            return Err(Error::invalid(format_args!("{source}: no name of a {}", self.kind.fixed)));
        }
        Ok(())
    }

    fn of_item(&self, object: &Object, item: Root, found: &mut Vec<Dependency>) -> Result<()> {
        let namespace = match &self.namespace {
            _ if self.cluster_scoped => "",
            None => self.namespace_name.as_deref().unwrap_or(object.namespace()),
            Some(place) => place.str(item)?.filter(|name| !name.is_empty()).unwrap_or(object.namespace()),
        };
        let dependency = |name: String, label_selector| {
            let (api_version, kind) = (self.api_version.of(item)?.to_owned(), self.kind.of(item)?.to_owned());
            Ok::<_, Error>(Dependency { api_version, kind, namespace: namespace.to_owned(), name, label_selector })
        };
        for path in &self.names {
            for value in path.find(item)? {
                let items: &[Value] = match value {
                    Value::Array(items) => items,
                    one => std::slice::from_ref(one),
                };
                for value in items {
                    let name = value.as_str().ok_or_else(|| {
                        Error::invalid(format_args!("{path}: the name of a {} is not a string", self.kind.fixed))
                    })?;
                    if !name.is_empty() && !self.except.iter().any(|known| known == name) {
                        found.push(dependency(name.to_owned(), None)?);
                    }
                }
            }
        }
        if let Some(place) = &self.selector
            && let Some(value) = place.find(item)?
        {
            found.push(dependency(String::new(), Some(selector(place, value)?))?);
        }
        Ok(())
    }
}

/// A selector, or the labels of one alone.
fn selector(place: &Place, value: &Value) -> Result<LabelSelector> {
    let map = value.as_object().ok_or_else(|| wrong(place.source(), "a selector", value))?;
    let read = if map.contains_key("matchLabels") || map.contains_key("matchExpressions") {
        LabelSelector::deserialize(value)
    } else {
        Deserialize::deserialize(value).map(|match_labels| LabelSelector { match_labels, ..Default::default() })
    };
    read.map_err(|_| {
        Error::invalid(format_args!("{}: expected a selector, found {} that is none", place.source(), type_name(value)))
    })
}
