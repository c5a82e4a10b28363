//! The interpreter engine as `serve` and `agent` both use it: native kinds, bundled interpreters, and the
//! addons that are linked in.
//!
//! **Invariant:** host and agents of one version judge objects alike, since they build their engine here.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use outrigger_addon::Addon;
use outrigger_addon_velero::Velero;
use outrigger_engine::{Engine, Layer};
use outrigger_workbench::{files, load};
use serde_json::{Value, json};

/// The addons that are linked into this binary.
pub fn addons() -> Result<Vec<Arc<dyn Addon>>> {
    Ok(vec![Arc::new(Velero::new().context("addon velero")?)])
}

/// The version of this host, as addons ask for it.
pub fn version() -> semver::Version {
    semver::Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(semver::Version::new(0, 0, 0))
}

/// The engine, with what every addon knows without configuration among the bundled interpreters, and with what `--interpreters` names. Of that,
/// a file that cannot be used is left out, with a message.
pub fn engine(directory: Option<&Path>) -> Result<Arc<Engine>> {
    let engine = Engine::standard();
    let mut interpreters = Vec::new();
    if let Some(directory) = directory {
        let unreadable = || format!("the interpreters in {} cannot be read", directory.display());
        let (loaded, faults) =
            load::all(&with_libraries(directory).with_context(unreadable)?).with_context(unreadable)?;
        for fault in faults {
            tracing::error!(%fault, "an interpreter is left out");
        }
        for one in &loaded {
            tracing::info!(file = %one.file, interpreter = one.interpreter.name(), "loaded an interpreter");
        }
        interpreters.extend(loaded.into_iter().map(|one| one.interpreter));
    }
    // What is known of these kinds is always there; an addon that is installed answers before it.
    let mut bundled = engine.installed(Layer::Bundled);
    for addon in addons()? {
        let name = addon.manifest().name.clone();
        bundled.extend(addon.interpreters(&no_config()).with_context(|| format!("addon {name}"))?);
    }
    engine.install(Layer::Bundled, bundled);
    engine.install(Layer::Addon, interpreters);
    for conflict in engine.conflicts() {
        tracing::warn!(%conflict, "two interpreters want to answer one question");
    }
    Ok(Arc::new(engine))
}

/// A directory, and the shared libraries in it: those are loaded only where they are named.
fn with_libraries(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = vec![directory.to_owned()];
    for entry in std::fs::read_dir(directory)? {
        paths.extend(Some(entry?.path()).filter(|path| files::is_library(path)));
    }
    Ok(paths)
}

fn no_config() -> Value {
    json!({})
}

#[cfg(test)]
mod tests {
    use outrigger_interpreter::{LifeCycle, Operation};
    use outrigger_object::Gvk;

    use super::*;

    #[test]
    fn every_kind_of_every_addon_is_answered_by_it() {
        let engine = engine(None).unwrap();
        let routes = engine.routes();
        for addon in addons().unwrap() {
            for kind in &addon.manifest().kinds {
                let gvk = Gvk::from_api_version(&kind.api_version, &kind.kind);
                assert_eq!(engine.life_cycle(&gvk), kind.life_cycle, "{gvk}");
                for operation in &kind.operations {
                    let route = routes.iter().find(|route| route.gvk == gvk && route.operation == *operation);
                    assert_eq!(route.map(|route| route.layer), Some(Layer::Bundled), "{gvk} {operation:?}");
                }
            }
        }
    }

    #[test]
    fn native_kinds_are_there() {
        let engine = engine(None).unwrap();
        let deployment = Gvk::new("apps", "v1", "Deployment");
        assert!(engine.handles(&deployment, Operation::InterpretReplica));
        assert_eq!(engine.life_cycle(&deployment), LifeCycle::Declarative);
        assert_eq!(engine.life_cycle(&Gvk::new("velero.io", "v1", "Backup")), LifeCycle::RunOnce);
    }
}
