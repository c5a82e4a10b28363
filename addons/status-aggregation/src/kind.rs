//! The kind StatusAggregationRule, and the Interpreter that one asks for.
//!
//! **Invariant:** exactly one of the three ways is taken: fields, CEL, or the schema.

use outrigger_addon::{
    Crd,
    rule::{Rule, RuleStatus},
};
use outrigger_object::{Gvk, Object};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How the statuses of a kind become one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatusAggregationRule {
    /// The rule.
    pub spec: Spec,
    /// What became of it.
    #[serde(default)]
    pub status: RuleStatus,
}

/// The rule: `fields`, `conditions` and `perCluster` together, or `cel`, or `schema`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// The kind that it is for.
    pub target: Target,
    /// Fields of the status, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Conditions by type: good where they are good everywhere, with the reasons of those that make them bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
    /// A list with an item for each cluster. The kind's schema must have the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_cluster: Option<PerCluster>,
    /// CEL that gives the whole status; `items` are what clusters report, `object` is the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cel: Option<String>,
    /// True: by the kind's schema, with the host's generic rules. They answer for kinds that no interpreter knows.
    #[serde(default)]
    pub schema: bool,
    /// With exactly one cluster, take its status as it is.
    #[serde(default)]
    pub single: bool,
    /// Cases that the rule must pass before it is used, in the form of an Interpreter's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "anything")]
    pub cases: Vec<Value>,
}

/// A kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Its `apiVersion`.
    #[schemars(length(min = 1))]
    pub api_version: String,
    /// The kind.
    #[schemars(length(min = 1))]
    pub kind: String,
}

/// One field of the status: an operator over what the clusters have there, or CEL.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// The field, without `status` itself, such as `readyReplicas`.
    pub path: String,
    /// Where clusters have the value; the same field without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How values become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Operator>,
    /// CEL in place of an operator; `values` are what was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cel: Option<String>,
    /// For `worst` and `best`: the values, the one that wins first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<String>>,
    /// For `worst` and `best`: the value of a cluster that has not reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreported: Option<String>,
    /// For operators that choose one cluster: more fields from the same one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<String>,
    /// For `count`: count only this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub equal: Option<Value>,
    /// For `union` and `groupConditions`: the fields by which items are the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// Whether an empty text, list or map counts as no value.
    #[serde(default)]
    pub skip_empty: bool,
    /// Whether the template's value stays when no cluster has one.
    #[serde(default)]
    pub keep: bool,
    /// The value when no cluster has the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub default: Option<Value>,
    /// The value while there are no clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub initial: Option<Value>,
}

/// How values become one; see the page of the addon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub enum Operator {
    Sum,
    SumQuantities,
    Min,
    Max,
    Earliest,
    Latest,
    Longest,
    First,
    Last,
    LastReport,
    AllEqual,
    Count,
    Worst,
    Best,
    GroupConditions,
    Union,
    Concat,
    ConcatWithCluster,
    MergeMaps,
    SumMaps,
    ObservedGeneration,
}

/// Conditions that are combined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conditions {
    /// The field; `conditions` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Types that are bad when True, such as `Degraded`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub negative: Vec<String>,
}

/// What is shown of each cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PerCluster {
    /// The field with the list. Its items are `{cluster, status}`; clusters without a status are left out.
    pub path: String,
}

fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

const BY_CLUSTER: &str = "items.filter(i, has(i.status)).map(i, {'cluster': i.clusterName, 'status': i.status})";

/// StatusAggregationRules, as the SDK's controller asks for them.
#[derive(Clone, Copy, Debug)]
pub struct Rules;

impl Rule for Rules {
    fn name(&self) -> &str {
        "rules"
    }

    fn gvk(&self) -> Gvk {
        Gvk::new("status.outrigger.io", "v1alpha1", "StatusAggregationRule")
    }

    fn interpreter(&self, rule: &Object) -> Result<Option<Value>, String> {
        let spec = rule.get(&["spec"]).cloned().unwrap_or_default();
        let spec = Spec::deserialize(spec).map_err(|error| format!("spec: {error}"))?;
        spec.interpreter()
    }
}

impl Spec {
    fn interpreter(self) -> Result<Option<Value>, String> {
        let by_fields = !self.fields.is_empty() || self.conditions.is_some() || self.per_cluster.is_some();
        match [by_fields, self.cel.is_some(), self.schema].into_iter().filter(|way| *way).count() {
            1 => {}
            0 => return Err("spec: it has none of fields, conditions, perCluster, cel and schema".to_owned()),
            _ => return Err("spec: fields (with conditions, perCluster), cel and schema exclude each other".to_owned()),
        }
        if self.schema {
            if self.single || !self.cases.is_empty() {
                return Err("spec: single and cases have no meaning with schema".to_owned());
            }
            return Ok(None);
        }
        let mut fields = Vec::new();
        for (index, field) in self.fields.iter().enumerate() {
            if field.op.is_some() == field.cel.is_some() {
                return Err(format!("spec.fields[{index}] ({}): it needs op or cel, and not both", field.path));
            }
            let wants_order = matches!(field.op, Some(Operator::Worst | Operator::Best));
            if wants_order && field.order.as_ref().is_none_or(Vec::is_empty) {
                return Err(format!("spec.fields[{index}] ({}): worst and best need an order", field.path));
            }
            fields.push(serde_json::to_value(field).map_err(|error| error.to_string())?);
        }
        if let Some(Conditions { path, negative }) = self.conditions {
            let mut field = Map::new();
            field.insert("path".into(), path.unwrap_or_else(|| "conditions".into()).into());
            field.insert("op".into(), "mergeConditions".into());
            if !negative.is_empty() {
                field.insert("negative".into(), negative.into());
            }
            fields.push(field.into());
        }
        if let Some(PerCluster { path }) = self.per_cluster {
            fields.push(json!({"path": path, "cel": BY_CLUSTER}));
        }
        let mut block = json!({"single": self.single});
        if !fields.is_empty() {
            block["fields"] = fields.into();
        }
        if let Some(cel) = self.cel {
            block["cel"] = cel.into();
        }
        let mut spec = json!({"target": self.target, "aggregateStatus": block});
        if !self.cases.is_empty() {
            spec["cases"] = self.cases.into();
        }
        Ok(Some(spec))
    }
}

/// The CustomResourceDefinition.
pub(crate) fn crd() -> Object {
    Crd {
        group: "status.outrigger.io",
        version: "v1alpha1",
        kind: "StatusAggregationRule",
        plural: "statusaggregationrules",
        namespaced: false,
        short_names: &["sar"],
        status_subresource: true,
        columns: &[
            ("Api-Version", "string", ".spec.target.apiVersion"),
            ("Kind", "string", ".spec.target.kind"),
            ("InUse", "string", ".status.conditions[?(@.type==\"InUse\")].status"),
            ("Reason", "string", ".status.conditions[?(@.type==\"InUse\")].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
    .build::<StatusAggregationRule>()
}
