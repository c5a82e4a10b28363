//! [`TestHost`]: a simulated host, for tests of controllers.
//!
//! ```
//! # use outrigger_addon::Place;
//! # use outrigger_testkit::TestHost;
//! # use serde_json::json;
//! let host = TestHost::new().with_config(json!({"prefix": "fleet"})).with_cluster("east");
//! host.put_json(&Place::member("east"), json!({
//!     "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "default", "name": "a"},
//! }));
//! assert_eq!(host.objects(&Place::member("east")).len(), 1);
//! ```
//!
//! It keeps objects in memory and is no API server: there is no schema, no admission, no permission that is not
//! taken away by [`TestHost::fail`], and server-side apply is simplified: maps are merged, lists replaced, and
//! what the last apply set and this one does not is removed. What a controller does to a real API server belongs
//! in a test against one.
//!
//! **Invariant:** in a cluster with an agent only what the real host can do works there, too: get, list and
//! apply.

mod objects;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use outrigger_addon::{CallError, CallErrorKind, Cluster, Controller, EventKind, Host, Outcome, Place, Request};
use outrigger_interpreter::ClusterFacts;
use outrigger_object::{Gvk, Object, ObjectKey};
use serde_json::Value;

use objects::{Objects, selector};

/// A call of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum HostCall {
    Get,
    List,
    Apply,
    WriteStatus,
    Delete,
    Clusters,
}

/// A write that a controller made; failed ones are not among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Which call.
    pub call: HostCall,
    /// Where.
    pub place: Place,
    /// The object as it was given; of a Delete, kind and name.
    pub object: Object,
}

/// An event that a controller told.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// About which object.
    pub about: ObjectKey,
    /// How serious.
    pub kind: EventKind,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// What came of asking a controller about one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// The question.
    pub request: Request,
    /// The answer.
    pub result: Result<Outcome, CallError>,
}

type Metric = (String, BTreeMap<String, String>);

#[derive(Default)]
struct Inner {
    objects: Objects,
    clusters: BTreeMap<String, Cluster>,
    config: Arc<Value>,
    now: String,
    cancelled: bool,
    failures: Vec<Failure>,
    writes: Vec<Write>,
    events: Vec<Event>,
    counters: BTreeMap<Metric, u64>,
    gauges: BTreeMap<Metric, f64>,
}

struct Failure {
    call: HostCall,
    place: Option<Place>,
    kind: CallErrorKind,
    times: usize,
}

/// A simulated host; see the module.
#[derive(Default)]
pub struct TestHost(Mutex<Inner>);

impl TestHost {
    /// A host without clusters and objects, at noon of the first of January 2026.
    pub fn new() -> Self {
        let host = Self::default();
        host.set_now("2026-01-01T12:00:00Z");
        host
    }

    /// With this configuration.
    #[must_use]
    pub fn with_config(self, config: Value) -> Self {
        self.set_config(config);
        self
    }

    /// With a cluster that is ready and that the control plane reaches.
    #[must_use]
    pub fn with_cluster(self, name: &str) -> Self {
        let facts = ClusterFacts { name: name.to_owned(), ..ClusterFacts::default() };
        self.set_cluster(Cluster { facts, ready: true, pull: false });
        self
    }

    /// With an object; see [`put_json`](Self::put_json).
    #[must_use]
    pub fn with_object(self, place: &Place, object: Value) -> Self {
        self.put_json(place, object);
        self
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a cluster, or changes it.
    pub fn set_cluster(&self, cluster: Cluster) {
        self.inner().clusters.insert(cluster.facts.name.clone(), cluster);
    }

    /// Takes a cluster away, with its objects.
    pub fn remove_cluster(&self, name: &str) {
        let mut inner = self.inner();
        inner.clusters.remove(name);
        let gone: Vec<_> = inner
            .objects
            .all()
            .filter(|(place, _)| matches!(place, Place::Member(member) if member == name))
            .map(|(place, object)| (place.clone(), object.gvk(), object.key()))
            .collect();
        for address in gone {
            inner.objects.remove(&address);
        }
    }

    /// Changes the configuration.
    pub fn set_config(&self, config: Value) {
        self.inner().config = Arc::new(config);
    }

    /// Sets the clock, to RFC 3339 in UTC.
    pub fn set_now(&self, now: &str) {
        self.inner().now = now.to_owned();
    }

    /// From now on controllers are asked to stop.
    pub fn cancel(&self) {
        self.inner().cancelled = true;
    }

    /// Writes an object as somebody else would, whole and with its status, and gives it with what an API server
    /// adds. It is no write of the controller.
    pub fn put(&self, place: &Place, object: Object) -> Object {
        self.inner().objects.put(place, object)
    }

    /// The same from JSON.
    ///
    /// # Panics
    ///
    /// If it is not an object of JSON.
    pub fn put_json(&self, place: &Place, object: Value) -> Object {
        let object = Object::from_value(object).unwrap_or_else(|other| panic!("not an object: {other}"));
        self.put(place, object)
    }

    /// Removes an object as somebody else would, finalizers or not.
    pub fn remove(&self, place: &Place, gvk: &Gvk, key: &ObjectKey) -> Option<Object> {
        self.inner().objects.remove(&(place.clone(), gvk.clone(), key.clone()))
    }

    /// An object as it is now.
    pub fn object(&self, place: &Place, gvk: &Gvk, key: &ObjectKey) -> Option<Object> {
        self.inner().objects.get(&(place.clone(), gvk.clone(), key.clone())).cloned()
    }

    /// All objects of a place.
    pub fn objects(&self, place: &Place) -> Vec<Object> {
        self.inner().objects.all().filter(|(at, _)| *at == place).map(|(_, object)| object.clone()).collect()
    }

    /// Has the next calls fail: so many, of this sort, in this place or, without one, in any.
    pub fn fail(&self, call: HostCall, place: Option<Place>, kind: CallErrorKind, times: usize) {
        self.inner().failures.push(Failure { call, place, kind, times });
    }

    /// The writes since the last time this was asked.
    pub fn take_writes(&self) -> Vec<Write> {
        std::mem::take(&mut self.inner().writes)
    }

    /// The events since the last time this was asked.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.inner().events)
    }

    /// What a counter stands at, summed over all series that have these labels.
    pub fn counter(&self, metric: &str, labels: &[(&str, &str)]) -> u64 {
        let inner = self.inner();
        let of = inner.counters.iter().filter(|((name, known), _)| name == metric && has(known, labels));
        of.map(|(_, value)| value).sum()
    }

    /// What a gauge stands at: that of the first series that has these labels.
    pub fn gauge_value(&self, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let inner = self.inner();
        let mut of = inner.gauges.iter().filter(|((name, known), _)| name == metric && has(known, labels));
        of.next().map(|(_, value)| *value)
    }

    /// What a controller would be asked now: a request for each object that it watches.
    pub fn requests(&self, controller: &dyn Controller) -> BTreeSet<Request> {
        let inner = self.inner();
        let mut requests = BTreeSet::new();
        for watch in controller.watches() {
            let Ok(selector) = selector(&watch.label_selector) else { continue };
            let wanted = inner.objects.all().filter(|(place, object)| {
                matches!(place, Place::Member(_)) == watch.members
                    && object.gvk() == watch.gvk
                    && selector.matches_object(object)
            });
            for (place, object) in wanted {
                requests.insert(Request { place: place.clone(), gvk: watch.gvk.clone(), key: object.key() });
            }
        }
        requests
    }

    /// Asks a controller once about each object that it watches.
    pub fn run(&self, controller: &dyn Controller) -> Vec<Ran> {
        let ask = |request: Request| Ran { result: controller.reconcile(&request, self), request };
        self.requests(controller).into_iter().map(ask).collect()
    }

    /// Asks again and again until a round changes nothing, and gives the last round.
    ///
    /// # Panics
    ///
    /// If the controller still changes something in the twentieth round: it fights with itself.
    pub fn settle(&self, controller: &dyn Controller) -> Vec<Ran> {
        for _ in 0..20 {
            let version = |host: &Self| -> Vec<(Place, Object)> {
                host.inner().objects.all().map(|(place, object)| (place.clone(), object.clone())).collect()
            };
            let before = version(self);
            let ran = self.run(controller);
            if version(self) == before {
                return ran;
            }
        }
        panic!("{} does not come to rest", controller.name());
    }

    /// What comes before each call.
    fn begin(&self, call: HostCall, place: &Place) -> Result<MutexGuard<'_, Inner>, CallError> {
        let mut inner = self.inner();
        let failed = |kind, message: String| Err(CallError { kind, message });
        if inner.cancelled {
            return failed(CallErrorKind::Cancelled, format!("{place}: {call:?}: the host stops"));
        }
        let injected = inner
            .failures
            .iter_mut()
            .find(|one| one.times > 0 && one.call == call && one.place.as_ref().is_none_or(|at| at == place));
        if let Some(failure) = injected {
            failure.times -= 1;
            return failed(failure.kind, format!("{place}: {call:?}: a failure that the test wants"));
        }
        if let Place::Member(name) = place {
            let pull = match inner.clusters.get(name) {
                None => return failed(CallErrorKind::NotFound, format!("there is no cluster {name}")),
                Some(cluster) => cluster.pull,
            };
            if pull && matches!(call, HostCall::WriteStatus | HostCall::Delete) {
                let message = format!("{place}: {call:?} does not work: only its agent reaches it");
                return failed(CallErrorKind::Invalid, message);
            }
        }
        Ok(inner)
    }
}

fn has(known: &BTreeMap<String, String>, labels: &[(&str, &str)]) -> bool {
    labels.iter().all(|(name, value)| known.get(*name).map(String::as_str) == Some(*value))
}

impl Host for TestHost {
    fn get(&self, place: &Place, gvk: &Gvk, key: &ObjectKey) -> Result<Option<Arc<Object>>, CallError> {
        let inner = self.begin(HostCall::Get, place)?;
        Ok(inner.objects.get(&(place.clone(), gvk.clone(), key.clone())).cloned().map(Arc::new))
    }

    fn list(
        &self,
        place: &Place,
        gvk: &Gvk,
        namespace: &str,
        label_selector: &str,
    ) -> Result<Vec<Arc<Object>>, CallError> {
        let inner = self.begin(HostCall::List, place)?;
        let selector = selector(label_selector)?;
        let wanted = |object: &&Object| {
            (namespace.is_empty() || object.namespace() == namespace) && selector.matches_object(object)
        };
        Ok(inner.objects.of(place, gvk).filter(wanted).cloned().map(Arc::new).collect())
    }

    fn apply(&self, place: &Place, object: &Object) -> Result<Object, CallError> {
        let mut inner = self.begin(HostCall::Apply, place)?;
        let applied = inner.objects.apply(place, object)?;
        let pull = matches!(place, Place::Member(name) if inner.clusters.get(name).is_some_and(|known| known.pull));
        inner.writes.push(Write { call: HostCall::Apply, place: place.clone(), object: object.clone() });
        Ok(if pull { object.clone() } else { applied })
    }

    fn write_status(&self, place: &Place, object: &Object) -> Result<Object, CallError> {
        let mut inner = self.begin(HostCall::WriteStatus, place)?;
        let written = inner.objects.write_status(place, object)?;
        inner.writes.push(Write { call: HostCall::WriteStatus, place: place.clone(), object: object.clone() });
        Ok(written)
    }

    fn delete(&self, place: &Place, gvk: &Gvk, key: &ObjectKey, uid: &str) -> Result<(), CallError> {
        let mut inner = self.begin(HostCall::Delete, place)?;
        let now = inner.now.clone();
        inner.objects.delete(&(place.clone(), gvk.clone(), key.clone()), uid, &now)?;
        let mut object = Object::default();
        object.set(&["apiVersion"], gvk.api_version());
        object.set(&["kind"], gvk.kind.as_str());
        object.set(&["metadata", "namespace"], key.namespace.as_str());
        object.set(&["metadata", "name"], key.name.as_str());
        inner.writes.push(Write { call: HostCall::Delete, place: place.clone(), object });
        Ok(())
    }

    fn clusters(&self) -> Result<Vec<Cluster>, CallError> {
        Ok(self.begin(HostCall::Clusters, &Place::Hub)?.clusters.values().cloned().collect())
    }

    fn event(&self, about: &Object, kind: EventKind, reason: &str, message: &str) {
        let event = Event { about: about.key(), kind, reason: reason.to_owned(), message: message.to_owned() };
        self.inner().events.push(event);
    }

    fn count(&self, metric: &str, labels: &BTreeMap<String, String>, by: u64) {
        *self.inner().counters.entry((metric.to_owned(), labels.clone())).or_default() += by;
    }

    fn gauge(&self, metric: &str, labels: &BTreeMap<String, String>, value: f64) {
        self.inner().gauges.insert((metric.to_owned(), labels.clone()), value);
    }

    fn config(&self) -> Arc<Value> {
        self.inner().config.clone()
    }

    fn now(&self) -> String {
        self.inner().now.clone()
    }

    fn is_cancelled(&self) -> bool {
        self.inner().cancelled
    }
}
