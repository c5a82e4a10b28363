//! From JSON that a script gave to the values of the [`Interpreter`](outrigger_interpreter::Interpreter) trait,
//! with types checked as Karmada's Go types check them.

use std::collections::BTreeMap;

use outrigger_interpreter::{Component, Dependency, NodeClaim, ReplicaRequirements};
use outrigger_object::{Cursor, Error, Quantity};
use serde_json::{Map, Value};

/// `ReplicaRequirements`: quantities may be texts or numbers.
pub(crate) fn requirements(root: &Cursor) -> Result<ReplicaRequirements, Error> {
    let claim = root.at(&["nodeClaim"])?;
    let node_claim = match claim.map(&[])? {
        None => None,
        Some(_) => Some(NodeClaim {
            hard_node_affinity: claim.map(&["hardNodeAffinity"])?.map(|map| Value::Object(map.clone())),
            node_selector: owned(claim.strings(&["nodeSelector"])?),
            tolerations: claim.list(&["tolerations"])?.to_vec(),
        }),
    };
    let empty = Map::new();
    let mut resource_request = BTreeMap::new();
    for (name, value) in root.map(&["resourceRequest"])?.unwrap_or(&empty) {
        let path = ["resourceRequest", name.as_str()];
        let quantity = Quantity::from_value(value).map_err(|error| root.invalid(&path, error))?;
        resource_request.insert(name.clone(), quantity.to_string());
    }
    Ok(ReplicaRequirements {
        node_claim,
        resource_request,
        namespace: text(root, "namespace")?,
        priority_class_name: text(root, "priorityClassName")?,
    })
}

/// The list of `Component`.
pub(crate) fn components(list: &Value) -> Result<Vec<Component>, Error> {
    let root = Cursor::of_value(list);
    root.items(&[])?
        .map(|item| {
            let requirements_of = item.at(&["replicaRequirements"])?;
            let replica_requirements = match requirements_of.map(&[])? {
                None => None,
                Some(_) => Some(requirements(&requirements_of)?),
            };
            let replicas = item.int(&["replicas"])?.unwrap_or_default();
            if i32::try_from(replicas).is_err() {
                return Err(item.invalid(&["replicas"], "it does not fit 32 bits"));
            }
            Ok(Component { name: text(&item, "name")?, replicas, replica_requirements })
        })
        .collect()
}

/// The list of `DependentObjectReference`: each must say its version and kind, and a name or a selector.
/// Sorted, each once.
pub(crate) fn dependencies(list: &Value) -> Result<Vec<Dependency>, Error> {
    let root = Cursor::of_value(list);
    let mut found = Vec::new();
    for item in root.items(&[])? {
        let selector = match item.map(&["labelSelector"])? {
            None => None,
            Some(map) => Some(
                serde_json::from_value(Value::Object(map.clone()))
                    .map_err(|error| item.invalid(&["labelSelector"], error))?,
            ),
        };
        let dependency = Dependency {
            api_version: text(&item, "apiVersion")?,
            kind: text(&item, "kind")?,
            namespace: text(&item, "namespace")?,
            name: text(&item, "name")?,
            label_selector: selector,
        };
        if dependency.api_version.is_empty() {
            return Err(item.invalid(&["apiVersion"], "missing required apiVersion"));
        }
        if dependency.kind.is_empty() {
            return Err(item.invalid(&["kind"], "missing required kind"));
        }
        if dependency.name.is_empty() && dependency.label_selector.is_none() {
            return Err(item.invalid(&[], "dependency can not leave name and labelSelector all empty"));
        }
        found.push(dependency);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn text(root: &Cursor, field: &str) -> Result<String, Error> {
    Ok(root.str(&[field])?.unwrap_or_default().to_owned())
}

fn owned(pairs: Vec<(&str, &str)>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
