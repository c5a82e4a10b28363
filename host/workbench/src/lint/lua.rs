//! Scripts of Karmada's customizations.

use super::Finding;
use crate::files::Document;

/// Checks a customization beyond what compiling it finds.
pub fn check(_document: &Document, _findings: &mut Vec<Finding>) {}
