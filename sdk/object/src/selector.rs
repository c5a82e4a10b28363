//! Label and field selectors.
//!
//! A [`Selector`] is a list of requirements on labels, all of which must hold. It comes from a query
//! (`app=web,tier in (a,b),!old`) or from the JSON of a `meta/v1` LabelSelector. A [`FieldSelector`]
//! comes from a query (`metadata.name=x,status.phase!=Running`).
//!
//! **Invariant:** the empty selector matches everything, an absent LabelSelector matches nothing, and a
//! negative requirement (`!=`, `notin`) holds for an object that lacks the label.

use std::fmt;

use serde_json::Value;

use crate::{Error, Object};

/// A label selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// `None` matches nothing.
    requirements: Option<Vec<Requirement>>,
}

/// One requirement on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Name of the label.
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what; empty for `Exists` and `DoesNotExist`, one number for `Gt` and `Lt`.
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Its value is one of those given.
    In,
    /// It is absent, or its value is none of those given.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
    /// Its value is a whole number above the one given.
    Gt,
    /// Its value is a whole number below the one given.
    Lt,
}

impl Selector {
    /// Matches everything.
    pub fn everything() -> Self {
        Self { requirements: Some(Vec::new()) }
    }

    /// Matches nothing.
    pub fn nothing() -> Self {
        Self { requirements: None }
    }

    /// Reads a query such as `a=b,c in (x,y),!d`. A failure names the byte offset at which it stopped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Parser { text, at: 0 }.selector().map(|requirements| Self { requirements: Some(requirements) })
    }

    /// Reads the JSON of a LabelSelector. `null` matches nothing, `{}` everything.
    pub fn from_json(value: &Value) -> Result<Self, Error> {
        let wrong = |position: usize, message: &str| Error::Selector { position, message: message.to_owned() };
        let map = match value {
            Value::Null => return Ok(Self::nothing()),
            Value::Object(map) => map,
            _ => return Err(wrong(0, "a label selector is an object")),
        };
        let mut requirements = Vec::new();
        match map.get("matchLabels") {
            None | Some(Value::Null) => {}
            Some(Value::Object(labels)) => {
                for (position, (key, value)) in labels.iter().enumerate() {
                    let value = value.as_str().ok_or_else(|| wrong(position, "a value of matchLabels is a string"))?;
                    requirements.push(requirement(position, key, Operator::In, vec![value.to_owned()])?);
                }
            }
            Some(_) => return Err(wrong(0, "matchLabels is an object")),
        }
        match map.get("matchExpressions") {
            None | Some(Value::Null) => {}
            Some(Value::Array(expressions)) => {
                for (position, expression) in expressions.iter().enumerate() {
                    let text = |name| expression.get(name).and_then(Value::as_str);
                    let key = text("key").ok_or_else(|| wrong(position, "an expression needs a key"))?;
                    let operator = match text("operator") {
                        Some("In") => Operator::In,
                        Some("NotIn") => Operator::NotIn,
                        Some("Exists") => Operator::Exists,
                        Some("DoesNotExist") => Operator::DoesNotExist,
                        _ => return Err(wrong(position, "an operator is In, NotIn, Exists or DoesNotExist")),
                    };
                    let values = match expression.get("values") {
                        None | Some(Value::Null) => Vec::new(),
                        Some(Value::Array(values)) => values
                            .iter()
                            .map(|value| value.as_str().map(str::to_owned))
                            .collect::<Option<_>>()
                            .ok_or_else(|| wrong(position, "values are strings"))?,
                        Some(_) => return Err(wrong(position, "values is a list")),
                    };
                    requirements.push(requirement(position, key, operator, values)?);
                }
            }
            Some(_) => return Err(wrong(0, "matchExpressions is a list")),
        }
        Ok(Self { requirements: Some(requirements) })
    }

    /// Puts a selector together; each requirement is checked.
    pub fn new(requirements: impl IntoIterator<Item = Requirement>) -> Result<Self, Error> {
        let checked = requirements
            .into_iter()
            .enumerate()
            .map(|(position, r)| requirement(position, &r.key, r.operator, r.values))
            .collect::<Result<_, _>>()?;
        Ok(Self { requirements: Some(checked) })
    }

    /// The requirements; empty both for everything and for nothing.
    pub fn requirements(&self) -> &[Requirement] {
        self.requirements.as_deref().unwrap_or_default()
    }

    /// Whether it matches everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether labels, given as a lookup, match.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.as_ref().is_some_and(|all| all.iter().all(|one| one.matches(label(&one.key))))
    }

    /// Whether an object's labels match.
    pub fn matches_object(&self, object: &Object) -> bool {
        self.matches(|key| object.label(key))
    }
}

impl Requirement {
    fn matches(&self, label: Option<&str>) -> bool {
        let listed = || label.is_some_and(|label| self.values.iter().any(|value| value == label));
        let number = |text: &str| text.parse::<i64>().ok();
        let sides = || Some((number(label?)?, number(self.values.first()?)?));
        match self.operator {
            Operator::In => listed(),
            Operator::NotIn => !listed(),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::Gt => sides().is_some_and(|(label, bound)| label > bound),
            Operator::Lt => sides().is_some_and(|(label, bound)| label < bound),
        }
    }
}

impl fmt::Display for Selector {
    /// The query form, which [`Selector::parse`] reads back; a selector of nothing has none and prints as such.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(requirements) = &self.requirements else { return f.write_str("<nothing>") };
        for (index, one) in requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            let (key, first) = (&one.key, one.values.first().map_or("", String::as_str));
            match one.operator {
                Operator::In if one.values.len() == 1 => write!(f, "{key}={first}")?,
                Operator::NotIn if one.values.len() == 1 => write!(f, "{key}!={first}")?,
                Operator::In => write!(f, "{key} in ({})", one.values.join(","))?,
                Operator::NotIn => write!(f, "{key} notin ({})", one.values.join(","))?,
                Operator::Exists => f.write_str(key)?,
                Operator::DoesNotExist => write!(f, "!{key}")?,
                Operator::Gt => write!(f, "{key}>{first}")?,
                Operator::Lt => write!(f, "{key}<{first}")?,
            }
        }
        Ok(())
    }
}

fn requirement(position: usize, key: &str, operator: Operator, values: Vec<String>) -> Result<Requirement, Error> {
    let wrong = |message: String| Error::Selector { position, message };
    if !is_qualified_name(key) {
        return Err(wrong(format!("{key:?} is not the name of a label")));
    }
    match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            return Err(wrong(format!("{key} is compared with no value")));
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            return Err(wrong(format!("{key} is asked for with values, which mean nothing there")));
        }
        Operator::Gt | Operator::Lt if values.len() != 1 || values.iter().any(|v| v.parse::<i64>().is_err()) => {
            return Err(wrong(format!("{key} is compared with something that is not one whole number")));
        }
        _ => {}
    }
    if let Some(value) = values.iter().find(|value| !is_label_value(value)) {
        return Err(wrong(format!("{value:?} is not the value of a label")));
    }
    Ok(Requirement { key: key.to_owned(), operator, values })
}

/// Whether a text is a qualified name: an optional DNS prefix and `/`, then 1–63 of letters, digits, `-`,
/// `_` and `.` that begin and end with a letter or digit.
pub fn is_qualified_name(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(|p| p.len() <= 253 && p.split('.').all(is_label))
}

/// Whether a text can be a label's value: empty, or at most 63 of letters, digits, `-`, `_` and `.` that
/// begin and end with a letter or digit.
pub fn is_label_value(text: &str) -> bool {
    text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && [text.bytes().next(), text.bytes().last()].into_iter().flatten().all(|b| b.is_ascii_alphanumeric())
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn selector(mut self) -> Result<Vec<Requirement>, Error> {
        let mut requirements = Vec::new();
        if self.peek().is_none() {
            return Ok(requirements);
        }
        loop {
            requirements.push(self.requirement()?);
            match self.peek() {
                None => return Ok(requirements),
                Some(b',') => self.at += 1,
                Some(_) => return Err(self.expected("a comma or the end")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, Error> {
        let negated = self.eat("!");
        self.peek();
        let start = self.at;
        let key = self.word();
        if key.is_empty() {
            return Err(self.expected("the name of a label"));
        }
        if negated || matches!(self.peek(), None | Some(b',')) {
            let operator = if negated { Operator::DoesNotExist } else { Operator::Exists };
            return requirement(start, key, operator, Vec::new());
        }
        let operator = if self.eat("==") || self.eat("=") {
            Operator::In
        } else if self.eat("!=") {
            Operator::NotIn
        } else if self.eat(">") {
            Operator::Gt
        } else if self.eat("<") {
            Operator::Lt
        } else {
            return self.set(start, key);
        };
        self.peek();
        let value = self.word().to_owned();
        requirement(start, key, operator, vec![value])
    }

    fn set(&mut self, start: usize, key: &str) -> Result<Requirement, Error> {
        let at = self.at;
        let operator = match self.word() {
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            _ => {
                self.at = at;
                return Err(self.expected("one of = == != > < in notin"));
            }
        };
        if !self.eat("(") {
            return Err(self.expected("an opening parenthesis"));
        }
        let mut values: Vec<String> = Vec::new();
        if self.eat(")") {
            return requirement(start, key, operator, values);
        }
        loop {
            self.peek();
            let value = self.word();
            if !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
            if self.eat(")") {
                return requirement(start, key, operator, values);
            }
            if !self.eat(",") {
                return Err(self.expected("a comma or a closing parenthesis"));
            }
        }
    }

    /// Skips white space and looks at the next byte.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.rest().bytes().next()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, token: &str) -> bool {
        self.peek();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find([' ', '\t', '\r', '\n', '=', '!', '(', ')', ',', '>', '<']).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn expected(&self, what: &str) -> Error {
        let found = self.rest().chars().next().map_or("the end".to_owned(), |c| format!("{c:?}"));
        Error::Selector { position: self.at, message: format!("expected {what}, found {found}") }
    }
}

/// A field selector: equalities and inequalities on paths of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    /// All of which must hold.
    pub requirements: Vec<FieldRequirement>,
}

/// One requirement on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRequirement {
    /// Path of the field, such as `metadata.name`.
    pub path: String,
    /// Whether the field must equal the value, or must not.
    pub equal: bool,
    /// The value, unescaped.
    pub value: String,
}

impl FieldSelector {
    /// Reads a query such as `metadata.name=x,status.phase!=Running`. `\\`, `\,` and `\=` stand for
    /// those characters in a value. A failure names the byte offset at which it stopped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut requirements = Vec::new();
        let mut start = 0;
        for part in split_unescaped(text) {
            let wrong = |at, message: &str| Error::Selector { position: start + at, message: message.to_owned() };
            if !part.is_empty() {
                let operator = part.find('=').ok_or_else(|| wrong(part.len(), "expected = or =="))?;
                let (before, after) = part.split_at(operator);
                let (path, equal) = before.strip_suffix('!').map_or((before, true), |path| (path, false));
                let after = after.strip_prefix("==").filter(|_| equal).or_else(|| after.strip_prefix('='));
                let value = unescape(after.unwrap_or_default())
                    .map_err(|at| wrong(part.len() - after.unwrap_or_default().len() + at, "bad escape or bare ="))?;
                if path.is_empty() {
                    return Err(wrong(0, "expected the path of a field"));
                }
                requirements.push(FieldRequirement { path: path.to_owned(), equal, value });
            }
            start += part.len() + 1;
        }
        Ok(Self { requirements })
    }

    /// Whether an object matches. A field that is missing counts as the empty string; numbers and
    /// booleans compare as they are written.
    pub fn matches(&self, object: &Object) -> bool {
        self.requirements.iter().all(|one| {
            let path: Vec<&str> = one.path.split('.').collect();
            let equal = match object.get(&path) {
                None | Some(Value::Null) => one.value.is_empty(),
                Some(Value::String(text)) => *text == one.value,
                Some(other) => serde_json::to_string(other).is_ok_and(|text| text == one.value),
            };
            equal == one.equal
        })
    }

    /// The value that a field must equal, if the selector says so.
    pub fn required(&self, path: &str) -> Option<&str> {
        self.requirements.iter().find(|one| one.equal && one.path == path).map(|one| one.value.as_str())
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, one) in self.requirements.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let operator = if one.equal { "=" } else { "!=" };
            let value = one.value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            write!(f, "{comma}{}{operator}{value}", one.path)?;
        }
        Ok(())
    }
}

fn split_unescaped(text: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let splits = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    })
}

fn unescape(text: &str) -> Result<String, usize> {
    let mut value = String::with_capacity(text.len());
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some((_, escaped @ ('\\' | ',' | '='))) => value.push(escaped),
                _ => return Err(at),
            },
            '=' | ',' => return Err(at),
            other => value.push(other),
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests;
