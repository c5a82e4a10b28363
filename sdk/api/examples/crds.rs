//! Writes the CustomResourceDefinitions to `crds/`, one file each.

use std::fs;
use std::path::Path;

use outrigger_api::crds;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    fs::create_dir_all(&dir)?;
    for crd in crds::all() {
        // Through a JSON value, so that absent fields stay absent.
        let value = serde_json::to_value(&crd)?;
        fs::write(dir.join(crds::file_name(&crd)), serde_saphyr::to_string(&value)?)?;
    }
    Ok(())
}
