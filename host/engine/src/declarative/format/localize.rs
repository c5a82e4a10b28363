//! The block `localize`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::Text;

/// A field, and what is written there for one cluster. It has one of `value`, `cel` and `remove`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assignment {
    /// The field. Objects on the way to it are made; items of lists are not.
    pub path: Text,
    /// The value, where it is the same in all clusters.
    #[serde(default)]
    pub value: Option<Value>,
    /// CEL over `object`, as the entries before left it, and `cluster`, which has `name`, `labels`, `provider`,
    /// `region`, `zone` and `zones`; `null` leaves the field alone.
    #[serde(default)]
    pub cel: Option<Text>,
    /// Removes the field.
    #[serde(default)]
    pub remove: bool,
    /// CEL over `object` and `cluster`: whether the entry counts.
    #[serde(default)]
    pub when: Option<Text>,
}

impl From<&outrigger_interpreter::Assignment> for Assignment {
    fn from(read: &outrigger_interpreter::Assignment) -> Self {
        let text = |text: &String| Text(Spanned::new(text.clone(), Location::UNKNOWN, Location::UNKNOWN));
        Self {
            path: text(&read.path),
            value: read.value.clone(),
            cel: read.cel.as_ref().map(text),
            remove: read.remove,
            when: read.when.as_ref().map(text),
        }
    }
}
