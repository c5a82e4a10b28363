//! `x-kubernetes-validations`: rules compiled with the schema and evaluated over each value that
//! they are about, within a budget.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kube_cel::cel::{Context, ExecutionError, IdedExpr, Value as Cel, objects::OptionalValue, parser::Parser};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    bound::{self, BUDGET, NESTING},
    cel::{FUNCTIONS, Size, convert},
    error::{Cause, FieldError, SchemaError, words},
    lists,
    node::{Additional, ListKind, Node, Type},
    optional,
    parse::{join, key},
    path::Path,
    scope,
};

/// The longest expression that is compiled, in bytes.
const LONGEST: usize = 16 << 10;
/// How deep brackets may nest in an expression, and how many conditionals it may chain.
const BRACKETS: usize = 48;
/// The longest message that an expression may give, in bytes.
const LONGEST_MESSAGE: usize = 5 << 10;

/// One compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    text: String,
    program: IdedExpr,
    message: Option<String>,
    message_program: Option<IdedExpr>,
    cause: Cause,
    /// What is appended to the field's path: `.spec.a['b']` as `spec.a[b]`.
    field_path: Option<String>,
    optional_old: bool,
    uses_old: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    rule: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    message_expression: String,
    reason: Option<String>,
    #[serde(default)]
    field_path: String,
    optional_old_self: Option<bool>,
}

/// Reads and compiles the rules of one node. `uncorrelatable` is the list above it, if any, whose
/// elements have no old values.
pub(super) fn read(
    map: &Map<String, Value>,
    path: &str,
    uncorrelatable: Option<&str>,
    errors: &mut Vec<SchemaError>,
) -> Vec<Rule> {
    let at = join(path, "x-kubernetes-validations");
    let values = match map.get("x-kubernetes-validations") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(values)) => values,
        Some(other) => {
            errors.push(SchemaError { path: at, message: words(Cause::Invalid, Some(other), "must be a list") });
            return Vec::new();
        }
    };
    let mut rules = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let at = format!("{at}[{index}]");
        match Written::deserialize(value) {
            Ok(written) => match compile(&written, uncorrelatable) {
                Ok(rule) => rules.push(rule),
                Err((name, message)) => errors.push(SchemaError { path: join(&at, name), message }),
            },
            Err(error) => {
                let message = words(Cause::Invalid, Some(value), &error.to_string());
                errors.push(SchemaError { path: at, message });
            }
        }
    }
    rules
}

fn compile(written: &Written, uncorrelatable: Option<&str>) -> Result<Rule, (&'static str, String)> {
    let invalid = |name, value: &str, detail: &str| Err((name, words(Cause::Invalid, Some(&value.into()), detail)));
    let text = written.rule.trim();
    let message = written.message.trim();
    let message_expression = written.message_expression.trim();
    if text.is_empty() {
        return Err(("rule", words(Cause::Required, None, "rule is not specified")));
    }
    if !written.message.is_empty() && message.is_empty() {
        return invalid("message", &written.message, "must be non-empty if specified");
    }
    if message.contains(['\n', '\r']) {
        return invalid("message", &written.message, "must not contain line breaks");
    }
    if text.contains(['\n', '\r']) && message.is_empty() {
        let detail = "message must be specified if rule contains line breaks";
        return Err(("message", words(Cause::Required, None, detail)));
    }
    let program = match program(text) {
        Ok(program) => program,
        Err(error) => return invalid("rule", text, &format!("compilation failed: {error}")),
    };
    let message_program = match message_expression {
        "" => None,
        expression => match self::program(expression) {
            Ok(program) => Some(program),
            Err(error) => return invalid("messageExpression", expression, &format!("compilation failed: {error}")),
        },
    };
    let cause = match written.reason.as_deref() {
        None | Some("FieldValueInvalid") => Cause::Invalid,
        Some("FieldValueForbidden") => Cause::Forbidden,
        Some("FieldValueRequired") => Cause::Required,
        Some("FieldValueDuplicate") => Cause::Duplicate,
        Some(other) => {
            let allowed = "supported values: \"FieldValueDuplicate\", \"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueRequired\"";
            return Err(("reason", words(Cause::NotSupported, Some(&other.into()), allowed)));
        }
    };
    let uses_old = scope::uses_old(&program);
    if let (true, Some(list)) = (uses_old, uncorrelatable) {
        let detail = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {list}");
        return invalid("rule", text, &detail);
    }
    if let (Some(optional), false) = (written.optional_old_self, uses_old) {
        let words = words(Cause::Invalid, Some(&optional.into()), "may not be set if oldSelf is not used in rule");
        return Err(("optionalOldSelf", words));
    }
    Ok(Rule {
        text: text.to_owned(),
        program,
        message: (!message.is_empty()).then(|| message.to_owned()),
        message_program,
        cause,
        field_path: (!written.field_path.is_empty()).then(|| written.field_path.clone()),
        optional_old: written.optional_old_self == Some(true),
        uses_old,
    })
}

/// Compiles an expression that is small enough to be compiled safely.
fn program(text: &str) -> Result<IdedExpr, String> {
    if text.len() > LONGEST {
        return Err(format!("the expression is longer than {LONGEST} bytes"));
    }
    let (mut depth, mut deepest, mut conditionals) = (0_usize, 0, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'?' => conditionals += 1,
            _ => {}
        }
    }
    if deepest > BRACKETS || conditionals > BRACKETS {
        return Err("the expression is nested too deeply".to_owned());
    }
    let program = catch_unwind(|| Parser::new().enable_optional_syntax(true).parse(text))
        .map_err(|_| "the expression cannot be parsed".to_owned())?;
    let mut program = program.map_err(|errors| errors.to_string().trim().to_owned())?;
    optional::spell_out(&mut program);
    if bound::nesting(&program) > NESTING {
        return Err(format!("macros are nested more than {NESTING} deep"));
    }
    Ok(program)
}

/// Resolves the names in the rules of a whole schema and the field paths they give.
pub(super) fn resolve(root: &mut Node, errors: &mut Vec<SchemaError>) {
    resolve_below(root, "", true, errors);
}

fn resolve_below(node: &mut Node, path: &str, whole: bool, errors: &mut Vec<SchemaError>) {
    if !node.below.rules {
        return;
    }
    let mut rules = std::mem::take(&mut node.rules);
    for (index, rule) in rules.iter_mut().enumerate() {
        let at = format!("{}[{index}]", join(path, "x-kubernetes-validations"));
        let mut report = |name: &str, value: &str, detail: &str| {
            let message = words(Cause::Invalid, Some(&value.into()), detail);
            errors.push(SchemaError { path: join(&at, name), message });
        };
        let (mut problems, _) = scope::check(&rule.program, node, whole);
        if problems.is_empty() && !scope::may_be_bool(&rule.program, node) {
            problems.push("cel expression must evaluate to a bool".to_owned());
        }
        if !problems.is_empty() {
            report("rule", &rule.text, &format!("compilation failed: {}", problems.join("; ")));
        }
        if let Some(program) = &rule.message_program {
            let (problems, _) = scope::check(program, node, whole);
            if !problems.is_empty() {
                report("messageExpression", &rule.text, &format!("compilation failed: {}", problems.join("; ")));
            }
        }
        if let Some(written) = rule.field_path.take() {
            match field_path(node, &written) {
                Some(suffix) => rule.field_path = Some(suffix),
                None => report("fieldPath", &written, "must be a valid path"),
            }
        }
    }
    node.rules = rules;
    for (name, child) in &mut node.properties {
        resolve_below(child, &key(path, "properties", name), false, errors);
    }
    if let Additional::Of(child) = &mut node.additional {
        resolve_below(child, &join(path, "additionalProperties"), false, errors);
    }
    if let Some(items) = &mut node.items {
        resolve_below(items, &join(path, "items"), false, errors);
    }
}

/// `.spec.a['b']` → `spec.a[b]`, if every step is in the schema.
fn field_path(mut node: &Node, written: &str) -> Option<String> {
    let mut suffix = String::new();
    let mut rest = written;
    while !rest.is_empty() {
        let name;
        if let Some(after) = rest.strip_prefix("['") {
            let end = after.find("']")?;
            name = after.get(..end)?.replace("\\'", "'");
            rest = after.get(end + 2..)?;
        } else {
            let after = rest.strip_prefix('.')?;
            let end = after.find(['.', '[']).unwrap_or(after.len());
            name = after.get(..end)?.to_owned();
            rest = after.get(end..)?;
        }
        if let Some(child) = node.properties.get(name.as_str()) {
            if !suffix.is_empty() {
                suffix.push('.');
            }
            suffix.push_str(&name);
            node = child;
        } else {
            node = node.child(&name)?;
            suffix.push_str(&format!("[{name}]"));
        }
    }
    (!suffix.is_empty()).then_some(suffix)
}

/// Evaluates all rules over a value.
pub(super) fn check(root: &Node, new: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    let mut walk = Walk { errors, budget: BUDGET };
    walk.node(root, new, old, true, false, &Path::Root);
}

struct Walk<'a> {
    errors: &'a mut Vec<FieldError>,
    budget: f64,
}

impl Walk<'_> {
    /// `unchanged`: something above is what it was, so that only transition rules count.
    fn node(&mut self, node: &Node, value: &Value, old: Option<&Value>, whole: bool, unchanged: bool, path: &Path<'_>) {
        if !node.below.rules || value.is_null() || self.budget < 0.0 {
            return;
        }
        let unchanged = unchanged || old == Some(value);
        let old = old.filter(|old| !old.is_null());
        if !node.rules.is_empty() {
            self.rules(node, value, old, whole, unchanged, path);
        }
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    let old = old.and_then(|old| old.get(name));
                    if let Some(child) = node.properties.get(name.as_str()) {
                        self.node(child, value, old, false, unchanged, &path.field(name));
                    } else if let Some(child) = node.child(name) {
                        self.node(child, value, old, false, unchanged, &path.key(name));
                    }
                }
            }
            Value::Array(values) => {
                let Some(items) = node.items.as_deref() else { return };
                let before = match (&node.list, old.and_then(Value::as_array)) {
                    (ListKind::Map(keys), Some(old)) => Some(lists::index(keys, old)),
                    _ => None,
                };
                for (index, value) in values.iter().enumerate() {
                    let old = before.as_ref().and_then(|before| before.find(value));
                    self.node(items, value, old, false, unchanged, &path.index(index));
                }
            }
            _ => {}
        }
    }

    fn rules(
        &mut self,
        node: &Node,
        value: &Value,
        old: Option<&Value>,
        whole: bool,
        unchanged: bool,
        path: &Path<'_>,
    ) {
        let due = |rule: &&Rule| {
            if rule.uses_old { old.is_some() || rule.optional_old } else { !unchanged }
        };
        let mut due = node.rules.iter().filter(due).peekable();
        if due.peek().is_none() {
            return;
        }
        let mut size = Size::default();
        let own = convert(node, value, whole, &mut size);
        let before = old.map(|old| convert(node, old, whole, &mut size));
        let mut context = FUNCTIONS.new_inner_scope();
        context.add_variable_from_value("self", own);
        if let Some(before) = &before {
            context.add_variable_from_value("oldSelf", before.clone());
        }
        for rule in due {
            let mut optional;
            let context = if rule.optional_old {
                optional = context.new_inner_scope();
                let before = before.clone().map_or_else(OptionalValue::none, OptionalValue::of);
                optional.add_variable_from_value("oldSelf", Cel::Opaque(std::sync::Arc::new(before)));
                &optional
            } else {
                &context
            };
            self.rule(rule, node, value, context, size, path);
            if self.budget < 0.0 {
                return;
            }
        }
    }

    fn rule(&mut self, rule: &Rule, node: &Node, value: &Value, context: &Context<'_>, size: Size, path: &Path<'_>) {
        let type_name = Value::from(node.ty.map_or("", Type::name));
        let outcome = match self.spend(&rule.program, size) {
            true => evaluate(&rule.program, context),
            false => {
                let detail =
                    "validation failed due to running out of cost budget, no further validation rules will be run";
                self.errors.push(FieldError::new(Cause::Invalid, path.bracketed(), Some(&type_name), detail));
                return;
            }
        };
        let detail = match outcome {
            Ok(Cel::Bool(true)) => return,
            Ok(Cel::Bool(false)) => None,
            Ok(_) => Some(Failure::Other("the result is not a boolean".to_owned())),
            Err(failure) => Some(failure),
        };
        if let Some(failure) = detail {
            let name = rule.message.as_deref().unwrap_or(&rule.text);
            let detail = match failure {
                Failure::Other(text) => format!("{text} evaluating rule: {name}"),
                Failure::Overload => format!(
                    "'no such overload': call arguments did not match a supported operator, function or macro signature for rule: {name}"
                ),
            };
            self.errors.push(FieldError::new(Cause::Invalid, path.bracketed(), Some(&type_name), &detail));
            return;
        }
        let message = self.message(rule, context, size);
        let field = match &rule.field_path {
            Some(suffix) if suffix.starts_with('[') => format!("{}{suffix}", path.bracketed()),
            Some(suffix) => join(&path.bracketed(), suffix),
            None => path.bracketed(),
        };
        let compound = matches!(node.ty, Some(Type::Object | Type::Array));
        let shown = match rule.cause {
            Cause::Forbidden | Cause::Required => None,
            _ => (!compound).then_some(value),
        };
        let message = if rule.cause == Cause::Duplicate { String::new() } else { message };
        self.errors.push(FieldError::new(rule.cause, field, shown, &message));
    }

    /// What the rule says when it fails.
    fn message(&mut self, rule: &Rule, context: &Context<'_>, size: Size) -> String {
        if let Some(program) = &rule.message_program
            && self.spend(program, size)
            && let Ok(Cel::String(text)) = evaluate(program, context)
        {
            let text = text.trim();
            if !text.is_empty() && !text.contains(['\n', '\r']) && text.len() <= LONGEST_MESSAGE {
                return text.to_owned();
            }
        }
        rule.message.clone().unwrap_or_else(|| format!("failed rule: {}", rule.text))
    }

    /// Takes what an expression may cost from the budget; false if that is more than is left.
    fn spend(&mut self, program: &IdedExpr, size: Size) -> bool {
        self.budget -= bound::cost(program, size);
        self.budget >= 0.0
    }
}

/// Evaluates an expression; a panic inside of the evaluator is an error like any other.
fn evaluate(program: &IdedExpr, context: &Context<'_>) -> Result<Cel, Failure> {
    match catch_unwind(AssertUnwindSafe(|| context.resolve(program))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(describe(error)),
        Err(_) => Err(Failure::Other("internal error".to_owned())),
    }
}

/// Why an expression has no value.
enum Failure {
    /// An operator or function was given types that it does not take.
    Overload,
    Other(String),
}

fn describe(error: ExecutionError) -> Failure {
    let text = match error {
        ExecutionError::NoSuchKey(name) => format!("no such key: {name}"),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::IndexOutOfBounds(Cel::Int(index)) => format!("index out of bounds: {index}"),
        ExecutionError::FunctionError { message, .. } => message,
        ExecutionError::NoSuchOverload
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnsupportedUnaryOperator(..)
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::NotSupportedAsMethod { .. }
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnexpectedType { .. } => return Failure::Overload,
        other => other.to_string(),
    };
    Failure::Other(text)
}
