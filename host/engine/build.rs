//! Lists the interpreters that are built in: every `<group>/<version>/<Kind>/interpreter.yaml` of the
//! repository's folder `interpreters/`, with what must be known of it before it is compiled.

use std::{env, fmt::Write, fs, io, path::Path};

use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interpreters").canonicalize()?;
    let mut found = Vec::new();
    walk(&root, "", 3, &mut found)?;
    found.sort();
    let mut list = String::from("&[\n");
    for path in found {
        let file = root.join(&path).join("interpreter.yaml");
        let head = head(&fs::read_to_string(&file)?).to_string();
        let file = file.display().to_string();
        let _ = writeln!(list, "    Entry {{ path: {path:?}, yaml: include_str!({file:?}), head: {head:?} }},");
    }
    list.push(']');
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("catalogue.rs"), list)
}

/// Name, target, life cycle and blocks of an interpreter. What is wrong with it is found where it is compiled.
fn head(yaml: &str) -> Value {
    let read: Value = serde_saphyr::from_str(yaml).unwrap_or_default();
    let spec = &read["spec"];
    let blocks: Vec<&String> = spec.as_object().map(|blocks| blocks.keys().collect()).unwrap_or_default();
    json!({
        "name": read["metadata"]["name"],
        "target": spec["target"],
        "lifeCycle": spec["lifeCycle"],
        "blocks": blocks,
    })
}

/// Folders with an interpreter, `depth` below. Each folder is watched, for what is added to it.
fn walk(at: &Path, name: &str, depth: usize, found: &mut Vec<String>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", at.display());
    if depth == 0 {
        if at.join("interpreter.yaml").exists() {
            found.push(name.to_owned());
        }
        return Ok(());
    }
    for entry in fs::read_dir(at)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let separator = if name.is_empty() { "" } else { "/" };
            let name = format!("{name}{separator}{}", entry.file_name().to_string_lossy());
            walk(&entry.path(), &name, depth - 1, found)?;
        }
    }
    Ok(())
}
