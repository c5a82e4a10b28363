//! What is wrong with a schema or with a value, in the words of kube-apiserver.

use std::fmt;

use serde_json::Value;

/// Something that keeps a schema from being used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", if path.is_empty() { "<root>" } else { path })]
pub struct SchemaError {
    /// Where, as a path below `openAPIV3Schema`, such as `properties[spec].type`; empty at the root.
    pub path: String,
    /// What, in full: `Required value: must not be empty for specified object fields`.
    pub message: String,
}

/// The machine-readable reason of a [`FieldError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The value breaks a constraint.
    Invalid,
    /// The value has the wrong type.
    TypeInvalid,
    /// A value is missing.
    Required,
    /// The value is not one of those allowed.
    NotSupported,
    /// A string is too long.
    TooLong,
    /// A list or a map has too many entries.
    TooMany,
    /// The same value or key occurs twice.
    Duplicate,
    /// The value may not be set.
    Forbidden,
}

impl Cause {
    /// The `reason` of a cause in a `Status`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Required => "FieldValueRequired",
            Self::NotSupported => "FieldValueNotSupported",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
        }
    }

    /// Whether the value is so wrong that rules could not be evaluated over it.
    pub(super) fn blocks_rules(self) -> bool {
        matches!(self, Self::TypeInvalid | Self::Required | Self::NotSupported | Self::TooLong | Self::TooMany)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::Required => "Required value",
            Self::NotSupported => "Unsupported value",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Duplicate => "Duplicate value",
            Self::Forbidden => "Forbidden",
        }
    }
}

/// Something that is wrong with one field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Why.
    pub cause: Cause,
    /// Which field, such as `spec.replicas`; `<nil>` where no single field is to blame.
    pub field: String,
    /// What, in full, without the field: `Invalid value: 11: spec.replicas in body should be …`.
    pub message: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for FieldError {}

impl FieldError {
    /// An error that shows the value it is about, when there is one to show.
    pub(super) fn new(cause: Cause, field: String, value: Option<&Value>, detail: &str) -> Self {
        let field = if field.is_empty() { "<nil>".to_owned() } else { field };
        Self { cause, field, message: words(cause, value, detail) }
    }
}

/// `Invalid value: "x": detail`, with the value or the detail left out where there is none.
pub(super) fn words(cause: Cause, value: Option<&Value>, detail: &str) -> String {
    let mut message = cause.words().to_owned();
    if let Some(value) = value {
        message.push_str(": ");
        message.push_str(&show(value));
    }
    if !detail.is_empty() {
        message.push_str(": ");
        message.push_str(detail);
    }
    message
}

/// A value as messages print it: strings quoted, floats as Go prints them, the rest as JSON.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Number(number) if number.is_f64() => float(number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}

/// A string in double quotes, escaped.
pub(super) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// A float with the fewest digits, in scientific notation where Go's `%v` uses it.
pub(super) fn float(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{number:e}");
        if let Some((mantissa, exponent)) = text.split_once('e') {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            return format!("{mantissa}e{sign}{digits:0>2}");
        }
    }
    number.to_string()
}
