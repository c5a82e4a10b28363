//! What one replica needs: of its pod, and of resources that are written elsewhere.

use outrigger_interpreter::{Error, NodeClaim, ReplicaRequirements};
use outrigger_object::{Cursor, Object, PodResources, Quantity};
use serde_json::{Value, json};

use super::{Path, Place, Result, Root, within};
use crate::declarative::{
    cel::{Expression, Scope, Value as CelValue},
    format::Claim,
};

/// Where requirements come from.
#[derive(Debug, Default)]
pub struct Requirements {
    pub pod: Option<PodAt>,
    pub resources: Vec<Quantities>,
    pub resources_from: Option<Place>,
    pub claims: Vec<Claim>,
    pub namespace: bool,
}

/// A pod spec, or a template around one.
#[derive(Debug)]
pub struct PodAt {
    pub path: Path,
    pub template: bool,
}

/// A resource, and where its quantity is. Of several, the largest counts.
#[derive(Debug)]
pub struct Quantities {
    pub name: String,
    pub name_from: Option<Path>,
    pub paths: Vec<Path>,
    pub cel: Option<Expression>,
    pub default: Option<Quantity>,
    pub whole: bool,
}

impl PodAt {
    /// What a question about each pod spec gives, with the path in front of what goes wrong.
    pub fn each<T>(&self, root: Root, ask: impl Fn(&Cursor) -> Result<T>) -> Result<Vec<T>> {
        let specs = self.path.find(root)?.into_iter().map(|value| {
            let here = Cursor::of_value(value);
            let spec = if self.template { here.at(&["spec"]) } else { here.at(&[]) };
            let answer = spec.map_err(Error::from).and_then(|spec| ask(&spec));
            answer.map_err(|error| within(self.path.source(), &error))
        });
        specs.collect()
    }
}

impl Requirements {
    /// What one replica needs; `None` when it needs nothing in particular. Paths begin at `root`.
    pub fn of<'v>(&'v self, root: Root<'v>, object: &'v Object) -> Result<Option<ReplicaRequirements>> {
        let pod = match &self.pod {
            Some(at) => at.each(root, |spec| Ok(PodResources::of_spec(spec)?))?.into_iter().next(),
            None => None,
        };
        if self.resources.is_empty() && self.resources_from.is_none() {
            let needs = pod.and_then(ReplicaRequirements::of_pod);
            return Ok(needs.map(|needs| self.with_namespace(needs, object)));
        }
        let mut needs = ReplicaRequirements::default();
        if let Some(place) = &self.resources_from
            && let Some(resources) = place.find(root)?
        {
            let container = json!({"containers": [{"resources": resources}]});
            let asked = PodResources::of_spec(&Cursor::of_value(&container));
            let asked = asked.map_err(|error| within(place.source(), &error.into()))?;
            let asked = asked.requests.into_iter().map(|(name, quantity)| (name, quantity.to_string()));
            needs.resource_request.extend(asked);
        }
        for resource in &self.resources {
            if let Some((name, quantity)) = resource.of(root, object)? {
                needs.resource_request.insert(name, quantity.to_string());
            }
        }
        if let Some(mut pod) = pod {
            let takes = |claim| self.claims.contains(&claim);
            if !takes(Claim::NodeSelector) {
                pod.node_selector.clear();
            }
            if !takes(Claim::NodeAffinity) {
                pod.hard_node_affinity = None;
            }
            if !takes(Claim::Tolerations) {
                pod.tolerations.clear();
            }
            if takes(Claim::PriorityClass) {
                needs.priority_class_name = std::mem::take(&mut pod.priority_class_name);
            }
            needs.node_claim = pod.has_node_claim().then_some(NodeClaim {
                hard_node_affinity: pod.hard_node_affinity,
                node_selector: pod.node_selector,
                tolerations: pod.tolerations,
            });
        }
        let needs = self.with_namespace(needs, object);
        Ok((needs != ReplicaRequirements::default()).then_some(needs))
    }

    fn with_namespace(&self, mut needs: ReplicaRequirements, object: &Object) -> ReplicaRequirements {
        if self.namespace {
            needs.namespace = object.namespace().to_owned();
        }
        needs
    }
}

impl Quantities {
    /// The resource's name and quantity; `None` without one, or when it is 0.
    fn of<'v>(&'v self, root: Root<'v>, object: &'v Object) -> Result<Option<(String, Quantity)>> {
        let mut most = None;
        if let Some(cel) = &self.cel
            && let Some(value) = Scope::new(object).with_item(root, CelValue::Null).value(cel)?
        {
            most = quantity(&value)?;
        }
        for path in &self.paths {
            for value in path.find(root)? {
                if let Some(quantity) = quantity(value).map_err(|error| within(path.source(), &error))? {
                    most = most.max(Some(quantity));
                }
            }
        }
        let Some(mut quantity) = most.or(self.default).filter(|quantity| !quantity.is_zero()) else { return Ok(None) };
        if self.whole {
            quantity = quantity.round_to_unit();
        }
        let found = self.name_from.as_ref().map(|path| path.text(root)).transpose()?.flatten();
        let name = found.unwrap_or(&self.name);
        Ok((!name.is_empty()).then(|| (name.to_owned(), quantity)))
    }
}

fn quantity(value: &Value) -> Result<Option<Quantity>> {
    if value == "" {
        return Ok(None);
    }
    Ok(Some(Quantity::from_value(value)?))
}
