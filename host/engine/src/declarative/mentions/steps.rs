//! The steps of a path, whether it can find one value or several.

use jsonpath_rust::parser::model::{
    Comparable, Filter, FilterAtom, Segment, Selector, SingularQuery, SingularQuerySegment, Test,
};

use super::Step;
use crate::declarative::path::{segments, unquoted};

/// The steps of a path; fails where it does not parse.
pub fn of(text: &str) -> Result<Vec<Step>, String> {
    Ok(segments(text)?.iter().map(step).collect())
}

fn step(segment: &Segment) -> Step {
    match segment {
        Segment::Selector(Selector::Name(name)) => Step::Field(unquoted(name)),
        Segment::Selector(Selector::Index(_) | Selector::Slice(..)) => Step::Item,
        Segment::Selector(Selector::Wildcard) => Step::All,
        Segment::Selector(Selector::Filter(filter)) => {
            let mut reads = Vec::new();
            collect(filter, &mut reads);
            Step::Filter(reads)
        }
        Segment::Selectors(_) | Segment::Descendant(_) => Step::Unknown,
    }
}

/// The paths from an item that a filter reads.
fn collect(filter: &Filter, reads: &mut Vec<Vec<Step>>) {
    match filter {
        Filter::Or(filters) | Filter::And(filters) => filters.iter().for_each(|filter| collect(filter, reads)),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => collect(expr, reads),
        Filter::Atom(FilterAtom::Test { expr, .. }) => {
            if let Test::RelQuery(segments) = &**expr {
                reads.push(segments.iter().map(step).collect());
            }
        }
        Filter::Atom(FilterAtom::Comparison(comparison)) => {
            let (left, right) = comparison.vals();
            for side in [left, right] {
                if let Comparable::SingularQuery(SingularQuery::Current(segments)) = side {
                    reads.push(segments.iter().map(singular).collect());
                }
            }
        }
    }
}

fn singular(segment: &SingularQuerySegment) -> Step {
    match segment {
        SingularQuerySegment::Name(name) => Step::Field(unquoted(name)),
        SingularQuerySegment::Index(_) => Step::Item,
    }
}
