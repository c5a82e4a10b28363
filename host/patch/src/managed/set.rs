//! [`FieldSet`]: a set of fields, as a tree, with the algebra that ownership needs.
//!
//! A field and the fields below it are separate members: a set may hold `.spec.replicas` without
//! `.spec`, or an element of a list without any of the element's fields.
//!
//! **Invariant:** nodes are sorted and unique, and a node is a member or has members below it. So
//! equal sets are equal trees.

use std::cmp::Ordering;

use outrigger_schema::{Node as Shape, NodeId, Schema};
use serde_json::{Map, Value};

use super::element::PathElement;

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    element: PathElement,
    member: bool,
    below: FieldSet,
}

/// What a set keeps of the other in an operation.
#[derive(Clone, Copy)]
enum Keep {
    Members,
    Subtrees,
}

impl FieldSet {
    /// The set of these paths.
    pub fn of<const N: usize>(paths: [&[&str]; N]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let path: Vec<_> = path.iter().map(|name| PathElement::field(name)).collect();
            set.insert(&path);
        }
        set
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many fields are in it.
    pub fn len(&self) -> usize {
        self.nodes.iter().map(|node| usize::from(node.member) + node.below.len()).sum()
    }

    /// Adds one field; not the fields above it. The empty path, which is the whole object, is ignored.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((first, rest)) = path.split_first() else { return };
        let at = match self.nodes.binary_search_by(|node| node.element.cmp(first)) {
            Ok(at) => at,
            Err(at) => {
                self.nodes.insert(at, Node { element: first.clone(), member: false, below: Self::default() });
                at
            }
        };
        let Some(node) = self.nodes.get_mut(at) else { return };
        match rest {
            [] => node.member = true,
            _ => node.below.insert(rest),
        }
    }

    /// Whether a field is in it.
    pub fn contains(&self, path: &[PathElement]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        match (self.find(first), rest) {
            (None, _) => false,
            (Some(node), []) => node.member,
            (Some(node), _) => node.below.contains(rest),
        }
    }

    /// Calls `visit` with every field: those of one level before those below it.
    pub fn for_each(&self, mut visit: impl FnMut(&[&PathElement])) {
        fn walk<'a>(set: &'a FieldSet, path: &mut Vec<&'a PathElement>, visit: &mut impl FnMut(&[&PathElement])) {
            for node in set.nodes.iter().filter(|node| node.member) {
                path.push(&node.element);
                visit(path);
                path.pop();
            }
            for node in set.nodes.iter().filter(|node| !node.below.is_empty()) {
                path.push(&node.element);
                walk(&node.below, path, visit);
                path.pop();
            }
        }
        walk(self, &mut Vec::new(), &mut visit);
    }

    /// Every field, printed as in messages: `.spec.containers[name="a"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.for_each(|path| out.push(path.iter().map(ToString::to_string).collect()));
        out
    }

    /// Adds all fields of another set.
    pub fn extend(&mut self, other: Self) {
        if self.nodes.is_empty() {
            *self = other;
            return;
        }
        if other.nodes.is_empty() {
            return;
        }
        let (mut left, mut right) =
            (std::mem::take(&mut self.nodes).into_iter().peekable(), other.nodes.into_iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            match a.element.cmp(&b.element) {
                Ordering::Less => self.nodes.extend(left.next()),
                Ordering::Greater => self.nodes.extend(right.next()),
                Ordering::Equal => {
                    if let (Some(mut node), Some(other)) = (left.next(), right.next()) {
                        node.member |= other.member;
                        node.below.extend(other.below);
                        self.nodes.push(node);
                    }
                }
            }
        }
        self.nodes.extend(left);
        self.nodes.extend(right);
    }

    /// Fields in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.extend(other.clone());
        out
    }

    /// Fields in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut out = Self::default();
        let mut theirs = other.nodes.iter().peekable();
        for node in &self.nodes {
            while theirs.next_if(|their| their.element < node.element).is_some() {}
            let Some(their) = theirs.next_if(|their| their.element == node.element) else { continue };
            let both = Node {
                element: node.element.clone(),
                member: node.member && their.member,
                below: node.below.intersection(&their.below),
            };
            out.push(both);
        }
        out
    }

    /// Fields in this one and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.subtract(other);
        out
    }

    /// Fields in this one that are neither in the other nor below one that is.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.remove_all(other, Keep::Members);
        out
    }

    /// Takes out the fields of another set, and says whether there were any.
    pub fn subtract(&mut self, other: &Self) -> bool {
        self.remove_all(other, Keep::Subtrees)
    }

    fn remove_all(&mut self, other: &Self, keep: Keep) -> bool {
        if other.nodes.is_empty() || self.nodes.is_empty() {
            return false;
        }
        let mut changed = false;
        let mut theirs = other.nodes.iter().peekable();
        self.nodes.retain_mut(|node| {
            while theirs.next_if(|their| their.element < node.element).is_some() {}
            let Some(their) = theirs.next_if(|their| their.element == node.element) else { return true };
            if their.member {
                changed |= node.member;
                node.member = false;
                if let Keep::Members = keep {
                    changed |= !node.below.is_empty();
                    return false;
                }
            }
            changed |= node.below.remove_all(&their.below, keep);
            node.member || !node.below.is_empty()
        });
        changed
    }

    /// Whether every field is in the other set too.
    pub fn is_subset(&self, other: &Self) -> bool {
        let mut theirs = other.nodes.iter().peekable();
        self.nodes.iter().all(|node| {
            while theirs.next_if(|their| their.element < node.element).is_some() {}
            match theirs.next_if(|their| their.element == node.element) {
                Some(their) => (their.member || !node.member) && node.below.is_subset(&their.below),
                None => false,
            }
        })
    }

    /// Makes named fields of structs members when anything below them is. Entries of maps and elements
    /// of lists are left as they are.
    pub(crate) fn with_named_fields(mut self, schema: &Schema, id: NodeId) -> Self {
        fn walk(set: &mut FieldSet, schema: &Schema, id: NodeId) {
            let shape = schema.node(id);
            for node in set.nodes.iter_mut().filter(|node| !node.below.is_empty()) {
                let mut child = NodeId::MAX;
                match (&node.element, shape) {
                    (PathElement::Field(name), Shape::Object(object)) => {
                        node.member |= object.fields.contains_key(name);
                        child = object.node_of(name).unwrap_or(NodeId::MAX);
                    }
                    (PathElement::Key(_), Shape::List(list)) => child = list.items,
                    _ => {}
                }
                walk(&mut node.below, schema, child);
            }
        }
        walk(&mut self, schema, id);
        self
    }

    /// Follows a change of the type from granular to atomic: who owned something in it owns it whole.
    pub(crate) fn reconcile(&mut self, schema: &Schema, id: NodeId) {
        let shape = schema.node(id);
        for node in self.nodes.iter_mut().filter(|node| !node.below.is_empty()) {
            let child = match (&node.element, shape) {
                (PathElement::Field(name), Shape::Object(object)) => object.node_of(name),
                (PathElement::Key(_) | PathElement::Value(_), Shape::List(list)) => Some(list.items),
                _ => None,
            };
            let Some(child) = child else { continue };
            let atomic = match schema.node(child) {
                Shape::Object(object) => object.atomic,
                Shape::List(list) => list.list_type == outrigger_schema::ListType::Atomic,
                _ => false,
            };
            if atomic {
                node.member = true;
                node.below = Self::default();
            } else {
                node.below.reconcile(schema, child);
            }
        }
    }

    /// Reads FieldsV1. Elements of an unknown sort are left out; an element that is none is an error.
    pub fn from_fields_v1(fields: &Value) -> Result<Self, String> {
        match fields {
            Value::Object(map) => Self::read(map).map(|(set, _)| set),
            Value::Null => Ok(Self::default()),
            other => Err(format!("fieldsV1 must be an object, not {other}")),
        }
    }

    /// The set, and whether the field that it belongs to is a member itself.
    fn read(map: &Map<String, Value>) -> Result<(Self, bool), String> {
        let mut set = Self::default();
        set.nodes.reserve_exact(map.len());
        let mut itself = false;
        for (key, value) in map {
            if key == "." {
                itself = true;
                continue;
            }
            let Some(element) = PathElement::parse(key)? else { continue };
            let (below, member) = match value {
                Value::Object(map) if !map.is_empty() => Self::read(map)?,
                _ => (Self::default(), true),
            };
            set.push(Node { element, member, below });
        }
        set.sort();
        let member = itself || set.is_empty();
        Ok((set, member))
    }

    /// Writes FieldsV1.
    pub fn to_fields_v1(&self) -> Value {
        fn write(set: &FieldSet, itself: bool) -> Map<String, Value> {
            let mut map = Map::new();
            if itself && !set.is_empty() {
                map.insert(".".to_owned(), Value::Object(Map::new()));
            }
            for node in &set.nodes {
                map.insert(node.element.print(), Value::Object(write(&node.below, node.member)));
            }
            map
        }
        Value::Object(write(self, false))
    }

    // What the walks over values build and read sets with.

    /// Appends a node, unless it would be empty. [`FieldSet::sort`] must follow.
    pub(crate) fn add(&mut self, element: PathElement, member: bool, below: Self) {
        self.push(Node { element, member, below });
    }

    /// Restores the order after [`FieldSet::add`]; elements that were added twice are joined.
    pub(crate) fn sort(&mut self) {
        if self.nodes.is_sorted_by(|a, b| a.element < b.element) {
            return;
        }
        self.nodes.sort_by(|a, b| a.element.cmp(&b.element));
        let mut nodes: Vec<Node> = Vec::with_capacity(self.nodes.len());
        for node in std::mem::take(&mut self.nodes) {
            match nodes.last_mut() {
                Some(last) if last.element == node.element => {
                    last.member |= node.member;
                    last.below.extend(node.below);
                }
                _ => nodes.push(node),
            }
        }
        self.nodes = nodes;
    }

    fn push(&mut self, node: Node) {
        if node.member || !node.below.is_empty() {
            self.nodes.push(node);
        }
    }

    fn find(&self, element: &PathElement) -> Option<&Node> {
        let at = self.nodes.binary_search_by(|node| node.element.cmp(element)).ok()?;
        self.nodes.get(at)
    }

    /// Whether a field at this level is a member, and what is below it.
    pub(crate) fn get(&self, element: &PathElement) -> Option<(bool, &Self)> {
        self.find(element).map(|node| (node.member, &node.below))
    }

    /// The fields of this level: name, whether it is a member, what is below it.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, bool, &Self)> {
        self.nodes.iter().filter_map(|node| match &node.element {
            PathElement::Field(name) => Some((&**name, node.member, &node.below)),
            _ => None,
        })
    }
}
