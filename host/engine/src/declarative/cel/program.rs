//! From text to a tree that is ready to be evaluated.
//!
//! Parsing is the CEL library's; what the parser makes of macros is turned back into loops. Names of
//! variables become numbers of slots, regular expressions are compiled, and a function that does not exist is
//! found out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kube_cel::cel::{
    common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators},
    parser::Parser,
};
use regex::Regex;

use super::foreign::Foreign;

const MAX_LENGTH: usize = 4096;
/// How deep an expression nests.
const MAX_DEPTH: usize = 64;
/// How many operators, names and brackets there may be.
const MAX_STEPS: usize = 512;
/// Past so many, an expression is parsed on a stack of its own: the parser goes as deep as the text.
const SMALL: usize = 48;
const STACK: usize = 64 << 20;
/// How deep loops over lists nest; the work is bounded besides, so this only tells earlier.
const MAX_NESTING: usize = 3;

const TOO_LARGE: &str = "the expression is too large: write it in parts, or in Lua";

type Parsed<T> = Result<T, String>;

/// One part of an expression.
#[derive(Debug)]
pub enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Slot(usize),
    Select(Box<Node>, String),
    Has(Box<Node>, String),
    /// `a.?b`, which is an optional.
    Maybe(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    /// `a[?b]`, which is an optional.
    MaybeIndex(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    If(Box<Node>, Box<Node>, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>, Foreign),
    /// Elements, and which of them are optional.
    List(Vec<(Node, bool)>),
    Map(Vec<(Node, Node, bool)>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Box<Regex>),
    Loop(Loop, Box<Node>, usize),
    Library(Foreign, Vec<Node>),
}

/// Operators on two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// Functions that are our own; the first argument is what stands in front of the dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Get,
    Number,
    JavaMemory,
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    ToInt,
    ToDouble,
    ToText,
    OrValue,
    Or,
    HasValue,
    Value,
    OptionalOf,
    OptionalNone,
}

/// What a loop makes of the items. The slot of the item is beside it.
#[derive(Debug)]
pub enum Loop {
    All(Box<Node>),
    Exists(Box<Node>),
    ExistsOne(Box<Node>),
    Map(Option<Box<Node>>, Box<Node>),
}

/// Compiles an expression over variables, whose slots are their places in the list.
pub fn parse(source: &str, variables: &[&str]) -> Parsed<Node> {
    if size(source)? <= SMALL {
        return parse_here(source, variables);
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let thread = thread.spawn_scoped(scope, || parse_here(source, variables));
        let thread = thread.map_err(|error| format!("the expression cannot be parsed: {error}"))?;
        thread.join().unwrap_or_else(|_| Err("the expression does not parse".to_owned()))
    })
}

fn parse_here(source: &str, variables: &[&str]) -> Parsed<Node> {
    let parse = || Parser::default().enable_optional_syntax(true).parse(source);
    let expression = catch_unwind(AssertUnwindSafe(parse))
        .map_err(|_| "the expression does not parse".to_owned())?
        .map_err(|error| reason(&error.to_string()))?;
    let mut builder = Builder { variables, bound: Vec::new(), nesting: 0, depth: 0 };
    builder.node(&expression)
}

/// How large an expression is; refuses what could be too much for the parser, before it sees it.
fn size(source: &str) -> Parsed<usize> {
    if source.len() > MAX_LENGTH {
        return Err(format!("the expression is longer than {MAX_LENGTH} bytes"));
    }
    let (mut depth, mut deepest, mut steps, mut quote, mut escaped) = (0_usize, 0, 0_usize, None, false);
    for c in source.chars() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => {
                depth += 1;
                steps += 1;
            }
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '?' | '.' | '!' | '-' | '+' | '*' | '/' | '%' | '&' | '|' | ',' | ':' | '<' | '>' | '=') => {
                steps += 1
            }
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > MAX_DEPTH || steps > MAX_STEPS {
        return Err(TOO_LARGE.to_owned());
    }
    Ok(steps)
}

/// The first line of a parser's drawing, without the list of all that it would have taken instead.
fn reason(drawing: &str) -> String {
    let first = drawing.trim().lines().next().unwrap_or_default();
    let text = first.trim_start_matches("ERROR: <input>:").split(" expecting ").next().unwrap_or_default();
    format!("the expression does not parse, at {text}")
}

struct Builder<'a> {
    variables: &'a [&'a str],
    bound: Vec<String>,
    nesting: usize,
    depth: usize,
}

impl Builder<'_> {
    fn boxed(&mut self, expression: &IdedExpr) -> Parsed<Box<Node>> {
        self.node(expression).map(Box::new)
    }

    fn all<'e>(&mut self, expressions: impl IntoIterator<Item = &'e IdedExpr>) -> Parsed<Vec<Node>> {
        expressions.into_iter().map(|expression| self.node(expression)).collect()
    }

    fn node(&mut self, expression: &IdedExpr) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(TOO_LARGE.to_owned());
        }
        let node = self.part(expression);
        self.depth -= 1;
        node
    }

    fn part(&mut self, expression: &IdedExpr) -> Parsed<Node> {
        match &expression.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Null => Ok(Node::Null),
                LiteralValue::Boolean(value) => Ok(Node::Bool(*value.inner())),
                LiteralValue::Int(number) => Ok(Node::Int(*number.inner())),
                LiteralValue::UInt(number) => Ok(Node::Uint(*number.inner())),
                LiteralValue::Double(number) => Ok(Node::Double(*number.inner())),
                LiteralValue::String(text) => Ok(Node::Text(text.inner().to_owned())),
                LiteralValue::Bytes(_) => Err("bytes have no form in JSON".to_owned()),
            },
            Expr::Ident(name) => self.slot(name),
            Expr::Select(select) => {
                let operand = self.boxed(&select.operand)?;
                let field = select.field.clone();
                Ok(if select.test { Node::Has(operand, field) } else { Node::Select(operand, field) })
            }
            Expr::Call(call) => {
                if let Some(target) = &call.target {
                    return self.method(&call.func_name, target, &call.args);
                }
                self.call(&call.func_name, &call.args, expression)
            }
            Expr::List(list) => {
                let elements = list.elements.iter().enumerate();
                let element = |(index, element)| Ok((self.node(element)?, list.optional_indices.contains(&index)));
                elements.map(element).collect::<Parsed<_>>().map(Node::List)
            }
            Expr::Map(map) => {
                let entries = map.entries.iter().map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        Ok((self.node(&entry.key)?, self.node(&entry.value)?, entry.optional))
                    }
                    EntryExpr::StructField(_) => Err("messages are not known here".to_owned()),
                });
                entries.collect::<Parsed<_>>().map(Node::Map)
            }
            Expr::Comprehension(_) => self.comprehension(expression),
            Expr::Struct(_) => Err("messages are not known here".to_owned()),
            Expr::Unspecified => Err("the expression is empty".to_owned()),
        }
    }

    fn slot(&self, name: &str) -> Parsed<Node> {
        if let Some(index) = self.bound.iter().rposition(|known| known == name) {
            return Ok(Node::Slot(self.variables.len() + index));
        }
        let index = self.variables.iter().position(|known| *known == name);
        index.map(Node::Slot).ok_or_else(|| {
            let known = self.variables.iter().filter(|name| !name.is_empty()).copied().collect::<Vec<_>>();
            let elsewhere = match name {
                "cluster" | "config" => "; cluster and config are there in localize and in templates of addons",
                "observed" => "; observed is there in retain",
                "items" => "; items are there in aggregateStatus",
                _ => "",
            };
            format!("{name:?} is not known here; there are {}{elsewhere}", known.join(", "))
        })
    }

    fn call(&mut self, name: &str, args: &[IdedExpr], whole: &IdedExpr) -> Parsed<Node> {
        match (name, args) {
            (operators::CONDITIONAL, [test, yes, no]) => {
                Ok(Node::If(self.boxed(test)?, self.boxed(yes)?, self.boxed(no)?))
            }
            (operators::LOGICAL_AND, [a, b]) => Ok(Node::And(self.boxed(a)?, self.boxed(b)?)),
            (operators::LOGICAL_OR, [a, b]) => Ok(Node::Or(self.boxed(a)?, self.boxed(b)?)),
            (operators::LOGICAL_NOT, [a]) => Ok(Node::Not(self.boxed(a)?)),
            (operators::NEGATE, [a]) => Ok(Node::Negate(self.boxed(a)?)),
            (operators::INDEX, [a, b]) => Ok(Node::Index(self.boxed(a)?, self.boxed(b)?)),
            (operators::OPT_INDEX, [a, b]) => Ok(Node::MaybeIndex(self.boxed(a)?, self.boxed(b)?)),
            (operators::OPT_SELECT, [a, field]) => match &field.expr {
                Expr::Literal(LiteralValue::String(field)) => Ok(Node::Maybe(self.boxed(a)?, field.inner().to_owned())),
                _ => Err("a name comes after `.?`".to_owned()),
            },
            (name, [a, b]) if operator(name).is_some() => {
                let operator = operator(name).unwrap_or(Operator::Equal);
                Ok(Node::Binary(operator, self.boxed(a)?, self.boxed(b)?, Foreign::operator(whole)?))
            }
            ("size", [of]) => Ok(Node::Call(Function::Size, vec![self.node(of)?])),
            ("int", [of]) => Ok(Node::Call(Function::ToInt, vec![self.node(of)?])),
            ("double", [of]) => Ok(Node::Call(Function::ToDouble, vec![self.node(of)?])),
            ("string", [of]) => Ok(Node::Call(Function::ToText, vec![self.node(of)?])),
            ("javaMemory", [of]) => Ok(Node::Call(Function::JavaMemory, vec![self.node(of)?])),
            ("matches", [text, pattern]) => self.matches(text, pattern),
            _ => Ok(Node::Library(Foreign::function(name, None, args.len())?, self.all(args)?)),
        }
    }

    fn method(&mut self, name: &str, target: &IdedExpr, args: &[IdedExpr]) -> Parsed<Node> {
        if let Expr::Ident(space) = &target.expr
            && !self.bound.contains(space)
            && !self.variables.contains(&space.as_str())
        {
            return match (space.as_str(), name, args) {
                ("optional", "of", [value]) => Ok(Node::Call(Function::OptionalOf, vec![self.node(value)?])),
                ("optional", "none", []) => Ok(Node::Call(Function::OptionalNone, Vec::new())),
                _ => Ok(Node::Library(Foreign::in_space(space, name, args.len())?, self.all(args)?)),
            };
        }
        let own = match (name, args.len()) {
            ("get", 2) => Some(Function::Get),
            ("number", 2) => Some(Function::Number),
            ("size", 0) => Some(Function::Size),
            ("contains", 1) => Some(Function::Contains),
            ("startsWith", 1) => Some(Function::StartsWith),
            ("endsWith", 1) => Some(Function::EndsWith),
            ("orValue", 1) => Some(Function::OrValue),
            ("or", 1) => Some(Function::Or),
            ("hasValue", 0) => Some(Function::HasValue),
            ("value", 0) => Some(Function::Value),
            ("matches", 1) => {
                return args.first().map_or(Err(String::new()), |pattern| self.matches(target, pattern));
            }
            _ => None,
        };
        let all = self.all([target].into_iter().chain(args))?;
        match own {
            Some(function) => Ok(Node::Call(function, all)),
            None => Ok(Node::Library(Foreign::function(name, Some(()), all.len())?, all)),
        }
    }

    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Parsed<Node> {
        let text = self.boxed(text)?;
        match self.node(pattern)? {
            Node::Text(pattern) => {
                let regex = regex(&pattern)?;
                Ok(Node::Matches(text, Box::new(regex)))
            }
            pattern => Ok(Node::Call(Function::Matches, vec![*text, pattern])),
        }
    }

    /// Loops are known by the step that the parser makes for each macro.
    fn comprehension(&mut self, expression: &IdedExpr) -> Parsed<Node> {
        let unknown = || Err("this loop is not known here".to_owned());
        let Expr::Comprehension(loops) = &expression.expr else { return unknown() };
        let range = self.boxed(&loops.iter_range)?;
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(format!("loops nest more than {MAX_NESTING} deep"));
        }
        let slot = self.variables.len() + self.bound.len();
        self.bound.push(loops.iter_var.clone());
        let Expr::Call(step) = &loops.loop_step.expr else { return unknown() };
        let appended = |step: &IdedExpr| match &step.expr {
            Expr::Call(call) if call.func_name == operators::ADD => match call.args.as_slice() {
                [_, IdedExpr { expr: Expr::List(list), .. }] => list.elements.first().cloned(),
                _ => None,
            },
            _ => None,
        };
        let made = match (step.func_name.as_str(), step.args.as_slice(), &loops.accu_init.expr) {
            (operators::LOGICAL_AND, [_, test], _) => Loop::All(self.boxed(test)?),
            (operators::LOGICAL_OR, [_, test], _) => Loop::Exists(self.boxed(test)?),
            (operators::CONDITIONAL, [test, _, _], Expr::Literal(_)) => Loop::ExistsOne(self.boxed(test)?),
            (operators::CONDITIONAL, [test, step, _], Expr::List(_)) => match appended(step) {
                Some(value) => Loop::Map(Some(self.boxed(test)?), self.boxed(&value)?),
                None => return unknown(),
            },
            (operators::ADD, _, Expr::List(_)) => match appended(&loops.loop_step) {
                Some(value) => Loop::Map(None, self.boxed(&value)?),
                None => return unknown(),
            },
            _ => return unknown(),
        };
        self.bound.pop();
        self.nesting -= 1;
        Ok(Node::Loop(made, range, slot))
    }
}

/// Compiles a regular expression within bounds.
pub fn regex(pattern: &str) -> Parsed<Regex> {
    let built = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
    built.map_err(|error| {
        let text = error.to_string();
        format!("{pattern:?} is not a regular expression: {}", text.lines().last().unwrap_or_default())
    })
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        operators::EQUALS => Operator::Equal,
        operators::NOT_EQUALS => Operator::Unequal,
        operators::LESS => Operator::Less,
        operators::LESS_EQUALS => Operator::LessOrEqual,
        operators::GREATER => Operator::Greater,
        operators::GREATER_EQUALS => Operator::GreaterOrEqual,
        operators::IN => Operator::In,
        operators::ADD => Operator::Add,
        operators::SUBSTRACT => Operator::Subtract,
        operators::MULTIPLY => Operator::Multiply,
        operators::DIVIDE => Operator::Divide,
        operators::MODULO => Operator::Modulo,
        _ => return None,
    })
}

impl Node {
    /// The text of a chain such as `status.phase`, for people.
    pub fn chain(&self, variables: &[&str]) -> String {
        match self {
            Self::Slot(index) => variables.get(*index).copied().unwrap_or("item").to_owned(),
            Self::Select(operand, field) | Self::Has(operand, field) | Self::Maybe(operand, field) => {
                format!("{}.{field}", operand.chain(variables))
            }
            Self::Index(operand, _) | Self::MaybeIndex(operand, _) => format!("{}[…]", operand.chain(variables)),
            _ => "…".to_owned(),
        }
    }

    /// Calls back for every part, this one first.
    pub fn visit<'n>(&'n self, seen: &mut dyn FnMut(&'n Node) -> bool) {
        if !seen(self) {
            return;
        }
        match self {
            Self::Select(a, _) | Self::Has(a, _) | Self::Maybe(a, _) | Self::Not(a) | Self::Negate(a) => a.visit(seen),
            Self::Matches(a, _) => a.visit(seen),
            Self::Index(a, b)
            | Self::MaybeIndex(a, b)
            | Self::And(a, b)
            | Self::Or(a, b)
            | Self::Binary(_, a, b, _) => {
                a.visit(seen);
                b.visit(seen);
            }
            Self::If(a, b, c) => [a, b, c].into_iter().for_each(|part| part.visit(seen)),
            Self::List(items) => items.iter().for_each(|(item, _)| item.visit(seen)),
            Self::Map(entries) => entries.iter().for_each(|(key, value, _)| {
                key.visit(seen);
                value.visit(seen);
            }),
            Self::Call(_, args) | Self::Library(_, args) => args.iter().for_each(|arg| arg.visit(seen)),
            Self::Loop(made, range, _) => {
                range.visit(seen);
                match made {
                    Loop::All(test) | Loop::Exists(test) | Loop::ExistsOne(test) => test.visit(seen),
                    Loop::Map(test, value) => {
                        test.iter().for_each(|test| test.visit(seen));
                        value.visit(seen);
                    }
                }
            }
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Uint(_) | Self::Double(_) | Self::Text(_) => {}
            Self::Slot(_) => {}
        }
    }
}
