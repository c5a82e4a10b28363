//! Compiling `localize`.

use super::{Compiler, Loaded};
use crate::declarative::{
    cel, format,
    localize::{Assignments, Entry, What},
};

/// What makes an object this object, and what is never written from the control plane.
const FIXED: [&str; 6] = ["apiVersion", "kind", "status", "metadata.name", "metadata.namespace", "metadata.uid"];

/// Compiles a list of its own.
pub fn assignments(source: &str, list: Vec<format::Assignment>) -> Loaded<Assignments> {
    Compiler { source }.assignments(list)
}

impl Compiler<'_> {
    pub(super) fn assignments(&self, list: Vec<format::Assignment>) -> Loaded<Assignments> {
        self.all(list, Self::assignment).map(Assignments::new)
    }

    fn assignment(&self, read: format::Assignment) -> Loaded<Entry> {
        let place = self.place(&read.path)?;
        let path = read.path.0.value.trim_start_matches("$.").trim_start_matches('.');
        let under =
            |fixed: &str| path.strip_prefix(fixed).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        if let Some(fixed) = FIXED.into_iter().find(|fixed| under(fixed)) {
            return Err(self.wrong(&read.path, format_args!("{fixed} is the same in all clusters")));
        }
        let what = match (read.value, &read.cel, read.remove) {
            (Some(value), None, false) => What::Value(value),
            (None, Some(text), false) => What::Cel(self.cel(text, cel::Place::Localize)?),
            (None, None, true) => What::Removed,
            _ => return Err(self.wrong(&read.path, "an entry of localize has one of value, cel and remove")),
        };
        Ok(Entry { place, when: self.maybe_cel(read.when.as_ref(), cel::Place::Localize)?, what })
    }
}
