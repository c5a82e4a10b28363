//! The crate's one error.

/// What an object, a quantity or a selector got wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is not a Kubernetes quantity.
    #[error("{text:?} is not a quantity: {reason}")]
    Quantity {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A selector does not parse.
    #[error("at position {position}: {message}")]
    Selector {
        /// Byte offset in the text of the selector; for one given as JSON, the index of the requirement.
        position: usize,
        /// What was expected there.
        message: String,
    },
    /// A field holds a value of another type than its kind says.
    #[error("{path}: expected {expected}, found {found}")]
    Type {
        /// Path of the field, such as `spec.template.spec.containers[0].image`.
        path: String,
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A field holds a value that its type allows and its meaning does not.
    #[error("{path}: {message}")]
    Value {
        /// Path of the field.
        path: String,
        /// What is wrong.
        message: String,
    },
}

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was given is malformed; trying again will not help.
    Invalid,
}

impl Error {
    /// What sort of failure it was: everything here is [`ErrorKind::Invalid`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}
