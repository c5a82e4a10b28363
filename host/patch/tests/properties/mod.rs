//! What holds for all sets of fields, and for all sequences of applies.

use std::sync::LazyLock;

use outrigger_object::Object;
use outrigger_patch::managed::{self, Entry, FieldSet, PathElement, Write};
use outrigger_schema::{Schema, builtin};
use proptest::{collection, prelude::*, sample};
use serde_json::{Map, Value, json};

fn element() -> impl Strategy<Value = PathElement> {
    let scalar = prop_oneof![
        "[a-c]{1,2}".prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "<[a&\"]>".prop_map(Value::from),
    ];
    let key = collection::btree_map("[k-m]", scalar.clone(), 1..3).prop_map(|key| {
        PathElement::Key(key.into_iter().map(|(name, value)| (name.into_boxed_str(), value)).collect())
    });
    prop_oneof![
        4 => "[a-e.:]{1,2}".prop_map(|name| PathElement::Field(name.into_boxed_str())),
        2 => key,
        1 => scalar.prop_map(|value| PathElement::Value(Box::new(value))),
        1 => (0..3i64).prop_map(PathElement::Index),
    ]
}

fn set() -> impl Strategy<Value = FieldSet> {
    collection::vec(collection::vec(element(), 1..4), 0..12).prop_map(|paths| {
        let mut set = FieldSet::default();
        paths.iter().for_each(|path| set.insert(path));
        set
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sets_are_sets(a in set(), b in set(), c in set()) {
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.intersection(&b), a.difference(&a.difference(&b)));
        prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a.clone());
        prop_assert_eq!(a.difference(&b.union(&c)), a.difference(&b).difference(&c));
        prop_assert!(a.difference(&b).intersection(&b).is_empty());
        prop_assert!(a.intersection(&b).is_subset(&a) && a.is_subset(&a.union(&b)));
        prop_assert_eq!(a.is_subset(&b), a.difference(&b).is_empty());
        prop_assert!(a.recursive_difference(&b).is_subset(&a.difference(&b)));
        prop_assert_eq!(a.len(), a.difference(&b).len() + a.intersection(&b).len());
        prop_assert_eq!(a.paths().len(), a.len());
    }

    #[test]
    fn fields_v1_comes_back(a in set()) {
        let written = a.to_fields_v1();
        let text = written.to_string();
        let read = FieldSet::from_fields_v1(&serde_json::from_str(&text).unwrap()).unwrap();
        prop_assert_eq!(&read, &a);
        prop_assert_eq!(read.to_fields_v1(), written);
    }
}

/// A field that may be there.
type Maybe = (&'static str, Option<Value>);

/// A part of a Deployment: scalars, a map, a keyed list with a list in it, a set, an atomic list. Keyed
/// lists and sets are not empty: an empty one owns nothing, so that it goes and comes back.
fn config() -> impl Strategy<Value = Object> {
    let maybe = |strategy: BoxedStrategy<Value>| proptest::option::of(strategy);
    // One label is always there: an object of which nobody owns anything is not tracked.
    let labels = collection::btree_map("[a-c]", "[x-y]", 0..3).prop_map(|mut labels| {
        labels.insert("always".to_owned(), "x".to_owned());
        json!(labels)
    });
    let finalizers = sample::subsequence(vec!["x/a", "x/b", "x/c"], 1..4).prop_map(|list| json!(list)).boxed();
    let args = collection::vec("[p-q]", 0..3).prop_map(|args| json!(args)).boxed();
    let ports = sample::subsequence(vec![80, 81], 1..3)
        .prop_map(|ports| ports.into_iter().map(|port| json!({"containerPort": port})).collect::<Value>())
        .boxed();
    let container = (proptest::option::of("[i-j]"), maybe(args), maybe(ports))
        .prop_map(|(image, args, ports)| [("image", image.map(Into::into)), ("args", args), ("ports", ports)]);
    let containers = collection::btree_map("[m-o]", container, 1..3)
        .prop_map(|containers| {
            let one = |(name, [image, args, ports]): (String, [Maybe; 3])| {
                some([("name", Some(name.into())), image, args, ports])
            };
            containers.into_iter().map(one).collect::<Value>()
        })
        .boxed();
    let replicas = (0..3).prop_map(Value::from).boxed();
    (labels, maybe(finalizers), maybe(containers), maybe(replicas)).prop_map(
        |(labels, finalizers, containers, replicas)| {
            let pod = containers.map(|containers| json!({"spec": {"containers": containers}}));
            let spec = some([("replicas", replicas), ("template", pod)]);
            let meta = some([("name", Some("d".into())), ("labels", Some(labels)), ("finalizers", finalizers)]);
            let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec});
            Object::from_value(object).unwrap()
        },
    )
}

fn some<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn schema() -> Schema {
    builtin::schema("apps", "v1", "Deployment").unwrap()
}

static NOTHING: LazyLock<FieldSet> = LazyLock::new(FieldSet::default);

fn write<'a>(schema: &'a Schema, manager: &'a str, now: &'a str) -> Write<'a> {
    Write { schema, api_version: "apps/v1", manager, subresource: "", now, reset: &NOTHING }
}

fn apply(schema: &Schema, manager: &str, second: usize, live: Option<&Object>, config: &Object) -> Object {
    let now = format!("2026-01-01T00:00:{second:02}Z");
    managed::apply(&write(schema, manager, &now), live, config, true).unwrap()
}

fn fields(schema: &Schema, object: &Object) -> FieldSet {
    let mut object = object.clone();
    object.remove(&["metadata", "managedFields"]);
    managed::extract(schema, &object.into_value())
}

fn entries(object: &Object) -> Vec<Entry> {
    object.get(&["metadata", "managedFields"]).map(|all| Entry::read_all(all).unwrap()).unwrap_or_default()
}

fn owned_by_others(object: &Object, manager: &str) -> FieldSet {
    let others = entries(object).into_iter().filter(|entry| entry.id.manager != manager);
    others.fold(FieldSet::default(), |all, entry| all.union(entry.fields()))
}

/// Fields as paths, without those that only say that something is there.
fn leaves(set: &FieldSet) -> Vec<String> {
    let all = set.paths();
    all.iter()
        .filter(|path| !all.iter().any(|other| other.len() > path.len() && other.starts_with(*path)))
        .cloned()
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applies(steps in collection::vec((sample::select(vec!["a", "b", "c"]), config()), 1..8)) {
        let schema = schema();
        let mut live: Option<Object> = None;
        for (second, (manager, config)) in steps.iter().enumerate() {
            let before = live.as_ref().map(|live| (fields(&schema, live), owned_by_others(live, manager)));
            let mine = live.as_ref().map(entries).unwrap_or_default().into_iter()
                .find(|entry| entry.id.manager == *manager).map(|entry| entry.fields().clone()).unwrap_or_default();
            let after = apply(&schema, manager, second, live.as_ref(), config);
            let now = fields(&schema, &after);
            let applied = fields(&schema, config);

            // What is applied is there.
            for path in applied.paths() {
                prop_assert!(now.paths().iter().any(|other| other.starts_with(&path)), "{path} not in {:?}", now.paths());
            }
            // Applying it again, later, changes nothing.
            prop_assert_eq!(&apply(&schema, manager, second + 1, Some(&after), config), &after);
            // What only the applier had goes when it is not applied any more; what others have stays.
            if let Some((before, others)) = before {
                let overlaps = |set: &FieldSet, path: &str| {
                    set.paths().iter().any(|other| other.starts_with(path) || path.starts_with(other.as_str()))
                };
                let now = now.paths();
                for path in leaves(&before) {
                    let abandoned = overlaps(&mine, &path) && !overlaps(&applied, &path);
                    let elsewhere = overlaps(&others, &path);
                    prop_assert!(!abandoned || elsewhere || !now.contains(&path), "{path} was left behind");
                    let untouched = !overlaps(&mine, &path) && !overlaps(&applied, &path);
                    prop_assert!(!untouched || now.contains(&path), "{path} is gone");
                }
            }
            // Everybody owns what is there, and only that.
            for entry in entries(&after) {
                for path in leaves(entry.fields()) {
                    prop_assert!(now.paths().iter().any(|other| other.starts_with(&path)), "{path} is owned and not there");
                }
            }
            live = Some(after);
        }
    }

    #[test]
    fn updates_move_ownership(first in config(), second in config()) {
        let schema = schema();
        let mut live = first;
        managed::update(&write(&schema, "a", "2026-01-01T00:00:00Z"), None, &mut live);
        live.set(&["metadata", "uid"], "1");
        let mut new = second;
        new.set(&["metadata", "uid"], "1");
        managed::update(&write(&schema, "b", "2026-01-01T00:00:01Z"), Some(&live), &mut new);
        let plain = |object: &Object| {
            let mut object = object.clone();
            object.remove(&["metadata", "managedFields"]);
            object.into_value()
        };
        let changes = managed::compare(&schema, &plain(&live), &plain(&new));
        let of = |manager: &str| entries(&new).into_iter().find(|entry| entry.id.manager == manager)
            .map(|entry| entry.fields().clone()).unwrap_or_default();
        prop_assert_eq!(of("b"), changes.added.union(&changes.modified));
        prop_assert!(of("a").intersection(&of("b")).is_empty());
        prop_assert!(of("a").intersection(&changes.removed).is_empty());
    }
}
