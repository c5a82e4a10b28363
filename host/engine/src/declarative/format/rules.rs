//! The blocks `retain`, `dependencies`, `status` and `health`.

use outrigger_interpreter::Health;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Text;

/// What the member's object keeps.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retain {
    /// Fields whose value in the member wins, where it has one. An empty list says that nothing is kept.
    #[serde(default)]
    pub paths: Option<Vec<Text>>,
    /// The field with the number of replicas: the member's value wins where the label
    /// `resourcetemplate.karmada.io/retain-replicas` of the desired object says so.
    #[serde(default)]
    pub replicas: Option<Text>,
    /// Fields that are joined otherwise, or on a condition.
    #[serde(default)]
    pub rules: Vec<RetainRule>,
    /// Lua: a function `Retain(desired, observed)`.
    #[serde(default)]
    pub lua: Option<Text>,
}

/// How one field of the member's object and of the desired one become one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetainRule {
    /// The field.
    pub path: Text,
    /// How; `keep` without it.
    #[serde(default)]
    pub merge: Merge,
    /// For `mergeByKey`: the field by which items of the two lists are the same.
    #[serde(default)]
    pub key: Option<Text>,
    /// For `mergeByKey`: the fields that an item keeps from the member's; without it, items that only the
    /// member has are added, and the others are left alone.
    #[serde(default)]
    pub fields: Vec<Text>,
    /// For `mergeByKey` with `fields`: whether items that only the member has are added as well.
    #[serde(default)]
    pub add: bool,
    /// CEL over `object`, the desired one, and `observed`: whether the rule counts.
    #[serde(default)]
    pub when: Option<Text>,
    /// CEL over `object` and `observed` that gives the value; `null` leaves the field alone.
    #[serde(default)]
    pub cel: Option<Text>,
}

/// How the values of the member and of the desired object become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Merge {
    /// The member's, where it has one.
    #[default]
    Keep,
    /// The member's, where the desired object has none.
    KeepIfAbsent,
    /// A list of the desired items, and of those of the member that are not among them.
    Union,
    /// A list of objects that are matched by a key.
    MergeByKey,
    /// A map of the desired entries, and of those of the member that are not among them.
    MergeMap,
}

/// Objects that must be beside this one: either a kind with names, or all that a pod needs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dependency {
    /// `apiVersion` of the objects.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The field with it; `apiVersion` counts where that is missing. A group without a version is not enough.
    #[serde(default)]
    pub api_version_from: Option<Text>,
    /// Kind of the objects.
    #[serde(default)]
    pub kind: Option<String>,
    /// The field with it; `kind` counts where that is missing.
    #[serde(default)]
    pub kind_from: Option<Text>,
    /// A list, or one object, in each item of which the reference is. The paths `name`, `names`,
    /// `namespace`, `kindFrom`, `apiVersionFrom` and `selector` are then relative to the item.
    #[serde(default)]
    pub each: Option<Text>,
    /// The field, or fields, with their names. An empty text is no name.
    #[serde(default)]
    pub name: Option<Text>,
    /// Several fields with names.
    #[serde(default)]
    pub names: Vec<Text>,
    /// A label selector, or the labels alone, in place of names.
    #[serde(default)]
    pub selector: Option<Text>,
    /// Names that are left out.
    #[serde(default)]
    pub except: Vec<String>,
    /// The field with their namespace; the object's own without it, or where it is missing.
    #[serde(default)]
    pub namespace: Option<Text>,
    /// Their namespace, where it is always the same.
    #[serde(default)]
    pub namespace_name: Option<String>,
    /// Whether the kind has no namespaces.
    #[serde(default)]
    pub cluster_scoped: bool,
    /// Whether there may be no name; true without it.
    #[serde(default)]
    pub optional: Option<bool>,
    /// CEL: whether the entry counts. `item` is the item of `each`.
    #[serde(default)]
    pub when: Option<Text>,
    /// The field with a pod template: its ConfigMaps, Secrets, claims and ServiceAccount. May find several.
    #[serde(default)]
    pub pod_template: Option<Text>,
    /// The same for a pod spec.
    #[serde(default)]
    pub pod_spec: Option<Text>,
    /// CEL that gives a list of objects with `apiVersion`, `kind`, `name` and `namespace`.
    #[serde(default)]
    pub cel: Option<Text>,
    /// Lua: a function `GetDependencies(object)`, which gives all dependencies. The only entry then.
    #[serde(default)]
    pub lua: Option<Text>,
}

/// What of a member's status is reported. What is empty, a map, a list or null, is left out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Status {
    /// Fields of the status, without `status` itself. A `*` stands for every key of a map.
    #[serde(default)]
    pub paths: Vec<Text>,
    /// Fields with a default or another name.
    #[serde(default)]
    pub fields: Vec<StatusField>,
    /// Also report the object's generation, and that of the template it was made from, as `generation` and
    /// `resourceTemplateGeneration`.
    #[serde(default)]
    pub generations: bool,
    /// CEL that gives the whole status, before `paths` and `fields`.
    #[serde(default)]
    pub cel: Option<Text>,
    /// Lua: a function `ReflectStatus(object)`.
    #[serde(default)]
    pub lua: Option<Text>,
}

/// One reported field.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusField {
    /// The field of the status, without `status` itself.
    pub path: Text,
    /// The name under which it is reported.
    #[serde(default, rename = "as")]
    pub rename: Option<Text>,
    /// The value when the field is missing.
    #[serde(default)]
    pub default: Option<Value>,
    /// CEL that gives the value; `null` is none.
    #[serde(default)]
    pub cel: Option<Text>,
}

/// One rule of health.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthRule {
    /// CEL over `object`, `metadata`, `spec` and `status`; true without it. A field that is missing makes it
    /// false.
    #[serde(default)]
    pub when: Option<Text>,
    /// A condition of the status that must be as said; with `when`, both must hold.
    #[serde(default)]
    pub condition: Option<ConditionMatch>,
    /// The verdict. Needed, unless `cel` or `lua` gives it.
    #[serde(default)]
    pub health: Option<Health>,
    /// CamelCase word. With `condition`, the condition's own without it.
    #[serde(default)]
    pub reason: Option<String>,
    /// The field with the word, if it is there; the first text that is found.
    #[serde(default)]
    pub reason_from: Option<Text>,
    /// A sentence. With `condition`, the condition's own without it.
    #[serde(default)]
    pub message: Option<String>,
    /// The field with the sentence, if it is there; the first text that is found.
    #[serde(default)]
    pub message_from: Option<Text>,
    /// CEL that gives the verdict: true or false, the name of a health, or an object with `health`, `reason`
    /// and `message`; `null` goes on to the next rule.
    #[serde(default)]
    pub cel: Option<Text>,
    /// Lua: a function `InterpretHealth(object)`. The only rule then.
    #[serde(default)]
    pub lua: Option<Text>,
}

/// What a condition in `status.conditions` must be like.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConditionMatch {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its status: `True`, `False`, `Unknown`, or `Missing` when there is no such condition. Several are
    /// separated by `|`. `True` without it.
    #[serde(default)]
    pub status: Option<String>,
    /// Its reason is one of these.
    #[serde(default)]
    pub reason: Vec<String>,
    /// Its reason is none of these.
    #[serde(default)]
    pub not_reason: Vec<String>,
    /// Whether its `observedGeneration`, where it has one, must be the object's generation.
    #[serde(default)]
    pub observed: bool,
    /// The list of conditions; `status.conditions` without it.
    #[serde(default, rename = "in")]
    pub list: Option<Text>,
}
