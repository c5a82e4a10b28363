//! Where a walk is, without allocating until something is wrong there.

use std::fmt::Write;

/// A place in an object, linked to the place above it.
#[derive(Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    /// A field of a struct.
    Field(&'a Path<'a>, &'a str),
    /// A key of a map.
    Key(&'a Path<'a>, &'a str),
    /// An element of a list.
    Index(&'a Path<'a>, usize),
}

/// How map keys are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Dotted,
    Bracketed,
}

impl<'a> Path<'a> {
    pub(super) fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    pub(super) fn key(&'a self, name: &'a str) -> Self {
        Self::Key(self, name)
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }

    /// `spec.labels.app`: the form that errors of the schema itself use.
    pub(super) fn dotted(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, Keys::Dotted);
        text
    }

    /// `spec.labels[app]`: the form that list types and rules use.
    pub(super) fn bracketed(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, Keys::Bracketed);
        text
    }

    fn write(&self, text: &mut String, keys: Keys) {
        match self {
            Self::Root => {}
            Self::Key(parent, name) if keys == Keys::Bracketed => {
                parent.write(text, keys);
                let _ = write!(text, "[{name}]");
            }
            Self::Field(parent, name) | Self::Key(parent, name) => {
                parent.write(text, keys);
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Self::Index(parent, index) => {
                parent.write(text, keys);
                let _ = write!(text, "[{index}]");
            }
        }
    }
}
