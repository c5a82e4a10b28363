//! Optional field selection, `a.?b.c`, spelled out: `has(a.b) ? optional.of(a.b.c) : optional.none()`.
//!
//! The evaluator knows `?.` only on values that are optional already.

use kube_cel::cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr};

/// An optional chain: what must be there, and the selection when it is.
struct Chain {
    conditions: Vec<IdedExpr>,
    selected: IdedExpr,
}

/// Spells out every optional selection in an expression.
pub(super) fn spell_out(expr: &mut IdedExpr) {
    if let Some(chain) = chain(expr) {
        *expr = conditional(chain);
    }
    match &mut expr.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| spell_out(target));
            call.args.iter_mut().for_each(spell_out);
        }
        Expr::Comprehension(loops) => {
            for part in [
                &mut loops.iter_range,
                &mut loops.accu_init,
                &mut loops.loop_cond,
                &mut loops.loop_step,
                &mut loops.result,
            ] {
                spell_out(part);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(spell_out),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| match &mut entry.expr {
            EntryExpr::StructField(field) => spell_out(&mut field.value),
            EntryExpr::MapEntry(entry) => {
                spell_out(&mut entry.key);
                spell_out(&mut entry.value);
            }
        }),
        Expr::Struct(_) => {}
        Expr::Select(select) => spell_out(&mut select.operand),
    }
}

fn chain(expr: &IdedExpr) -> Option<Chain> {
    let select = |operand: &IdedExpr, field: &str, test| {
        let select = SelectExpr { operand: Box::new(operand.clone()), field: field.to_owned(), test };
        IdedExpr { id: expr.id, expr: Expr::Select(select) }
    };
    match &expr.expr {
        Expr::Call(call) if call.func_name == "_?._" => {
            let [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }] = call.args.as_slice()
            else {
                return None;
            };
            let mut chain =
                chain(operand).unwrap_or_else(|| Chain { conditions: Vec::new(), selected: operand.clone() });
            chain.conditions.push(select(&chain.selected, field.inner(), true));
            chain.selected = select(&chain.selected, field.inner(), false);
            Some(chain)
        }
        Expr::Select(SelectExpr { operand, field, test: false }) => {
            let mut chain = chain(operand)?;
            chain.conditions.push(select(&chain.selected, field, true));
            chain.selected = select(&chain.selected, field, false);
            Some(chain)
        }
        _ => None,
    }
}

fn conditional(chain: Chain) -> IdedExpr {
    let id = chain.selected.id;
    let call = |name: &str, target: Option<IdedExpr>, args| IdedExpr {
        id,
        expr: Expr::Call(CallExpr { func_name: name.to_owned(), target: target.map(Box::new), args }),
    };
    let space = || Some(IdedExpr { id, expr: Expr::Ident("optional".to_owned()) });
    let present = chain.conditions.into_iter().reduce(|all, next| call("_&&_", None, vec![all, next]));
    let some = call("of", space(), vec![chain.selected]);
    match present {
        Some(present) => call("_?_:_", None, vec![present, some, call("none", space(), Vec::new())]),
        None => some,
    }
}
