//! The order of a merged list: the patch's for its own elements, the server's for the others, and the
//! others before those of the patch that followed them on the server.

use serde_json::Value;

/// Puts `merged` in order. `name` gives what elements are matched by.
pub(super) fn arrange(
    merged: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    name: &dyn Fn(&Value) -> Option<&Value>,
) -> Vec<Value> {
    let position = |order: &[Value], item: &Value| order.iter().position(|other| name(other) == name(item));
    let (mut patched, mut others): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|item| position(patch_order, item).is_some());
    patched.sort_by_key(|item| position(patch_order, item));
    others.sort_by_key(|item| position(server_order, item));

    let mut out = Vec::with_capacity(patched.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in patched {
        let at = position(server_order, &item);
        // An element that is new to the server comes before everything that is only there.
        while let (Some(at), Some(other)) = (at, others.peek()) {
            if position(server_order, other).is_none_or(|before| before > at) {
                break;
            }
            out.extend(others.next());
        }
        out.push(item);
    }
    out.extend(others);
    out
}
