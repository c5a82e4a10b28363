//! Operators that choose the value of one cluster. Of equals, the first cluster's is chosen.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Field, Found, Members, Picked, Result};

/// What wins over what: the rank of a value is the place of its group, and what is in no group comes last.
#[derive(Debug, Default)]
pub struct Ranks(Vec<Vec<String>>);

impl Ranks {
    /// From the order as it is written, groups with `|` between their values.
    pub fn new(order: &[String]) -> Self {
        Self(order.iter().map(|group| group.split('|').map(|value| value.trim().to_owned()).collect()).collect())
    }

    fn of(&self, value: &str) -> usize {
        self.0.iter().position(|group| group.iter().any(|known| known == value)).unwrap_or(self.0.len())
    }
}

/// The smallest or largest number.
pub fn number<'f, 'v>(field: &Field, values: &'f [Found<'v>], wanted: Ordering) -> Result<Option<&'f Found<'v>>> {
    let read = |found: &Found| found.value.as_f64().ok_or_else(|| field.wrong(found, "a number"));
    best(values, |found| read(found).map(Some), |a, b| a.total_cmp(b) == wanted)
}

/// The earliest or latest time.
pub fn time<'f, 'v>(field: &Field, values: &'f [Found<'v>], wanted: Ordering) -> Result<Option<&'f Found<'v>>> {
    let read = |found: &Found<'v>| {
        let text = found.value.as_str().ok_or_else(|| field.wrong(found, "a time"))?;
        Ok((!text.is_empty()).then(|| (text.parse::<Timestamp>().ok(), text)))
    };
    best(values, read, |a, b| {
        let order = match (a.0, b.0) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => a.1.cmp(b.1),
        };
        order == wanted
    })
}

/// The longest duration.
pub fn longest<'f, 'v>(field: &Field, values: &'f [Found<'v>]) -> Result<Option<&'f Found<'v>>> {
    let read = |found: &Found| {
        let text = found.value.as_str().ok_or_else(|| field.wrong(found, "a duration"))?;
        Ok(duration(text))
    };
    best(values, read, |a, b| a > b)
}

/// A duration as Go writes it; its units are among those that jiff reads.
fn duration(text: &str) -> Option<SignedDuration> {
    text.parse::<SignedDuration>().ok()
}

fn best<'f, 'v, K>(
    values: &'f [Found<'v>],
    read: impl Fn(&Found<'v>) -> Result<Option<K>>,
    wins: impl Fn(&K, &K) -> bool,
) -> Result<Option<&'f Found<'v>>> {
    let mut best: Option<(K, &Found)> = None;
    for found in values {
        if let Some(key) = read(found)?
            && best.as_ref().is_none_or(|(known, _)| wins(&key, known))
        {
            best = Some((key, found));
        }
    }
    Ok(best.map(|(_, found)| found))
}

/// The value of the first rank, among those of the clusters and that of those that have not reported.
pub fn ranked(field: &Field, values: &[Found], members: &Members) -> Result<Option<Picked>> {
    let rank = |found: &Found| match found.value.as_str() {
        Some(text) => Ok(Some(field.ranks.of(text))),
        None => Err(field.wrong(found, "a string")),
    };
    let best = best(values, rank, |a, b| a < b)?;
    let silent = field.unreported.as_deref().filter(|_| members.unreported() > 0);
    Ok(match (best, silent) {
        (None, None) => None,
        (Some(best), None) => Some(Picked::chosen(best)),
        (Some(best), Some(silent)) if rank(best)? <= Some(field.ranks.of(silent)) => Some(Picked::chosen(best)),
        (_, Some(silent)) => Some(Picked { value: Value::from(silent), source: None }),
    })
}
