//! Reading the members' statuses, and putting values of many into one.
//!
//! **Invariant:** a value of the wrong type is a failure that names cluster and path; it is never
//! taken for an absent one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use outrigger_interpreter::{Error, StatusItem};
use serde_json::{Map, Value};

/// The statuses of the members that have one, in order of their clusters' names.
pub struct Statuses<'a> {
    members: Vec<(&'a str, &'a Map<String, Value>)>,
}

impl<'a> Statuses<'a> {
    /// Takes the statuses out of the items.
    pub fn read(items: &'a [StatusItem]) -> Result<Self, Error> {
        let mut members = Vec::with_capacity(items.len());
        for item in items {
            match &item.status {
                None | Some(Value::Null) => {}
                Some(Value::Object(status)) => members.push((item.cluster_name.as_str(), status)),
                Some(other) => return Err(wrong(&item.cluster_name, &[], "an object", other)),
            }
        }
        members.sort_by_key(|(cluster, _)| *cluster);
        Ok(Self { members })
    }

    /// The strings at a path, with the clusters that have one that is not empty.
    pub fn strings(&self, path: &[&str]) -> Result<Vec<(&'a str, &'a str)>, Error> {
        self.each(path, "a string", Value::as_str)
            .map(|found| found.into_iter().filter(|(_, text)| !text.is_empty()).collect())
    }

    /// The sum of the integers at a path; `None` where no member has one.
    pub fn sum(&self, path: &[&str]) -> Result<Option<i64>, Error> {
        let found = self.each(path, "an integer", Value::as_i64)?;
        let sum = found.iter().fold(0_i64, |sum, (_, number)| sum.saturating_add(*number));
        Ok((!found.is_empty()).then_some(sum))
    }

    /// The earliest of the times at a path, as its member wrote it.
    pub fn earliest(&self, path: &[&str]) -> Result<Option<&'a str>, Error> {
        Ok(self.times(path)?.into_iter().min().map(|(_, text)| text))
    }

    /// The latest of the times at a path, as its member wrote it.
    pub fn latest(&self, path: &[&str]) -> Result<Option<&'a str>, Error> {
        Ok(self.times(path)?.into_iter().max().map(|(_, text)| text))
    }

    /// How many members have something at a path.
    pub fn count(&self, path: &[&str]) -> usize {
        self.members.iter().filter(|(_, status)| at(status, path).is_some()).count()
    }

    /// The lists of strings at a path, each string with its cluster in front.
    pub fn prefixed(&self, path: &[&str]) -> Result<Vec<String>, Error> {
        let mut all = BTreeSet::new();
        for (cluster, list) in self.each(path, "a list", Value::as_array)? {
            for element in list {
                let text = element.as_str().ok_or_else(|| wrong(cluster, path, "a list of strings", element))?;
                all.insert(format!("{cluster}: {text}"));
            }
        }
        Ok(all.into_iter().collect())
    }

    fn times(&self, path: &[&str]) -> Result<Vec<(Timestamp, &'a str)>, Error> {
        let mut times = Vec::new();
        for (cluster, text) in self.strings(path)? {
            let time = text.parse().map_err(|_| wrong(cluster, path, "a time (RFC 3339)", &Value::from(text)))?;
            times.push((time, text));
        }
        Ok(times)
    }

    fn each<T>(
        &self,
        path: &[&str],
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<(&'a str, T)>, Error> {
        let mut found = Vec::new();
        for (cluster, status) in &self.members {
            if let Some(value) = at(status, path) {
                found.push((*cluster, read(value).ok_or_else(|| wrong(cluster, path, expected, value))?));
            }
        }
        Ok(found)
    }
}

fn at<'a>(status: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = rest.iter().try_fold(status.get(*first)?, |value, name| value.get(*name))?;
    (!value.is_null()).then_some(value)
}

fn wrong(cluster: &str, path: &[&str], expected: &str, found: &Value) -> Error {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let path = ["status"].iter().chain(path).copied().collect::<Vec<_>>().join(".");
    Error::invalid(format!("cluster {cluster}: {path} should be {expected} and is {found}"))
}
