//! Kubernetes' own kinds, with Karmada's native rules.
//!
//! One [`Kind`] per kind says which rule answers which operation; [`KINDS`] is the table. The rules are
//! functions on [`Object`]s that read fields with their types checked, so that an object that is not what
//! its kind says fails with the path of the field.
//!
//! Where these rules part from Karmada's, on purpose:
//! - A StatefulSet's `observedGeneration` is reflected and counts like that of the other workloads; Karmada
//!   leaves it out, so that the aggregate never moves on.
//! - Times in an aggregated Job's conditions are those at which the members finished, not the time of the
//!   call: the same input gives the same answer.
//! - A missing generation annotation counts as 0 instead of failing.
//! - A TLS entry of an Ingress without a secret name is no dependency instead of a failure.
//! - A Job runs once: a member's own clean-up of a finished Job does not start it again.

mod aggregate;
mod balancer;
mod counts;
mod dependencies;
mod health;
mod job;
mod retain;
mod status;
mod workload;

use std::sync::Arc;

use outrigger_interpreter::{
    Answer, Dependency, Error, HealthReport, Interpreter, LifeCycle, Operation, Operations, ReplicaInfo, StatusItem,
    Support,
};
use outrigger_object::{Gvk, Object};
use serde_json::Value;

pub(crate) use counts::{TEMPLATE_GENERATION, has_seen, of_cluster, statuses, template_generation};
pub(crate) use dependencies::pod_spec_dependencies;
pub(crate) use workload::requirements;

pub(crate) type Path = &'static [&'static str];
type Result<T> = std::result::Result<T, Error>;
type Reading<T> = Option<fn(&Object) -> Result<T>>;
type Changing<T> = Option<fn(Object, &T) -> Result<Object>>;

/// The rules for one kind; a rule that is missing is not handled.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    api_version: &'static str,
    kind: &'static str,
    life_cycle: Option<LifeCycle>,
    replicas: Reading<ReplicaInfo>,
    /// The field that a revision of replicas writes, if the object has it.
    revise: Option<Path>,
    retain: Changing<Object>,
    aggregate: Changing<[StatusItem]>,
    dependencies: Reading<Vec<Dependency>>,
    status: Reading<Value>,
    health: Reading<HealthReport>,
    started: Option<fn(&Object) -> bool>,
}

const NONE: Kind = Kind {
    name: "",
    api_version: "",
    kind: "",
    life_cycle: None,
    replicas: None,
    revise: None,
    retain: None,
    aggregate: None,
    dependencies: None,
    status: None,
    health: None,
    started: None,
};

const POD: Path = &["spec"];
pub(crate) const TEMPLATE: Path = &["spec", "template", "spec"];
const JOB_TEMPLATE: Path = &["spec", "jobTemplate", "spec", "template", "spec"];
const REPLICAS: Path = &["spec", "replicas"];

const KINDS: &[Kind] = &[
    Kind {
        name: "native/Deployment",
        api_version: "apps/v1",
        kind: "Deployment",
        replicas: Some(workload::replicas),
        revise: Some(REPLICAS),
        retain: Some(retain::replicas),
        aggregate: Some(|template, items| counts::DEPLOYMENT.aggregate(template, items)),
        dependencies: Some(|object| dependencies::pod_dependencies(object, TEMPLATE)),
        status: Some(|object| counts::DEPLOYMENT.reflect(object)),
        health: Some(health::deployment),
        ..NONE
    },
    Kind {
        name: "native/StatefulSet",
        api_version: "apps/v1",
        kind: "StatefulSet",
        replicas: Some(workload::replicas),
        revise: Some(REPLICAS),
        aggregate: Some(|template, items| counts::STATEFUL_SET.aggregate(template, items)),
        dependencies: Some(dependencies::stateful_set),
        status: Some(|object| counts::STATEFUL_SET.reflect(object)),
        health: Some(health::stateful_set),
        ..NONE
    },
    Kind {
        name: "native/ReplicaSet",
        api_version: "apps/v1",
        kind: "ReplicaSet",
        replicas: Some(workload::replicas),
        revise: Some(REPLICAS),
        aggregate: Some(|template, items| counts::REPLICA_SET.aggregate(template, items)),
        dependencies: Some(|object| dependencies::pod_dependencies(object, TEMPLATE)),
        status: Some(|object| counts::REPLICA_SET.reflect(object)),
        health: Some(health::replica_set),
        ..NONE
    },
    Kind {
        name: "native/DaemonSet",
        api_version: "apps/v1",
        kind: "DaemonSet",
        aggregate: Some(|template, items| counts::DAEMON_SET.aggregate(template, items)),
        dependencies: Some(|object| dependencies::pod_dependencies(object, TEMPLATE)),
        status: Some(|object| counts::DAEMON_SET.reflect(object)),
        health: Some(health::daemon_set),
        ..NONE
    },
    Kind {
        name: "native/Job",
        api_version: "batch/v1",
        kind: "Job",
        life_cycle: Some(LifeCycle::RunOnce),
        replicas: Some(workload::job_replicas),
        revise: Some(&["spec", "parallelism"]),
        retain: Some(retain::job),
        aggregate: Some(job::aggregate),
        dependencies: Some(|object| dependencies::pod_dependencies(object, TEMPLATE)),
        status: Some(status::job),
        started: Some(job::has_started),
        ..NONE
    },
    Kind {
        name: "native/CronJob",
        api_version: "batch/v1",
        kind: "CronJob",
        aggregate: Some(job::aggregate_cron),
        dependencies: Some(|object| dependencies::pod_dependencies(object, JOB_TEMPLATE)),
        ..NONE
    },
    Kind {
        name: "native/Pod",
        api_version: "v1",
        kind: "Pod",
        replicas: Some(workload::pod_replicas),
        retain: Some(retain::pod),
        aggregate: Some(aggregate::pod),
        dependencies: Some(|object| dependencies::pod_dependencies(object, POD)),
        health: Some(health::pod),
        ..NONE
    },
    Kind {
        name: "native/Service",
        api_version: "v1",
        kind: "Service",
        retain: Some(retain::service),
        aggregate: Some(balancer::aggregate_service),
        status: Some(status::service),
        health: Some(health::service),
        ..NONE
    },
    Kind {
        name: "native/Ingress",
        api_version: "networking.k8s.io/v1",
        kind: "Ingress",
        aggregate: Some(balancer::aggregate_ingress),
        dependencies: Some(dependencies::ingress),
        health: Some(health::ingress),
        ..NONE
    },
    Kind {
        name: "native/PersistentVolumeClaim",
        api_version: "v1",
        kind: "PersistentVolumeClaim",
        retain: Some(retain::volume_claim),
        aggregate: Some(aggregate::volume_claim),
        health: Some(health::volume_claim),
        ..NONE
    },
    Kind {
        name: "native/PersistentVolume",
        api_version: "v1",
        kind: "PersistentVolume",
        retain: Some(retain::volume),
        aggregate: Some(aggregate::volume),
        ..NONE
    },
    Kind {
        name: "native/HorizontalPodAutoscaler",
        api_version: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        aggregate: Some(|template, items| counts::AUTOSCALER.aggregate(template, items)),
        status: Some(|object| counts::AUTOSCALER.reflect(object)),
        ..NONE
    },
    Kind {
        name: "native/PodDisruptionBudget",
        api_version: "policy/v1",
        kind: "PodDisruptionBudget",
        aggregate: Some(aggregate::disruption_budget),
        status: Some(status::disruption_budget),
        health: Some(health::disruption_budget),
        ..NONE
    },
    Kind {
        name: "native/ServiceAccount",
        api_version: "v1",
        kind: "ServiceAccount",
        retain: Some(retain::service_account),
        ..NONE
    },
    Kind { name: "native/Secret", api_version: "v1", kind: "Secret", retain: Some(retain::secret), ..NONE },
    Kind {
        name: "native/ServiceImport",
        api_version: "multicluster.x-k8s.io/v1alpha1",
        kind: "ServiceImport",
        dependencies: Some(dependencies::service_import),
        ..NONE
    },
];

/// One interpreter for each native kind.
pub fn interpreters() -> Vec<Arc<dyn Interpreter>> {
    KINDS.iter().map(|kind| Arc::new(*kind) as Arc<dyn Interpreter>).collect()
}

fn answer<T>(result: Option<Result<T>>) -> Answer<T> {
    result.map_or(Answer::NotHandled, Answer::from)
}

impl Interpreter for Kind {
    fn name(&self) -> &str {
        self.name
    }

    fn supports(&self) -> Vec<Support> {
        let operations: Operations = [
            (self.replicas.is_some(), Operation::InterpretReplica),
            (self.revise.is_some(), Operation::ReviseReplica),
            (self.retain.is_some(), Operation::Retain),
            (self.aggregate.is_some(), Operation::AggregateStatus),
            (self.dependencies.is_some(), Operation::InterpretDependency),
            (self.status.is_some(), Operation::InterpretStatus),
            (self.health.is_some(), Operation::InterpretHealth),
        ]
        .into_iter()
        .filter_map(|(has, operation)| has.then_some(operation))
        .collect();
        let gvk = Gvk::from_api_version(self.api_version, self.kind);
        vec![Support { gvk, operations, life_cycle: self.life_cycle, unmarked: false }]
    }

    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        answer(self.replicas.map(|rule| rule(object)))
    }

    fn revise_replicas(&self, object: Object, replicas: i64) -> Answer<Object> {
        answer(self.revise.map(|path| workload::revise(object, path, replicas)))
    }

    fn retain(&self, desired: Object, observed: &Object) -> Answer<Object> {
        answer(self.retain.map(|rule| rule(desired, observed)))
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        answer(self.aggregate.map(|rule| rule(template, items)))
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        answer(self.dependencies.map(|rule| rule(object)))
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        answer(self.status.map(|rule| rule(object)))
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        answer(self.health.map(|rule| rule(object)))
    }

    fn has_started(&self, observed: &Object) -> bool {
        match self.started {
            Some(rule) => rule(observed),
            None => observed.status().and_then(Value::as_object).is_some_and(|status| !status.is_empty()),
        }
    }
}
