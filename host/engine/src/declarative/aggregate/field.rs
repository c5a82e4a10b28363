//! How the values of clusters become one value of a field.

use outrigger_object::Quantity;
use serde_json::{Map, Value};

use super::{
    Found, Members, Result, Source, conditions, in_cluster, lists, of_source,
    pick::{self, Ranks},
};
use crate::declarative::{
    cel::Expression,
    format::Op,
    path::{Path, Place, type_name},
};

/// A field of the aggregated status, compiled.
#[derive(Debug)]
pub struct Field {
    pub place: Place,
    pub from: Path,
    /// An expression in place of an operator.
    pub cel: Option<Expression>,
    pub op: Op,
    pub ranks: Ranks,
    pub unreported: Option<String>,
    pub along: Vec<Place>,
    pub equal: Option<Value>,
    pub negative: Vec<String>,
    pub by: Vec<Place>,
    pub fields: Vec<Field>,
    pub skip_empty: bool,
    pub keep: bool,
    pub when_present: bool,
    pub default: Option<Value>,
    pub initial: Option<Value>,
}

/// What an operator has made: a value, and the source it was chosen from, if it was chosen.
pub struct Picked {
    pub value: Value,
    pub source: Option<usize>,
}

impl Picked {
    fn made(value: Value) -> Option<Self> {
        Some(Self { value, source: None })
    }

    pub fn chosen(found: &Found) -> Self {
        Self { value: found.value.clone(), source: Some(found.source) }
    }
}

/// Writes all fields.
pub fn join_all(
    fields: &[Field],
    sources: &[Source],
    members: &Members,
    target: &mut Map<String, Value>,
) -> Result<()> {
    let made = |index| members.made.get(index).and_then(Option::as_ref);
    fields.iter().enumerate().try_for_each(|(index, field)| field.join_into(sources, members, made(index), target))
}

impl Field {
    pub fn is_generation(&self) -> bool {
        self.cel.is_none() && self.op == Op::ObservedGeneration
    }

    fn join_into(
        &self,
        sources: &[Source],
        members: &Members,
        made: Option<&Value>,
        target: &mut Map<String, Value>,
    ) -> Result<()> {
        let begins = members.items.is_empty() && self.initial.is_some();
        if self.when_present && !begins && self.place.find(&*target)?.is_none() {
            return Ok(());
        }
        if self.is_generation() {
            return self.generation(members, target);
        }
        if members.items.is_empty() {
            let value = match (&self.initial, self.op) {
                (Some(value), _) => value.clone(),
                (None, _) if self.keep || self.cel.is_some() => return Ok(()),
                (None, Op::Sum | Op::Count) => 0.into(),
                (None, Op::SumQuantities) => "0".into(),
                (None, _) => return Ok(()),
            };
            self.place.put(target, value);
            return Ok(());
        }
        let joined = match &self.cel {
            Some(_) => made.cloned().and_then(Picked::made),
            None => self.join(&self.found(sources)?, sources, members)?,
        };
        match joined {
            Some(picked) => {
                self.place.put(target, picked.value);
                if let Some(source) = picked.source.and_then(|index| sources.get(index)) {
                    for place in &self.along {
                        match place.find(source.root).map_err(|error| of_source(source, &error))? {
                            Some(value) => place.put(target, value.clone()),
                            None => place.take(target),
                        }
                    }
                }
            }
            None => match &self.default {
                // A cluster that reports has spoken, even by leaving the field out.
                Some(_) if self.op == Op::LastReport && !sources.is_empty() => self.place.take(target),
                Some(value) => self.place.put(target, value.clone()),
                None if self.keep => {}
                None => self.place.take(target),
            },
        }
        Ok(())
    }

    /// What the clusters have.
    pub fn found<'v>(&self, sources: &[Source<'v>]) -> Result<Vec<Found<'v>>> {
        let mut values = Vec::with_capacity(sources.len());
        for (index, source) in sources.iter().enumerate() {
            let found = self.from.find(source.root).map_err(|error| of_source(source, &error))?;
            let found = found.into_iter().filter(|value| !self.skip_empty || !is_blank(value));
            values.extend(found.map(|value| Found { source: index, cluster: source.cluster, value }));
        }
        Ok(values)
    }

    fn generation(&self, members: &Members, target: &mut Map<String, Value>) -> Result<()> {
        let value = if members.have_all_seen()? {
            members.generation.into()
        } else {
            self.place.find(&*target)?.cloned().unwrap_or_else(|| 0.into())
        };
        self.place.put(target, value);
        Ok(())
    }

    /// One value, or `None` when there is none to be had.
    fn join(&self, values: &[Found], sources: &[Source], members: &Members) -> Result<Option<Picked>> {
        let found = |found: Option<&Found>| found.map(Picked::chosen);
        Ok(match self.op {
            Op::Sum => Picked::made(self.sum(values)?),
            Op::SumQuantities => Picked::made(self.sum_quantities(values)?),
            Op::Min => found(pick::number(self, values, std::cmp::Ordering::Less)?),
            Op::Max => found(pick::number(self, values, std::cmp::Ordering::Greater)?),
            Op::Earliest => found(pick::time(self, values, std::cmp::Ordering::Less)?),
            Op::Latest => found(pick::time(self, values, std::cmp::Ordering::Greater)?),
            Op::Longest => found(pick::longest(self, values)?),
            Op::First => found(values.first()),
            Op::Last => found(values.last()),
            Op::LastReport => {
                let last = sources.len().checked_sub(1);
                found(values.iter().rfind(|found| Some(found.source) == last))
            }
            Op::AllEqual => match values.split_first() {
                Some((first, rest)) if rest.iter().all(|other| other.value == first.value) => found(Some(first)),
                _ => None,
            },
            Op::Count => {
                let counts = |value: &Value| self.equal.as_ref().is_none_or(|wanted| wanted == value);
                Picked::made(values.iter().filter(|found| counts(found.value)).count().into())
            }
            Op::Worst | Op::Best => pick::ranked(self, values, members)?,
            Op::Union => lists::union(self, values)?.and_then(Picked::made),
            Op::Concat => lists::concat(values).and_then(Picked::made),
            Op::ConcatWithCluster => lists::concat_with_cluster(self, values)?.and_then(Picked::made),
            Op::GroupBy => lists::group(self, values, members)?.and_then(Picked::made),
            Op::MergeMaps => lists::merge_maps(self, values)?.and_then(Picked::made),
            Op::SumMaps => lists::sum_maps(self, values)?.and_then(Picked::made),
            Op::MergeConditions => conditions::merge(values, &self.negative)?.and_then(Picked::made),
            Op::GroupConditions => conditions::group(self, values)?.and_then(Picked::made),
            Op::ObservedGeneration => None,
        })
    }

    /// The fault of a value.
    pub fn wrong(&self, found: &Found, expected: &str) -> outrigger_interpreter::Error {
        let shown = match found.value {
            Value::Array(_) | Value::Object(_) => type_name(found.value).to_owned(),
            plain => plain.to_string(),
        };
        in_cluster(found.cluster, &format_args!("{}: expected {expected}, found {shown}", self.from))
    }

    fn sum(&self, values: &[Found]) -> Result<Value> {
        let mut sum = Sum::default();
        for found in values {
            sum.add(found.value).ok_or_else(|| self.wrong(found, "a number"))?;
        }
        Ok(sum.value())
    }

    fn sum_quantities(&self, values: &[Found]) -> Result<Value> {
        let mut sum = Quantity::ZERO;
        for found in values.iter().filter(|found| found.value != "") {
            sum += Quantity::from_value(found.value).map_err(|_| self.wrong(found, "a quantity"))?;
        }
        Ok(sum.to_string().into())
    }
}

/// Numbers added up; whole as long as all are.
#[derive(Default)]
pub struct Sum {
    whole: i64,
    float: f64,
    is_float: bool,
}

impl Sum {
    /// Adds a value; `None` when it is not a number.
    pub fn add(&mut self, value: &Value) -> Option<()> {
        self.float += value.as_f64()?;
        match value.as_i64() {
            Some(number) => self.whole = self.whole.saturating_add(number),
            None => self.is_float = true,
        }
        Some(())
    }

    /// The sum.
    pub fn value(&self) -> Value {
        if self.is_float { self.float.into() } else { self.whole.into() }
    }
}

fn is_blank(value: &Value) -> bool {
    value.as_str() == Some("") || super::is_empty(value)
}
