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

impl Types {
    /// Copies a type of another arena, with everything that it reaches, and gives its index here.
    pub fn import(&mut self, schema: &Schema) -> NodeId {
        let mut moved = BTreeMap::new();
        self.import_node(schema, schema.root, &mut moved)
    }

    fn import_node(&mut self, from: &Schema, id: NodeId, moved: &mut BTreeMap<NodeId, NodeId>) -> NodeId {
        if let Some(here) = moved.get(&id) {
            return *here;
        }
        let here = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        moved.insert(id, here);
        self.nodes.push(Node::Any);
        let mut node = from.node(id).clone();
        match &mut node {
            Node::List(list) => list.items = self.import_node(from, list.items, moved),
            Node::Object(object) => {
                for field in object.fields.values_mut() {
                    field.node = self.import_node(from, field.node, moved);
                }
                if let Some(values) = &mut object.additional {
                    *values = self.import_node(from, *values, moved);
                }
            }
            Node::Any | Node::Scalar(_) => {}
        }
        if let Some(slot) = self.nodes.get_mut(here as usize) {
            *slot = node;
        }
        here
    }
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

impl Object {
    /// The type of a field, or of the values of a map.
    pub fn node_of(&self, name: &str) -> Option<NodeId> {
        self.fields.get(name).map(|field| field.node).or(self.additional)
    }
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

/// `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`. With neither flag set (the strategy
/// `replace`) a map is replaced whole; without any strategy, maps merge and lists are replaced.
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

    /// The index of the root node.
    pub fn root_id(&self) -> NodeId {
        self.root
    }

    /// The arena.
    pub fn types(&self) -> &Types {
        &self.types
    }

    /// The type of a field of a struct, or of the values of a map; `None` where there is none.
    /// Everything below [`Node::Any`] is [`Node::Any`].
    pub fn field(&self, name: &str) -> Option<Self> {
        match self.root() {
            Node::Object(object) => object.node_of(name).map(|node| self.at(node)),
            Node::Any => Some(Self::any()),
            _ => None,
        }
    }

    /// The type of a list's elements.
    pub fn items(&self) -> Option<Self> {
        match self.root() {
            Node::List(list) => Some(self.at(list.items)),
            _ => None,
        }
    }

    /// The same arena seen from another node.
    pub fn at(&self, root: NodeId) -> Self {
        Self { types: self.types.clone(), root }
    }
}
