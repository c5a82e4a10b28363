//! Which files of a directory belong to a package.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::{
    Error, ErrorKind, Limits,
    package::{MANIFEST, manifest, named},
};

/// Directories that are taken whole.
const WHOLE: [&str; 5] = ["crds", "hub", "interpreters", "members", "policies"];
/// Files that are taken where they are.
const ALSO: [&str; 2] = ["LICENSE", "README.md"];
/// Directories nest no deeper than this.
const MAX_DEPTH: usize = 32;

/// Reads the files of a directory that belong to a package.
pub fn read(directory: &Path, limits: &Limits) -> Result<BTreeMap<String, Bytes>, Error> {
    let root = fs::canonicalize(directory).map_err(|error| failed(&directory.display(), &error))?;
    let mut walk = Walk { shown: directory.to_owned(), root, limits, left: limits.unpacked, files: BTreeMap::new() };
    if !walk.exists(MANIFEST) {
        let message = "there is no addon.yaml in it: `outrigger addon new` writes one";
        return Err(Error::new(ErrorKind::NotFound, directory.display(), message));
    }
    walk.file(MANIFEST)?;
    let bytes = walk.files.get(MANIFEST).cloned().unwrap_or_default();
    let manifest = manifest(&bytes)?;
    for path in ALSO.into_iter().filter(|path| walk.exists(path)).collect::<Vec<_>>() {
        walk.file(path)?;
    }
    for path in WHOLE.into_iter().chain([manifest.interpreters.as_str()]) {
        if walk.exists(path) {
            walk.directory(path, 0)?;
        }
    }
    for path in named(&manifest) {
        if !walk.exists(path) {
            let message = format!("names {path}, which is not in the directory");
            return Err(Error::new(ErrorKind::NotFound, walk.at(MANIFEST), message));
        }
        walk.file(path)?;
    }
    Ok(walk.files)
}

struct Walk<'l> {
    shown: PathBuf,
    root: PathBuf,
    limits: &'l Limits,
    left: u64,
    files: BTreeMap<String, Bytes>,
}

impl Walk<'_> {
    fn at(&self, path: &str) -> String {
        self.shown.join(path).display().to_string()
    }

    fn exists(&self, path: &str) -> bool {
        self.root.join(path).symlink_metadata().is_ok()
    }

    /// The file that a path means, which must be inside.
    fn resolved(&self, path: &str) -> Result<PathBuf, Error> {
        let real = fs::canonicalize(self.root.join(path)).map_err(|error| failed(&self.at(path), &error))?;
        if real.starts_with(&self.root) {
            return Ok(real);
        }
        let message = format!("is a link to {}, which is outside of the package", real.display());
        Err(Error::invalid(self.at(path), message))
    }

    fn directory(&mut self, path: &str, depth: usize) -> Result<(), Error> {
        let real = self.resolved(path)?;
        if !real.is_dir() {
            return self.file(path);
        }
        if depth >= MAX_DEPTH {
            let message = format!("directories are more than {MAX_DEPTH} deep here: does a link lead back up?");
            return Err(Error::invalid(self.at(path), message));
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&real).map_err(|error| failed(&self.at(path), &error))? {
            let name = entry.map_err(|error| failed(&self.at(path), &error))?.file_name();
            match name.into_string() {
                Ok(name) if name.starts_with('.') => {}
                Ok(name) => names.push(name),
                Err(name) => {
                    return Err(Error::invalid(self.at(path), format!("the name {} is no UTF-8", name.display())));
                }
            }
        }
        names.sort();
        names.into_iter().try_for_each(|name| self.directory(&format!("{path}/{name}"), depth + 1))
    }

    fn file(&mut self, path: &str) -> Result<(), Error> {
        if self.files.contains_key(path) {
            return Ok(());
        }
        let real = self.resolved(path)?;
        let metadata = fs::metadata(&real).map_err(|error| failed(&self.at(path), &error))?;
        if !metadata.is_file() {
            return Err(Error::invalid(self.at(path), "is not a plain file"));
        }
        if metadata.len() > self.left {
            return Err(too_large(&self.at(path), self.limits));
        }
        if self.files.len() >= self.limits.entries {
            let message = format!("the package has more than {} files", self.limits.entries);
            return Err(Error::new(ErrorKind::TooLarge, self.at(path), message));
        }
        let bytes = fs::read(&real).map_err(|error| failed(&self.at(path), &error))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or_else(|| too_large(&self.at(path), self.limits))?;
        self.files.insert(path.to_owned(), bytes.into());
        Ok(())
    }
}

fn too_large(place: &str, limits: &Limits) -> Error {
    let message = format!("with it the package would have more than {} bytes", limits.unpacked);
    Error::new(ErrorKind::TooLarge, place, message)
}

fn failed(place: &dyn std::fmt::Display, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Terminal,
    };
    Error::new(kind, place, format_args!("cannot be read: {error}"))
}
