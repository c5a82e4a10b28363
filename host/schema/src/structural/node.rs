//! The compiled form of one schema node.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::{format::Format, rules::Rule};

/// How deep schemas may nest. Walks over them recurse this deep at most.
pub(super) const DEPTH: usize = 96;

/// One node of a structural schema, or of a value validation nested in it.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The stated type; none where anything goes.
    pub ty: Option<Type>,
    pub nullable: bool,
    pub preserve_unknown: bool,
    /// A whole object with `apiVersion`, `kind` and `metadata`.
    pub embedded: bool,
    pub default: Option<Value>,
    pub list: ListKind,
    pub map_atomic: bool,
    pub properties: BTreeMap<Box<str>, Node>,
    pub additional: Additional,
    pub items: Option<Box<Node>>,
    /// What the value must satisfy beside its type; none for most nodes.
    pub checks: Option<Box<Checks>>,
    pub rules: Vec<Rule>,
    /// What is found somewhere below, so that walks can leave the rest alone.
    pub below: Below,
}

/// What a subtree has, itself included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Below {
    pub defaults: bool,
    pub keyed_lists: bool,
    pub embedded: bool,
    pub rules: bool,
}

/// `type`, with `x-kubernetes-int-or-string` as one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

impl Type {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::IntOrString => "integer,string",
        }
    }
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Default, PartialEq)]
pub(super) enum ListKind {
    #[default]
    Atomic,
    Set,
    Map(Vec<Box<str>>),
}

/// `additionalProperties`.
#[derive(Debug, Default)]
pub(super) enum Additional {
    #[default]
    None,
    /// `true`: any key, of whose value nothing is known.
    Any,
    Of(Box<Node>),
}

/// Value validations.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub allowed: Vec<Value>,
    pub minimum: Option<f64>,
    pub exclusive_minimum: bool,
    pub maximum: Option<f64>,
    pub exclusive_maximum: bool,
    pub multiple_of: Option<f64>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<Pattern>,
    pub format: Option<Format>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
    pub required: Vec<Box<str>>,
    pub all_of: Vec<Node>,
    pub any_of: Vec<Node>,
    pub one_of: Vec<Node>,
    pub not: Option<Box<Node>>,
}

/// A pattern as written, for messages, and compiled.
#[derive(Debug)]
pub(super) struct Pattern {
    pub text: Box<str>,
    pub regex: Regex,
}

impl Node {
    /// The schema of a field, whether named or by `additionalProperties`.
    pub(super) fn child(&self, name: &str) -> Option<&Node> {
        match (self.properties.get(name), &self.additional) {
            (Some(node), _) => Some(node),
            (None, Additional::Of(node)) => Some(node),
            _ => None,
        }
    }

    /// Every direct structural child.
    pub(super) fn children(&self) -> impl Iterator<Item = &Node> {
        let additional = match &self.additional {
            Additional::Of(node) => Some(&**node),
            _ => None,
        };
        self.properties.values().chain(additional).chain(self.items.as_deref())
    }

    /// Notes what this node and its children have, for walks to skip what they need not see.
    pub(super) fn sum_up(&mut self) {
        let mut below = Below {
            defaults: self.default.is_some(),
            keyed_lists: self.list != ListKind::Atomic,
            embedded: self.embedded,
            rules: !self.rules.is_empty(),
        };
        for child in self.children() {
            below.defaults |= child.below.defaults;
            below.keyed_lists |= child.below.keyed_lists;
            below.embedded |= child.below.embedded;
            below.rules |= child.below.rules;
        }
        self.below = below;
    }
}

impl Checks {
    /// Whether nothing is checked.
    pub(super) fn is_empty(&self) -> bool {
        let numbers = self.minimum.is_some() || self.maximum.is_some() || self.multiple_of.is_some();
        let strings = self.pattern.is_some() || self.format.is_some();
        let counts = [
            self.min_length,
            self.max_length,
            self.min_items,
            self.max_items,
            self.min_properties,
            self.max_properties,
        ];
        let junctors = self.all_of.is_empty() && self.any_of.is_empty() && self.one_of.is_empty() && self.not.is_none();
        !numbers
            && !strings
            && counts.iter().all(Option::is_none)
            && junctors
            && self.allowed.is_empty()
            && self.required.is_empty()
    }
}
