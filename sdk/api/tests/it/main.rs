//! Tests of the API types from outside: their CRDs against Karmada's, the committed YAML, and what
//! they read and write.

mod committed;
mod reference;
mod wire;

use std::path::{Path, PathBuf};

/// The crate's directory.
fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Karmada's CRDs, which lie beside the workspace where they are at hand at all.
fn karmada_crds() -> Option<PathBuf> {
    let dir = here().join("../../../shared/reference/karmada/crds");
    dir.is_dir().then_some(dir)
}
