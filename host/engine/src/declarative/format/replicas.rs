//! The blocks about replicas: `replicas`, `components` and `reviseReplica`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Text;

/// How many replicas, and what each needs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replicas {
    /// The field with the number; a query may find several, which are added up.
    #[serde(default)]
    pub path: Option<Text>,
    /// Several fields, whose numbers are added up.
    #[serde(default)]
    pub paths: Vec<Text>,
    /// A number that is the same for every object.
    #[serde(default)]
    pub value: Option<i64>,
    /// The number is the sum of those of the components.
    #[serde(default)]
    pub of_components: bool,
    /// CEL that gives the number.
    #[serde(default)]
    pub cel: Option<Text>,
    /// Lua: a function `GetReplicas(object)`.
    #[serde(default)]
    pub lua: Option<Text>,
    /// The number when none of the fields is there; 0 without it.
    #[serde(default)]
    pub default: i64,
    /// The field with the pod template.
    #[serde(default)]
    pub pod_template: Option<Text>,
    /// The field with the pod spec, for kinds that have no template around it.
    #[serde(default)]
    pub pod_spec: Option<Text>,
    /// What a replica asks for, where that is not written in containers. Of a pod template beside it, only
    /// the claims count.
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// A field with `requests` and `limits`, as containers have them; those count as well as `resources`.
    #[serde(default)]
    pub resources_from: Option<Text>,
    /// Which claims of the pod count beside `resources`; without it node selector, node affinity,
    /// tolerations and priority class.
    #[serde(default)]
    pub claims: Option<Vec<Claim>>,
    /// Whether the requirements name the object's namespace.
    #[serde(default)]
    pub namespace: bool,
}

/// One component, or one for each item of a list or a map.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Component {
    /// A list, or a map, that has one component in each item. Paths below are then relative to the item.
    #[serde(default)]
    pub each: Option<Text>,
    /// An object in which the component is; nothing there means that there is no such component. Paths below
    /// are then relative to it.
    #[serde(default)]
    pub of: Option<Text>,
    /// The component's name. With `each`, the field of the item that has it; without it, the item's key.
    #[serde(default)]
    pub name: Option<Text>,
    /// For `each` over a list: where an item has no name, it is this and the number of the item.
    #[serde(default)]
    pub name_prefix: Option<String>,
    /// The number of the first item, for `namePrefix`; 0 without it.
    #[serde(default)]
    pub first: i64,
    /// Fields without which there is no component.
    #[serde(default)]
    pub require: Vec<Text>,
    /// CEL: whether there is such a component.
    #[serde(default)]
    pub when: Option<Text>,
    /// The field with the number of replicas; a number written as text counts.
    #[serde(default)]
    pub replicas: Option<Text>,
    /// CEL that gives the number of replicas; `item` is what `each` or `of` found, `key` its key or index.
    #[serde(default)]
    pub cel: Option<Text>,
    /// Lua: a function `GetComponents(object)`, which gives all components. The only entry then.
    #[serde(default)]
    pub lua: Option<Text>,
    /// The number of replicas when the field is missing; 1 without it.
    #[serde(default)]
    pub default: Option<i64>,
    /// The field with the pod template.
    #[serde(default)]
    pub pod_template: Option<Text>,
    /// The field with the pod spec, for kinds that have no template around it.
    #[serde(default)]
    pub pod_spec: Option<Text>,
    /// What a replica asks for, where that is not written in containers. Of a pod template beside it, only
    /// the claims count.
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// A field with `requests` and `limits`, as containers have them; those count as well as `resources`.
    #[serde(default)]
    pub resources_from: Option<Text>,
    /// Which claims of the pod count beside `resources`; without it node selector, node affinity,
    /// tolerations and priority class.
    #[serde(default)]
    pub claims: Option<Vec<Claim>>,
    /// Whether the requirements name the object's namespace.
    #[serde(default)]
    pub namespace: bool,
}

/// A request for one resource.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// Its name, such as `cpu`.
    #[serde(default)]
    pub name: Option<String>,
    /// The field with its name.
    #[serde(default)]
    pub name_from: Option<Text>,
    /// The field with the quantity.
    #[serde(default)]
    pub path: Option<Text>,
    /// Several fields, of which the largest quantity counts.
    #[serde(default)]
    pub paths: Vec<Text>,
    /// CEL that gives the quantity, as text or as a number.
    #[serde(default)]
    pub cel: Option<Text>,
    /// The quantity when the field is missing.
    #[serde(default)]
    pub default: Option<String>,
    /// Whether the quantity is rounded up to a whole number.
    #[serde(default)]
    pub whole: bool,
}

/// A part of a pod spec that says where the pod can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Claim {
    /// `nodeSelector`.
    NodeSelector,
    /// `affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`.
    NodeAffinity,
    /// `tolerations`.
    Tolerations,
    /// `priorityClassName`.
    PriorityClass,
}

/// Where a number of replicas is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviseReplica {
    /// The field.
    #[serde(default)]
    pub path: Option<Text>,
    /// Several fields, each of which gets the number.
    #[serde(default)]
    pub paths: Vec<Text>,
    /// CEL that gives the value that is written; `replicas` is the number.
    #[serde(default)]
    pub cel: Option<Text>,
    /// Lua: a function `ReviseReplica(object, replicas)`.
    #[serde(default)]
    pub lua: Option<Text>,
    /// Whether only fields that the object has are written.
    #[serde(default)]
    pub when_present: bool,
}
