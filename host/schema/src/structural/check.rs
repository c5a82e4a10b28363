//! Validation of a value against types and value validations.

use serde_json::{Number, Value};

use super::{
    error::{Cause, FieldError, float, quote},
    lists,
    node::{Checks, ListKind, Node, Type},
    path::Path,
};

/// Everything that a value breaks. With an old value, what is unchanged below the root is passed over.
pub(super) fn check(root: &Node, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut walk = Walk { errors: Vec::new(), passed: 0 };
    walk.node(root, new, old, &Path::Root);
    walk.errors
}

#[derive(Default)]
struct Walk {
    errors: Vec<FieldError>,
    /// Nodes that were looked at; says which branch of a junctor came closest.
    passed: usize,
}

/// The JSON type of a value, as messages name it.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_integer(number: &Number) -> bool {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    number.is_i64() || number.as_f64().is_some_and(|float| float.fract() == 0.0 && float.abs() <= LARGEST)
}

fn matches_type(ty: Type, value: &Value) -> bool {
    match (ty, value) {
        (Type::Object, Value::Object(_)) | (Type::Array, Value::Array(_)) | (Type::Boolean, Value::Bool(_)) => true,
        (Type::String | Type::IntOrString, Value::String(_)) | (Type::Number, Value::Number(_)) => true,
        (Type::Integer | Type::IntOrString, Value::Number(number)) => is_integer(number),
        _ => false,
    }
}

/// Equality of JSON values in which `1` and `1.0` are the same.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

impl Walk {
    fn invalid(&mut self, path: &Path<'_>, value: &Value, detail: impl FnOnce(String) -> String) {
        let field = path.dotted();
        let detail = detail(format!("{field} in body"));
        self.errors.push(FieldError::new(Cause::Invalid, field, Some(value), &detail));
    }

    /// An error that kube-apiserver ties to no field.
    fn loose(&mut self, detail: &str) {
        self.errors.push(FieldError::new(Cause::Invalid, String::new(), Some(&"".into()), detail));
    }

    fn node(&mut self, node: &Node, value: &Value, old: Option<&Value>, path: &Path<'_>) {
        self.passed += 1;
        self.check_type(node, value, path);
        let checks = node.checks.as_deref();
        if value.is_null() {
            if let Some(checks) = checks {
                self.allowed(checks, value, path);
            }
            return;
        }
        if let Some(checks) = checks {
            self.junctors(checks, value, path);
            if let Value::String(text) = value {
                self.string(checks, text, value, path);
            }
        }
        if let Value::Number(number) = value {
            self.range(node, number, path);
            if let Some(checks) = checks {
                self.number(checks, number, value, path);
            }
        }
        if let Value::Array(values) = value {
            self.elements(node, values, old, path);
        }
        if let Some(checks) = checks {
            self.allowed(checks, value, path);
        }
        if let Value::Object(map) = value {
            self.fields(node, map, old, path);
        }
    }

    fn check_type(&mut self, node: &Node, value: &Value, path: &Path<'_>) {
        let Some(ty) = node.ty else { return };
        let fits = if value.is_null() { node.nullable } else { matches_type(ty, value) };
        if !fits {
            self.wrong_type(ty.name(), type_of(value), path);
        }
    }

    fn wrong_type(&mut self, want: &str, got: &str, path: &Path<'_>) {
        let field = path.dotted();
        let detail = format!("{field} in body must be of type {want}: {}", quote(got));
        self.errors.push(FieldError::new(Cause::TypeInvalid, field, Some(&got.into()), &detail));
    }

    fn allowed(&mut self, checks: &Checks, value: &Value, path: &Path<'_>) {
        // Null is never among those allowed, even where it is listed.
        let listed = !value.is_null() && checks.allowed.iter().any(|allowed| same(allowed, value));
        if checks.allowed.is_empty() || listed {
            return;
        }
        let names: Vec<String> = checks
            .allowed
            .iter()
            .map(|allowed| allowed.as_str().map_or_else(|| quote(&allowed.to_string()), quote))
            .collect();
        let detail = format!("supported values: {}", names.join(", "));
        self.errors.push(FieldError::new(Cause::NotSupported, path.dotted(), Some(value), &detail));
    }

    fn string(&mut self, checks: &Checks, text: &str, value: &Value, path: &Path<'_>) {
        if let Some(max) = checks.max_length.filter(|max| longer(text, *max)) {
            let unit = if max == 1 { "byte" } else { "bytes" };
            let detail = format!("may not be more than {max} {unit}");
            self.errors.push(FieldError::new(Cause::TooLong, path.dotted(), None, &detail));
        } else if let Some(min) = checks.min_length.filter(|min| shorter(text, *min)) {
            self.invalid(path, value, |name| format!("{name} should be at least {min} chars long"));
        } else if let Some(pattern) = checks.pattern.as_ref().filter(|pattern| !pattern.regex.is_match(text)) {
            self.invalid(path, value, |name| format!("{name} should match '{}'", pattern.text));
        }
        if let Some(format) = checks.format.filter(|format| !format.accepts(text)) {
            let field = path.dotted();
            let detail = format!("{field} in body must be of type {}: {}", format.name(), quote(text));
            self.errors.push(FieldError::new(Cause::TypeInvalid, field, Some(value), &detail));
        }
    }

    /// Whether a number can be one of its type and format at all.
    fn range(&mut self, node: &Node, number: &Number, path: &Path<'_>) {
        let Some(ty @ (Type::Integer | Type::Number)) = node.ty else { return };
        let format = node.checks.as_ref().and_then(|checks| checks.format);
        let fits = (ty == Type::Number || is_integer(number)) && format.is_none_or(|format| format.holds(number));
        if !fits {
            let format =
                format.map_or("(default format)".to_owned(), |format| format!("with format {}", format.name()));
            self.loose(&format!("Checked value must be of type {} {format} in {}", ty.name(), path.dotted()));
        }
    }

    fn number(&mut self, checks: &Checks, number: &Number, value: &Value, path: &Path<'_>) {
        let float_value = number.as_f64().unwrap_or_default();
        if let Some(factor) = checks.multiple_of
            && !is_multiple(number, factor)
        {
            self.invalid(path, value, |name| format!("{name} should be a multiple of {}", float(factor)));
        }
        if let Some(min) = checks.minimum {
            let order = compare(number, float_value, min);
            if order.is_lt() || (checks.exclusive_minimum && order.is_eq()) {
                let words = if checks.exclusive_minimum { "greater than" } else { "greater than or equal to" };
                self.invalid(path, value, |name| format!("{name} should be {words} {}", float(min)));
            }
        }
        if let Some(max) = checks.maximum {
            let order = compare(number, float_value, max);
            if order.is_gt() || (checks.exclusive_maximum && order.is_eq()) {
                let words = if checks.exclusive_maximum { "less than" } else { "less than or equal to" };
                self.invalid(path, value, |name| format!("{name} should be {words} {}", float(max)));
            }
        }
    }

    fn elements(&mut self, node: &Node, values: &[Value], old: Option<&Value>, path: &Path<'_>) {
        if let Some(items) = node.items.as_deref() {
            let before = match &node.list {
                ListKind::Map(keys) => old.and_then(Value::as_array).map(|old| lists::index(keys, old)),
                _ => None,
            };
            for (index, value) in values.iter().enumerate() {
                let old = before.as_ref().and_then(|before| before.find(value));
                if old != Some(value) {
                    self.node(items, value, old, &path.index(index));
                }
            }
        }
        let Some(checks) = node.checks.as_deref() else { return };
        let count = values.len();
        if let Some(min) = checks.min_items.filter(|min| (count as u64) < *min) {
            self.invalid(path, &count.into(), |name| format!("{name} should have at least {min} items"));
        }
        self.too_many(checks.max_items, count, path);
    }

    fn too_many(&mut self, max: Option<u64>, count: usize, path: &Path<'_>) {
        if let Some(max) = max.filter(|max| count as u64 > *max) {
            let unit = if max == 1 { "item" } else { "items" };
            let detail = format!("must have at most {max} {unit}");
            self.errors.push(FieldError::new(Cause::TooMany, path.dotted(), Some(&count.into()), &detail));
        }
    }

    fn fields(&mut self, node: &Node, map: &serde_json::Map<String, Value>, old: Option<&Value>, path: &Path<'_>) {
        let count = map.len();
        if let Some(checks) = node.checks.as_deref() {
            if let Some(min) = checks.min_properties.filter(|min| (count as u64) < *min) {
                self.invalid(path, &count.into(), |name| format!("{name} should have at least {min} properties"));
            }
            self.too_many(checks.max_properties, count, path);
        }
        let old = old.and_then(Value::as_object);
        for (name, value) in map {
            let Some(child) = node.child(name) else { continue };
            let old = old.and_then(|old| old.get(name));
            if old != Some(value) {
                self.node(child, value, old, &path.field(name));
            }
        }
        for name in node.checks.iter().flat_map(|checks| &checks.required) {
            if !map.contains_key(&**name) {
                self.errors.push(FieldError::new(Cause::Required, path.field(name).dotted(), None, ""));
            }
        }
    }

    fn junctors(&mut self, checks: &Checks, value: &Value, path: &Path<'_>) {
        if !checks.any_of.is_empty() {
            let (valid, closest) = self.branches(&checks.any_of, value, path, true);
            if valid == 0 {
                self.loose(&format!("{} must validate at least one schema (anyOf)", quote(&path.dotted())));
                self.errors.extend(closest);
            }
        }
        if !checks.one_of.is_empty() {
            let (valid, closest) = self.branches(&checks.one_of, value, path, false);
            let name = quote(&path.dotted());
            if valid == 0 {
                self.loose(&format!("{name} must validate one and only one schema (oneOf). Found none valid"));
                self.errors.extend(closest);
            } else if valid > 1 {
                self.loose(&format!(
                    "{name} must validate one and only one schema (oneOf). Found {valid} valid alternatives"
                ));
            }
        }
        if !checks.all_of.is_empty() {
            let mut valid = 0;
            for branch in &checks.all_of {
                let before = self.errors.len();
                self.node(branch, value, None, path);
                valid += usize::from(self.errors.len() == before);
            }
            if valid < checks.all_of.len() {
                let more = if valid == 0 { ". None validated" } else { "" };
                self.loose(&format!("{} must validate all the schemas (allOf){more}", quote(&path.dotted())));
            }
        }
        if let Some(not) = &checks.not {
            let mut walk = Walk::default();
            walk.node(not, value, None, path);
            if walk.errors.is_empty() {
                self.loose(&format!("{} must not validate the schema (not)", quote(&path.dotted())));
            }
        }
    }

    /// How many branches accept the value, and what the one that came closest says against it.
    fn branches(&mut self, branches: &[Node], value: &Value, path: &Path<'_>, first: bool) -> (usize, Vec<FieldError>) {
        let mut valid = 0;
        let mut closest: Option<Walk> = None;
        for branch in branches {
            let mut walk = Walk::default();
            walk.node(branch, value, None, path);
            if walk.errors.is_empty() {
                valid += 1;
                if first {
                    break;
                }
            } else if closest.as_ref().is_none_or(|best| walk.passed > best.passed) {
                closest = Some(walk);
            }
        }
        (valid, closest.map(|walk| walk.errors).unwrap_or_default())
    }
}

fn longer(text: &str, max: u64) -> bool {
    text.len() as u64 > max && text.chars().count() as u64 > max
}

fn shorter(text: &str, min: u64) -> bool {
    (text.len() as u64) < min || (!text.is_ascii() && (text.chars().count() as u64) < min)
}

/// Compares as integers where both are, so that large ones are not rounded.
fn compare(number: &Number, value: f64, bound: f64) -> std::cmp::Ordering {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(integer) = number.as_i64()
        && bound.fract() == 0.0
        && bound.abs() <= EXACT
    {
        return integer.cmp(&(bound as i64));
    }
    value.total_cmp(&bound)
}

fn is_multiple(number: &Number, factor: f64) -> bool {
    if let Some(integer) = number.as_i64()
        && factor.fract() == 0.0
        && factor <= i64::MAX as f64
    {
        return integer.checked_rem(factor as i64) == Some(0);
    }
    let quotient = number.as_f64().unwrap_or_default() / factor;
    quotient.fract() == 0.0
}
