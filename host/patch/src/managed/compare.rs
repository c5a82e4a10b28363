//! What differs between two values under their type.

use std::{cmp::Ordering, sync::LazyLock};

use outrigger_schema::{List, Node, NodeId, Schema};
use serde_json::{Map, Value};

use super::{
    element::{self, PathElement},
    set::FieldSet,
    walk::{self, Elements, Form},
};

/// The fields of `metadata` that nobody owns.
const UNOWNED_META: &[&str] = &[
    "clusterName",
    "creationTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Fields that differ between two values. A field is in at most one of the sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// In the new value only.
    pub added: FieldSet,
    /// In both, with another value.
    pub modified: FieldSet,
    /// In the old value only.
    pub removed: FieldSet,
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    fn sort(&mut self) {
        self.added.sort();
        self.modified.sort();
        self.removed.sort();
    }

    /// Leaves out fields and everything below them.
    pub(super) fn exclude(&mut self, fields: &FieldSet) {
        if !fields.is_empty() && !self.is_empty() {
            self.added = self.added.recursive_difference(fields);
            self.modified = self.modified.recursive_difference(fields);
            self.removed = self.removed.recursive_difference(fields);
        }
    }
}

/// Compares two values.
pub fn compare(schema: &Schema, old: &Value, new: &Value) -> Comparison {
    let walk = Walk { schema };
    let mut out = Comparison::default();
    walk.below(schema.root_id(), Some(old), Some(new), &mut out);
    out
}

/// Compares two objects; what nobody owns (`apiVersion`, `kind`, names and the server's own metadata)
/// is left out.
pub(super) fn compare_objects(schema: &Schema, old: &Map<String, Value>, new: &Map<String, Value>) -> Comparison {
    let walk = Walk { schema };
    let mut out = Comparison::default();
    walk.fields(schema.root_id(), Some(old), Some(new), Skip::Root, &mut out);
    out
}

/// Takes what nobody owns out of a set.
pub(super) fn strip(set: &mut FieldSet) {
    static STRIPPED: LazyLock<FieldSet> = LazyLock::new(|| {
        let mut set = FieldSet::of([&["apiVersion"], &["kind"], &["metadata"]]);
        for name in UNOWNED_META {
            set.insert(&[PathElement::field("metadata"), PathElement::field(name)]);
        }
        set
    });
    set.subtract(&STRIPPED);
}

/// Which fields a level leaves out.
#[derive(Clone, Copy)]
enum Skip {
    Nothing,
    Root,
    Metadata,
}

/// What became of one field.
#[derive(Clone, Copy, PartialEq)]
enum Own {
    Same,
    Added,
    Modified,
    Removed,
}

struct Walk<'a> {
    schema: &'a Schema,
}

impl Walk<'_> {
    /// Puts what differs below a value into `out`, and says what became of the value itself.
    fn below(&self, id: NodeId, old: Option<&Value>, new: Option<&Value>, out: &mut Comparison) -> Own {
        let itself = match (old, new) {
            (Some(old), Some(new)) if old == new => return Own::Same,
            (None, None) => return Own::Same,
            (None, Some(_)) => Own::Added,
            (Some(_), None) => Own::Removed,
            (Some(_), Some(_)) => Own::Same,
        };
        let forms = [old, new].map(|value| value.map(|value| walk::form(self.schema, id, value)));
        let (old_map, new_map) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
        let (old_items, new_items) = (old.and_then(Value::as_array), new.and_then(Value::as_array));
        for form in forms.into_iter().flatten() {
            match form {
                // Empty on both sides is a leaf, so that null and empty stay apart.
                Form::Map(_) | Form::AnyMap if any(old_map.map(Map::len)) || any(new_map.map(Map::len)) => {
                    self.fields(id, old_map, new_map, Skip::Nothing, out);
                    let other = |value: &Value| !value.is_object() && !value.is_null();
                    let mixed = old.is_some_and(other) || new.is_some_and(other);
                    return if itself == Own::Same && mixed { Own::Modified } else { itself };
                }
                Form::List(list) if any(old_items.map(Vec::len)) || any(new_items.map(Vec::len)) => {
                    let (old, new) =
                        (old_items.map_or(&[][..], Vec::as_slice), new_items.map_or(&[][..], Vec::as_slice));
                    self.items(list, old, new, out);
                    return itself;
                }
                _ => {}
            }
        }
        match (old, new) {
            (Some(old), Some(new)) if !element::same(old, new) => Own::Modified,
            _ => itself,
        }
    }

    fn fields(
        &self,
        id: NodeId,
        old: Option<&Map<String, Value>>,
        new: Option<&Map<String, Value>>,
        skip: Skip,
        out: &mut Comparison,
    ) {
        let form = walk::map_form(self.schema, id);
        let gone = old.into_iter().flatten().filter(|(name, _)| new.is_none_or(|new| !new.contains_key(*name)));
        let pairs = new.into_iter().flatten().map(|(name, new)| (name, old.and_then(|old| old.get(name)), Some(new)));
        for (name, before, after) in pairs.chain(gone.map(|(name, old)| (name, Some(old), None))) {
            let skip_below = match skip {
                Skip::Root if matches!(name.as_str(), "apiVersion" | "kind") => continue,
                Skip::Metadata if UNOWNED_META.contains(&name.as_str()) => continue,
                Skip::Root if name == "metadata" => Skip::Metadata,
                _ => Skip::Nothing,
            };
            let mut inner = Comparison::default();
            let own = if let Skip::Metadata = skip_below {
                let (id, _) = walk::field(&form, name);
                let (old, new) = (before.and_then(Value::as_object), after.and_then(Value::as_object));
                self.fields(id, old, new, Skip::Metadata, &mut inner);
                Own::Same
            } else {
                self.field(&form, name, (old.is_some(), before), (new.is_some(), after), &mut inner)
            };
            record(out, || PathElement::field(name), own, inner);
        }
        out.sort();
    }

    /// One field, with whether its parent is there on either side.
    fn field(
        &self,
        form: &Form<'_>,
        name: &str,
        (old_parent, mut old): (bool, Option<&Value>),
        (new_parent, mut new): (bool, Option<&Value>),
        out: &mut Comparison,
    ) -> Own {
        let (id, _) = walk::field(form, name);
        let empty;
        if let Form::Map(object) = form
            && object.fields.get(name).is_some_and(|field| field.always)
        {
            // Wherever its parent is, it is there, if only empty.
            empty = match self.schema.node(id) {
                Node::Object(_) => Value::Object(Map::new()),
                _ => Value::Null,
            };
            old = old.or(old_parent.then_some(&empty));
            new = new.or(new_parent.then_some(&empty));
        }
        self.below(id, old, new, out)
    }

    fn items(&self, list: &List, old: &[Value], new: &[Value], out: &mut Comparison) {
        let (old, new) = (Elements::new(list, old), Elements::new(list, new));
        let (mut olds, mut news) = (old.groups().peekable(), new.groups().peekable());
        loop {
            let order = match (olds.peek(), news.peek()) {
                (Some((old, _)), Some((new, _))) => old.cmp(new),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let before = if order.is_le() { olds.next() } else { None };
            let after = if order.is_ge() { news.next() } else { None };
            let Some((element, _)) = before.or(after) else { break };
            let before = before.map_or(&[][..], |(_, run)| run);
            let after = after.map_or(&[][..], |(_, run)| run);
            let mut inner = Comparison::default();
            let own = match (before.len(), after.len()) {
                (0 | 1, 0 | 1) => self.below(list.items, first(before), first(after), &mut inner),
                // Elements of one name are owned as one.
                (2.., 2..) => {
                    let same = before.len() == after.len()
                        && before.iter().zip(after).all(|((.., old), (.., new))| element::same(old, new));
                    if same { Own::Same } else { Own::Modified }
                }
                // To or from that is to or from nothing, beside the single element.
                (2.., _) => {
                    let own = self.below(list.items, None, first(after), &mut inner);
                    record(out, || element.clone(), own, std::mem::take(&mut inner));
                    Own::Removed
                }
                (_, _) => {
                    let own = self.below(list.items, first(before), None, &mut inner);
                    record(out, || element.clone(), own, std::mem::take(&mut inner));
                    Own::Added
                }
            };
            record(out, || element.clone(), own, inner);
        }
        out.sort();
    }
}

fn first<'v>(run: &[(PathElement, usize, &'v Value)]) -> Option<&'v Value> {
    run.first().map(|(.., item)| *item)
}

fn any(length: Option<usize>) -> bool {
    length.is_some_and(|length| length > 0)
}

fn record(out: &mut Comparison, element: impl Fn() -> PathElement, own: Own, inner: Comparison) {
    let sets = [
        (&mut out.added, Own::Added, inner.added),
        (&mut out.modified, Own::Modified, inner.modified),
        (&mut out.removed, Own::Removed, inner.removed),
    ];
    for (set, is, below) in sets {
        if own == is || !below.is_empty() {
            set.add(element(), own == is, below);
        }
    }
}
