//! Which objects hold interpreters.

use std::fmt;

use outrigger_engine::Layer;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use serde_json::Value;

/// A kind of object that holds interpreters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `interpreters.outrigger.io` Interpreter.
    Interpreter,
    /// Karmada's ResourceInterpreterCustomization.
    Customization,
    /// Karmada's ResourceInterpreterWebhookConfiguration.
    Webhook,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Interpreter, Self::Customization, Self::Webhook];

    /// The layer that its interpreters answer in.
    pub fn layer(self) -> Layer {
        match self {
            Self::Interpreter | Self::Customization => Layer::UserCustomization,
            Self::Webhook => Layer::Webhook,
        }
    }

    /// The resource on the control plane.
    pub fn resource(self) -> Resource {
        let (gvk, plural, has_status) = match self {
            Self::Interpreter => {
                (Gvk::new("interpreters.outrigger.io", "v1alpha1", "Interpreter"), "interpreters", true)
            }
            Self::Customization => (
                Gvk::new("config.karmada.io", "v1alpha1", "ResourceInterpreterCustomization"),
                "resourceinterpretercustomizations",
                false,
            ),
            Self::Webhook => (
                Gvk::new("config.karmada.io", "v1alpha1", "ResourceInterpreterWebhookConfiguration"),
                "resourceinterpreterwebhookconfigurations",
                false,
            ),
        };
        Resource { gvk, plural: plural.to_owned(), namespaced: false, has_status, has_scale: false }
    }

    /// The field that holds what is compiled.
    pub fn body(self) -> &'static str {
        match self {
            Self::Interpreter | Self::Customization => "spec",
            Self::Webhook => "webhooks",
        }
    }

    fn short(self) -> &'static str {
        match self {
            Self::Interpreter => "interpreter",
            Self::Customization => "resourceinterpretercustomization",
            Self::Webhook => "resourceinterpreterwebhookconfiguration",
        }
    }
}

/// One such object. All these kinds are cluster-scoped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The key of a kind and a name.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The object's key.
    pub fn object_key(&self) -> ObjectKey {
        ObjectKey::new("", self.name.as_str())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.short(), self.name)
    }
}

/// An object with another body in place of its own.
pub fn with_body(object: &Object, kind: Kind, body: &Value) -> Object {
    let mut object = object.clone();
    object.set(&[kind.body()], body.clone());
    object
}
