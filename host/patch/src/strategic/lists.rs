//! Lists in a strategic merge patch.

use outrigger_schema::{NodeId, Strategic};
use serde_json::Value;

use super::{Merge, PATCH, cleaned, order};
use crate::Error;

/// What the elements of a list are.
#[derive(Clone, Copy, PartialEq)]
enum Sort {
    Scalars,
    Maps,
}

impl Merge<'_> {
    /// A list and its patch: replaced, merged by key or as a set, or with values taken out.
    pub(super) fn list(
        &mut self,
        id: NodeId,
        strategy: Option<&Strategic>,
        original: Vec<Value>,
        patch: Vec<Value>,
        deletes: bool,
    ) -> Result<Vec<Value>, Error> {
        if !deletes && !strategy.is_some_and(|strategy| strategy.merge) {
            return Ok(patch);
        }
        let Some(sort) = self.sort(&original, &patch)? else { return Ok(original) };
        let merge_key = strategy.and_then(|strategy| strategy.merge_key.as_deref());
        match (sort, merge_key) {
            (Sort::Scalars, _) if deletes => Ok(original.into_iter().filter(|item| !patch.contains(item)).collect()),
            (Sort::Scalars, _) => {
                let mut merged: Vec<Value> = Vec::with_capacity(original.len() + patch.len());
                for item in original.iter().chain(&patch) {
                    if !merged.contains(item) {
                        merged.push(item.clone());
                    }
                }
                Ok(order::arrange(merged, &patch, &original, &|item| Some(item)))
            }
            (Sort::Maps, None) => Err(self.error("cannot merge lists without merge key")),
            (Sort::Maps, Some(key)) => self.keyed_list(id, key, original, patch),
        }
    }

    fn keyed_list(
        &mut self,
        id: NodeId,
        key: &str,
        mut original: Vec<Value>,
        patch: Vec<Value>,
    ) -> Result<Vec<Value>, Error> {
        let items = self.items_of(id);
        let mut merges = Vec::with_capacity(patch.len());
        let mut replaces = false;
        for item in patch {
            match item.get(PATCH).map(|directive| (directive.as_str(), directive.to_string())) {
                None => merges.push(item),
                Some((Some("delete"), _)) => {
                    let Some(gone) = item.get(key) else { return Err(self.no_key(key)) };
                    original.retain(|item| item.get(key) != Some(gone));
                }
                Some((Some("replace"), _)) => replaces = true,
                Some((Some("merge"), _)) => {
                    return Err(self.error("merging lists cannot yet be specified in the patch"));
                }
                Some((_, directive)) => return Err(self.error(format!("unknown patch type found: {directive}"))),
            }
        }
        if replaces {
            return Ok(merges);
        }
        let server_order = original.clone();
        let mut patch_order = Vec::with_capacity(merges.len());
        for item in merges {
            let Some(name) = item.get(key).cloned() else { return Err(self.no_key(key)) };
            match (original.iter_mut().find(|ours| ours.get(key) == Some(&name)), item) {
                (Some(Value::Object(ours)), Value::Object(item)) => {
                    let label = format!("[{key}={name}]");
                    self.under(&label, |merge| merge.map(items, ours, item))?;
                }
                (_, item) => original.extend(cleaned(item)),
            }
            patch_order.push(Value::Object([(key.to_owned(), name)].into_iter().collect()));
        }
        if original.iter().any(|item| item.get(key).is_none()) {
            return Err(self.no_key(key));
        }
        Ok(order::arrange(original, &patch_order, &server_order, &|item| item.get(key)))
    }

    /// A list whose order the patch gives.
    pub(super) fn ordered_list(
        &mut self,
        id: NodeId,
        strategy: Option<&Strategic>,
        original: Option<Vec<Value>>,
        patch: Option<Vec<Value>>,
        wanted: &[Value],
    ) -> Result<Vec<Value>, Error> {
        let merge_key = strategy.and_then(|strategy| strategy.merge_key.as_deref());
        let name = move |item: &Value| -> Option<Value> {
            match merge_key {
                Some(key) => item.get(key).cloned(),
                None => Some(item.clone()),
            }
        };
        if let Some(patch) = &patch {
            let deleted = |item: &Value| item.get(PATCH).is_some();
            let mut rest = wanted.iter();
            let in_order = patch
                .iter()
                .filter(|item| !deleted(item))
                .all(|item| rest.any(|wanted| name(wanted).is_some() && name(wanted) == name(item)));
            if !in_order && !wanted.is_empty() {
                return Err(self.malformed("the order in the patch list does not match its $setElementOrder list"));
            }
        }
        let server_order = original.clone().unwrap_or_default();
        let merged = match (original, patch) {
            (Some(original), Some(patch)) => self.list(id, strategy, original, patch, false)?,
            (Some(list), None) => list,
            (None, Some(list)) => list.into_iter().filter_map(cleaned).collect(),
            (None, None) => Vec::new(),
        };
        if let Some(key) = merge_key
            && merged.iter().chain(wanted).any(|item| item.get(key).is_none())
        {
            return Err(self.no_key(key));
        }
        Ok(match merge_key {
            Some(key) => order::arrange(merged, wanted, &server_order, &|item| item.get(key)),
            None => order::arrange(merged, wanted, &server_order, &|item| Some(item)),
        })
    }

    fn no_key(&self, key: &str) -> Error {
        self.error(format!("map: does not contain declared merge key: {key}"))
    }

    /// What the elements are; `None` when there are none.
    fn sort(&self, original: &[Value], patch: &[Value]) -> Result<Option<Sort>, Error> {
        let mut sort = None;
        for item in original.iter().chain(patch) {
            let this = match item {
                Value::Array(_) => return Err(self.error("lists of lists are not supported")),
                Value::Object(_) => Sort::Maps,
                _ => Sort::Scalars,
            };
            if sort.is_some_and(|sort| sort != this) {
                return Err(self.error("list element types are not identical"));
            }
            sort = Some(this);
        }
        Ok(sort)
    }
}
