//! When a field is left out: Go's `omitempty` drops zero and false.

/// Whether a value is its type's default, which `omitempty` does not write.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
