//! Paths with a `*` that are copied to the same place.

use jsonpath_rust::parser::model::{Segment, Selector};
use serde_json::{Map, Value};

use super::{Result, segments, unquoted, wrong};

/// A path in which a `*` stands for every key of a map or every item of a list.
#[derive(Debug)]
pub struct Pattern {
    steps: Vec<Step>,
    text: String,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Each,
}

impl Pattern {
    /// Compiles a pattern.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let steps: Option<Vec<Step>> = segments(text)?
            .iter()
            .map(|segment| match segment {
                Segment::Selector(Selector::Name(name)) => Some(Step::Field(unquoted(name))),
                Segment::Selector(Selector::Wildcard) => Some(Step::Each),
                _ => None,
            })
            .collect();
        match steps {
            Some(steps) if matches!(steps.first(), Some(Step::Field(_))) => Ok(Self { steps, text: text.to_owned() }),
            _ => Err(format!("{text:?}: only names of fields and * can be copied")),
        }
    }

    /// Copies what the pattern finds.
    pub fn copy(&self, from: &Map<String, Value>, to: &mut Map<String, Value>) -> Result<()> {
        let Some((Step::Field(name), rest)) = self.steps.split_first() else { return Ok(()) };
        if let Some(value) = from.get(name).filter(|value| !value.is_null())
            && let Some(copy) = self.below(value, to.get(name), rest)?
        {
            to.insert(name.clone(), copy);
        }
        Ok(())
    }

    /// What of a value is copied, on top of what has been copied before.
    fn below(&self, from: &Value, known: Option<&Value>, steps: &[Step]) -> Result<Option<Value>> {
        let Some((step, rest)) = steps.split_first() else { return Ok(Some(from.clone())) };
        match (step, from) {
            (_, Value::Null) => Ok(None),
            (Step::Field(name), Value::Object(map)) => {
                let Some(value) = map.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
                let mut copy = known.and_then(Value::as_object).cloned().unwrap_or_default();
                let below = self.below(value, copy.get(name), rest)?;
                Ok(below.map(|below| {
                    copy.insert(name.clone(), below);
                    Value::Object(copy)
                }))
            }
            (Step::Each, Value::Object(map)) => {
                let mut copy = known.and_then(Value::as_object).cloned().unwrap_or_default();
                for (name, value) in map {
                    if let Some(below) = self.below(value, copy.get(name), rest)? {
                        copy.insert(name.clone(), below);
                    }
                }
                Ok(Some(Value::Object(copy)))
            }
            (Step::Each, Value::Array(items)) => {
                let known = known.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let copies = items.iter().enumerate().map(|(index, item)| {
                    let copy = self.below(item, known.get(index), rest)?;
                    Ok(copy.or_else(|| known.get(index).cloned()).unwrap_or_else(|| Value::Object(Map::new())))
                });
                Ok(Some(Value::Array(copies.collect::<Result<_>>()?)))
            }
            (Step::Field(_), other) => Err(wrong(&self.text, "an object on the way", other)),
            (Step::Each, other) => Err(wrong(&self.text, "an object or a list on the way", other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(&["a"], json!({"a": 1}))]
    #[case(&["roles.*.active", "roles.*.failed"], json!({"roles": {"x": {"active": 1, "failed": 2}, "y": {"active": 3}}}))]
    #[case(&["list[*].name"], json!({"list": [{"name": "a"}, {}]}))]
    #[case(&["roles.x.active", "none", "roles.z.active"], json!({"roles": {"x": {"active": 1}}}))]
    fn copies(#[case] patterns: &[&str], #[case] expected: Value) {
        let status = json!({
            "a": 1, "none": null,
            "roles": {"x": {"active": 1, "failed": 2, "more": 1}, "y": {"active": 3}},
            "list": [{"name": "a", "more": 1}, {"more": 2}],
        });
        let mut copy = Map::new();
        for pattern in patterns {
            Pattern::parse(pattern).unwrap().copy(status.as_object().unwrap(), &mut copy).unwrap();
        }
        assert_eq!(Value::Object(copy), expected);
    }

    #[test]
    fn refuses_and_fails() {
        assert!(Pattern::parse("a[0]").is_err() && Pattern::parse("a..b").is_err() && Pattern::parse("*").is_err());
        let failed =
            Pattern::parse("a.*.b").unwrap().copy(json!({"a": {"x": 3}}).as_object().unwrap(), &mut Map::new());
        assert_eq!(failed.unwrap_err().to_string(), "a.*.b: expected an object on the way, found a number");
    }
}
