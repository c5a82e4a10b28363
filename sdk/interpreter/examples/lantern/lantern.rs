//! `Lantern` of `examples.outrigger.io/v1`, a small kind with a little of everything:
//!
//! ```yaml
//! apiVersion: examples.outrigger.io/v1
//! kind: Lantern
//! metadata: {name: hall, namespace: default}
//! spec:
//!   lamps: 3                # replicas
//!   oilSecret: whale        # a Secret that it needs
//!   wick: 4                 # a controller in the member trims it, so the member's value stays
//!   template: {spec: {containers: [{name: lamp, image: lamp:1, resources: {requests: {cpu: 100m}}}]}}
//! status:
//!   lit: 3
//!   state: Burning          # or Dim, or Out
//! ```

use outrigger_interpreter::{
    Answer, Component, Dependency, Error, Health, HealthReport, Interpreter, Operation, ReplicaInfo,
    ReplicaRequirements, StatusItem, Support,
};
use outrigger_object::{Cursor, Gvk, Object, PodResources};
use serde_json::{Map, Value};

/// States, the best first.
const STATES: [&str; 3] = ["Burning", "Dim", "Out"];

/// Interprets lanterns.
#[derive(Default)]
pub struct Lantern;

impl Interpreter for Lantern {
    fn name(&self) -> &str {
        "lantern"
    }

    fn supports(&self) -> Vec<Support> {
        vec![Support {
            gvk: Gvk::new("examples.outrigger.io", "v1", "Lantern"),
            operations: Operation::ALL.into_iter().filter(|operation| *operation != Operation::Localize).collect(),
            life_cycle: None,
            unmarked: false,
        }]
    }

    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        let info = || Ok(ReplicaInfo { replicas: lamps(object)?, requirements: requirements(object)? });
        info().into()
    }

    fn components(&self, object: &Object) -> Answer<Vec<Component>> {
        let lamp = || {
            let (replicas, replica_requirements) = (lamps(object)?, requirements(object)?);
            Ok(vec![Component { name: "lamp".to_owned(), replicas, replica_requirements }])
        };
        lamp().into()
    }

    fn revise_replicas(&self, mut object: Object, replicas: i64) -> Answer<Object> {
        object.set(&["spec", "lamps"], replicas);
        Answer::Value(object)
    }

    fn retain(&self, mut desired: Object, observed: &Object) -> Answer<Object> {
        if let Some(wick) = observed.get(&["spec", "wick"]) {
            desired.set(&["spec", "wick"], wick.clone());
        }
        Answer::Value(desired)
    }

    fn aggregate_status(&self, mut template: Object, items: &[StatusItem]) -> Answer<Object> {
        match aggregate(items) {
            Ok((lit, state)) => {
                template.set(&["status", "lit"], lit);
                match state {
                    Some(state) => template.set(&["status", "state"], state),
                    None if items.is_empty() => {}
                    None => drop(template.remove(&["status", "state"])),
                }
                Answer::Value(template)
            }
            Err(error) => Answer::Failed(error),
        }
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        let secret = |name: &str| Dependency {
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            namespace: object.namespace().to_owned(),
            name: name.to_owned(),
            label_selector: None,
        };
        let name = Cursor::of_map(&object.0).str(&["spec", "oilSecret"]);
        Answer::from(name.map(|name| name.map(secret).into_iter().collect()).map_err(Error::from))
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        let mut status = Map::new();
        for name in ["lit", "state"] {
            status.extend(object.get(&["status", name]).map(|value| (name.to_owned(), value.clone())));
        }
        Answer::Value(status.into())
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        let state = Cursor::of_map(&object.0).str(&["status", "state"]);
        let health = |state| if state == Some("Burning") { Health::Healthy } else { Health::Unhealthy };
        Answer::from(state.map(|state| health(state).into()).map_err(Error::from))
    }
}

fn lamps(object: &Object) -> Result<i64, Error> {
    Ok(Cursor::of_map(&object.0).int(&["spec", "lamps"])?.unwrap_or(1))
}

fn requirements(object: &Object) -> Result<Option<ReplicaRequirements>, Error> {
    let root = Cursor::of_map(&object.0);
    let spec = root.at(&["spec", "template", "spec"])?;
    Ok(ReplicaRequirements::of_pod(PodResources::of_spec(&spec)?))
}

/// Lit lamps together, and the worst state.
fn aggregate(items: &[StatusItem]) -> Result<(i64, Option<&'static str>), Error> {
    let (mut lit, mut worst) = (0, None);
    for reported in items.iter().filter_map(|item| item.status.as_ref()) {
        let reported = Cursor::of_value(reported);
        let here = reported.int(&["lit"])?.unwrap_or(0);
        lit = i64::checked_add(lit, here).ok_or_else(|| reported.invalid(&["lit"], "too many lamps together"))?;
        let state = reported.str(&["state"])?;
        worst = worst.max(state.and_then(|state| STATES.iter().position(|known| *known == state)));
    }
    Ok((lit, worst.and_then(|worst| STATES.get(worst)).copied()))
}
