//! What is served: built-in kinds from a table, custom resources from their definitions.
//!
//! Readers take a [`Snapshot`]; a write of a CustomResourceDefinition puts a new one in its place
//! before it is answered, so that a kind is served by the time its creator hears of it.
//!
//! **Invariant:** all versions of one group and plural are one set of stored objects.

pub mod builtin;
pub mod crd;
mod resource;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use outrigger_object::Object;
use parking_lot::Mutex;

pub use crd::{Definition, PrinterColumn, ScalePaths};
pub use resource::{Resource, Subresource};

/// One group as discovery shows it: versions in order of preference, each with its resources by name.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Its name; empty for core.
    pub name: String,
    /// Versions, the preferred one first.
    pub versions: Vec<(String, Vec<Arc<Resource>>)>,
}

/// Everything that is served at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Groups in the order of discovery.
    pub groups: Vec<Group>,
    index: HashMap<(String, String, String), Arc<Resource>>,
    kinds: HashMap<(String, String, String), Arc<Resource>>,
    stored: HashMap<(String, String), Arc<Resource>>,
    /// The definitions behind the custom resources, by name.
    pub definitions: BTreeMap<String, Arc<Definition>>,
    /// Counts up with every change.
    pub generation: u64,
}

impl Snapshot {
    /// The resource at a group, version and plural.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.index.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// The resource of a kind.
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.kinds.get(&(group.to_owned(), version.to_owned(), kind.to_owned()))
    }

    /// The resource that stored objects of a group and plural are read as: its preferred version.
    pub fn stored(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.stored.get(&(group.to_owned(), plural.to_owned()))
    }

    /// Every set of stored objects once, by its preferred version.
    pub fn all_stored(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.stored.values()
    }

    fn build(definitions: BTreeMap<String, Arc<Definition>>, generation: u64) -> Self {
        let mut groups: Vec<Group> = builtin::groups().to_vec();
        let mut custom: BTreeMap<String, BTreeMap<String, Vec<Arc<Resource>>>> = BTreeMap::new();
        for definition in definitions.values() {
            for resource in definition.resources() {
                custom
                    .entry(resource.group.clone())
                    .or_default()
                    .entry(resource.version.clone())
                    .or_default()
                    .push(resource.clone());
            }
        }
        for (name, versions) in custom {
            let mut versions: Vec<_> = versions.into_iter().collect();
            versions.sort_by(|a, b| crd::version_order(&a.0, &b.0));
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => {
                    for (version, resources) in versions {
                        match group.versions.iter_mut().find(|(known, _)| *known == version) {
                            Some((_, known)) => known.extend(resources),
                            None => group.versions.push((version, resources)),
                        }
                    }
                }
                None => groups.push(Group { name, versions }),
            }
        }
        let mut snapshot = Self { groups: Vec::new(), definitions, generation, ..Self::default() };
        for group in &groups {
            for (version, resources) in &group.versions {
                for resource in resources {
                    let key = (group.name.clone(), version.clone(), resource.plural.clone());
                    snapshot.index.entry(key).or_insert_with(|| resource.clone());
                    let kind = (group.name.clone(), version.clone(), resource.kind.clone());
                    if resource.is_stored() {
                        snapshot.kinds.entry(kind).or_insert_with(|| resource.clone());
                        // Events of both groups are one set, kept under core.
                        let stored = (resource.storage_group().to_owned(), resource.plural.clone());
                        snapshot.stored.entry(stored).or_insert_with(|| resource.clone());
                    }
                }
            }
        }
        snapshot.groups = groups;
        snapshot
    }
}

/// The current [`Snapshot`] and the way to change it.
#[derive(Debug)]
pub struct Registry {
    current: ArcSwap<Snapshot>,
    change: Mutex<()>,
}

impl Registry {
    /// A registry of the built-in kinds.
    pub fn new() -> Self {
        Self { current: ArcSwap::from_pointee(Snapshot::build(BTreeMap::new(), 0)), change: Mutex::new(()) }
    }

    /// What is served now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Serves what a definition says as it is stored now; `read` looks it up under the lock, so that
    /// of two writers the later one is what stays.
    pub fn refresh(&self, name: &str, read: impl FnOnce() -> Option<(Object, u64)>) {
        let _guard = self.change.lock();
        let snapshot = self.current.load();
        let mut definitions = snapshot.definitions.clone();
        let known = definitions.remove(name);
        if let Some((object, revision)) = read() {
            let known = known.as_deref();
            if let Some(definition) = Definition::read(&object, revision, known) {
                definitions.insert(name.to_owned(), Arc::new(definition));
            }
        }
        self.current.store(Arc::new(Snapshot::build(definitions, snapshot.generation + 1)));
    }

    /// Serves all of these at once, at start.
    pub fn load(&self, objects: impl IntoIterator<Item = (Object, u64)>) {
        let _guard = self.change.lock();
        let definitions = objects
            .into_iter()
            .filter_map(|(object, revision)| {
                let definition = Definition::read(&object, revision, None)?;
                Some((object.name().to_owned(), Arc::new(definition)))
            })
            .collect();
        self.current.store(Arc::new(Snapshot::build(definitions, 1)));
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
