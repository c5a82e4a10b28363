//! CEL conditions.
//!
//! A [`Condition`] knows which fields it reads, so that only those are turned into CEL values when it is
//! evaluated. Its cost is bounded when it is compiled: the text is short, and loops over lists nest at most
//! [`MAX_NESTING`] deep, which keeps the work polynomial in the size of the object.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

use kube_cel::{
    KubeCelExt,
    cel::{
        self, Context, ExecutionError,
        common::ast::{EntryExpr, Expr, IdedExpr},
        extractors::This,
        objects::{Key, Map as CelMap},
        parser::Parser,
    },
};
use outrigger_interpreter::Error;
use outrigger_object::Object;
use serde_json::{Map, Value};

use super::Result;

const MAX_LENGTH: usize = 4096;
const MAX_NESTING: usize = 3;
/// The variables of a condition. `object` is the whole.
const VARIABLES: [&str; 4] = ["object", "metadata", "spec", "status"];

/// Functions are registered once; each evaluation adds its variables in a scope of its own.
static FUNCTIONS: LazyLock<Context<'static>> = LazyLock::new(|| {
    let mut context = Context::default().with_all();
    context.add_function("get", get);
    context
});

/// `status.get('a.b', 0)`: the field at a path of names, or the second value when it is missing or null.
fn get(
    This(this): This<cel::Value>,
    path: Arc<String>,
    default: cel::Value,
) -> std::result::Result<cel::Value, ExecutionError> {
    let found = path.split('.').try_fold(this, |value, name| match value {
        cel::Value::Map(map) => map.map.get(&Key::String(Arc::new(name.to_owned()))).cloned(),
        _ => None,
    });
    Ok(found.filter(|value| !matches!(value, cel::Value::Null)).unwrap_or(default))
}

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {
    expression: IdedExpr,
    source: String,
    reads: Reads,
}

/// Which parts of a value are read.
#[derive(Clone, Debug, Default, PartialEq)]
struct Reads {
    whole: bool,
    fields: BTreeMap<String, Reads>,
}

impl Reads {
    fn merge(&mut self, other: &Self) {
        self.whole |= other.whole;
        for (name, reads) in &other.fields {
            self.fields.entry(name.clone()).or_default().merge(reads);
        }
    }
}

impl Condition {
    /// Compiles a condition; fails on a syntax error, an unknown variable, and one that could cost too much.
    pub fn parse(source: &str) -> std::result::Result<Self, String> {
        if source.len() > MAX_LENGTH {
            return Err(format!("the expression is longer than {MAX_LENGTH} bytes"));
        }
        let parse = || Parser::default().parse(source);
        let expression = catch_unwind(AssertUnwindSafe(parse))
            .map_err(|_| "the expression does not parse".to_owned())?
            .map_err(|error| reason(&error.to_string()))?;
        let mut walk = Walk { reads: Reads::default(), bound: Vec::new(), unknown: None, deepest: 0 };
        walk.expression(&expression, 0);
        if let Some(name) = walk.unknown {
            return Err(format!("{name:?} is not known here; there are {}", VARIABLES.join(", ")));
        }
        if walk.deepest > MAX_NESTING {
            return Err(format!("loops nest more than {MAX_NESTING} deep"));
        }
        Ok(Self { expression, source: source.to_owned(), reads: walk.reads })
    }
}

/// The first line of a parser's drawing, without the list of all that it would have taken instead.
fn reason(drawing: &str) -> String {
    let first = drawing.trim().lines().next().unwrap_or_default();
    let text = first.trim_start_matches("ERROR: <input>:").split(" expecting ").next().unwrap_or_default();
    format!("the expression does not parse, at {text}")
}

/// Finds out what an expression reads and how deep its loops nest.
struct Walk {
    reads: Reads,
    bound: Vec<String>,
    unknown: Option<String>,
    deepest: usize,
}

impl Walk {
    fn expression(&mut self, expression: &IdedExpr, depth: usize) {
        if self.select(expression) {
            return;
        }
        match &expression.expr {
            Expr::Select(select) => self.expression(&select.operand, depth),
            Expr::Call(call) => {
                call.target.iter().for_each(|target| self.expression(target, depth));
                call.args.iter().for_each(|argument| self.expression(argument, depth));
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.expression(element, depth)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr, depth)),
            Expr::Struct(fields) => fields.entries.iter().for_each(|entry| self.entry(&entry.expr, depth)),
            Expr::Comprehension(comprehension) => {
                self.deepest = self.deepest.max(depth + 1);
                self.expression(&comprehension.iter_range, depth);
                self.expression(&comprehension.accu_init, depth);
                let outside = self.bound.len();
                self.bound.push(comprehension.iter_var.clone());
                self.bound.extend(comprehension.iter_var2.clone());
                self.bound.push(comprehension.accu_var.clone());
                self.expression(&comprehension.loop_cond, depth + 1);
                self.expression(&comprehension.loop_step, depth + 1);
                self.expression(&comprehension.result, depth);
                self.bound.truncate(outside);
            }
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn entry(&mut self, entry: &EntryExpr, depth: usize) {
        match entry {
            EntryExpr::StructField(field) => self.expression(&field.value, depth),
            EntryExpr::MapEntry(entry) => {
                self.expression(&entry.key, depth);
                self.expression(&entry.value, depth);
            }
        }
    }

    /// Notes a chain such as `status.replicas`, if that is what the expression is.
    fn select(&mut self, expression: &IdedExpr) -> bool {
        let mut fields = Vec::new();
        let mut at = &expression.expr;
        let name = loop {
            match at {
                Expr::Select(select) => {
                    fields.push(select.field.as_str());
                    at = &select.operand.expr;
                }
                Expr::Ident(name) => break name,
                _ => return false,
            }
        };
        // Functions of a namespace, such as `math.greatest`, are idents as well.
        let namespaced =
            fields.is_empty() && matches!(name.as_str(), "math" | "sets" | "base64" | "jsonpatch" | "format");
        if self.bound.contains(name) || namespaced {
            return true;
        }
        if !VARIABLES.contains(&name.as_str()) {
            self.unknown.get_or_insert_with(|| name.clone());
            return true;
        }
        let path = [name.as_str()].into_iter().filter(|name| *name != "object").chain(fields.into_iter().rev());
        let mut reads = &mut self.reads;
        for field in path {
            reads = reads.fields.entry(field.to_owned()).or_default();
        }
        reads.whole = true;
        true
    }
}

/// An object's fields, ready for a set of conditions.
pub struct Scope<'a> {
    context: Context<'a>,
}

impl Scope<'static> {
    /// Makes CEL values of what the conditions read.
    pub fn new<'c>(conditions: impl IntoIterator<Item = &'c Condition>, object: &Object) -> Result<Self> {
        let mut reads = Reads::default();
        conditions.into_iter().for_each(|condition| reads.merge(&condition.reads));
        let mut context = FUNCTIONS.new_inner_scope();
        let root = of_map(&object.0, &reads);
        for name in reads.fields.keys() {
            if VARIABLES.contains(&name.as_str()) {
                let value = root.get(&Key::String(Arc::new(name.clone()))).cloned();
                // A part that is missing is an empty object, so that only its fields are missing.
                let value = value.filter(|value| !matches!(value, cel::Value::Null));
                context.add_variable_from_value(name.clone(), value.unwrap_or_else(|| of_entries(HashMap::new())));
            }
        }
        context.add_variable_from_value("object", of_entries(root));
        Ok(Self { context })
    }
}

impl Scope<'_> {
    /// Whether a condition holds. A field that is missing makes it false; any other error is a failure.
    pub fn holds(&self, condition: &Condition) -> Result<bool> {
        match cel::Value::resolve(&condition.expression, &self.context) {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(other) => {
                Err(Error::internal(format_args!("{}: gave {other:?} and not true or false", condition.source)))
            }
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(error) => Err(Error::invalid(format_args!("{}: {error}", condition.source))),
        }
    }
}

fn of_entries(map: HashMap<Key, cel::Value>) -> cel::Value {
    cel::Value::Map(CelMap { map: Arc::new(map) })
}

fn of_map(map: &Map<String, Value>, reads: &Reads) -> HashMap<Key, cel::Value> {
    let pair = |name: &String, value| (Key::String(Arc::new(name.clone())), value);
    if reads.whole {
        return map.iter().map(|(name, value)| pair(name, of_json(value, reads))).collect();
    }
    reads.fields.iter().filter_map(|(name, reads)| Some(pair(name, of_json(map.get(name)?, reads)))).collect()
}

fn of_json(value: &Value, reads: &Reads) -> cel::Value {
    static WHOLE: LazyLock<Reads> = LazyLock::new(|| Reads { whole: true, fields: BTreeMap::new() });
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => cel::Value::Int(number),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::MAX)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(|item| of_json(item, &WHOLE)).collect())),
        Value::Object(map) => of_entries(of_map(map, if reads.whole { &WHOLE } else { reads })),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn object() -> Object {
        Object::from_value(json!({
            "metadata": {"name": "x", "generation": 2, "labels": {"a.b/c": "d"}},
            "spec": {"replicas": 3, "list": [{"on": true, "n": 1}, {"on": false, "n": 2}], "ratio": 0.5, "none": null},
        }))
        .unwrap()
    }

    #[rstest]
    #[case("true", true)]
    #[case("spec.replicas == 3", true)]
    #[case("object.spec.replicas >= 3 && metadata.generation < 3", true)]
    #[case("object.metadata.name == 'x' && metadata.name == 'x'", true)]
    #[case("status.phase == 'Ready'", false)]
    #[case("status.phase != 'Ready'", false)]
    #[case("has(status.phase)", false)]
    #[case("!has(status.phase) || status.phase == 'x'", true)]
    #[case("has(spec.replicas) && has(object.spec)", true)]
    #[case("status.get('phase', 'none') == 'none'", true)]
    #[case("object.get('spec.replicas', 0) == 3 && spec.get('none', 1) == 1 && spec.get('replicas.x', 2) == 2", true)]
    #[case("metadata.labels['a.b/c'] == 'd'", true)]
    #[case("spec.list.exists(item, item.on && item.n == 1)", true)]
    #[case("spec.list.all(item, item.on)", false)]
    #[case("spec.list.filter(spec, spec.on).size() == 1", true)]
    #[case("spec.ratio < 0.6", true)]
    #[case("spec.none == null", true)]
    #[case("quantity('1Gi').isGreaterThan(quantity('1G'))", true)]
    fn holds(#[case] source: &str, #[case] expected: bool) {
        let condition = Condition::parse(source).unwrap();
        assert_eq!(Scope::new([&condition], &object()).unwrap().holds(&condition), Ok(expected), "{source}");
    }

    #[rstest]
    #[case("spec.replicas ==", "")]
    #[case("status.?phase", "")]
    #[case("pod.x == 1", "\"pod\" is not known here; there are object, metadata, spec, status")]
    #[case("spec.a.all(a, spec.a.all(b, spec.a.all(c, spec.a.all(d, true))))", "loops nest more than 3 deep")]
    fn refused(#[case] source: &str, #[case] expected: &str) {
        let message = Condition::parse(source).unwrap_err();
        assert!(!message.is_empty() && message.contains(expected), "{source}: {message}");
        assert!(Condition::parse(&" ".repeat(5000)).is_err());
    }

    #[rstest]
    #[case("spec.replicas", "gave")]
    #[case("spec.replicas == 3 && spec.list", "")]
    #[case("spec.replicas + 'x' == '3x'", "")]
    fn failures(#[case] source: &str, #[case] expected: &str) {
        let condition = Condition::parse(source).unwrap();
        let error = Scope::new([&condition], &object()).unwrap().holds(&condition).unwrap_err().to_string();
        assert!(error.starts_with(source) && error.contains(expected), "{error}");
    }

    #[test]
    fn reads_only_what_it_names() {
        let condition = Condition::parse("status.a.b == spec.c && has(object.status.d)").unwrap();
        let root = of_map(&object_with_more().0, &condition.reads);
        let value = of_entries(root);
        let cel::Value::Map(map) = &value else { panic!("not a map") };
        assert_eq!(map.map.len(), 2);
        let cel::Value::Map(status) = &map.map[&Key::String(Arc::new("status".to_owned()))] else { panic!("no map") };
        assert_eq!(status.map.len(), 2, "{status:?}");
    }

    fn object_with_more() -> Object {
        Object::from_value(json!({
            "metadata": {"managedFields": [1, 2, 3]},
            "spec": {"c": 1, "more": 2},
            "status": {"a": {"b": 1, "x": 2}, "d": 1, "y": 2},
        }))
        .unwrap()
    }
}
