//! [`load`]: an addon out of a shared library.

use std::path::Path;
use std::sync::Arc;

use outrigger_addon::Addon;
use outrigger_library::{Error, Options, load_addon};

/// Loads an addon out of a library that exports one with `export_addon!`. What it is asked beside its controllers
/// has a deadline of a second, and it is in quarantine while such a call is late; its controllers are contained by
/// the [`Guest`](crate::Guest) that runs them.
///
/// A library is never unloaded, and loading a file again gives what is loaded already: a new version needs a new
/// name. Both stay in memory then, so that calls of the old one end as they began. Blocks while the library starts,
/// for ten seconds at most.
///
/// # Errors
///
/// When there is no such file, it is no library for this machine, exports no addon, speaks another version of the
/// ABI, and when it does not introduce itself.
pub fn load(path: impl AsRef<Path>) -> Result<Arc<dyn Addon>, Error> {
    load_addon(path, Options::default())
}
