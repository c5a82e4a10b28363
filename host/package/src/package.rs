//! [`Package`]: an addon as one thing that can be copied, pinned and signed.

use std::{collections::BTreeMap, fmt, path::Path};

use bytes::Bytes;
use outrigger_addon::Manifest;
use ring::digest::{SHA256, digest};

use crate::{Error, ErrorKind, Limits, archive, directory};

/// The file that every package has.
pub const MANIFEST: &str = "addon.yaml";

/// An addon's manifest and files, together with the archive that holds them.
///
/// **Invariant:** every path stays inside the package, every file that the manifest names is there, and the
/// digest is that of the archive's bytes.
#[derive(Clone, PartialEq)]
pub struct Package {
    manifest: Manifest,
    files: BTreeMap<String, Bytes>,
    archive: Bytes,
    digest: String,
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { manifest, files, digest, .. } = self;
        let files: Vec<&String> = files.keys().collect();
        f.debug_struct("Package")
            .field("name", &manifest.name)
            .field("version", &manifest.versions.addon)
            .field("digest", digest)
            .field("files", &files)
            .finish_non_exhaustive()
    }
}

impl Package {
    /// Packs a directory: `addon.yaml`, `README.md`, what lies in `interpreters/`, `crds/`, `policies/`, `hub/` and
    /// `members/`, and whatever else the manifest names. Names that begin with a dot are left out. Fails on a link
    /// that leaves the directory, and on all that [`Package::from_files`] fails on.
    pub fn from_dir(directory: &Path, limits: &Limits) -> Result<Self, Error> {
        Self::from_files(directory::read(directory, limits)?, limits)
    }

    /// Packs files by their path. Fails when there is no usable manifest, when a file that it names is not there,
    /// and when there is more than the limits allow. The same files give the same archive, byte for byte, with the
    /// same version of this crate.
    pub fn from_files(files: BTreeMap<String, Bytes>, limits: &Limits) -> Result<Self, Error> {
        let manifest = check(&files)?;
        let archive = Bytes::from(archive::write(&files, limits)?);
        Ok(Self { manifest, files, digest: sha256(&archive), archive })
    }

    /// Reads an archive: gzip over tar. Fails on whatever [`Limits`] forbid, on anything in it but plain files and
    /// directories, on names that leave it, stand twice or are no text, and on bytes that are missing or too many.
    pub fn from_archive(bytes: impl Into<Bytes>, limits: &Limits) -> Result<Self, Error> {
        let archive = bytes.into();
        let files = archive::read(&archive, limits)?;
        let manifest = check(&files)?;
        Ok(Self { manifest, files, digest: sha256(&archive), archive })
    }

    /// What `addon.yaml` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files by path, `addon.yaml` among them.
    pub fn files(&self) -> &BTreeMap<String, Bytes> {
        &self.files
    }

    /// A file as text. Fails when it is not there or is no UTF-8.
    pub fn text(&self, path: &str) -> Result<&str, Error> {
        let bytes = self.files.get(path).ok_or_else(|| missing(path))?;
        std::str::from_utf8(bytes).map_err(|_| Error::invalid(path, "the file is not UTF-8 text"))
    }

    /// The archive: the bytes that it was read from, or that its files were packed into.
    pub fn archive(&self) -> &Bytes {
        &self.archive
    }

    /// `sha256:<hex>` of the archive.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// `sha256:<hex>` of some bytes.
pub fn sha256(bytes: &[u8]) -> String {
    written(digest(&SHA256, bytes).as_ref())
}

/// A SHA-256 in the form in which digests are written.
pub(crate) fn written(digest: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in digest {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn check(files: &BTreeMap<String, Bytes>) -> Result<Manifest, Error> {
    let bytes = files.get(MANIFEST).ok_or_else(|| missing(MANIFEST))?;
    let manifest = manifest(bytes)?;
    let missing = named(&manifest).find(|path| !files.contains_key(*path)).map(str::to_owned);
    match missing {
        Some(path) => {
            Err(Error::new(ErrorKind::NotFound, MANIFEST, format_args!("names {path}, which is not in the package")))
        }
        None => Ok(manifest),
    }
}

pub(crate) fn manifest(bytes: &[u8]) -> Result<Manifest, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::invalid(MANIFEST, "the file is not UTF-8 text"))?;
    Manifest::from_yaml(text).map_err(|error| {
        let error = error.to_string();
        Error::invalid(MANIFEST, error.strip_prefix("addon.yaml: ").unwrap_or(&error))
    })
}

/// The files that a manifest names.
pub(crate) fn named(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.paths().filter(|path| *path != manifest.interpreters)
}

fn missing(path: &str) -> Error {
    Error::new(ErrorKind::NotFound, path, "the package has no such file")
}
