//! Columns of built-in kinds.

use super::Column;
use crate::registry::Resource;

pub(super) fn columns(_resource: &Resource) -> Option<&'static [Column]> {
    None
}
