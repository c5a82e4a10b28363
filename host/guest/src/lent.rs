//! [`Lent`]: what a controller is lent for one call.
//!
//! It is called on a thread of the addon's own and waits there for what the runtime does.
//!
//! **Invariant:** when the call that it was lent for is over, or the addon stops, everything that is asked of it
//! fails as Cancelled: a thread that was given up does nothing any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outrigger_addon::{CallError, CallErrorKind, Cluster, EventKind, Host, MemberObject, Place};
use outrigger_api::labels::{annotation, finalizer, label};
use outrigger_api::names::{self, execution_space};
use outrigger_object::{Gvk, Object, ObjectKey, Selector};
use outrigger_runtime::{
    Client, DeleteParams, Discovery, Error, ErrorKind, EventType, ListParams, Patch, Result, Subresource,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::connections::Way;
use crate::drive::Running;
use crate::grants::check_member;

/// Label of Works that carry an addon's objects to an agent: the addon.
const ADDON_LABEL: &str = "addons.outrigger.io/addon";

/// A host, for one call.
pub(crate) struct Lent {
    pub running: Arc<Running>,
    /// Cancelled when the call is over.
    pub over: CancellationToken,
}

fn failure(error: Error) -> CallError {
    let kind = match error.kind() {
        ErrorKind::Invalid | ErrorKind::Terminal => CallErrorKind::Invalid,
        ErrorKind::NotFound => CallErrorKind::NotFound,
        ErrorKind::Conflict | ErrorKind::AlreadyExists => CallErrorKind::Conflict,
        ErrorKind::Forbidden => CallErrorKind::Forbidden,
        ErrorKind::Expired | ErrorKind::Transient => CallErrorKind::Transient,
        ErrorKind::Internal => CallErrorKind::Internal,
    };
    CallError { kind, message: error.to_string() }
}

fn refuse<T>(kind: CallErrorKind, message: String) -> Result<T, CallError> {
    Err(CallError { kind, message })
}

impl Lent {
    /// Waits for something of the runtime's, as long as the call is not over.
    fn wait<T>(&self, work: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        let cancelled = || CallError {
            kind: CallErrorKind::Cancelled,
            message: "the host does not wait for this call any more".into(),
        };
        self.running.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.over.cancelled() => Err(cancelled()),
                result = work => result,
            }
        })
    }

    /// Waits for its turn among the addon's writes.
    async fn turn(&self) -> Result<(), CallError> {
        let limits = &self.running.limits;
        match self.running.writes.take(limits.write_wait) {
            Some(Duration::ZERO) => Ok(()),
            Some(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            None => {
                self.running.told("writes_refused", &[]);
                refuse(
                    CallErrorKind::Transient,
                    format!(
                        "addon {}: more than {} writes a second: try again later",
                        self.running.name, limits.writes_per_second
                    ),
                )
            }
        }
    }

    /// An API server that the addon reaches itself; `None` for a member that only its agent reaches.
    async fn server(&self, place: &Place) -> Result<Option<(Client, Discovery)>, CallError> {
        match place {
            Place::Hub => Ok(Some((self.running.own.clone(), self.running.discovery.clone()))),
            Place::Member(name) => match self.running.connections.to(name).await? {
                Way::Push(client, discovery) => Ok(Some((client, discovery))),
                Way::Pull => Ok(None),
            },
        }
    }

    fn cached(&self, place: &Place, gvk: &Gvk) -> impl Iterator<Item = Arc<crate::sources::Source>> {
        let (place, gvk) = (place.clone(), gvk.clone());
        let sources = self.running.sources();
        sources.into_iter().filter(move |source| source.is_of(&place, &gvk) && source.informer.synced())
    }

    /// Whether objects of a kind in members are shown at all.
    fn check_observed(&self, cluster: &str, gvk: &Gvk) -> Result<(), CallError> {
        if self.running.observes(gvk) {
            return Ok(());
        }
        refuse(
            CallErrorKind::Invalid,
            format!(
                "cluster {cluster}: only its agent reaches it, and {gvk} is not shown on the control plane: call the kind observed in addon.yaml"
            ),
        )
    }

    /// Hands an object to the agent of a member.
    async fn hand_over(&self, cluster: &str, object: &Object) -> Result<Object, CallError> {
        let running = &self.running;
        let gvk = object.gvk();
        // The agent's cluster cannot be asked; most kinds are known on the control plane as well.
        let plural = match running.discovery.resolve(&gvk).await {
            outrigger_runtime::Lookup::Found(resource) => resource.plural,
            _ => format!("{}s", gvk.kind.to_lowercase()),
        };
        for verb in ["create", "patch"] {
            check_member(&running.grants, cluster, verb, &gvk, &plural, object.name())?;
        }
        let space = execution_space(cluster);
        let name = format!("{}.{}", running.name, names::work(object.kind(), object.name(), object.namespace()));
        let mut manifest = object.clone();
        manifest.remove(&["status"]);
        manifest.set(&["metadata", "labels", label::MANAGED], label::MANAGED_TRUE);
        manifest.set(&["metadata", "annotations", annotation::WORK_NAMESPACE], space.clone());
        manifest.set(&["metadata", "annotations", annotation::WORK_NAME], name.clone());
        let mut work = Object::default();
        work.set(&["apiVersion"], "work.karmada.io/v1alpha1");
        work.set(&["kind"], "Work");
        work.set(&["metadata", "namespace"], space);
        work.set(&["metadata", "name"], name);
        work.set(&["metadata", "labels", ADDON_LABEL], running.name.as_str());
        work.set(&["metadata", "finalizers"], json!([finalizer::EXECUTION_CONTROLLER]));
        work.set(&["spec", "workload", "manifests"], json!([manifest.into_value()]));
        running.hub.apply(&outrigger_member::work_resource(), &work, true).await.map_err(failure)?;
        Ok(object.clone())
    }
}

impl Host for Lent {
    fn get(&self, place: &Place, gvk: &Gvk, key: &ObjectKey) -> Result<Option<Arc<Object>>, CallError> {
        for source in self.cached(place, gvk) {
            if let Some(object) = source.get(place, key) {
                return Ok(Some(object));
            }
            if source.is_whole() {
                return Ok(None);
            }
        }
        self.wait(async {
            if let Some((client, discovery)) = self.server(place).await? {
                let resource = discovery.require(gvk).await.map_err(failure)?;
                return Ok(client.get_opt(&resource, key).await.map_err(failure)?.map(Arc::new));
            }
            let Place::Member(cluster) = place else { return Ok(None) };
            self.check_observed(cluster, gvk)?;
            let shown = ObjectKey::new(execution_space(cluster), MemberObject::name_of(gvk, key));
            let shown = self.running.hub.get_opt(&MemberObject::resource(), &shown).await.map_err(failure)?;
            Ok(shown.as_ref().and_then(MemberObject::read).map(|shown| Arc::new(shown.object())))
        })
    }

    fn list(
        &self,
        place: &Place,
        gvk: &Gvk,
        namespace: &str,
        label_selector: &str,
    ) -> Result<Vec<Arc<Object>>, CallError> {
        let selector = Selector::parse(label_selector).map_err(|error| CallError {
            kind: CallErrorKind::Invalid,
            message: format!("label selector {label_selector:?}: {error}"),
        })?;
        if let Some(source) = self.cached(place, gvk).find(|source| source.is_whole()) {
            let mut objects = source.list(place, namespace);
            objects.retain(|object| selector.matches_object(object));
            return Ok(objects);
        }
        self.wait(async {
            let within = Some(namespace).filter(|namespace| !namespace.is_empty());
            if let Some((client, discovery)) = self.server(place).await? {
                let resource = discovery.require(gvk).await.map_err(failure)?;
                let params = ListParams::labels(label_selector);
                let list = client.list(&resource, within, &params).await.map_err(failure)?;
                return Ok(list.items.into_iter().map(Arc::new).collect());
            }
            let Place::Member(cluster) = place else { return Ok(Vec::new()) };
            self.check_observed(cluster, gvk)?;
            let label = outrigger_addon::member_object::KIND_LABEL;
            let params = ListParams::labels(format!("{label}={}", MemberObject::kind_label(gvk)));
            let space = execution_space(cluster);
            let list = self.running.hub.list(&MemberObject::resource(), Some(&space), &params).await;
            let shown = list.map_err(failure)?.items;
            let objects = shown.iter().filter_map(|shown| Some(MemberObject::read(shown)?.object()));
            let wanted = |object: &Object| {
                within.is_none_or(|namespace| object.namespace() == namespace) && selector.matches_object(object)
            };
            Ok(objects.filter(wanted).map(Arc::new).collect())
        })
    }

    fn apply(&self, place: &Place, object: &Object) -> Result<Object, CallError> {
        self.wait(async {
            self.turn().await?;
            match (self.server(place).await?, place) {
                (Some((client, discovery)), _) => {
                    let resource = discovery.require(&object.gvk()).await.map_err(failure)?;
                    client.apply(&resource, object, true).await.map_err(failure)
                }
                (None, Place::Member(cluster)) => self.hand_over(cluster, object).await,
                (None, Place::Hub) => refuse(CallErrorKind::Internal, "the control plane has no agent".into()),
            }
        })
    }

    fn write_status(&self, place: &Place, object: &Object) -> Result<Object, CallError> {
        self.wait(async {
            self.turn().await?;
            let Some((client, discovery)) = self.server(place).await? else {
                return refuse(
                    CallErrorKind::Invalid,
                    format!("{place}: a status cannot be written: only the cluster's agent reaches it"),
                );
            };
            let resource = discovery.require(&object.gvk()).await.map_err(failure)?;
            let status = object.status().cloned().unwrap_or_else(|| json!({}));
            let mut patch = vec![json!({"op": "add", "path": "/status", "value": status})];
            if !object.resource_version().is_empty() {
                let version = object.resource_version();
                patch.push(json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version}));
            }
            let sub = if resource.has_status { Subresource::Status } else { Subresource::None };
            client.patch(&resource, &object.key(), &Patch::Json(patch), sub).await.map_err(failure)
        })
    }

    fn delete(&self, place: &Place, gvk: &Gvk, key: &ObjectKey, uid: &str) -> Result<(), CallError> {
        self.wait(async {
            self.turn().await?;
            let Some((client, discovery)) = self.server(place).await? else {
                return refuse(
                    CallErrorKind::Invalid,
                    format!("{place}: nothing can be deleted: only the cluster's agent reaches it"),
                );
            };
            let resource = discovery.require(gvk).await.map_err(failure)?;
            let params = DeleteParams { uid: Some(uid.to_owned()), ..DeleteParams::default() };
            client.delete(&resource, key, &params).await.map(drop).map_err(failure)
        })
    }

    fn clusters(&self) -> Result<Vec<Cluster>, CallError> {
        self.wait(async {
            if self.running.connections.clusters.wait_synced().await {
                return Ok(self.running.connections.all());
            }
            refuse(CallErrorKind::Cancelled, "the host stops".into())
        })
    }

    fn event(&self, about: &Object, kind: EventKind, reason: &str, message: &str) {
        if self.over.is_cancelled() || self.running.events.take(Duration::ZERO).is_none() {
            self.running.told("events_dropped", &[]);
            return;
        }
        let type_ = match kind {
            EventKind::Normal => EventType::Normal,
            EventKind::Warning => EventType::Warning,
        };
        self.running.recorder.record(about, type_, reason, message);
    }

    fn count(&self, metric: &str, labels: &BTreeMap<String, String>, by: u64) {
        let Running { name, meter, limits, .. } = &*self.running;
        if !meter.count(name, metric, labels.clone().into_iter().collect(), by, limits.series) {
            self.running.told("series_dropped", &[]);
        }
    }

    fn gauge(&self, metric: &str, labels: &BTreeMap<String, String>, value: f64) {
        let Running { name, meter, limits, .. } = &*self.running;
        if !meter.gauge(name, metric, labels.clone().into_iter().collect(), value, limits.series) {
            self.running.told("series_dropped", &[]);
        }
    }

    fn config(&self) -> Arc<Value> {
        self.running.config.borrow().clone()
    }

    fn now(&self) -> String {
        self.running.clock.now().to_string()
    }

    fn is_cancelled(&self) -> bool {
        self.over.is_cancelled()
    }
}
