//! What evaluating an expression can cost at most, before it is evaluated.
//!
//! CEL has no loops but its macros, so the cost follows from the expression and from the size of
//! what it is evaluated over. The unit is about one step of the evaluator.

use kube_cel::cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};

use super::cel::Size;

/// What all rules over one object may cost together.
pub(super) const BUDGET: f64 = 1e8;
/// How deep macros may nest in one expression.
pub(super) const NESTING: usize = 5;

/// The size of a result and the cost of having it.
#[derive(Clone, Copy)]
struct Estimate {
    size: Size,
    cost: f64,
}

/// Names that are in scope, innermost last.
struct Names<'a> {
    own: Size,
    bound: Vec<(&'a str, Size)>,
}

/// An upper bound of the cost of an expression over a `self` (and `oldSelf`) of a size.
pub(super) fn cost(expr: &IdedExpr, own: Size) -> f64 {
    estimate(expr, &mut Names { own, bound: Vec::new() }).cost
}

/// How deep macros nest, each inside the body of the one around it.
pub(super) fn nesting(expr: &IdedExpr) -> usize {
    let mut deepest = 0;
    match &expr.expr {
        Expr::Comprehension(loops) => {
            let body = nesting(&loops.loop_step).max(nesting(&loops.loop_cond)) + 1;
            deepest = body.max(nesting(&loops.iter_range)).max(nesting(&loops.result));
        }
        other => each_child(other, &mut |child| deepest = deepest.max(nesting(child))),
    }
    deepest
}

/// Calls `visit` with every direct part of an expression.
pub(super) fn each_child<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a IdedExpr)) {
    match expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).for_each(visit),
        Expr::Comprehension(loops) => {
            [&loops.iter_range, &loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result]
                .into_iter()
                .for_each(visit);
        }
        Expr::List(list) => list.elements.iter().for_each(visit),
        Expr::Map(map) => entries(map.entries.iter().map(|entry| &entry.expr), visit),
        Expr::Struct(object) => entries(object.entries.iter().map(|entry| &entry.expr), visit),
        Expr::Select(select) => visit(&select.operand),
    }
}

fn entries<'a>(entries: impl Iterator<Item = &'a EntryExpr>, visit: &mut dyn FnMut(&'a IdedExpr)) {
    for entry in entries {
        match entry {
            EntryExpr::StructField(field) => visit(&field.value),
            EntryExpr::MapEntry(entry) => {
                visit(&entry.key);
                visit(&entry.value);
            }
        }
    }
}

fn estimate<'a>(expr: &'a IdedExpr, names: &mut Names<'a>) -> Estimate {
    match &expr.expr {
        Expr::Ident(name) => {
            let bound = names.bound.iter().rev().find(|(bound, _)| bound == name).map(|(_, size)| *size);
            Estimate { size: bound.unwrap_or(names.own), cost: 1.0 }
        }
        Expr::Literal(literal) => {
            let text = match literal {
                LiteralValue::String(text) => text.inner().len(),
                LiteralValue::Bytes(bytes) => bytes.inner().len(),
                _ => 0,
            };
            Estimate { size: Size { length: 0.0, weight: 1.0 + text as f64 }, cost: 1.0 }
        }
        Expr::Select(select) => {
            let operand = estimate(&select.operand, names);
            let size = if select.test { Size { length: 0.0, weight: 1.0 } } else { operand.size };
            Estimate { size, cost: operand.cost + 1.0 }
        }
        Expr::Comprehension(loops) => comprehension(loops, names),
        Expr::Call(call) if call.func_name == "_?_:_" => {
            let parts = call.args.iter().map(|arg| estimate(arg, names)).collect::<Vec<_>>();
            let mut size = Size::default();
            // The condition only decides which of the others there is.
            for branch in parts.iter().skip(1) {
                size.length = size.length.max(branch.size.length);
                size.weight = size.weight.max(branch.size.weight);
            }
            Estimate { size, cost: parts.iter().map(|part| part.cost).sum() }
        }
        Expr::Call(call) => {
            let parts = sum(call.target.as_deref().into_iter().chain(&call.args), names);
            called(&call.func_name, call.args.len(), parts)
        }
        Expr::List(list) => {
            let parts = sum(list.elements.iter(), names);
            let length = parts.size.length.max(list.elements.len() as f64);
            Estimate { size: Size { length, weight: parts.size.weight + 1.0 }, cost: parts.cost + 1.0 }
        }
        Expr::Map(_) | Expr::Struct(_) => {
            let mut parts = Vec::new();
            each_child(&expr.expr, &mut |child| parts.push(child));
            let length = parts.len() as f64;
            let parts = sum(parts.into_iter(), names);
            let size = Size { length: parts.size.length.max(length), weight: parts.size.weight + 1.0 };
            Estimate { size, cost: parts.cost + length }
        }
        Expr::Unspecified => Estimate { size: Size::default(), cost: 0.0 },
    }
}

fn sum<'a>(parts: impl Iterator<Item = &'a IdedExpr>, names: &mut Names<'a>) -> Estimate {
    let mut total = Estimate { size: Size::default(), cost: 0.0 };
    for part in parts {
        let part = estimate(part, names);
        total.size = total.size.join(part.size);
        total.cost += part.cost;
    }
    total
}

/// A call whose operands together have an estimate.
fn called(name: &str, args: usize, parts: Estimate) -> Estimate {
    let Size { length, weight } = parts.size;
    let scalar = Size { length: 0.0, weight: 1.0 };
    let (size, work) = match name {
        "_&&_" | "_||_" | "!_" | "@not_strictly_false" | "size" | "has" => (scalar, 1.0),
        "_[_]" | "_[?_]" | "_?._" => (parts.size, 1.0),
        "_+_" => (Size { length: length * 2.0, weight }, 1.0 + length / 4.0 + weight / 16.0),
        "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" | "@in" => (scalar, 1.0 + weight / 16.0),
        "sort" | "distinct" | "equivalent" | "intersects" => (parts.size, length * length + weight),
        "contains" if args > 1 => (parts.size, length * length + weight),
        "matches" | "find" | "contains" | "startsWith" | "endsWith" | "indexOf" | "lastIndexOf" => {
            (parts.size, 20.0 + weight)
        }
        // What these give can be as large as one operand times another.
        "replace" | "join" | "format" => (Size { length, weight: weight * weight }, weight * weight),
        "split" | "findAll" | "flatten" => (Size { length: length.max(weight), weight: weight * 2.0 }, weight * 2.0),
        _ if name.starts_with('_') => (scalar, 1.0),
        _ => (parts.size, 5.0 + weight),
    };
    Estimate { size, cost: parts.cost + work }
}

fn comprehension<'a>(loops: &'a kube_cel::cel::common::ast::ComprehensionExpr, names: &mut Names<'a>) -> Estimate {
    let range = estimate(&loops.iter_range, names);
    let init = estimate(&loops.accu_init, names);
    let rounds = range.size.length;
    // The elements share the weight of what they are elements of.
    let element = Size { length: range.size.length, weight: 1.0 + range.size.weight / rounds.max(1.0) };
    let depth = names.bound.len();
    names.bound.push((&loops.iter_var, element));
    if let Some(second) = &loops.iter_var2 {
        names.bound.push((second, element));
    }
    names.bound.push((&loops.accu_var, init.size));
    let step = |accu: Size, names: &mut Names<'a>| {
        if let Some((_, size)) = names.bound.last_mut() {
            *size = accu;
        }
        let condition = estimate(&loops.loop_cond, names);
        let step = estimate(&loops.loop_step, names);
        Estimate { size: step.size, cost: condition.cost + step.cost }
    };
    // An accumulator that grows by the same each round is followed to its end; one that grows by more is not.
    let first = step(init.size, names);
    let second = step(first.size, names);
    let third = step(second.size, names);
    let grown = second.size.weight - first.size.weight;
    let last = if third.size.weight - second.size.weight > grown.max(0.0) + 1.0 {
        Size { length: f64::INFINITY, weight: f64::INFINITY }
    } else {
        // No list grows by more elements than one a round, whatever doubled above.
        let length = init.size.length.max(element.length) + rounds;
        Size { length, weight: first.size.weight + grown.max(0.0) * rounds }
    };
    let at_last = step(last, names);
    let mean = (first.cost + at_last.cost) / 2.0;
    let result = estimate(&loops.result, names);
    names.bound.truncate(depth);
    let cost = range.cost + init.cost + rounds * mean + result.cost;
    Estimate { size: result.size, cost: if cost.is_nan() { f64::INFINITY } else { cost } }
}
