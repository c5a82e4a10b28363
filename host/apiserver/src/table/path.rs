//! The JSONPath of printer columns: names, indices, `[*]` and equality filters.

use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Name(String),
    Index(i64),
    All,
    /// `[?(@.a.b=="x")]`
    Filter(Vec<String>, Value),
}

/// A parsed path; one that cannot be parsed finds nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path(Option<Vec<Step>>);

impl Path {
    /// Reads a path such as `.status.conditions[?(@.type=="Ready")].status`.
    pub(super) fn parse(text: &str) -> Self {
        Self(parse(text.trim().trim_start_matches('$')))
    }

    /// Everything at the path.
    pub(super) fn find<'a>(&self, root: &'a Map<String, Value>) -> Vec<&'a Value> {
        let Some(steps) = &self.0 else { return Vec::new() };
        let Some((first, rest)) = steps.split_first() else { return Vec::new() };
        let mut found: Vec<&Value> = match first {
            Step::Name(name) => root.get(name).into_iter().collect(),
            _ => Vec::new(),
        };
        for step in rest {
            found = found.into_iter().flat_map(|value| take(step, value)).collect();
        }
        found.retain(|value| !value.is_null());
        found
    }
}

fn take<'a>(step: &Step, value: &'a Value) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Name(name), Value::Object(map)) => map.get(name).into_iter().collect(),
        (Step::Index(index), Value::Array(items)) => {
            let index = if *index < 0 { index + i64::try_from(items.len()).unwrap_or(0) } else { *index };
            usize::try_from(index).ok().and_then(|index| items.get(index)).into_iter().collect()
        }
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::All, Value::Object(map)) => map.values().collect(),
        (Step::Filter(path, wanted), Value::Array(items)) => items
            .iter()
            .filter(|item| path.iter().try_fold(*item, |value, name| value.get(name)) == Some(wanted))
            .collect(),
        _ => Vec::new(),
    }
}

fn parse(mut text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !text.is_empty() {
        if let Some(rest) = text.strip_prefix('[') {
            let (inner, after) = bracket(rest)?;
            steps.push(parse_bracket(inner.trim())?);
            text = after;
        } else {
            let rest = text.strip_prefix('.').unwrap_or(text);
            let mut name = String::new();
            let mut characters = rest.char_indices();
            let mut end = rest.len();
            while let Some((at, c)) = characters.next() {
                match c {
                    '\\' => name.push(characters.next()?.1),
                    '.' | '[' => {
                        end = at;
                        break;
                    }
                    other => name.push(other),
                }
            }
            if name.is_empty() {
                return None;
            }
            steps.push(if name == "*" { Step::All } else { Step::Name(name) });
            text = rest.get(end..)?;
        }
    }
    Some(steps)
}

/// Splits at the bracket that closes, passing over quoted text.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, ']') => return Some((text.get(..at)?, text.get(at + 1..)?)),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn unquote(text: &str) -> Option<&str> {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"'))
}

fn parse_bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(name) = unquote(text) {
        return Some(Step::Name(name.to_owned()));
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        let (path, wanted) = filter.split_once("==").or_else(|| filter.split_once('='))?;
        let path = path.trim().strip_prefix("@.")?.split('.').map(str::to_owned).collect();
        let wanted = wanted.trim();
        let wanted = match unquote(wanted) {
            Some(text) => Value::from(text),
            None => serde_json::from_str(wanted).ok()?,
        };
        return Some(Step::Filter(path, wanted));
    }
    text.parse().ok().map(Step::Index)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &[Value]) {
        let Value::Object(root) = json!({
            "metadata": {"labels": {"a.b/c": "x"}},
            "status": {"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "False"}], "n": 3, "empty": null},
        }) else {
            panic!("an object")
        };
        let found: Vec<Value> = Path::parse(path).find(&root).into_iter().cloned().collect();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn paths() {
        check(".status.n", &[json!(3)]);
        check("$.status.n", &[json!(3)]);
        check(".status.conditions[?(@.type==\"B\")].status", &[json!("False")]);
        check(".status.conditions[?(@.type=='A')].status", &[json!("True")]);
        check(".status.conditions[*].type", &[json!("A"), json!("B")]);
        check(".status.conditions[0].type", &[json!("A")]);
        check(".status.conditions[-1].type", &[json!("B")]);
        check(".metadata.labels['a.b/c']", &[json!("x")]);
        check(".metadata.labels.a\\.b/c", &[json!("x")]);
        check(".status.empty", &[]);
        check(".status.missing.deep", &[]);
        check(".status[", &[]);
        check("", &[]);
    }
}
