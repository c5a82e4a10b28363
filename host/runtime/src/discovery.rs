//! [`Discovery`]: which kinds one API server serves, and under which names.
//!
//! **Invariant:** "the cluster does not have this kind" is said only of a group whose document was
//! read. A group that could not be read is [`Lookup::Unknown`], and what was known of it stays.

mod plain;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use outrigger_object::{Gvk, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{Change, Client, Error, Informer, Result, Selection};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Misses ask the server again, but no more often than this.
const MISS_PAUSE: Duration = Duration::from_secs(1);
/// Changes of CRDs come in bursts; they are waited for this long.
const SETTLE: Duration = Duration::from_millis(50);

/// The three answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It is served, and this is how.
    Found(Resource),
    /// The cluster does not serve it.
    Absent,
    /// Not known: the server, or the server of this group, could not be asked.
    Unknown(String),
}

impl Lookup {
    /// The resource; an error for the other two answers.
    pub fn into_result(self, cluster: &str, gvk: &Gvk) -> Result<Resource> {
        match self {
            Self::Found(resource) => Ok(resource),
            Self::Absent => Err(Error::NoKind { cluster: cluster.into(), gvk: gvk.clone() }),
            Self::Unknown(why) => {
                Err(Error::transient(format!("cluster {cluster}: not known whether {gvk} is served: {why}")))
            }
        }
    }
}

/// What was read at one time.
#[derive(Clone, Debug, Default)]
struct Table {
    /// Whether the list of groups has been read once.
    complete: bool,
    kinds: BTreeMap<Gvk, Resource>,
    /// Versions of each group and plural, the preferred one first.
    plurals: BTreeMap<(String, String), Vec<Gvk>>,
    /// Verbs per kind.
    verbs: BTreeMap<Gvk, BTreeSet<String>>,
    /// `group/version` (or group) → why it could not be read.
    failed: BTreeMap<String, String>,
    /// The last failure of the whole, if the last try failed.
    failure: Option<String>,
}

struct Shared {
    client: Client,
    table: ArcSwap<Table>,
    version: watch::Sender<u64>,
    last_try: Mutex<Option<Instant>>,
}

/// The kinds of one API server. Cloning shares them.
#[derive(Clone)]
pub struct Discovery(Arc<Shared>);

impl Discovery {
    /// Knows nothing yet; [`refresh`](Self::refresh) or a first lookup asks.
    pub fn new(client: Client) -> Self {
        Self(Arc::new(Shared {
            client,
            table: ArcSwap::default(),
            version: watch::Sender::new(0),
            last_try: Mutex::new(None),
        }))
    }

    /// What is known of a kind, without asking.
    pub fn lookup(&self, gvk: &Gvk) -> Lookup {
        let table = self.0.table.load();
        match table.kinds.get(gvk) {
            Some(resource) => Lookup::Found(resource.clone()),
            None => table.missing(&gvk.group, Some(&gvk.version)),
        }
    }

    /// What is known of a group and plural in its preferred version, without asking.
    pub fn lookup_plural(&self, group: &str, plural: &str) -> Lookup {
        let table = self.0.table.load();
        let kinds = table.plurals.get(&(group.to_owned(), plural.to_owned()));
        match kinds.and_then(|kinds| table.kinds.get(kinds.first()?)) {
            Some(resource) => Lookup::Found(resource.clone()),
            None => table.missing(group, None),
        }
    }

    /// A kind; asks the server when it is not known, but not more than once a second.
    pub async fn resolve(&self, gvk: &Gvk) -> Lookup {
        match self.lookup(gvk) {
            Lookup::Found(resource) => Lookup::Found(resource),
            _ => {
                self.refresh_if_older(MISS_PAUSE).await;
                self.lookup(gvk)
            }
        }
    }

    /// A kind, or the error that says why not: NotFound when the cluster does not serve it.
    pub async fn require(&self, gvk: &Gvk) -> Result<Resource> {
        self.resolve(gvk).await.into_result(self.0.client.cluster(), gvk)
    }

    /// [`resolve`](Self::resolve) by group and plural.
    pub async fn resolve_plural(&self, group: &str, plural: &str) -> Lookup {
        match self.lookup_plural(group, plural) {
            Lookup::Found(resource) => Lookup::Found(resource),
            _ => {
                self.refresh_if_older(MISS_PAUSE).await;
                self.lookup_plural(group, plural)
            }
        }
    }

    /// Everything that is served, by kind.
    pub fn resources(&self) -> Vec<Resource> {
        self.0.table.load().kinds.values().cloned().collect()
    }

    /// Whether a kind can be listed and watched.
    pub fn is_watchable(&self, gvk: &Gvk) -> bool {
        self.0.table.load().verbs.get(gvk).is_some_and(|verbs| verbs.contains("watch") && verbs.contains("list"))
    }

    /// Groups, or groups with version, that could not be read, and why.
    pub fn failed(&self) -> BTreeMap<String, String> {
        self.0.table.load().failed.clone()
    }

    /// Whether the list of groups has been read once.
    pub fn is_known(&self) -> bool {
        self.0.table.load().complete
    }

    /// A counter that goes up whenever what is served has changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// Asks the server anew. On a failure what was known stays.
    pub async fn refresh(&self) -> Result<()> {
        let mut last = self.0.last_try.lock().await;
        *last = Some(Instant::now());
        self.read().await
    }

    async fn refresh_if_older(&self, age: Duration) {
        let mut last = self.0.last_try.lock().await;
        if last.is_some_and(|at| at.elapsed() < age) {
            return;
        }
        *last = Some(Instant::now());
        if let Err(error) = self.read().await {
            warn!(error = %error, "discovery failed");
        }
    }

    async fn read(&self) -> Result<()> {
        let old = self.0.table.load_full();
        match fetch(&self.0.client).await {
            Ok(mut table) => {
                table.keep_failed(&old);
                let changed = !old.complete || table.kinds != old.kinds || table.failed != old.failed;
                self.0.table.store(Arc::new(table));
                if changed {
                    self.0.version.send_modify(|version| *version += 1);
                }
                Ok(())
            }
            Err(error) => {
                let table = Table { failure: Some(error.to_string()), ..(*old).clone() };
                self.0.table.store(Arc::new(table));
                Err(error)
            }
        }
    }

    /// Follows the cluster's CRDs and asks anew when they change, until cancelled.
    pub async fn follow(&self, cancel: CancellationToken) {
        self.follow_with(cancel, |_| {}).await;
    }

    /// The same, and `told` hears of every change of a CRD.
    pub async fn follow_with(&self, cancel: CancellationToken, told: impl Fn(&Change) + Send + Sync + 'static) {
        let crds = Gvk::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        let resource = loop {
            match self.resolve(&crds).await {
                Lookup::Found(resource) => break resource,
                _ => tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(MISS_PAUSE * 5) => {}
                },
            }
        };
        let informer = Informer::unstarted(Selection::all(resource), &cancel);
        informer.on_change(told);
        informer.begin(self.0.client.clone());
        self.follow_informer(&informer, cancel).await;
    }

    /// Asks anew when the CRDs that an informer knows change, until cancelled.
    pub async fn follow_informer(&self, crds: &Informer, cancel: CancellationToken) {
        let wake = Arc::new(tokio::sync::Notify::new());
        let told = wake.clone();
        crds.on_change(move |change| {
            if matters(change) {
                told.notify_one();
            }
        });
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = wake.notified() => {}
            }
            tokio::time::sleep(SETTLE).await;
            if let Err(error) = self.refresh().await {
                debug!(error = %error, "discovery failed after a CRD changed; a miss asks again");
            }
        }
    }
}

/// Whether a change of a CRD can change what is served.
fn matters(change: &Change) -> bool {
    match change {
        Change::Updated { old, new } => {
            old.get(&["spec"]) != new.get(&["spec"])
                || crate::conditions::of(old, "Established").map(|c| c.0)
                    != crate::conditions::of(new, "Established").map(|c| c.0)
        }
        _ => true,
    }
}

impl Table {
    fn missing(&self, group: &str, version: Option<&str>) -> Lookup {
        let whole = self.failed.get(group);
        let part = version.and_then(|version| self.failed.get(&format!("{group}/{version}")));
        if let Some(why) = whole.or(part).or(self.failure.as_ref()) {
            return Lookup::Unknown(why.clone());
        }
        if self.complete { Lookup::Absent } else { Lookup::Unknown("not asked yet".into()) }
    }

    fn add(&mut self, resource: Resource, verbs: Vec<String>) {
        let gvk = resource.gvk.clone();
        self.plurals.entry((gvk.group.clone(), resource.plural.clone())).or_default().push(gvk.clone());
        self.verbs.insert(gvk.clone(), verbs.into_iter().collect());
        self.kinds.insert(gvk, resource);
    }

    /// What was known of the groups that could not be read this time stays.
    fn keep_failed(&mut self, old: &Self) {
        for (gvk, resource) in &old.kinds {
            let failed = self.failed.contains_key(&gvk.group)
                || self.failed.contains_key(&format!("{}/{}", gvk.group, gvk.version));
            if failed && !self.kinds.contains_key(gvk) {
                let verbs = old.verbs.get(gvk).cloned().unwrap_or_default();
                self.add(resource.clone(), verbs.into_iter().collect());
            }
        }
    }
}

#[derive(Deserialize)]
struct Kinded {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Named,
    #[serde(default)]
    versions: Vec<GroupVersion>,
}

#[derive(Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct GroupVersion {
    version: String,
    #[serde(default)]
    resources: Vec<Entry>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    resource: String,
    response_kind: Option<Kind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    subresources: Vec<Sub>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    group: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct Sub {
    subresource: String,
}

async fn fetch(client: &Client) -> Result<Table> {
    let mut table = Table { complete: true, ..Table::default() };
    let core = client.raw("/api", Some(AGGREGATED)).await?;
    let groups = client.raw("/apis", Some(AGGREGATED)).await?;
    let aggregated =
        |text: &str| serde_json::from_str::<Kinded>(text).is_ok_and(|kinded| kinded.kind == "APIGroupDiscoveryList");
    for text in [&core, &groups] {
        if aggregated(text) {
            let groups: Groups = parse(client, text)?;
            groups.items.into_iter().for_each(|group| take_group(&mut table, group));
        }
    }
    if !aggregated(&core) {
        plain::core(client, &core, &mut table).await?;
    }
    if !aggregated(&groups) {
        plain::groups(client, &groups, &mut table).await?;
    }
    Ok(table)
}

fn parse<T: DeserializeOwned>(client: &Client, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::internal(format!("cluster {}: discovery is not understood: {error}", client.cluster())))
}

fn take_group(table: &mut Table, group: Group) {
    let name = group.metadata.name;
    for GroupVersion { version, resources, freshness } in group.versions {
        if freshness == "Stale" {
            table.failed.insert(format!("{name}/{version}"), "its API server does not answer".into());
        }
        for entry in resources {
            let Some(kind) = entry.response_kind.filter(|kind| !kind.kind.is_empty()) else { continue };
            // Some resources answer with a kind of another group, as scale and eviction do; the
            // resource itself lives where it is listed.
            let or = |told: String, own: &str| if told.is_empty() { own.to_owned() } else { told };
            let gvk = Gvk::new(or(kind.group, &name), or(kind.version, &version), kind.kind);
            let has = |sub: &str| entry.subresources.iter().any(|known| known.subresource == sub);
            if gvk.group != name || gvk.version != version {
                continue;
            }
            let resource = Resource {
                gvk,
                namespaced: entry.scope == "Namespaced",
                has_status: has("status"),
                has_scale: has("scale"),
                plural: entry.resource,
            };
            table.add(resource, entry.verbs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        let mut table = Table { complete: true, ..Table::default() };
        let groups: Groups = serde_json::from_str(text).unwrap();
        groups.items.into_iter().for_each(|group| take_group(&mut table, group));
        table
    }

    const APPS: &str = r#"{"items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1","freshness":"Current","resources":[
        {"resource":"deployments","responseKind":{"group":"","version":"","kind":"Deployment"},"scope":"Namespaced","verbs":["list","watch"],
         "subresources":[{"subresource":"status"},{"subresource":"scale"}]}]}]},
        {"metadata":{"name":"metrics.k8s.io"},"versions":[{"version":"v1","freshness":"Stale"}]}]}"#;

    #[test]
    fn three_answers() {
        let table = table(APPS);
        let deployment = &table.kinds[&Gvk::new("apps", "v1", "Deployment")];
        assert!(deployment.namespaced && deployment.has_status && deployment.has_scale);
        assert_eq!(table.missing("apps", Some("v1")), Lookup::Absent);
        assert_eq!(table.missing("apps", Some("v2")), Lookup::Absent);
        assert!(matches!(table.missing("metrics.k8s.io", Some("v1")), Lookup::Unknown(_)));
        assert!(matches!(Table::default().missing("apps", None), Lookup::Unknown(_)));
    }

    #[test]
    fn what_was_known_of_a_failed_group_stays() {
        let old = table(APPS);
        let mut new = Table { complete: true, ..Table::default() };
        new.failed.insert("apps/v1".into(), "down".into());
        new.keep_failed(&old);
        assert_eq!(new.kinds.len(), 1);
        let mut gone = Table { complete: true, ..Table::default() };
        gone.keep_failed(&old);
        assert!(gone.kinds.is_empty(), "a group that is no longer listed is gone");
    }
}
