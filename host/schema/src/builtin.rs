//! The shapes of built-in kinds, from a table that is generated from Kubernetes' OpenAPI document.
//!
//! The table is text: one node a line, numbered from 0, then one line for each kind.
//!
//! ```text
//! ?  s  i  n  b  x             anything; string, integer, number, boolean, integer or string
//! [a 3   [s 3                  an atomic list, a set, of node 3
//! [m 3 name="" shareID         a list keyed by fields; a key may have a default
//! {ap *3 name:4! f:5~mr=key    a struct or map: atomic, preserves unknown fields; values of node 3;
//!                              fields, `!` always present, `~` a strategic merge patch strategy
//! @ apps/v1 Deployment 7       a kind
//! ```
//!
//! **Invariant:** the table is what `examples/builtin_table` prints; nobody edits it. It is parsed
//! once, on first use.

use std::sync::{Arc, LazyLock};

use crate::{Field, List, ListType, Node, NodeId, Object, Scalar, Schema, Strategic, Types};

static TABLE: &str = include_str!("builtin/table.txt");
static BUILTIN: LazyLock<Builtin> = LazyLock::new(|| parse(TABLE));

struct Builtin {
    types: Arc<Types>,
    /// `apiVersion`, kind and node, sorted.
    kinds: Vec<(&'static str, &'static str, NodeId)>,
}

/// The shape of a built-in kind; `None` for any other. The core group is the empty string.
pub fn schema(group: &str, version: &str, kind: &str) -> Option<Schema> {
    let builtin = &*BUILTIN;
    let of = |api_version: &str| {
        let (of_group, of_version) = api_version.split_once('/').unwrap_or(("", api_version));
        of_group == group && of_version == version
    };
    let (.., node) = builtin.kinds.iter().find(|(api_version, name, _)| *name == kind && of(api_version))?;
    Some(Schema::new(builtin.types.clone(), *node))
}

/// The shape of `metadata`, for custom resources.
pub fn object_meta() -> Schema {
    let namespace = schema("", "v1", "Namespace");
    namespace.and_then(|kind| kind.field("metadata")).unwrap_or_else(Schema::any)
}

/// All built-in kinds: `apiVersion` and kind.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILTIN.kinds.iter().map(|(api_version, kind, _)| (*api_version, *kind))
}

fn parse(table: &'static str) -> Builtin {
    let mut types = Types::default();
    let mut kinds = Vec::new();
    for line in table.lines() {
        match line.strip_prefix("@ ") {
            Some(kind) => {
                let mut parts = kind.split(' ');
                if let (Some(api_version), Some(name), Some(node)) = (parts.next(), parts.next(), parts.next()) {
                    kinds.push((api_version, name, number(node)));
                }
            }
            None => types.nodes.push(parse_node(line)),
        }
    }
    Builtin { types: Arc::new(types), kinds }
}

fn number(text: &str) -> NodeId {
    text.parse().unwrap_or(NodeId::MAX)
}

fn parse_node(line: &str) -> Node {
    let mut words = line.split(' ');
    let head = words.next().unwrap_or_default();
    match head {
        "s" => Node::Scalar(Scalar::String),
        "i" => Node::Scalar(Scalar::Integer),
        "n" => Node::Scalar(Scalar::Number),
        "b" => Node::Scalar(Scalar::Boolean),
        "x" => Node::Scalar(Scalar::IntOrString),
        "[a" | "[s" | "[m" => {
            let items = words.next().map_or(NodeId::MAX, number);
            let list_type = match head {
                "[a" => ListType::Atomic,
                "[s" => ListType::Set,
                _ => ListType::Map(words.map(parse_key).collect()),
            };
            Node::List(List { items, list_type })
        }
        _ if head.starts_with('{') => {
            let mut object =
                Object { atomic: head.contains('a'), preserve_unknown: head.contains('p'), ..Object::default() };
            for word in words {
                match word.strip_prefix('*') {
                    Some(values) => object.additional = Some(number(values)),
                    None => {
                        let (name, field) = parse_field(word);
                        object.fields.insert(name.into(), field);
                    }
                }
            }
            Node::Object(object)
        }
        _ => Node::Any,
    }
}

fn parse_key(word: &str) -> (Box<str>, Option<serde_json::Value>) {
    match word.split_once('=') {
        Some((key, default)) => (key.into(), serde_json::from_str(default).ok()),
        None => (word.into(), None),
    }
}

fn parse_field(word: &str) -> (&str, Field) {
    let (name, rest) = word.split_once(':').unwrap_or((word, ""));
    let (rest, strategic) = match rest.split_once('~') {
        Some((rest, marks)) => {
            let (flags, key) = marks.split_once('=').map_or((marks, None), |(flags, key)| (flags, Some(key)));
            let strategic = Strategic {
                merge: flags.contains('m'),
                retain_keys: flags.contains('r'),
                merge_key: key.map(Into::into),
            };
            (rest, Some(strategic))
        }
        None => (rest, None),
    };
    let (node, always) = rest.strip_suffix('!').map_or((rest, false), |node| (node, true));
    (name, Field { node: number(node), strategic, always })
}

#[cfg(test)]
#[path = "../examples/builtin_table/convert.rs"]
mod convert;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn at(kind: (&str, &str, &str), path: &str) -> Schema {
        let mut schema = schema(kind.0, kind.1, kind.2).expect("a built-in kind");
        for step in path.split('.').filter(|step| !step.is_empty()) {
            schema = match step {
                "[]" => schema.items().expect("a list"),
                field => schema.field(field).unwrap_or_else(|| panic!("no field {field} on the way of {path}")),
            };
        }
        schema
    }

    fn list_type(kind: (&str, &str, &str), path: &str) -> ListType {
        match at(kind, path).root() {
            Node::List(list) => list.list_type.clone(),
            other => panic!("{path} is {other:?}"),
        }
    }

    const DEPLOYMENT: (&str, &str, &str) = ("apps", "v1", "Deployment");

    #[test]
    fn lists_are_keyed_as_kubernetes_says() {
        let key = |name: &str, default: &str| (name.into(), serde_json::from_str(default).ok());
        let containers = "spec.template.spec.containers";
        assert_eq!(list_type(DEPLOYMENT, containers), ListType::Map(vec![key("name", "\"\"")]));
        assert_eq!(
            list_type(DEPLOYMENT, &format!("{containers}.[].ports")),
            ListType::Map(vec![key("containerPort", "0"), key("protocol", "\"TCP\"")])
        );
        assert_eq!(list_type(DEPLOYMENT, &format!("{containers}.[].args")), ListType::Atomic);
        assert_eq!(list_type(DEPLOYMENT, "metadata.finalizers"), ListType::Set);
        assert_eq!(
            list_type(("resource.k8s.io", "v1", "ResourceClaim"), "status.devices"),
            ListType::Map(vec![
                key("driver", "\"\""),
                key("device", "\"\""),
                key("pool", "\"\""),
                ("shareID".into(), None)
            ])
        );
    }

    #[test]
    fn atomic_and_granular_structs() {
        let atomic = |kind, path: &str| matches!(at(kind, path).root(), Node::Object(Object { atomic: true, .. }));
        assert!(atomic(DEPLOYMENT, "spec.selector"));
        assert!(!atomic(DEPLOYMENT, "spec.template"));
        assert!(atomic(("", "v1", "Service"), "spec.selector"));
        assert!(atomic(("", "v1", "Endpoints"), "subsets.[].addresses.[].targetRef"));
        assert!(!atomic(("", "v1", "PersistentVolume"), "spec.claimRef"), "overridden to granular");
    }

    #[test]
    fn strategic_merge_strategies() {
        let strategic = |kind, path: &str, field: &str| match at(kind, path).root() {
            Node::Object(object) => object.fields[field].strategic.clone(),
            other => panic!("{path} is {other:?}"),
        };
        let merge = |key: &str| Some(Strategic { merge: true, retain_keys: false, merge_key: Some(key.into()) });
        assert_eq!(strategic(DEPLOYMENT, "spec.template.spec", "containers"), merge("name"));
        assert_eq!(strategic(DEPLOYMENT, "spec.template.spec.containers.[]", "ports"), merge("containerPort"));
        assert_eq!(
            strategic(DEPLOYMENT, "spec.template.spec", "volumes"),
            Some(Strategic { merge: true, retain_keys: true, merge_key: Some("name".into()) })
        );
        assert_eq!(
            strategic(DEPLOYMENT, "spec", "strategy"),
            Some(Strategic { retain_keys: true, ..Strategic::default() })
        );
        assert_eq!(strategic(("policy", "v1", "PodDisruptionBudget"), "spec", "selector"), Some(Strategic::default()));
        assert_eq!(strategic(DEPLOYMENT, "spec.template.spec", "tolerations"), None);
    }

    #[test]
    fn special_types() {
        let resources = at(DEPLOYMENT, "spec.template.spec.containers.[].resources.limits.cpu");
        assert_eq!(resources.root(), &Node::Scalar(Scalar::IntOrString));
        let raw = at(("apps", "v1", "ControllerRevision"), "data");
        assert!(matches!(raw.root(), Node::Object(Object { atomic: true, preserve_unknown: true, .. })));
        let props = "spec.versions.[].schema.openAPIV3Schema";
        let crd = ("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        assert_eq!(at(crd, &format!("{props}.default")).root(), &Node::Any);
        assert_eq!(at(crd, &format!("{props}.properties.x")).root(), at(crd, props).root(), "recursive");
        assert!(matches!(object_meta().field("labels").unwrap().root(), Node::Object(_)));
        assert!(schema("example.io", "v1", "Deployment").is_none());
    }

    #[test]
    fn every_reference_is_in_the_table() {
        let types = &BUILTIN.types;
        let known = |node: NodeId| assert!((node as usize) < types.nodes.len(), "no node {node}");
        for node in &types.nodes {
            match node {
                Node::List(list) => known(list.items),
                Node::Object(object) => {
                    object.additional.into_iter().for_each(known);
                    object.fields.values().for_each(|field| known(field.node));
                }
                Node::Any | Node::Scalar(_) => {}
            }
        }
        assert!(kinds().count() > 200);
        BUILTIN.kinds.iter().for_each(|(.., node)| known(*node));
    }

    #[test]
    fn table_is_what_the_reference_gives() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/kubernetes/swagger-v1.36.json");
        let Ok(bytes) = std::fs::read(path) else {
            println!("skipped, no reference data");
            return;
        };
        let swagger = serde_json::from_slice(&bytes).expect("reference is JSON");
        let fresh = convert::table(&swagger).expect("reference converts");
        let first = fresh.lines().zip(TABLE.lines()).position(|(fresh, kept)| fresh != kept);
        assert!(fresh == TABLE, "the table has drifted, first at line {first:?}; run examples/builtin_table");
    }
}
