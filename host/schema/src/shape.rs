//! [`Schema`]: the shape of a type, as apply, strategic merge and pruning walk it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

/// Index of a node in its [`Types`].
pub type NodeId = u32;

/// An arena of nodes; types refer to each other, and to themselves, by index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Types {
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// The shape of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing is known: objects merge by field, lists are replaced whole.
    Any,
    /// A leaf.
    Scalar(Scalar),
    /// A struct or a map.
    Object(Object),
    /// A list.
    List(List),
}

/// Leaf types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// `string`
    String,
    /// `integer`
    Integer,
    /// `number`
    Number,
    /// `boolean`
    Boolean,
    /// An integer or a string; quantities too.
    IntOrString,
}

/// A struct (named fields), a map (`additional`), or both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// Named fields.
    pub fields: BTreeMap<Box<str>, Field>,
    /// The type of the values of all other fields, for maps.
    pub additional: Option<NodeId>,
    /// Unknown fields are kept (`x-kubernetes-preserve-unknown-fields`).
    pub preserve_unknown: bool,
    /// Replaced whole (`x-kubernetes-map-type: atomic`).
    pub atomic: bool,
}

/// A named field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    /// Its type.
    pub node: NodeId,
    /// How a strategic merge patch treats it.
    pub strategic: Option<Strategic>,
    /// Present in every object of the parent type, even when empty, as the structs and required fields
    /// of built-in types are: it is never added or removed as such. Always false in custom resources.
    pub always: bool,
}

impl Field {
    /// A field of a type, without anything special.
    pub fn of(node: NodeId) -> Self {
        Self { node, ..Self::default() }
    }
}

/// `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strategic {
    /// `merge` is among the strategies.
    pub merge: bool,
    /// `retainKeys` is among the strategies.
    pub retain_keys: bool,
    /// The key by which elements are matched; `None` for lists of scalars.
    pub merge_key: Option<Box<str>>,
}

/// A list.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The type of its elements.
    pub items: NodeId,
    /// How its elements are told apart.
    pub list_type: ListType,
}

/// `x-kubernetes-list-type`.
#[derive(Clone, Debug, PartialEq)]
pub enum ListType {
    /// Replaced whole.
    Atomic,
    /// A set of scalars.
    Set,
    /// Elements matched by these keys; a key that is absent has its default, where the type has one.
    Map(Vec<(Box<str>, Option<Value>)>),
}

/// The shape of one type within its arena. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schema {
    types: Arc<Types>,
    root: NodeId,
}

static ANY: Node = Node::Any;

impl Schema {
    /// The type at a node.
    pub fn new(types: Arc<Types>, root: NodeId) -> Self {
        Self { types, root }
    }

    /// A type of which nothing is known.
    pub fn any() -> Self {
        Self { types: Arc::default(), root: 0 }
    }

    /// The root node.
    pub fn root(&self) -> &Node {
        self.node(self.root)
    }

    /// A node by its index; one that does not exist is [`Node::Any`].
    pub fn node(&self, id: NodeId) -> &Node {
        self.types.nodes.get(id as usize).unwrap_or(&ANY)
    }

    /// The same arena seen from another node.
    pub fn at(&self, root: NodeId) -> Self {
        Self { types: self.types.clone(), root }
    }
}
