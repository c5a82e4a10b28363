//! Reading and writing of key files: readable by their owner only, and never half written.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use crate::{Error, Result};

fn error(path: &Path, detail: impl ToString) -> Error {
    Error::File { path: path.display().to_string(), detail: detail.to_string() }
}

/// Makes a directory for keys, if it is not there.
pub(crate) fn make_directory(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| error(path, source))
}

/// Reads a file; none if it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(error(path, source)),
    }
}

/// Writes a file that only its owner can read, whole or not at all.
pub fn write(path: &Path, content: &str) -> Result<()> {
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        match path.parent() {
            Some(parent) => fs::File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|source| {
        let _ = fs::remove_file(&temporary);
        error(path, source)
    })
}
