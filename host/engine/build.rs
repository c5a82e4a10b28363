//! Lists the interpreters that are built in: every `<group>/<version>/<Kind>/interpreter.yaml` of the
//! repository's folder `interpreters/`.

use std::{env, fmt::Write, fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interpreters").canonicalize()?;
    let mut found = Vec::new();
    walk(&root, "", 3, &mut found)?;
    found.sort();
    let mut list = String::from("&[\n");
    for path in found {
        let file = root.join(&path).join("interpreter.yaml");
        let _ = writeln!(list, "    Entry {{ path: {path:?}, yaml: include_str!({:?}) }},", file.display().to_string());
    }
    list.push(']');
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("catalogue.rs"), list)
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
