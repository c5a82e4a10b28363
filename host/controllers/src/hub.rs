//! What all controllers share: the hub's client, its caches, and the events that wake controllers.
//!
//! One informer per fixed kind, one per template kind. A change first updates the prepared values
//! (policies, overrides, the scheduler's snapshot), then is told to every controller's triggers as an
//! [`Event`]; they enqueue keys and return.
//!
//! **Invariant:** no controller works before every fixed kind has been read completely.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use outrigger_api::cluster::Cluster;
use outrigger_api::labels::label;
use outrigger_api::names::NAMESPACE_CLUSTER;
use outrigger_api::policy::{ClusterOverridePolicy, ClusterPropagationPolicy, OverridePolicy, PropagationPolicy};
use outrigger_api::work::{ClusterResourceBinding, ResourceBinding, Work};
use outrigger_engine::Engine;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{
    Change, Client, Clock, Discovery, Informer, Patch, Recorder, Result, Selection, Subresource, from_object,
};
use outrigger_scheduler::Snapshot;
use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::binding::{self, Binding};
use crate::clusters::Sessions;
use crate::detector::lazy::Lazy;
use crate::kinds;
use crate::mirror::Mirror;
use crate::overrides::{Override, Overrides};
use crate::policy::{Policies, Policy};
use crate::queues::Queues;
use crate::tailoring::Tailoring;
use crate::templates::Templates;
use crate::{Options, TABLE};

/// What happened, for triggers.
pub(crate) enum Event<'a> {
    /// A policy came, changed or went.
    Policy { old: Option<&'a Policy>, new: Option<&'a Policy> },
    /// An override policy came, changed or went. Without a namespace it is a cluster-wide one.
    Override { old: Option<&'a Override>, new: Option<&'a Override> },
    /// A template came, changed or went.
    Template { gvk: &'a Gvk, change: &'a Change },
    /// A binding came, changed or went.
    Binding { change: &'a Change },
    /// A Work came, changed or went.
    Work { change: &'a Change },
    /// A cluster came, changed or went; `scheduling` is what that means to the scheduler.
    Cluster { change: &'a Change, scheduling: &'a outrigger_scheduler::Change },
    /// A namespace came, changed or went.
    Namespace { change: &'a Change },
    /// A certificate signing request came, changed or went.
    SigningRequest { change: &'a Change },
    /// A Secret with credentials of a cluster came, changed or went.
    Secret { change: &'a Change },
    /// A Lease of a cluster came, changed or went.
    Lease { change: &'a Change },
}

/// See the module.
pub(crate) struct Hub {
    pub(crate) client: Client,
    pub(crate) options: Options,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recorder: Recorder,
    pub(crate) templates: Templates,
    pub(crate) discovery: Discovery,
    pub(crate) queues: Queues,
    pub(crate) sessions: Sessions,
    pub(crate) policies: RwLock<Policies>,
    pub(crate) overrides: RwLock<Overrides>,
    tailoring: RwLock<Arc<Tailoring>>,
    pub(crate) snapshot: RwLock<Snapshot>,
    /// Why a binding has no manifest for a cluster; an entry for each binding that was looked at.
    pub(crate) problems: RwLock<BTreeMap<ObjectKey, BTreeMap<String, String>>>,
    /// Which templates of lazy policies have changed.
    pub(crate) lazy: Lazy,
    /// Kinds that dependencies name, by the binding that has them.
    pub(crate) dependency_kinds: RwLock<BTreeMap<ObjectKey, BTreeSet<Gvk>>>,
    clusters: RwLock<BTreeMap<String, Arc<Cluster>>>,
    bindings: Mirror,
    cluster_bindings: Mirror,
    pub(crate) works: Mirror,
    pub(crate) definitions: Mirror,
    /// Something else is known of a kind.
    pub(crate) learnt: Notify,
    pub(crate) cluster_objects: Mirror,
    pub(crate) policy_objects: Mirror,
    pub(crate) cluster_policy_objects: Mirror,
    pub(crate) namespaces: Mirror,
    pub(crate) signing_requests: Mirror,
    pub(crate) leases: Mirror,
    pub(crate) secrets: Mirror,
    override_objects: [Mirror; 2],
    pub(crate) cancel: CancellationToken,
}

/// Index of Works by the permanent id of their binding.
pub(crate) const BY_BINDING: &str = "binding";
/// Index of bindings by the bindings that depend on them, as the keys of labels say it.
pub(crate) const BY_DEPENDANT: &str = "dependant";

impl Hub {
    pub(crate) fn new(
        client: Client,
        engine: Arc<Engine>,
        recorder: Recorder,
        options: Options,
        cancel: &CancellationToken,
    ) -> Arc<Self> {
        let mirror = |selection: Selection| Mirror::new(Informer::unstarted(selection, cancel));
        let all = |resource: Resource| mirror(Selection::all(resource));
        let discovery = Discovery::new(client.clone());
        let tailoring = options.tailoring.as_ref().map(|now| now.borrow().clone()).unwrap_or_default();
        let hub = Self {
            templates: Templates::new(client.clone(), discovery.clone(), cancel),
            queues: Queues::default(),
            sessions: Sessions::default(),
            policies: RwLock::default(),
            overrides: RwLock::default(),
            tailoring: RwLock::new(tailoring),
            snapshot: RwLock::default(),
            problems: RwLock::default(),
            lazy: Lazy::default(),
            dependency_kinds: RwLock::default(),
            clusters: RwLock::default(),
            bindings: all(kinds::of::<ResourceBinding>()),
            cluster_bindings: all(kinds::of::<ClusterResourceBinding>()),
            works: all(kinds::of::<Work>()),
            definitions: all(kinds::definition()),
            learnt: Notify::new(),
            cluster_objects: all(kinds::of::<Cluster>()),
            policy_objects: all(kinds::of::<PropagationPolicy>()),
            cluster_policy_objects: all(kinds::of::<ClusterPropagationPolicy>()),
            namespaces: all(kinds::namespace()),
            signing_requests: all(kinds::signing_request()),
            leases: mirror(Selection::all(kinds::lease()).namespace(NAMESPACE_CLUSTER)),
            secrets: mirror(Selection::all(kinds::secret()).namespace(NAMESPACE_CLUSTER)),
            override_objects: [all(kinds::of::<OverridePolicy>()), all(kinds::of::<ClusterOverridePolicy>())],
            cancel: cancel.clone(),
            client,
            clock: options.clock.clone(),
            options,
            engine,
            recorder,
            discovery,
        };
        hub.works.informer().add_index(BY_BINDING, |work| {
            let id = work.label(binding::id_label(false)).or_else(|| work.label(binding::id_label(true)));
            id.map(str::to_owned).into_iter().collect()
        });
        for bindings in [&hub.bindings, &hub.cluster_bindings] {
            bindings.informer().add_index(BY_DEPENDANT, |binding| {
                let depended = |(name, _): &(&str, &str)| name.starts_with(label::DEPENDED_BY_PREFIX);
                binding.labels().filter(depended).map(|(name, id)| format!("{name}={id}")).collect()
            });
        }
        Arc::new(hub)
    }

    fn mirrors(&self) -> Vec<&Mirror> {
        let [overrides, cluster_overrides] = &self.override_objects;
        vec![
            &self.definitions,
            &self.policy_objects,
            &self.cluster_policy_objects,
            overrides,
            cluster_overrides,
            &self.cluster_objects,
            &self.namespaces,
            &self.signing_requests,
            &self.leases,
            &self.secrets,
            &self.bindings,
            &self.cluster_bindings,
            &self.works,
        ]
    }

    /// Starts the informers, and waits until they have read everything. False when cancelled before.
    pub(crate) async fn begin(self: &Arc<Self>) -> bool {
        self.listen(&self.definitions, Self::definition_changed);
        self.listen(&self.policy_objects, Self::policy_changed);
        self.listen(&self.cluster_policy_objects, Self::policy_changed);
        for mirror in &self.override_objects {
            self.listen(mirror, Self::override_changed);
        }
        self.listen(&self.cluster_objects, Self::cluster_changed);
        self.listen(&self.bindings, |hub, change| hub.tell(&Event::Binding { change }));
        self.listen(&self.cluster_bindings, |hub, change| hub.tell(&Event::Binding { change }));
        self.listen(&self.works, |hub, change| hub.tell(&Event::Work { change }));
        self.listen(&self.namespaces, |hub, change| hub.tell(&Event::Namespace { change }));
        self.listen(&self.signing_requests, |hub, change| hub.tell(&Event::SigningRequest { change }));
        self.listen(&self.leases, |hub, change| hub.tell(&Event::Lease { change }));
        self.listen(&self.secrets, |hub, change| hub.tell(&Event::Secret { change }));
        for mirror in self.mirrors() {
            mirror.informer().begin(self.client.clone());
        }
        for mirror in self.mirrors() {
            if !mirror.informer().wait_synced().await {
                return false;
            }
        }
        true
    }

    fn listen(self: &Arc<Self>, mirror: &Mirror, told: fn(&Self, &Change)) {
        let weak: Weak<Self> = Arc::downgrade(self);
        let heard = mirror.clone();
        mirror.informer().on_change(move |change| {
            heard.heard(change);
            if let Some(hub) = weak.upgrade() {
                told(&hub, change);
            }
        });
    }

    /// Tells every controller's triggers.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        for controller in TABLE {
            (controller.triggers)(self, event);
        }
    }

    /// Tells the interpreters what a CRD says of its kinds. Once all have been read, what was made of objects
    /// of a kind is looked at anew when something else is known of it.
    fn definition_changed(&self, change: &Change) {
        let changed = outrigger_member::learn(self.engine.kinds(), change);
        if changed.is_empty() || !self.definitions.synced() {
            return;
        }
        for object in self.binding_objects() {
            if binding::template_of_object(&object).is_some_and(|template| changed.contains(&template.gvk)) {
                self.interpret_again(&object);
            }
        }
        self.learnt.notify_one();
    }

    fn policy_changed(&self, change: &Change) {
        let Some(object) = change.object() else { return };
        let key = object.key();
        let new = match change {
            Change::Deleted(_) => None,
            _ if object.namespace().is_empty() => read(object).map(Policy::cluster),
            _ => read(object).map(Policy::namespaced),
        };
        let old = match new.clone() {
            Some(policy) => self.policies.write().set(policy),
            None => self.policies.write().remove(&key),
        };
        self.tell(&Event::Policy { old: old.as_ref(), new: new.as_ref() });
        self.templates.look_again();
    }

    fn override_changed(&self, change: &Change) {
        let Some(object) = change.object() else { return };
        let compile = |object: &Arc<Object>| match object.namespace() {
            "" => read(object).map(Override::cluster),
            _ => read(object).map(Override::namespaced),
        };
        let (old, new) = match change {
            Change::Deleted(old) => (compile(old), None),
            Change::Updated { old, new } => (compile(old), compile(new)),
            _ => (None, compile(object)),
        };
        match new.clone() {
            Some(policy) => self.overrides.write().set(policy),
            None => self.overrides.write().remove(&object.key()),
        }
        self.tell(&Event::Override { old: old.as_ref(), new: new.as_ref() });
    }

    fn cluster_changed(&self, change: &Change) {
        let Some(object) = change.object() else { return };
        let scheduling = match change {
            Change::Deleted(_) => {
                self.clusters.write().remove(object.name());
                self.snapshot.write().remove(object.name())
            }
            _ => match read::<Cluster>(object) {
                Some(cluster) => {
                    let scheduling = self.snapshot.write().set(&cluster);
                    self.clusters.write().insert(object.name().to_owned(), Arc::new(cluster));
                    scheduling
                }
                None => outrigger_scheduler::Change::None,
            },
        };
        self.tell(&Event::Cluster { change, scheduling: &scheduling });
    }

    /// Looks at everything anew that interpreters have a say in.
    pub(crate) async fn interpreters_changed(&self) {
        for object in self.binding_objects() {
            self.interpret_again(&object);
        }
        self.sessions.look_again().await;
    }

    /// The per-cluster templates of addons.
    pub(crate) fn tailoring(&self) -> Arc<Tailoring> {
        self.tailoring.read().clone()
    }

    /// Takes other templates of addons, and makes the Works anew that the old or the new ones touch.
    pub(crate) fn tailor(&self, now: Arc<Tailoring>) {
        let before = std::mem::replace(&mut *self.tailoring.write(), now.clone());
        for object in self.binding_objects() {
            let template = binding::template_of_object(&object);
            if template.is_some_and(|one| before.concerns(&one.gvk) || now.concerns(&one.gvk)) {
                self.queues.works.add(object.key());
            }
        }
    }

    fn interpret_again(&self, binding: &Object) {
        if let Some(template) = binding::template_of_object(binding) {
            self.queues.detector.add(template);
        }
        self.queues.works.add(binding.key());
        self.queues.dependencies.add(binding.key());
        self.queues.status.add(binding.key());
    }

    /// A cluster by name.
    pub(crate) fn cluster(&self, name: &str) -> Option<Arc<Cluster>> {
        self.clusters.read().get(name).cloned()
    }

    /// All clusters, by name.
    pub(crate) fn clusters(&self) -> Vec<Arc<Cluster>> {
        self.clusters.read().values().cloned().collect()
    }

    /// The mirror that holds a binding.
    pub(crate) fn binding_mirror(&self, key: &ObjectKey) -> &Mirror {
        if key.namespace.is_empty() { &self.cluster_bindings } else { &self.bindings }
    }

    /// A binding, as it is.
    pub(crate) fn binding_object(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        self.binding_mirror(key).get(key)
    }

    /// A binding, read.
    pub(crate) fn binding(&self, key: &ObjectKey) -> Result<Option<Binding>> {
        self.binding_object(key).map(Binding::read).transpose()
    }

    /// All bindings of both scopes.
    pub(crate) fn binding_objects(&self) -> Vec<Arc<Object>> {
        let mut all = self.bindings.informer().list();
        all.extend(self.cluster_bindings.informer().list());
        all
    }

    /// The bindings of one namespace; of the empty one those of all scopes.
    pub(crate) fn binding_objects_in(&self, namespace: &str) -> Vec<Arc<Object>> {
        if namespace.is_empty() { self.binding_objects() } else { self.bindings.informer().list_in(namespace) }
    }

    /// The bindings of both scopes that an index has under a value.
    pub(crate) fn bindings_by_index(&self, index: &str, value: &str) -> Vec<Arc<Object>> {
        let mut found = self.bindings.by_index(index, value);
        found.extend(self.cluster_bindings.by_index(index, value));
        found
    }

    /// The Works of a binding.
    pub(crate) fn works_of(&self, binding_id: &str) -> Vec<Arc<Object>> {
        if binding_id.is_empty() { Vec::new() } else { self.works.by_index(BY_BINDING, binding_id) }
    }

    /// Kinds whose templates must be watched.
    pub(crate) fn wanted_kinds(&self) -> BTreeSet<Gvk> {
        let mut wanted: BTreeSet<_> = self.policies.read().iter().flat_map(Policy::kinds).cloned().collect();
        wanted.extend(self.binding_objects().iter().filter_map(|one| Some(binding::template_of_object(one)?.gvk)));
        wanted.extend(self.dependency_kinds.read().values().flatten().cloned());
        wanted
    }

    /// Patches an object that a mirror holds, and has the mirror know the result. A patch that finds
    /// the object gone has it forgotten.
    pub(crate) async fn patch(
        &self,
        mirror: &Mirror,
        key: &ObjectKey,
        patch: Value,
        subresource: Subresource,
    ) -> Result<Arc<Object>> {
        let result = self.client.patch(mirror.resource(), key, &Patch::Merge(patch), subresource).await;
        match result {
            Ok(object) => Ok(mirror.wrote(object)),
            Err(error) => {
                // Whatever we believe to be there, it was not enough: read it anew.
                mirror.forget(key);
                Err(error)
            }
        }
    }
}

/// An object as a type; one that cannot be read is logged and left out.
fn read<T: serde::de::DeserializeOwned>(object: &Arc<Object>) -> Option<T> {
    match from_object(Object::clone(object)) {
        Ok(value) => Some(value),
        Err(error) => {
            error!(object = %object.reference(), error = %error, "cannot be read, and is left out");
            None
        }
    }
}
