//! What an expression may name: variables, functions, and fields that the schema has.

use kube_cel::cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::{
    bound::each_child,
    cel::{TYPES, escape},
    node::{Additional, Node, Type},
};

/// Functions by the name that is called; those of a namespace with it.
const FUNCTIONS: &[&str] = &[
    "add",
    "asApproximateFloat",
    "asInteger",
    "base64.decode",
    "base64.encode",
    "bool",
    "bytes",
    "charAt",
    "cidr",
    "compareTo",
    "contains",
    "containsCIDR",
    "containsIP",
    "distinct",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "family",
    "find",
    "findAll",
    "first",
    "flatten",
    "format",
    "format.named",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getEscapedPath",
    "getFullYear",
    "getHost",
    "getHostname",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getPort",
    "getQuery",
    "getScheme",
    "getSeconds",
    "hasValue",
    "indexOf",
    "int",
    "ip",
    "ip.isCanonical",
    "isCIDR",
    "isGlobalUnicast",
    "isGreaterThan",
    "isIP",
    "isInteger",
    "isLessThan",
    "isLinkLocalMulticast",
    "isLinkLocalUnicast",
    "isLoopback",
    "isQuantity",
    "isSemver",
    "isSorted",
    "isURL",
    "isUnspecified",
    "join",
    "jsonpatch.escapeKey",
    "last",
    "lastIndexOf",
    "lowerAscii",
    "major",
    "masked",
    "matches",
    "max",
    "min",
    "minor",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "or",
    "orValue",
    "patch",
    "prefixLength",
    "quantity",
    "replace",
    "reverse",
    "semver",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    "sign",
    "size",
    "slice",
    "sort",
    "split",
    "startsWith",
    "string",
    "strings.quote",
    "sub",
    "substring",
    "sum",
    "timestamp",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "url",
    "validate",
    "value",
];
/// Namespaces all of whose functions are known.
const NAMESPACES: &[&str] = &["format", "math"];

/// What is known of the type of an expression.
#[derive(Clone, Copy)]
enum Known<'a> {
    Nothing,
    Schema(&'a Node),
}

struct Scope<'a> {
    own: &'a Node,
    /// The node is a whole object, with `apiVersion`, `kind` and `metadata`.
    whole: bool,
    bound: Vec<(&'a str, Known<'a>)>,
    uses_old: bool,
    problems: Vec<String>,
}

/// Names that cannot be resolved over a node, and whether `oldSelf` is among those that can.
pub(super) fn check(expr: &IdedExpr, node: &Node, whole: bool) -> (Vec<String>, bool) {
    let mut scope = Scope { own: node, whole, bound: Vec::new(), uses_old: false, problems: Vec::new() };
    scope.visit(expr);
    (scope.problems, scope.uses_old)
}

/// Whether an expression over a node may have a boolean as its value, as far as that is known.
pub(super) fn may_be_bool(expr: &IdedExpr, node: &Node) -> bool {
    let mut scope = Scope { own: node, whole: false, bound: Vec::new(), uses_old: false, problems: Vec::new() };
    match (&expr.expr, scope.visit(expr)) {
        (Expr::Literal(literal), _) => matches!(literal, LiteralValue::Boolean(_)),
        (Expr::List(_) | Expr::Map(_), _) => false,
        (_, Known::Schema(node)) => matches!(node.ty, Some(Type::Boolean) | None),
        _ => true,
    }
}

/// Whether an expression mentions `oldSelf`.
pub(super) fn uses_old(expr: &IdedExpr) -> bool {
    check(expr, &Node::default(), false).1
}

impl<'a> Scope<'a> {
    fn visit(&mut self, expr: &'a IdedExpr) -> Known<'a> {
        match &expr.expr {
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => {
                let operand = self.visit(&select.operand);
                self.field(operand, &select.field)
            }
            Expr::Call(call) => {
                self.function(&call.func_name, call.target.as_deref());
                let mut parts = Vec::new();
                for arg in &call.args {
                    parts.push(self.visit(arg));
                }
                match (call.func_name.as_str(), parts.first()) {
                    ("_[_]", Some(Known::Schema(node))) => element(node),
                    _ => Known::Nothing,
                }
            }
            Expr::Comprehension(loops) => {
                let range = self.visit(&loops.iter_range);
                self.visit(&loops.accu_init);
                let element = match range {
                    // A map gives its keys.
                    Known::Schema(node) if node.ty == Some(Type::Array) => element(node),
                    _ => Known::Nothing,
                };
                let depth = self.bound.len();
                self.bound.push((&loops.iter_var, element));
                if let Some(second) = &loops.iter_var2 {
                    self.bound.push((second, Known::Nothing));
                }
                self.bound.push((&loops.accu_var, Known::Nothing));
                self.visit(&loops.loop_cond);
                self.visit(&loops.loop_step);
                self.visit(&loops.result);
                self.bound.truncate(depth);
                Known::Nothing
            }
            other => {
                let mut children = Vec::new();
                each_child(other, &mut |child| children.push(child));
                for child in children {
                    self.visit(child);
                }
                Known::Nothing
            }
        }
    }

    fn ident(&mut self, name: &'a str) -> Known<'a> {
        if let Some((_, known)) = self.bound.iter().rev().find(|(bound, _)| *bound == name) {
            return *known;
        }
        match name {
            "self" => Known::Schema(self.own),
            "oldSelf" => {
                self.uses_old = true;
                // It may be an optional, whose fields are not those of the schema.
                Known::Nothing
            }
            name if TYPES.contains(&name) => Known::Nothing,
            _ => {
                self.problems.push(format!("undeclared reference to '{name}'"));
                Known::Nothing
            }
        }
    }

    fn field(&mut self, operand: Known<'a>, name: &str) -> Known<'a> {
        let Known::Schema(node) = operand else { return Known::Nothing };
        let whole = node.embedded || (self.whole && std::ptr::eq(node, self.own));
        if whole && matches!(name, "apiVersion" | "kind" | "metadata") {
            return Known::Nothing;
        }
        if let Additional::Of(child) = &node.additional {
            return Known::Schema(child);
        }
        if let Some((_, child)) = node.properties.iter().find(|(property, _)| escape(property) == name) {
            return Known::Schema(child);
        }
        match node.ty {
            Some(Type::IntOrString) | None => {}
            _ => self.problems.push(format!("undefined field '{name}'")),
        }
        Known::Nothing
    }

    fn function(&mut self, name: &str, target: Option<&'a IdedExpr>) {
        if name.starts_with(['_', '!', '-', '@']) || name == "has" {
            if let Some(target) = target {
                self.visit(target);
            }
            return;
        }
        if let Some(Expr::Ident(space)) = target.map(|target| &target.expr)
            && !self.bound.iter().any(|(bound, _)| bound == space)
            && (NAMESPACES.contains(&space.as_str()) || FUNCTIONS.contains(&format!("{space}.{name}").as_str()))
        {
            return;
        }
        if !FUNCTIONS.contains(&name) {
            self.problems.push(format!("undeclared reference to '{name}'"));
        }
        if let Some(target) = target {
            self.visit(target);
        }
    }
}

fn element(node: &Node) -> Known<'_> {
    match (&node.items, &node.additional) {
        (Some(items), _) => Known::Schema(items),
        (None, Additional::Of(child)) => Known::Schema(child),
        _ => Known::Nothing,
    }
}
