//! The objects that an informer knows, and its indexes over them.
//!
//! **Invariant:** what [`Cache`] gives back as changes is what truly differs: an object told again at
//! the version it is known at is no change.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use outrigger_object::{Object, ObjectKey};

use super::{Change, Keep};

/// Gives the values under which an object is found.
pub(super) type IndexFn = Box<dyn Fn(&Object) -> Vec<String> + Send + Sync>;

struct Index {
    values: IndexFn,
    keys: HashMap<String, BTreeSet<ObjectKey>>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Cache {
    objects: BTreeMap<ObjectKey, Arc<Object>>,
    indexes: HashMap<&'static str, Index>,
    keep: Keep,
}

impl Cache {
    pub(super) fn new(keep: Keep) -> Self {
        Self { keep, ..Self::default() }
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        self.objects.get(key).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(super) fn list(&self) -> Vec<Arc<Object>> {
        self.objects.values().cloned().collect()
    }

    pub(super) fn list_in(&self, namespace: &str) -> Vec<Arc<Object>> {
        let from = ObjectKey::new(namespace, "");
        let of = self.objects.range(from..).take_while(|(key, _)| key.namespace == namespace);
        of.map(|(_, object)| object.clone()).collect()
    }

    pub(super) fn add_index(&mut self, name: &'static str, values: IndexFn) {
        let mut index = Index { values, keys: HashMap::new() };
        for (key, object) in &self.objects {
            index.insert(key, object);
        }
        self.indexes.insert(name, index);
    }

    pub(super) fn by_index(&self, name: &str, value: &str) -> Vec<Arc<Object>> {
        let keys = self.indexes.get(name).and_then(|index| index.keys.get(value));
        keys.into_iter().flatten().filter_map(|key| self.objects.get(key).cloned()).collect()
    }

    /// Takes a complete list: everything else is gone.
    pub(super) fn replace(&mut self, all: BTreeMap<ObjectKey, Object>) -> Vec<Change> {
        let known: HashSet<&ObjectKey> = all.keys().collect();
        let gone: Vec<ObjectKey> = self.objects.keys().filter(|key| !known.contains(key)).cloned().collect();
        let mut changes = Vec::new();
        for key in gone {
            changes.extend(self.drop_key(&key));
        }
        for object in all.into_values() {
            changes.extend(self.put(object));
        }
        changes
    }

    /// Takes a new or changed object. One that was deleted and made again unseen gives both changes.
    pub(super) fn put(&mut self, object: Object) -> Vec<Change> {
        self.share(Arc::new(self.keep.reduce(object)))
    }

    /// [`put`](Self::put) of an object that is in another cache already, which keeps the same of it.
    pub(super) fn share(&mut self, new: Arc<Object>) -> Vec<Change> {
        let object = &*new;
        let key = object.key();
        let mut changes = Vec::new();
        let old = self.objects.get(&key).cloned();
        if let Some(old) = &old {
            let same_version = old.resource_version() == object.resource_version();
            if old.uid() == object.uid() && same_version && !object.resource_version().is_empty() {
                return changes;
            }
            if old.uid() != object.uid() {
                changes.extend(self.drop_key(&key));
            }
        }
        if let Some(old) = self.objects.insert(key.clone(), new.clone()) {
            self.indexes.values_mut().for_each(|index| index.remove(&key, &old));
            changes.push(Change::Updated { old, new: new.clone() });
        } else {
            changes.push(Change::Added(new.clone()));
        }
        self.indexes.values_mut().for_each(|index| index.insert(&key, &new));
        changes
    }

    /// Takes word that an object is gone; the change holds its last state.
    pub(super) fn remove(&mut self, object: Object) -> Option<Change> {
        self.unshare(Arc::new(self.keep.reduce(object)))
    }

    /// [`remove`](Self::remove) of an object that another cache told of.
    pub(super) fn unshare(&mut self, last: Arc<Object>) -> Option<Change> {
        let key = last.key();
        let old = self.objects.get(&key)?;
        if old.uid() != last.uid() {
            return None;
        }
        self.drop_key(&key)?;
        Some(Change::Deleted(last))
    }

    fn drop_key(&mut self, key: &ObjectKey) -> Option<Change> {
        let old = self.objects.remove(key)?;
        self.indexes.values_mut().for_each(|index| index.remove(key, &old));
        Some(Change::Deleted(old))
    }
}

impl Index {
    fn insert(&mut self, key: &ObjectKey, object: &Object) {
        for value in (self.values)(object) {
            self.keys.entry(value).or_default().insert(key.clone());
        }
    }

    fn remove(&mut self, key: &ObjectKey, object: &Object) {
        for value in (self.values)(object) {
            if let Some(keys) = self.keys.get_mut(&value) {
                keys.remove(key);
                if keys.is_empty() {
                    self.keys.remove(&value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, uid: &str, version: &str, color: &str) -> Object {
        Object::from_value(json!({"metadata": {
            "namespace": "ns", "name": name, "uid": uid, "resourceVersion": version,
            "labels": {"color": color}, "managedFields": [{"manager": "m"}]
        }}))
        .unwrap()
    }

    fn cache() -> Cache {
        let mut cache = Cache::new(Keep::default());
        cache.add_index("color", Box::new(|object| object.label("color").map(str::to_owned).into_iter().collect()));
        cache
    }

    fn words(changes: impl IntoIterator<Item = Change>) -> Vec<String> {
        let mut words: Vec<_> = changes
            .into_iter()
            .map(|change| match change {
                Change::Added(new) => format!("+{}", new.name()),
                Change::Updated { old, new } => {
                    format!("{}:{}>{}", new.name(), old.resource_version(), new.resource_version())
                }
                Change::Deleted(old) => format!("-{}", old.name()),
                Change::Synced => "synced".into(),
            })
            .collect();
        words.sort();
        words
    }

    fn list(objects: Vec<Object>) -> BTreeMap<ObjectKey, Object> {
        objects.into_iter().map(|object| (object.key(), object)).collect()
    }

    #[test]
    fn a_list_gives_true_differences_only() {
        let mut cache = cache();
        let first = vec![object("a", "1", "1", "red"), object("b", "2", "1", "red"), object("c", "3", "1", "blue")];
        assert_eq!(words(cache.replace(list(first.clone()))), ["+a", "+b", "+c"]);
        assert!(cache.replace(list(first)).is_empty(), "the same again is no change");
        let second = vec![object("a", "1", "1", "red"), object("b", "2", "5", "green"), object("d", "4", "5", "blue")];
        assert_eq!(words(cache.replace(list(second))), ["+d", "-c", "b:1>5"]);
        assert_eq!(cache.len(), 3);
    }

    #[test]
    fn made_again_unseen_is_a_deletion_and_an_addition() {
        let mut cache = cache();
        cache.put(object("a", "1", "1", "red"));
        assert_eq!(words(cache.put(object("a", "2", "9", "red"))), ["+a", "-a"]);
        assert!(cache.remove(object("a", "1", "1", "red")).is_none(), "late word of the first one");
        assert_eq!(words(cache.remove(object("a", "2", "10", "red"))), ["-a"]);
        assert!(cache.remove(object("a", "2", "10", "red")).is_none());
    }

    #[test]
    fn indexes_follow() {
        let mut cache = cache();
        cache.put(object("a", "1", "1", "red"));
        cache.put(object("b", "2", "1", "red"));
        let names = |cache: &Cache, color| {
            cache.by_index("color", color).iter().map(|object| object.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&cache, "red"), ["a", "b"]);
        cache.put(object("a", "1", "2", "blue"));
        assert_eq!((names(&cache, "red"), names(&cache, "blue")), (vec!["b".into()], vec!["a".into()]));
        cache.remove(object("a", "1", "3", "blue"));
        assert!(names(&cache, "blue").is_empty());
        assert_eq!(cache.list_in("ns").len(), 1);
        assert!(cache.list_in("n").is_empty());
    }

    #[test]
    fn keeps_only_what_was_asked_for() {
        let mut cache = Cache::new(Keep::Only(&[&["metadata", "labels"]]));
        let mut object = object("a", "1", "1", "red");
        object.set(&["spec", "big"], "x");
        cache.put(object);
        let kept = &cache.list()[0];
        assert_eq!((kept.label("color"), kept.uid(), kept.namespace()), (Some("red"), "1", "ns"));
        assert_eq!((kept.get(&["spec"]), kept.get(&["metadata", "managedFields"])), (None, None));
    }

    #[test]
    fn managed_fields_are_stripped() {
        let mut cache = cache();
        cache.put(object("a", "1", "1", "red"));
        assert_eq!(cache.list()[0].get(&["metadata", "managedFields"]), None);
    }
}
