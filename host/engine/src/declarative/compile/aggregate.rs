//! Compiling `aggregateStatus`.

use super::{Compiler, Loaded};
use crate::declarative::{
    aggregate::{Aggregate, Field, Ranks},
    cel,
    format::{self, Op},
};

/// Operators that choose the value of one cluster.
const CHOOSING: [Op; 11] = [
    Op::Min,
    Op::Max,
    Op::Earliest,
    Op::Latest,
    Op::Longest,
    Op::First,
    Op::Last,
    Op::LastReport,
    Op::AllEqual,
    Op::Worst,
    Op::Best,
];

impl Compiler<'_> {
    pub(super) fn aggregate(&self, block: format::AggregateStatus) -> Loaded<Aggregate> {
        if block.fields.is_empty() && !block.single && block.cel.is_none() {
            return Err(self.nowhere("aggregateStatus has fields, cel or lua"));
        }
        Ok(Aggregate {
            fields: self.all(block.fields, Self::field)?,
            cel: self.maybe_cel(block.cel.as_ref(), cel::Place::Aggregate)?,
            single: block.single,
            replace: block.replace,
            omit: self.places(&block.omit)?,
        })
    }

    fn field(&self, field: format::Field) -> Loaded<Field> {
        let wrong = |message: &str| self.wrong(&field.path, message);
        let op = match (field.op, &field.cel) {
            (Some(op), None) => op,
            (None, Some(_)) => Op::Last,
            _ => return Err(wrong("a field has either op or cel")),
        };
        let grouping = [Op::GroupBy, Op::ObservedGeneration];
        if let Some(part) = field.fields.iter().find(|part| grouping.contains(&part.op)) {
            return Err(self.wrong(&part.path, "this operator is not for the fields of groupBy"));
        }
        let ranked = matches!(op, Op::Worst | Op::Best);
        let by_key = matches!(op, Op::Union | Op::GroupConditions | Op::GroupBy);
        match op {
            Op::Worst | Op::Best if field.order.as_ref().is_none_or(Vec::is_empty) => {
                return Err(wrong("worst needs an order, and so does best"));
            }
            _ if !ranked && (field.order.is_some() || field.unreported.is_some()) => {
                return Err(wrong("order and unreported belong to worst and best"));
            }
            _ if op != Op::Count && field.equal.is_some() => return Err(wrong("equal belongs to count")),
            _ if op != Op::MergeConditions && field.negative.is_some() => {
                return Err(wrong("negative belongs to mergeConditions"));
            }
            _ if !by_key && !field.by.is_empty() => {
                return Err(wrong("by belongs to union, groupConditions and groupBy"));
            }
            Op::GroupBy if field.by.is_empty() || field.fields.is_empty() => {
                return Err(wrong("groupBy needs by and fields"));
            }
            _ if op != Op::GroupBy && !field.fields.is_empty() => return Err(wrong("fields belongs to groupBy")),
            _ if !CHOOSING.contains(&op) && !field.along.is_empty() => {
                return Err(wrong("along belongs to operators that choose one cluster"));
            }
            Op::ObservedGeneration if field.from.is_some() || field.default.is_some() || field.initial.is_some() => {
                return Err(wrong("observedGeneration takes neither from nor default nor initial"));
            }
            _ if field.keep && field.default.is_some() => return Err(wrong("keep and default exclude each other")),
            _ => {}
        }
        let by = match op {
            Op::GroupConditions if field.by.is_empty() => ["type", "status", "reason"]
                .into_iter()
                .map(|name| crate::declarative::path::Place::parse(name).map_err(|message| wrong(&message)))
                .collect::<Loaded<_>>()?,
            _ => self.places(&field.by)?,
        };
        Ok(Field {
            place: self.place(&field.path)?,
            from: self.path(field.from.as_ref().unwrap_or(&field.path))?,
            cel: self.maybe_cel(field.cel.as_ref(), cel::Place::Aggregate)?,
            op,
            ranks: Ranks::new(field.order.as_deref().unwrap_or_default()),
            unreported: field.unreported,
            along: self.places(&field.along)?,
            equal: field.equal,
            negative: field.negative.unwrap_or_default(),
            by,
            fields: self.all(field.fields, |compiler, part| compiler.field(part.into()))?,
            skip_empty: field.skip_empty,
            keep: field.keep,
            when_present: field.when_present,
            default: field.default,
            initial: field.initial,
        })
    }
}
