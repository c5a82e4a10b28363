//! JSON → CEL values, as a schema sees them: numbers and formats typed, fields under their escaped
//! names, and fields that the schema does not name left out.

use std::{collections::HashMap, sync::LazyLock};

use kube_cel::{
    KubeCelExt,
    cel::{Context, ExecutionError, Program, Value as Cel, objects::Key},
};
use serde_json::Value;

use super::{
    format::Format,
    node::{Additional, Node, Type},
};

/// How large a converted value is, which bounds what a rule over it may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    /// Entries of its largest list or map.
    pub length: f64,
    /// All of it: one for each value, and one for each byte of text.
    pub weight: f64,
}

impl Size {
    pub(super) fn join(self, other: Self) -> Self {
        Self { length: self.length.max(other.length), weight: self.weight + other.weight }
    }
}

/// The names of types, which expressions compare `type(x)` with.
pub(super) const TYPES: [&str; 9] = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"];

/// The context with all functions of Kubernetes; its only variables are the names of types.
pub(super) static FUNCTIONS: LazyLock<Context<'static>> = LazyLock::new(|| {
    let mut context = Context::default().with_all();
    context.add_function("dyn", |value: Cel| Ok::<Cel, ExecutionError>(value));
    context.add_function("type", |value: Cel| type_name(&value).to_owned());
    for name in TYPES {
        context.add_variable_from_value(name, name);
    }
    context
});

fn type_name(value: &Cel) -> &'static str {
    match value {
        Cel::Bool(_) => "bool",
        Cel::Bytes(_) => "bytes",
        Cel::Float(_) => "double",
        Cel::Int(_) => "int",
        Cel::List(_) => "list",
        Cel::Map(_) => "map",
        Cel::Null => "null_type",
        Cel::String(_) => "string",
        Cel::UInt(_) => "uint",
        Cel::Timestamp(_) => "google.protobuf.Timestamp",
        Cel::Duration(_) => "google.protobuf.Duration",
        Cel::Function(..) | Cel::Opaque(_) => "dyn",
    }
}

static TIMESTAMP: LazyLock<Option<Program>> = LazyLock::new(|| Program::compile("timestamp(text)").ok());
static DURATION: LazyLock<Option<Program>> = LazyLock::new(|| Program::compile("duration(text)").ok());

const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// The name of a field in expressions.
pub(super) fn escape(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    if !name.contains(['_', '.', '-', '/']) {
        return name.to_owned();
    }
    let mut escaped = String::with_capacity(name.len() + 8);
    let mut chars = name.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '_' if chars.next_if_eq(&'_').is_some() => escaped.push_str("__underscores__"),
            '.' => escaped.push_str("__dot__"),
            '-' => escaped.push_str("__dash__"),
            '/' => escaped.push_str("__slash__"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Converts a value and adds up its size.
pub(super) fn convert(node: &Node, value: &Value, whole: bool, size: &mut Size) -> Cel {
    size.weight += 1.0;
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => match (node.ty, number.as_i64()) {
            (Some(Type::Number), _) | (_, None) => Cel::Float(number.as_f64().unwrap_or_default()),
            (_, Some(integer)) => Cel::Int(integer),
        },
        Value::String(text) => {
            size.weight += text.len() as f64;
            string(node, text)
        }
        Value::Array(values) => {
            size.length = size.length.max(values.len() as f64);
            let Some(items) = node.items.as_deref() else { return Cel::List(Vec::new().into()) };
            Cel::List(values.iter().map(|value| convert(items, value, false, size)).collect::<Vec<_>>().into())
        }
        Value::Object(map) => {
            size.length = size.length.max(map.len() as f64);
            let mut entries: HashMap<Key, Cel> = HashMap::with_capacity(map.len());
            for (name, value) in map {
                if let (true, Some(value)) = (whole || node.embedded, meta(name, value, size)) {
                    entries.insert(name.clone().into(), value);
                } else if let Some(child) = node.properties.get(name.as_str()) {
                    entries.insert(escape(name).into(), convert(child, value, false, size));
                } else if let Additional::Of(child) = &node.additional {
                    size.weight += name.len() as f64;
                    entries.insert(name.clone().into(), convert(child, value, false, size));
                }
            }
            entries.into()
        }
    }
}

fn string(node: &Node, text: &str) -> Cel {
    let format = node.checks.as_ref().and_then(|checks| checks.format);
    let program = match format {
        Some(Format::Date | Format::DateTime) => &TIMESTAMP,
        Some(Format::Duration) => &DURATION,
        Some(Format::Byte) if node.ty == Some(Type::String) => {
            use base64::Engine;
            let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
            return Cel::Bytes(bytes.into());
        }
        _ => return text.into(),
    };
    let plain: Cel = if format == Some(Format::Date) { format!("{text}T00:00:00Z").into() } else { text.into() };
    let mut scope = FUNCTIONS.new_inner_scope();
    scope.add_variable_from_value("text", plain);
    program.as_ref().and_then(|program| program.execute(&scope).ok()).unwrap_or_else(|| text.into())
}

/// What rules see of `apiVersion`, `kind` and `metadata` of a whole object.
fn meta(name: &str, value: &Value, size: &mut Size) -> Option<Cel> {
    match name {
        "apiVersion" | "kind" => Some(value.as_str()?.into()),
        "metadata" => {
            let mut entries: HashMap<Key, Cel> = HashMap::new();
            for name in ["name", "generateName"] {
                if let Some(text) = value.get(name).and_then(Value::as_str) {
                    size.weight += text.len() as f64;
                    entries.insert(name.to_owned().into(), text.into());
                }
            }
            Some(entries.into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn escapes_as_kube_apiserver_does() {
        for (name, expected) in [
            ("replicas", "replicas"),
            ("namespace", "__namespace__"),
            ("foo-bar", "foo__dash__bar"),
            ("a.b/c", "a__dot__b__slash__c"),
            ("my_field", "my_field"),
            ("my__field", "my__underscores__field"),
        ] {
            assert_eq!(escape(name), expected, "{name}");
        }
    }
}
