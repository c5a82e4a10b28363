//! The layers of interpreters, and what happens when one layer disagrees with itself.

use std::fmt;

use outrigger_interpreter::Operation;
use outrigger_object::Gvk;

/// Where an interpreter comes from. Earlier layers are asked first: the first that gives a value or a
/// failure has answered, and "not handled" passes the question on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// What a user wrote for a kind: declarative, or Karmada's ResourceInterpreterCustomization.
    UserCustomization,
    /// A webhook (Karmada's ResourceInterpreterWebhookConfiguration).
    Webhook,
    /// An installed addon.
    Addon,
    /// An interpreter that ships with the binary, for kinds of well-known projects.
    Bundled,
    /// Kubernetes' own kinds.
    Native,
    /// What holds for any kind.
    Generic,
}

impl Layer {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 6] =
        [Self::UserCustomization, Self::Webhook, Self::Addon, Self::Bundled, Self::Native, Self::Generic];
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserCustomization => "user customization",
            Self::Webhook => "webhook",
            Self::Addon => "addon",
            Self::Bundled => "bundled",
            Self::Native => "native",
            Self::Generic => "generic",
        })
    }
}

/// Two interpreters of one layer that want to answer the same question. The one whose name sorts first
/// answers; the other is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The layer.
    pub layer: Layer,
    /// The kind.
    pub gvk: Gvk,
    /// The question.
    pub operation: Operation,
    /// Name of the interpreter that answers.
    pub winner: String,
    /// Name of one that does not.
    pub loser: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layer, gvk, operation, winner, loser } = self;
        write!(
            f,
            "{operation:?} of {gvk}: {winner} and {loser} both want to answer in the {layer} layer; {winner} does"
        )
    }
}
