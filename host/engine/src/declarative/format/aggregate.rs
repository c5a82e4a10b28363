//! The block `aggregateStatus`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Text;

/// One status out of those of all clusters. Fields that are not named are left alone. What is empty, a map,
/// a list or null, is left out of the result, wherever it is, as Karmada does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AggregateStatus {
    /// The fields, in order.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// CEL that gives the whole status, before `fields`.
    #[serde(default)]
    pub cel: Option<Text>,
    /// Lua: a function `AggregateStatus(object, items)`.
    #[serde(default)]
    pub lua: Option<Text>,
    /// With exactly one cluster, take its status as it is; when it has none, the template has none.
    #[serde(default)]
    pub single: bool,
    /// Begin with an empty status in place of the template's.
    #[serde(default)]
    pub replace: bool,
    /// Parts of the template that are left out of the result when there are clusters.
    #[serde(default)]
    pub omit: Vec<Text>,
}

/// One field of the aggregated status.
///
/// With clusters, the field gets the value that the operator makes; where it makes none, `default`; and
/// without one the field is removed. Without any cluster it gets `initial`; sums and counts are 0 then, and other
/// fields are left alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// The field in the template's status, without `status` itself.
    pub path: Text,
    /// Where the value is in a member's status; the same field without it. May find several values.
    #[serde(default)]
    pub from: Option<Text>,
    /// How values become one.
    #[serde(default)]
    pub op: Option<Op>,
    /// CEL that gives the value in place of an operator; `null` is none. `items` are the clusters' statuses,
    /// `values` what `from` found.
    #[serde(default)]
    pub cel: Option<Text>,
    /// For `worst` and `best`: the values, the one that wins first. Values of one rank are separated by `|`.
    /// Others win over nothing.
    #[serde(default)]
    pub order: Option<Vec<String>>,
    /// For `worst` and `best`: the value of a cluster that has not reported a status.
    #[serde(default)]
    pub unreported: Option<String>,
    /// For operators that choose the value of one cluster: more fields that are taken from the same cluster.
    #[serde(default)]
    pub along: Vec<Text>,
    /// For `count`: count only this value.
    #[serde(default)]
    pub equal: Option<Value>,
    /// For `mergeConditions`: types of conditions that are bad when True.
    #[serde(default)]
    pub negative: Option<Vec<String>>,
    /// For `union`, `groupConditions` and `groupBy`: the fields by which items of lists are the same.
    #[serde(default)]
    pub by: Vec<Text>,
    /// For `groupBy`: what becomes of the fields of items that are the same. Paths are relative to the item;
    /// other fields are those of the first.
    #[serde(default)]
    pub fields: Vec<Part>,
    /// Whether an empty text, list or map counts as no value.
    #[serde(default)]
    pub skip_empty: bool,
    /// Whether the template's value stays when no cluster has one.
    #[serde(default)]
    pub keep: bool,
    /// Whether the field is only written when the template's status has it; `initial` is written anyway.
    #[serde(default)]
    pub when_present: bool,
    /// The value when there are clusters, but none has the field.
    #[serde(default)]
    pub default: Option<Value>,
    /// The value while there are no clusters.
    #[serde(default)]
    pub initial: Option<Value>,
}

/// One field of items that `groupBy` joins. The keys are those of a field of the status.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    /// The field of the item.
    pub path: Text,
    /// Where the value is; the same field without it.
    #[serde(default)]
    pub from: Option<Text>,
    /// How values become one; any operator but `groupBy` and `observedGeneration`.
    pub op: Op,
    /// For `worst` and `best`.
    #[serde(default)]
    pub order: Option<Vec<String>>,
    /// More fields of the item that was chosen.
    #[serde(default)]
    pub along: Vec<Text>,
    /// For `count`.
    #[serde(default)]
    pub equal: Option<Value>,
    /// For `mergeConditions`.
    #[serde(default)]
    pub negative: Option<Vec<String>>,
    /// For `union` and `groupConditions`.
    #[serde(default)]
    pub by: Vec<Text>,
    /// Whether an empty text, list or map counts as no value.
    #[serde(default)]
    pub skip_empty: bool,
    /// Whether the first item's value stays when none has one.
    #[serde(default)]
    pub keep: bool,
    /// The value when no item has the field.
    #[serde(default)]
    pub default: Option<Value>,
}

impl From<Part> for Field {
    fn from(part: Part) -> Self {
        Self {
            path: part.path,
            from: part.from,
            op: Some(part.op),
            cel: None,
            order: part.order,
            unreported: None,
            along: part.along,
            equal: part.equal,
            negative: part.negative,
            by: part.by,
            fields: Vec::new(),
            skip_empty: part.skip_empty,
            keep: part.keep,
            when_present: false,
            default: part.default,
            initial: None,
        }
    }
}

/// How the values of clusters become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Op {
    /// Their sum; 0 without any.
    Sum,
    /// The sum of Kubernetes quantities, as text; "0" without any.
    SumQuantities,
    /// The smallest number.
    Min,
    /// The largest number.
    Max,
    /// The earliest time; what is not a time compares as text, and an empty text is none.
    Earliest,
    /// The latest time; what is not a time compares as text, and an empty text is none.
    Latest,
    /// The longest duration, such as `1h2m3s`; what is not a duration is none.
    Longest,
    /// The first, in the order of the clusters.
    First,
    /// The last, in the order of the clusters.
    Last,
    /// What the last cluster that reports a status has; nothing when that has nothing. `default` is for when
    /// no cluster reports.
    LastReport,
    /// The value that all have; nothing when they differ.
    AllEqual,
    /// How many there are.
    Count,
    /// The first of `order` that any has.
    Worst,
    /// The same as `worst`, for orders that begin with the best.
    Best,
    /// Conditions by type: good where it is good everywhere, with the reasons and messages of those that
    /// make it bad.
    MergeConditions,
    /// Conditions of which those with the same type, status and reason (or `by`) become one: the first, with
    /// the messages of all clusters.
    GroupConditions,
    /// A list of all different ones; lists are taken apart. With `by`, one for each key: a later one takes
    /// the place of an earlier one.
    Union,
    /// A list of all; lists are taken apart.
    Concat,
    /// The same, of texts with the cluster's name and `=` in front.
    ConcatWithCluster,
    /// Lists of objects: those with the same `by` become one, whose `fields` are joined in turn.
    GroupBy,
    /// Maps with the keys of all; a later cluster wins. Maps inside are joined the same way with `fields`
    /// absent, numbers are not added.
    MergeMaps,
    /// Maps whose numbers are added up, at any depth; of anything else the later cluster's.
    SumMaps,
    /// The template's generation, once every cluster's controller has seen an object made from it; until
    /// then what the template has. Reads `generation`, `observedGeneration` and `resourceTemplateGeneration` of the
    /// members' statuses.
    ObservedGeneration,
}
