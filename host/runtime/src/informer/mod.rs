//! [`Informer`]: a local copy of one resource, kept up to date by list and watch.
//!
//! Inputs: one resource of one API server, or a selection of it. Outputs: a cache to read, and
//! [`Change`]s to handlers, in order, none left out and none told twice.
//!
//! **Invariant:** handlers see true differences only. A list that broke off, a failure, or a server
//! that is away changes nothing in the cache.

mod cache;
mod set;
mod state;
mod view;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use outrigger_object::{Object, ObjectKey, Resource};
use parking_lot::{Mutex, RwLock};
use rand::Rng;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub use set::{InformerSet, SharedInformer};

use crate::client::{Client, ListParams, WatchEvent, WatchParams, WatchStream, qualified};
use crate::metrics::{InformerLabels, Text};
use crate::{Backoff, Error, ErrorKind};
use cache::Cache;
use state::{Ask, Effect, Input, State};

/// What happened to the cache.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An object is new.
    Added(Arc<Object>),
    /// An object differs from before.
    Updated {
        /// As it was.
        old: Arc<Object>,
        /// As it is.
        new: Arc<Object>,
    },
    /// An object is gone; this is its last known state.
    Deleted(Arc<Object>),
    /// The cache is complete for the first time.
    Synced,
}

impl Change {
    /// The object that changed, in its newest known state.
    pub fn object(&self) -> Option<&Arc<Object>> {
        match self {
            Self::Added(object) | Self::Deleted(object) | Self::Updated { new: object, .. } => Some(object),
            Self::Synced => None,
        }
    }
}

/// Which objects an informer knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selection {
    /// The resource.
    pub resource: Resource,
    /// One namespace, or all.
    pub namespace: Option<String>,
    /// Label selector.
    pub labels: Option<String>,
    /// Field selector.
    pub fields: Option<String>,
    /// What of each object is kept in the cache.
    pub keep: Keep,
}

/// What of each object is kept in the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Keep {
    /// The whole object.
    Everything,
    /// All but `metadata.managedFields`.
    #[default]
    WithoutManagedFields,
    /// Kind, name, namespace, UID, version, and the values at these paths.
    Only(&'static [&'static [&'static str]]),
}

impl Keep {
    fn reduce(self, mut object: Object) -> Object {
        match self {
            Self::Everything => object,
            Self::WithoutManagedFields => {
                object.remove(&["metadata", "managedFields"]);
                object
            }
            Self::Only(paths) => {
                const ALWAYS: [&[&str]; 6] = [
                    &["apiVersion"],
                    &["kind"],
                    &["metadata", "name"],
                    &["metadata", "namespace"],
                    &["metadata", "uid"],
                    &["metadata", "resourceVersion"],
                ];
                let mut kept = Object::default();
                for path in ALWAYS.iter().chain(paths) {
                    if let Some(value) = object.remove(path) {
                        kept.set(path, value);
                    }
                }
                kept
            }
        }
    }
}

impl Selection {
    /// All objects of a resource, without managedFields.
    pub fn all(resource: Resource) -> Self {
        Self { resource, namespace: None, labels: None, fields: None, keep: Keep::default() }
    }

    /// Only in one namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Only with these labels.
    #[must_use]
    pub fn labels(mut self, selector: impl Into<String>) -> Self {
        self.labels = Some(selector.into());
        self
    }

    /// Only with these field values.
    #[must_use]
    pub fn fields(mut self, selector: impl Into<String>) -> Self {
        self.fields = Some(selector.into());
        self
    }

    /// With managedFields in the cache.
    #[must_use]
    pub fn with_managed_fields(mut self) -> Self {
        self.keep = Keep::Everything;
        self
    }

    /// With these paths alone in the cache, beside what identifies an object.
    #[must_use]
    pub fn only(mut self, paths: &'static [&'static [&'static str]]) -> Self {
        self.keep = Keep::Only(paths);
        self
    }
}

type Handler = Box<dyn Fn(&Change) + Send + Sync>;

struct Shared {
    selection: Selection,
    cache: RwLock<Cache>,
    /// Held while changes are told, so that every handler sees them in one order.
    handlers: Mutex<Vec<(u64, Handler)>>,
    next_handler: AtomicU64,
    synced: watch::Sender<bool>,
    failure: Mutex<Option<String>>,
    cancel: CancellationToken,
}

/// A local copy of one resource. Cloning shares it; it runs until [`stop`](Self::stop) or until the
/// token that it was started with is cancelled.
#[derive(Clone)]
pub struct Informer(Arc<Shared>);

impl Informer {
    /// Starts to list and watch. `parent` stops it.
    pub fn start(client: Client, selection: Selection, parent: &CancellationToken) -> Self {
        let informer = Self::unstarted(selection, parent);
        informer.begin(client);
        informer
    }

    /// An informer that does nothing yet, so that handlers and indexes are there before the first
    /// object. [`begin`](Self::begin) starts it.
    pub fn unstarted(selection: Selection, parent: &CancellationToken) -> Self {
        let cache = RwLock::new(Cache::new(selection.keep));
        Self(Arc::new(Shared {
            selection,
            cache,
            handlers: Mutex::default(),
            next_handler: AtomicU64::new(0),
            synced: watch::Sender::new(false),
            failure: Mutex::default(),
            cancel: parent.child_token(),
        }))
    }

    /// The objects of one namespace out of this informer: no watch of its own, and the same objects in
    /// memory. Handlers and indexes are its own; [`begin_view`](Self::begin_view) starts it.
    pub fn view(&self, namespace: impl Into<String>, parent: &CancellationToken) -> Self {
        Self::unstarted(Selection { namespace: Some(namespace.into()), ..self.selection().clone() }, parent)
    }

    /// Starts one made by [`view`](Self::view), of the informer that it was made from.
    pub fn begin_view(&self, of: &Self) {
        view::follow(of, self);
    }

    /// Starts one made by [`unstarted`](Self::unstarted).
    pub fn begin(&self, client: Client) {
        let driver = Driver::new(client, self.0.clone());
        tokio::spawn(driver.run());
    }

    /// What it selects.
    pub fn selection(&self) -> &Selection {
        &self.0.selection
    }

    /// Whether the cache has been complete once.
    pub fn synced(&self) -> bool {
        *self.0.synced.borrow()
    }

    /// Waits until the cache is complete; false when the informer was stopped before.
    pub async fn wait_synced(&self) -> bool {
        let mut synced = self.0.synced.subscribe();
        tokio::select! {
            result = synced.wait_for(|synced| *synced) => result.is_ok(),
            () = self.0.cancel.cancelled() => self.synced(),
        }
    }

    /// Why the last request failed; `None` while all is well.
    pub fn failure(&self) -> Option<String> {
        self.0.failure.lock().clone()
    }

    /// One object.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        self.0.cache.read().get(key)
    }

    /// All objects, by namespace and name.
    pub fn list(&self) -> Vec<Arc<Object>> {
        self.0.cache.read().list()
    }

    /// The objects of one namespace, by name.
    pub fn list_in(&self, namespace: &str) -> Vec<Arc<Object>> {
        self.0.cache.read().list_in(namespace)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.0.cache.read().len()
    }

    /// Whether there are none; says nothing before [`synced`](Self::synced).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an index, over what is there as well. An index of the same name is replaced.
    pub fn add_index(&self, name: &'static str, values: impl Fn(&Object) -> Vec<String> + Send + Sync + 'static) {
        self.0.cache.write().add_index(name, Box::new(values));
    }

    /// The objects that an index has under a value, by namespace and name. None for an index that
    /// was not added.
    pub fn by_index(&self, name: &str, value: &str) -> Vec<Arc<Object>> {
        self.0.cache.read().by_index(name, value)
    }

    /// Adds a handler. It is told of everything that is there as Added (and then Synced), before
    /// this returns, and of every change from then on, in order. It may read the cache, and must
    /// neither block nor add or remove handlers; enqueue and return. Gives a number for
    /// [`remove_handler`](Self::remove_handler).
    pub fn on_change(&self, handler: impl Fn(&Change) + Send + Sync + 'static) -> u64 {
        let mut handlers = self.0.handlers.lock();
        for object in self.list() {
            handler(&Change::Added(object));
        }
        if self.synced() {
            handler(&Change::Synced);
        }
        let id = self.0.next_handler.fetch_add(1, Ordering::Relaxed);
        handlers.push((id, Box::new(handler)));
        id
    }

    /// Takes a handler away; once this returns it is told nothing any more.
    pub fn remove_handler(&self, id: u64) {
        self.0.handlers.lock().retain(|(known, _)| *known != id);
    }

    /// Stops listing and watching. The cache stays as it is.
    pub fn stop(&self) {
        self.0.cancel.cancel();
    }
}

impl Shared {
    fn tell(&self, change: impl FnOnce(&mut Cache) -> Vec<Change>, complete: bool) -> usize {
        let handlers = self.handlers.lock();
        let changes = change(&mut self.cache.write());
        let tell = |change: &Change| handlers.iter().for_each(|(_, handler)| handler(change));
        changes.iter().for_each(tell);
        // Whoever waits for this may rely on what handlers have made of the changes.
        if complete && !self.synced.send_replace(true) {
            tell(&Change::Synced);
        }
        changes.len()
    }
}

/// Silence on a watch for longer than this past its own end means that the connection is dead.
const GRACE: Duration = Duration::from_secs(15);
/// Silence within a streaming list; after it, pages are read instead.
const STALLED: Duration = Duration::from_secs(20);

struct Driver {
    client: Client,
    shared: Arc<Shared>,
    labels: InformerLabels,
    streaming: bool,
    failures: u32,
}

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(30), jitter: 0.5 };

impl Driver {
    fn new(client: Client, shared: Arc<Shared>) -> Self {
        let resource = qualified(&shared.selection.resource);
        let labels = InformerLabels { cluster: Text(client.cluster().into()), resource };
        Self { client, shared, labels, streaming: true, failures: 0 }
    }

    async fn run(mut self) {
        let cancel = self.shared.cancel.clone();
        cancel.run_until_cancelled(self.drive()).await;
        // Handlers hold queues and channels of others: let go of them.
        self.shared.handlers.lock().clear();
    }

    async fn drive(&mut self) {
        let mut state = State::start(self.streaming);
        let mut stream: Option<WatchStream> = None;
        loop {
            let input = match &mut stream {
                Some(open) => match self.next_event(open, matches!(state, State::Streaming { .. })).await {
                    Some(input) => input,
                    None => {
                        stream = None;
                        continue;
                    }
                },
                None => match self.ask(state.ask()).await {
                    Ok(Answer::Page(list)) => Input::Page(list),
                    Ok(Answer::Stream(opened)) => {
                        stream = Some(opened);
                        continue;
                    }
                    Err(error) => self.failed(&error),
                },
            };
            let (next, effect) = state.step(input, &mut self.streaming);
            state = next;
            match effect {
                Effect::Replace(all) => {
                    self.client.metrics().lists.get_or_create(&self.labels).inc();
                    self.changed(move |cache| cache.replace(all), true);
                }
                Effect::Put(object) => self.changed(move |cache| cache.put(object), false),
                Effect::Remove(object) => self.changed(move |cache| cache.remove(object).into_iter().collect(), false),
                Effect::Continue => self.well(),
                Effect::Ask => stream = None,
                Effect::Pause => {
                    stream = None;
                    self.pause().await;
                }
            }
        }
    }

    fn changed(&mut self, change: impl FnOnce(&mut Cache) -> Vec<Change>, complete: bool) {
        self.well();
        let count = self.shared.tell(change, complete);
        self.client.metrics().changes.get_or_create(&self.labels).inc_by(count as u64);
    }

    fn well(&mut self) {
        if self.failures > 0 {
            self.failures = 0;
        }
        let mut failure = self.shared.failure.lock();
        if failure.is_some() {
            *failure = None;
        }
    }

    fn failed(&mut self, error: &Error) -> Input {
        match error.kind() {
            ErrorKind::Expired => debug!(error = %error, "the version is no longer kept, listing again"),
            _ => warn!(error = %error, failures = self.failures, "list or watch failed"),
        }
        *self.shared.failure.lock() = Some(error.to_string());
        Input::Failed(error.kind())
    }

    async fn pause(&mut self) {
        let delay = BACKOFF.delay(self.failures, rand::rng().random());
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(delay).await;
    }

    async fn ask(&mut self, ask: Ask) -> Result<Answer, Error> {
        let Selection { resource, namespace, labels, fields, .. } = &self.shared.selection;
        let namespace = namespace.as_deref();
        let watch = |resource_version: String, initial_events| WatchParams {
            labels: labels.clone(),
            fields: fields.clone(),
            resource_version,
            initial_events,
            timeout_seconds: Some(rand::rng().random_range(240..300)),
        };
        match ask {
            Ask::Stream => {
                let stream = self.client.watch(resource, namespace, &watch(String::new(), true)).await?;
                Ok(Answer::Stream(stream))
            }
            Ask::Watch(version) => {
                let stream = self.client.watch(resource, namespace, &watch(version, false)).await?;
                Ok(Answer::Stream(stream))
            }
            Ask::Page(next) => {
                let params = ListParams { labels: labels.clone(), fields: fields.clone(), ..ListParams::default() };
                let page = self.client.list_page(resource, namespace, &params, next.as_deref()).await?;
                if page.unreadable > 0 {
                    warn!(count = page.unreadable, resource = %self.labels.resource, "left out what could not be read");
                }
                Ok(Answer::Page(page))
            }
        }
    }

    /// The next thing that a stream tells; `None` to begin it anew at once.
    async fn next_event(&mut self, stream: &mut WatchStream, listing: bool) -> Option<Input> {
        let patience = if listing { STALLED } else { Duration::from_secs(300) + GRACE };
        match tokio::time::timeout(patience, stream.next()).await {
            Ok(Some(Ok(event))) => {
                if let WatchEvent::Unreadable(what) = &event {
                    warn!(what, resource = %self.labels.resource, "left out what could not be read");
                }
                Some(Input::Event(event))
            }
            Ok(Some(Err(error))) => Some(self.failed(&error)),
            Ok(None) => Some(Input::Ended),
            // A list that stalls is taken for one that is not served.
            Err(_) if listing => Some(Input::Ended),
            Err(_) => None,
        }
    }
}

enum Answer {
    Page(crate::client::List),
    Stream(WatchStream),
}
