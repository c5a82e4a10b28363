//! Queries: paths that can find several values.
//!
//! They are parsed by the JSONPath library and evaluated here: without noting down the place of every value
//! that is passed, from an object that need not be copied into a value first, and in steps that are counted.
//!
//! **Invariant:** an evaluation ends after [`MAX_STEPS`] values, however large the object is.

use std::cmp::Ordering;

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, Literal, Segment, Selector, SingularQuery, SingularQuerySegment,
    Test as Tested, TestFunction,
};
use regex::Regex;
use serde_json::{Number, Value};

use super::{Root, unquoted};

/// How many values are looked at.
const MAX_STEPS: usize = 2_000_000;
const MAX_DEPTH: usize = 32;

type Parsed<T> = Result<T, String>;

/// A compiled query.
#[derive(Clone, Debug)]
pub struct Query(Vec<Step>);

#[derive(Clone, Debug)]
struct Step {
    /// Of the values and all that is inside of them.
    deep: bool,
    choices: Vec<Choice>,
}

#[derive(Clone, Debug)]
enum Choice {
    Name(String),
    All,
    Index(i64),
    Slice(Option<i64>, Option<i64>, i64),
    Filter(Test),
}

#[derive(Clone, Debug)]
enum Test {
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    Exists(Inner),
    Compare(Operator, Side, Side),
    Matches(Side, Pattern),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Equal,
    Less,
    LessOrEqual,
}

/// A query in a filter, from the value that is tested or from the object.
#[derive(Clone, Debug)]
struct Inner {
    from_root: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Side {
    Literal(Value),
    /// The value of a query that finds one.
    Value(Inner),
    Length(Box<Side>),
    Count(Inner),
}

#[derive(Clone, Debug)]
enum Pattern {
    Ready(Regex),
    /// Found while evaluating; whether the whole text must match.
    Found(Box<Side>, bool),
}

/// The evaluation was given up.
#[derive(Debug)]
pub struct TooMuch;

type Evaluated<T> = Result<T, TooMuch>;

impl Query {
    /// Takes what the library has parsed.
    pub fn new(segments: &[Segment]) -> Parsed<Self> {
        steps(segments, 0).map(Self)
    }

    /// The values that it finds.
    pub fn find<'v>(&self, root: Root<'v>) -> Evaluated<Vec<&'v Value>> {
        let mut walk = Walk { root, left: MAX_STEPS };
        let found = walk.follow(&self.0, root)?;
        let value = |node| match node {
            Root::Value(value) if !value.is_null() => Some(value),
            _ => None,
        };
        Ok(found.into_iter().filter_map(value).collect())
    }
}

fn steps(segments: &[Segment], depth: usize) -> Parsed<Vec<Step>> {
    if depth > MAX_DEPTH {
        return Err("filters nest too deep".to_owned());
    }
    segments.iter().map(|segment| step(segment, depth)).collect()
}

fn step(segment: &Segment, depth: usize) -> Parsed<Step> {
    Ok(match segment {
        Segment::Selector(selector) => Step { deep: false, choices: vec![choice(selector, depth)?] },
        Segment::Selectors(selectors) => {
            let choices = selectors.iter().map(|selector| choice(selector, depth)).collect::<Parsed<_>>()?;
            Step { deep: false, choices }
        }
        Segment::Descendant(inner) => Step { deep: true, ..step(inner, depth)? },
    })
}

fn choice(selector: &Selector, depth: usize) -> Parsed<Choice> {
    Ok(match selector {
        Selector::Name(name) => Choice::Name(unquoted(name)),
        Selector::Wildcard => Choice::All,
        Selector::Index(index) => Choice::Index(*index),
        Selector::Slice(start, end, step) => Choice::Slice(*start, *end, step.unwrap_or(1)),
        Selector::Filter(filter) => Choice::Filter(test(filter, depth + 1)?),
    })
}

fn test(filter: &Filter, depth: usize) -> Parsed<Test> {
    if depth > MAX_DEPTH {
        return Err("filters nest too deep".to_owned());
    }
    let all = |filters: &[Filter]| filters.iter().map(|filter| test(filter, depth + 1)).collect::<Parsed<_>>();
    let negated = |test: Test, not: bool| if not { Test::Not(Box::new(test)) } else { test };
    Ok(match filter {
        Filter::Or(filters) => Test::Any(all(filters)?),
        Filter::And(filters) => Test::All(all(filters)?),
        Filter::Atom(FilterAtom::Filter { expr, not }) => negated(test(expr, depth + 1)?, *not),
        Filter::Atom(FilterAtom::Test { expr, not }) => negated(tested(expr, depth)?, *not),
        Filter::Atom(FilterAtom::Comparison(comparison)) => {
            let (left, right) = comparison.vals();
            let (left, right) = (side(left, depth)?, side(right, depth)?);
            match **comparison {
                Comparison::Eq(..) => Test::Compare(Operator::Equal, left, right),
                Comparison::Ne(..) => Test::Not(Box::new(Test::Compare(Operator::Equal, left, right))),
                Comparison::Lt(..) => Test::Compare(Operator::Less, left, right),
                Comparison::Lte(..) => Test::Compare(Operator::LessOrEqual, left, right),
                Comparison::Gt(..) => Test::Compare(Operator::Less, right, left),
                Comparison::Gte(..) => Test::Compare(Operator::LessOrEqual, right, left),
            }
        }
    })
}

fn tested(test: &Tested, depth: usize) -> Parsed<Test> {
    match test {
        Tested::Function(function) => match &**function {
            TestFunction::Match(text, pattern) => matches(text, pattern, true, depth),
            TestFunction::Search(text, pattern) => matches(text, pattern, false, depth),
            _ => Err("a function that gives no truth needs a comparison".to_owned()),
        },
        query => inner(query, depth).map(Test::Exists),
    }
}

fn inner(test: &Tested, depth: usize) -> Parsed<Inner> {
    match test {
        Tested::RelQuery(segments) => Ok(Inner { from_root: false, steps: steps(segments, depth + 1)? }),
        Tested::AbsQuery(query) => Ok(Inner { from_root: true, steps: steps(&query.segments, depth + 1)? }),
        Tested::Function(_) => Err("a function stands where a query is needed".to_owned()),
    }
}

fn matches(text: &FnArg, pattern: &FnArg, whole: bool, depth: usize) -> Parsed<Test> {
    let pattern = match argument(pattern, depth)? {
        Side::Literal(Value::String(pattern)) => Pattern::Ready(regex(&pattern, whole)?),
        other => Pattern::Found(Box::new(other), whole),
    };
    Ok(Test::Matches(argument(text, depth)?, pattern))
}

fn regex(pattern: &str, whole: bool) -> Parsed<Regex> {
    let bounded = if whole { format!("^(?:{pattern})$") } else { pattern.to_owned() };
    let built = regex::RegexBuilder::new(&bounded).size_limit(1 << 20).build();
    built.map_err(|_| format!("{pattern:?} is not a regular expression"))
}

fn argument(argument: &FnArg, depth: usize) -> Parsed<Side> {
    match argument {
        FnArg::Literal(literal) => Ok(Side::Literal(of_literal(literal))),
        FnArg::Test(test) => match &**test {
            Tested::Function(function) => of_function(function, depth),
            query => inner(query, depth).map(Side::Value),
        },
        FnArg::Filter(_) => Err("a test stands where a value is needed".to_owned()),
    }
}

fn side(comparable: &Comparable, depth: usize) -> Parsed<Side> {
    Ok(match comparable {
        Comparable::Literal(literal) => Side::Literal(of_literal(literal)),
        Comparable::Function(function) => of_function(function, depth)?,
        Comparable::SingularQuery(query) => {
            let (from_root, segments) = match query {
                SingularQuery::Current(segments) => (false, segments),
                SingularQuery::Root(segments) => (true, segments),
            };
            let step = |segment: &SingularQuerySegment| {
                let choice = match segment {
                    SingularQuerySegment::Index(index) => Choice::Index(*index),
                    SingularQuerySegment::Name(name) => Choice::Name(unquoted(name)),
                };
                Step { deep: false, choices: vec![choice] }
            };
            Side::Value(Inner { from_root, steps: segments.iter().map(step).collect() })
        }
    })
}

fn of_function(function: &TestFunction, depth: usize) -> Parsed<Side> {
    let query = |arg: &FnArg| match arg {
        FnArg::Test(test) => inner(test, depth),
        _ => Err("count and value take a query".to_owned()),
    };
    match function {
        TestFunction::Length(of) => Ok(Side::Length(Box::new(argument(of, depth)?))),
        TestFunction::Count(of) => Ok(Side::Count(query(of)?)),
        TestFunction::Value(of) => Ok(Side::Value(query(of)?)),
        TestFunction::Custom(name, _) => Err(format!("there is no function {name}")),
        _ => Err("a function that gives a truth cannot be compared".to_owned()),
    }
}

fn of_literal(literal: &Literal) -> Value {
    match literal {
        Literal::Int(number) => (*number).into(),
        Literal::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Literal::String(text) => Value::String(unquoted(text)),
        Literal::Bool(value) => (*value).into(),
        Literal::Null => Value::Null,
    }
}

struct Walk<'v> {
    root: Root<'v>,
    left: usize,
}

/// A value in a comparison: of the object, or made.
enum Compared<'a> {
    Nothing,
    Value(&'a Value),
    Made(Value),
}

impl Compared<'_> {
    fn value(&self) -> Option<&Value> {
        match self {
            Self::Nothing => None,
            Self::Value(value) => Some(value),
            Self::Made(value) => Some(value),
        }
    }
}

impl<'v> Walk<'v> {
    fn spend(&mut self, steps: usize) -> Evaluated<()> {
        self.left = self.left.checked_sub(steps).ok_or(TooMuch)?;
        Ok(())
    }

    fn follow(&mut self, steps: &[Step], from: Root<'v>) -> Evaluated<Vec<Root<'v>>> {
        let mut nodes = vec![from];
        for step in steps {
            let mut next = Vec::new();
            for node in nodes {
                if step.deep { self.descend(step, node, &mut next)? } else { self.choose(step, node, &mut next)? }
            }
            nodes = next;
        }
        Ok(nodes)
    }

    fn descend(&mut self, step: &Step, from: Root<'v>, found: &mut Vec<Root<'v>>) -> Evaluated<()> {
        self.choose(step, from, found)?;
        self.spend(1)?;
        match from {
            Root::Map(map) | Root::Value(Value::Object(map)) => {
                map.values().try_for_each(|value| self.descend(step, Root::Value(value), found))
            }
            Root::Value(Value::Array(items)) => {
                items.iter().try_for_each(|value| self.descend(step, Root::Value(value), found))
            }
            Root::Value(_) => Ok(()),
        }
    }

    fn choose(&mut self, step: &Step, from: Root<'v>, found: &mut Vec<Root<'v>>) -> Evaluated<()> {
        self.spend(1)?;
        for choice in &step.choices {
            match (choice, from) {
                (Choice::Name(name), Root::Map(map) | Root::Value(Value::Object(map))) => {
                    found.extend(map.get(name).map(Root::Value));
                }
                (Choice::All, Root::Map(map) | Root::Value(Value::Object(map))) => {
                    self.spend(map.len())?;
                    found.extend(map.values().map(Root::Value));
                }
                (Choice::All, Root::Value(Value::Array(items))) => {
                    self.spend(items.len())?;
                    found.extend(items.iter().map(Root::Value));
                }
                (Choice::Index(index), Root::Value(Value::Array(items))) => {
                    found.extend(at(items, *index).map(Root::Value));
                }
                (Choice::Slice(start, end, step), Root::Value(Value::Array(items))) => {
                    self.spend(items.len())?;
                    found.extend(slice(items, *start, *end, *step).into_iter().map(Root::Value));
                }
                (Choice::Filter(test), Root::Map(map) | Root::Value(Value::Object(map))) => {
                    for value in map.values() {
                        if self.holds(test, value)? {
                            found.push(Root::Value(value));
                        }
                    }
                }
                (Choice::Filter(test), Root::Value(Value::Array(items))) => {
                    for value in items {
                        if self.holds(test, value)? {
                            found.push(Root::Value(value));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn holds(&mut self, test: &Test, here: &'v Value) -> Evaluated<bool> {
        self.spend(1)?;
        Ok(match test {
            Test::Any(tests) => {
                for test in tests {
                    if self.holds(test, here)? {
                        return Ok(true);
                    }
                }
                false
            }
            Test::All(tests) => {
                for test in tests {
                    if !self.holds(test, here)? {
                        return Ok(false);
                    }
                }
                true
            }
            Test::Not(test) => !self.holds(test, here)?,
            Test::Exists(query) => !self.inner(query, here)?.is_empty(),
            Test::Compare(operator, left, right) => {
                let (left, right) = (self.side(left, here)?, self.side(right, here)?);
                let (left, right) = (left.value(), right.value());
                match operator {
                    Operator::Equal => equal(left, right),
                    Operator::Less => order(left, right) == Some(Ordering::Less),
                    Operator::LessOrEqual => equal(left, right) || order(left, right) == Some(Ordering::Less),
                }
            }
            Test::Matches(text, pattern) => {
                let text = self.side(text, here)?;
                let Some(Value::String(text)) = text.value() else { return Ok(false) };
                self.spend(text.len() / 8)?;
                match pattern {
                    Pattern::Ready(regex) => regex.is_match(text),
                    Pattern::Found(side, whole) => {
                        self.spend(2000)?;
                        let pattern = self.side(side, here)?;
                        let regex = pattern.value().and_then(Value::as_str).filter(|pattern| pattern.len() <= 256);
                        regex
                            .and_then(|pattern| regex::Regex::new(pattern).ok().map(|_| pattern))
                            .is_some_and(|pattern| self::regex(pattern, *whole).is_ok_and(|regex| regex.is_match(text)))
                    }
                }
            }
        })
    }

    fn inner(&mut self, query: &Inner, here: &'v Value) -> Evaluated<Vec<Root<'v>>> {
        let from = if query.from_root { self.root } else { Root::Value(here) };
        self.follow(&query.steps, from)
    }

    fn side<'s>(&mut self, side: &'s Side, here: &'v Value) -> Evaluated<Compared<'s>>
    where
        'v: 's,
    {
        Ok(match side {
            Side::Literal(value) => Compared::Value(value),
            Side::Value(query) => match self.inner(query, here)?.as_slice() {
                [Root::Value(value)] => Compared::Value(value),
                _ => Compared::Nothing,
            },
            Side::Count(query) => Compared::Made(self.inner(query, here)?.len().into()),
            Side::Length(of) => match self.side(of, here)?.value() {
                Some(Value::String(text)) => {
                    self.spend(text.len() / 8)?;
                    Compared::Made(text.chars().count().into())
                }
                Some(Value::Array(items)) => Compared::Made(items.len().into()),
                Some(Value::Object(map)) => Compared::Made(map.len().into()),
                _ => Compared::Nothing,
            },
        })
    }
}

/// Equality of RFC 9535: nothing equals nothing, and numbers are equal by value.
fn equal(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => a == b || a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

/// Numbers and texts have an order; nothing else has.
fn order(a: Option<&Value>, b: Option<&Value>) -> Option<Ordering> {
    match (a?, b?) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn at(items: &[Value], index: i64) -> Option<&Value> {
    let length = i64::try_from(items.len()).ok()?;
    let index = if index < 0 { length.checked_add(index)? } else { index };
    items.get(usize::try_from(index).ok()?)
}

/// The items of a slice, with the bounds of RFC 9535.
fn slice(items: &[Value], start: Option<i64>, end: Option<i64>, step: i64) -> Vec<&Value> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let normal = |index: i64| if index < 0 { length.saturating_add(index) } else { index };
    let mut found = Vec::new();
    match step {
        1.. => {
            let mut index = normal(start.unwrap_or(0)).clamp(0, length);
            let end = normal(end.unwrap_or(length)).clamp(0, length);
            while index < end {
                found.extend(at(items, index));
                index = index.saturating_add(step);
            }
        }
        0 => {}
        _ => {
            let mut index = normal(start.unwrap_or(length - 1)).clamp(-1, length - 1);
            let end = end.map_or(-1, |end| normal(end).clamp(-1, length - 1));
            while index > end {
                found.extend(at(items, index));
                index = index.saturating_add(step);
            }
        }
    }
    found
}
