//! Evaluating an expression, in steps that are counted.
//!
//! **Invariant:** every part that is evaluated, every item that is looked at and every stretch of text costs
//! a step, and there are only so many: an evaluation ends, however large the object is.

use std::{borrow::Cow, cmp::Ordering, rc::Rc};

use super::{
    Fault, functions,
    program::{Function, Loop, Node, Operator},
    value::{List, Map, Value},
};

/// Steps for one evaluation: tens of milliseconds.
const MAX_STEPS: u64 = 2_000_000;

/// The state of an evaluation.
pub struct Machine<'v> {
    pub slots: Vec<Value<'v>>,
    pub variables: &'static [&'static str],
    steps: u64,
}

type Evaluated<'v> = Result<Value<'v>, Fault>;

impl<'v> Machine<'v> {
    /// A machine with values for the variables.
    pub fn new(slots: Vec<Value<'v>>, variables: &'static [&'static str]) -> Self {
        Self { slots, variables, steps: 0 }
    }

    /// Takes steps; fails when there are none left.
    pub fn spend(&mut self, steps: u64) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS { Err(Fault::Limit) } else { Ok(()) }
    }

    /// Begins to count anew.
    pub fn rest(&mut self) {
        self.steps = 0;
    }

    /// Evaluates a part.
    pub fn evaluate(&mut self, node: &'v Node) -> Evaluated<'v> {
        self.spend(1)?;
        match node {
            Node::Null => Ok(Value::Null),
            Node::Bool(value) => Ok(Value::Bool(*value)),
            Node::Int(number) => Ok(Value::Int(*number)),
            Node::Uint(number) => Ok(Value::Uint(*number)),
            Node::Double(number) => Ok(Value::Double(*number)),
            Node::Text(text) => Ok(Value::text(text)),
            Node::Slot(index) => {
                let value = self.slots.get(*index).cloned();
                value.ok_or_else(|| Fault::Wrong("a variable has no value".to_owned()))
            }
            Node::Select(operand, field) => match self.evaluate(operand)? {
                Value::Optional(inner) => Ok(Value::Optional(inner.and_then(|value| maybe_field(&value, field)))),
                base => match self.field(&base, field, node)? {
                    Some(value) => Ok(value),
                    None => Err(Fault::Missing(node.chain(self.variables))),
                },
            },
            Node::Has(operand, field) => match self.evaluate(operand)? {
                Value::Optional(inner) => Ok(Value::Bool(inner.and_then(|value| maybe_field(&value, field)).is_some())),
                base => Ok(Value::Bool(self.field(&base, field, node)?.is_some())),
            },
            Node::Maybe(operand, field) => match self.evaluate(operand) {
                Ok(Value::Optional(inner)) => Ok(Value::Optional(inner.and_then(|value| maybe_field(&value, field)))),
                Ok(base) => Ok(Value::Optional(self.field(&base, field, node)?.map(Rc::new))),
                Err(fault) => Err(fault),
            },
            Node::Index(operand, index) => {
                let (base, index) = (self.evaluate(operand)?, self.evaluate(index)?);
                self.index(&base, &index)?.ok_or_else(|| Fault::Missing(node.chain(self.variables)))
            }
            Node::MaybeIndex(operand, index) => {
                let (base, index) = (self.evaluate(operand)?, self.evaluate(index)?);
                let inner = match base {
                    Value::Optional(None) => None,
                    Value::Optional(Some(base)) => self.index(&base, &index)?,
                    base => self.index(&base, &index)?,
                };
                Ok(Value::Optional(inner.map(Rc::new)))
            }
            Node::Not(operand) => Ok(Value::Bool(!self.truth(operand)?)),
            Node::Negate(operand) => match self.evaluate(operand)? {
                Value::Int(number) => number.checked_neg().map(Value::Int).ok_or_else(overflow),
                Value::Double(number) => Ok(Value::Double(-number)),
                other => Err(Fault::Wrong(format!("{} has no negative", other.type_name()))),
            },
            Node::And(a, b) => self.joined(a, b, false).map(Value::Bool),
            Node::Or(a, b) => self.joined(a, b, true).map(Value::Bool),
            Node::If(test, yes, no) => {
                let chosen = if self.truth(test)? { yes } else { no };
                self.evaluate(chosen)
            }
            Node::Binary(operator, a, b, foreign) => {
                let (a, b) = (self.evaluate(a)?, self.evaluate(b)?);
                match self.binary(*operator, &a, &b)? {
                    Some(value) => Ok(value),
                    None => foreign.call(&[a, b]),
                }
            }
            Node::List(elements) => {
                let mut items = Vec::with_capacity(elements.len());
                for (element, optional) in elements {
                    items.extend(present(self.evaluate(element)?, *optional));
                }
                Ok(Value::list(items))
            }
            Node::Map(entries) => {
                let mut made: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
                for (key, value, optional) in entries {
                    let key = self.evaluate(key)?;
                    if let Some(value) = present(self.evaluate(value)?, *optional) {
                        made.push((key, value));
                    }
                }
                Ok(Value::Map(Map::Made(Rc::new(made))))
            }
            Node::Matches(text, regex) => match self.evaluate(text)? {
                Value::Text(text) => {
                    self.spend(text.len() as u64 / 8)?;
                    Ok(Value::Bool(regex.is_match(&text)))
                }
                other => Err(functions::not_for("matches", &other)),
            },
            Node::Call(function, args) => self.call(*function, args),
            Node::Library(foreign, args) => {
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    let value = self.evaluate(arg)?;
                    self.spend(20 + value.weight() * 4)?;
                    values.push(value);
                }
                foreign.call(&values)
            }
            Node::Loop(made, range, slot) => self.run(made, range, *slot),
        }
    }

    fn call(&mut self, function: Function, args: &'v [Node]) -> Evaluated<'v> {
        // What an optional leads to may be left out on the way.
        if matches!(function, Function::OrValue | Function::Or) {
            let [optional, other] = args else { return Err(Fault::Wrong("an argument is missing".to_owned())) };
            return match (self.evaluate(optional)?, function) {
                (Value::Optional(Some(value)), Function::OrValue) => Ok((*value).clone()),
                (whole @ Value::Optional(Some(_)), _) => Ok(whole),
                (Value::Optional(None), _) => self.evaluate(other),
                (other, _) => Err(functions::not_for("orValue", &other)),
            };
        }
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.evaluate(arg)?);
        }
        functions::call(self, function, &values)
    }

    /// A boolean; anything else fails.
    pub fn truth(&mut self, node: &'v Node) -> Result<bool, Fault> {
        match self.evaluate(node)? {
            Value::Bool(value) => Ok(value),
            other => Err(Fault::Wrong(format!("expected true or false, found {}", other.type_name()))),
        }
    }

    /// `&&` and `||`: one side alone decides when it is `decisive`, even if the other fails.
    fn joined(&mut self, a: &'v Node, b: &'v Node, decisive: bool) -> Result<bool, Fault> {
        let left = self.truth(a);
        match left {
            Ok(value) if value == decisive => return Ok(decisive),
            Err(Fault::Limit) => return left,
            _ => {}
        }
        let right = self.truth(b)?;
        if right == decisive { Ok(decisive) } else { left }
    }

    fn field(&self, base: &Value<'v>, field: &str, node: &Node) -> Result<Option<Value<'v>>, Fault> {
        match base {
            Value::Map(map) => Ok(map.field(field)),
            Value::Null => Ok(None),
            other => {
                let path = node.chain(self.variables);
                Err(Fault::Wrong(format!("{path}: expected an object on the way, found {}", other.type_name())))
            }
        }
    }

    fn index(&self, base: &Value<'v>, index: &Value<'v>) -> Result<Option<Value<'v>>, Fault> {
        match (base, index) {
            (Value::Map(map), key) => Ok(map.get(key)),
            (Value::List(list), Value::Int(index)) => {
                Ok(usize::try_from(*index).ok().and_then(|index| list.get(index)))
            }
            (Value::Null, _) => Ok(None),
            (base, index) => Err(Fault::Wrong(format!("{} has no item at {}", base.type_name(), index.type_name()))),
        }
    }

    /// `None` where a library has to say.
    fn binary(&mut self, operator: Operator, a: &Value<'v>, b: &Value<'v>) -> Result<Option<Value<'v>>, Fault> {
        if matches!(a, Value::Foreign(_)) || matches!(b, Value::Foreign(_)) {
            self.spend(20)?;
            return Ok(None);
        }
        match operator {
            Operator::Equal | Operator::Unequal => {
                if matches!(a, Value::List(_) | Value::Map(_)) {
                    self.spend(a.weight().min(b.weight()))?;
                }
                Ok(a.equals(b).map(|equal| Value::Bool(equal == (operator == Operator::Equal))))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                let numbers = a.as_number().is_some() && b.as_number().is_some();
                match a.order(b) {
                    Some(order) => Ok(Some(Value::Bool(match operator {
                        Operator::Less => order == Ordering::Less,
                        Operator::LessOrEqual => order != Ordering::Greater,
                        Operator::Greater => order == Ordering::Greater,
                        _ => order != Ordering::Less,
                    }))),
                    None if numbers => Ok(Some(Value::Bool(false))),
                    None => Err(Fault::Wrong(format!("{} and {} have no order", a.type_name(), b.type_name()))),
                }
            }
            Operator::In => match b {
                Value::List(list) => {
                    for item in list.iter() {
                        self.spend(1)?;
                        match a.equals(&item) {
                            Some(true) => return Ok(Some(Value::Bool(true))),
                            Some(false) => {}
                            None => return Ok(None),
                        }
                    }
                    Ok(Some(Value::Bool(false)))
                }
                Value::Map(map) => {
                    self.spend(1)?;
                    Ok(Some(Value::Bool(map.get(a).is_some())))
                }
                other => Err(Fault::Wrong(format!("{} has no items", other.type_name()))),
            },
            _ => self.arithmetic(operator, a, b).map(Some),
        }
    }

    fn arithmetic(&mut self, operator: Operator, a: &Value<'v>, b: &Value<'v>) -> Evaluated<'v> {
        match (operator, a, b) {
            (Operator::Add, Value::Text(a), Value::Text(b)) => {
                self.spend((a.len() + b.len()) as u64 / 8)?;
                Ok(Value::Text(Cow::Owned(format!("{a}{b}"))))
            }
            (Operator::Add, Value::List(a), Value::List(b)) => {
                self.spend((a.len() + b.len()) as u64)?;
                Ok(Value::list(a.iter().chain(b.iter()).collect()))
            }
            (_, Value::Int(a), Value::Int(b)) => whole(operator, *a, *b).map(Value::Int),
            (_, Value::Uint(a), Value::Uint(b)) => {
                let number = whole(operator, i128::from(*a), i128::from(*b))?;
                u64::try_from(number).map(Value::Uint).map_err(|_| overflow())
            }
            // JSON does not tell 2 from 2.0, so that a whole number counts as a fraction where one is needed.
            _ => match (a.as_number(), b.as_number(), operator) {
                (Some(a), Some(b), Operator::Add) => Ok(Value::Double(a + b)),
                (Some(a), Some(b), Operator::Subtract) => Ok(Value::Double(a - b)),
                (Some(a), Some(b), Operator::Multiply) => Ok(Value::Double(a * b)),
                (Some(a), Some(b), Operator::Divide) => Ok(Value::Double(a / b)),
                _ => {
                    let (a, b) = (a.type_name(), b.type_name());
                    Err(Fault::Wrong(format!("{operator:?} is not for {a} and {b}").to_lowercase()))
                }
            },
        }
    }

    fn run(&mut self, made: &'v Loop, range: &'v Node, slot: usize) -> Evaluated<'v> {
        let items = match self.evaluate(range)? {
            Value::List(list) => list,
            Value::Map(map) => {
                self.spend(map.len() as u64)?;
                List::Made(Rc::new(map.iter().map(|(key, _)| key).collect()))
            }
            other => return Err(Fault::Wrong(format!("{} has no items", other.type_name()))),
        };
        let depth = self.slots.len();
        if slot != depth {
            return Err(Fault::Wrong("a variable has no value".to_owned()));
        }
        let done = self.over(made, &items);
        self.slots.truncate(depth);
        done
    }

    fn over(&mut self, made: &'v Loop, items: &List<'v>) -> Evaluated<'v> {
        let depth = self.slots.len();
        let (mut fault, mut count, mut mapped) = (None, 0_usize, Vec::new());
        for item in items.iter() {
            self.slots.truncate(depth);
            self.slots.push(item);
            match made {
                // One item alone decides, even if another fails.
                Loop::All(test) | Loop::Exists(test) => {
                    let decisive = matches!(made, Loop::Exists(_));
                    match self.truth(test) {
                        Ok(value) if value == decisive => return Ok(Value::Bool(decisive)),
                        Ok(_) => {}
                        Err(Fault::Limit) => return Err(Fault::Limit),
                        Err(other) => fault = Some(fault.unwrap_or(other)),
                    }
                }
                Loop::ExistsOne(test) => count += usize::from(self.truth(test)?),
                Loop::Map(test, value) => {
                    if let Some(test) = test
                        && !self.truth(test)?
                    {
                        continue;
                    }
                    mapped.push(self.evaluate(value)?);
                }
            }
        }
        match (made, fault) {
            (_, Some(fault)) => Err(fault),
            (Loop::All(_), None) => Ok(Value::Bool(true)),
            (Loop::Exists(_), None) => Ok(Value::Bool(false)),
            (Loop::ExistsOne(_), None) => Ok(Value::Bool(count == 1)),
            (Loop::Map(..), None) => Ok(Value::list(mapped)),
        }
    }
}

/// A field of what an optional holds.
fn maybe_field<'v>(value: &Value<'v>, field: &str) -> Option<Rc<Value<'v>>> {
    match value {
        Value::Map(map) => map.field(field).map(Rc::new),
        _ => None,
    }
}

/// An element, unless it is optional and not there.
fn present(value: Value<'_>, optional: bool) -> Option<Value<'_>> {
    match (optional, value) {
        (true, Value::Optional(inner)) => inner.map(|value| (*value).clone()),
        (_, value) => Some(value),
    }
}

fn overflow() -> Fault {
    Fault::Wrong("a number is too large".to_owned())
}

/// Whole numbers, checked.
trait Whole: Copy {
    fn checked(operator: Operator, a: Self, b: Self) -> Option<Self>;
    fn is_zero(self) -> bool;
}

macro_rules! whole {
    ($($kind:ty),*) => {$(
        impl Whole for $kind {
            fn checked(operator: Operator, a: Self, b: Self) -> Option<Self> {
                match operator {
                    Operator::Add => a.checked_add(b),
                    Operator::Subtract => a.checked_sub(b),
                    Operator::Multiply => a.checked_mul(b),
                    Operator::Divide => a.checked_div(b),
                    Operator::Modulo => a.checked_rem(b),
                    _ => None,
                }
            }

            fn is_zero(self) -> bool {
                self == 0
            }
        }
    )*};
}

whole!(i64, i128);

fn whole<T: Whole>(operator: Operator, a: T, b: T) -> Result<T, Fault> {
    if matches!(operator, Operator::Divide | Operator::Modulo) && b.is_zero() {
        return Err(Fault::Wrong("division by zero".to_owned()));
    }
    T::checked(operator, a, b).ok_or_else(overflow)
}
