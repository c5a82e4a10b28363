//! One database file: its tables, how it is made, loaded and written to.
//!
//! The tables: `entries`, from key to (revision, value), and `meta`, where `revision` is the
//! newest revision and `format` says how to read the rest.
//!
//! **Invariant.** A commit carries its writes and the new revision together, and is on the disk
//! when it returns. It costs one sync: the engine tells a torn commit by its checksums and goes
//! back to the one before. Under the name of the data file there is never an unfinished file: it
//! is made under another name and renamed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::medium::{Health, Medium};
use crate::tree::Tree;
use crate::{Entry, Error, Event, Result, Revision};

const ENTRIES: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("entries");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const REVISION: &str = "revision";
const FORMAT: &str = "format";
const FORMAT_1: u64 = 1;

/// A file is worth compacting on opening when it is beyond this, and beyond this many times what
/// is stored in it.
const COMPACT_FROM: u64 = 16 << 20;
const COMPACT_TIMES: u64 = 3;

/// An open database file.
#[derive(Debug)]
pub(super) struct DataFile {
    database: Database,
    health: Arc<Health>,
}

fn cause(error: impl Into<redb::Error>) -> redb::Error {
    error.into()
}

/// What a failure means for someone who wanted to write.
fn disk(path: &Path, detail: impl ToString) -> Error {
    Error::Disk { path: path.display().to_string(), detail: detail.to_string() }
}

fn corrupt(path: &Path, detail: impl ToString) -> Error {
    Error::Corrupt { path: path.display().to_string(), detail: detail.to_string() }
}

/// What a failure means for someone who opens the file.
fn open_error(path: &Path, error: redb::Error) -> Error {
    match error {
        redb::Error::Io(error)
            if !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            disk(path, error)
        }
        redb::Error::DatabaseAlreadyOpen => Error::InUse { path: path.display().to_string() },
        redb::Error::PreviousIo => disk(path, error),
        error => corrupt(path, error),
    }
}

/// The engine trusts what it reads in places and panics where that is wrong.
fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(redb::Error::Corrupted(format!("the database engine gave up: {message}")))
    })
}

fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    // Secrets are stored here.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl DataFile {
    /// Makes a file that holds this tree and puts it in the place of `path`, where there may be
    /// one. On failure what was there remains. `scratch` is written over.
    pub(super) fn create(path: &Path, scratch: &Path, tree: &Tree, cache: usize, health: Arc<Health>) -> Result<Self> {
        let make = || -> Result<DataFile, redb::Error> {
            let file = open_options().create(true).truncate(true).open(scratch)?;
            let database =
                Self::builder(cache).create_with_backend(Medium::new(file, health.clone()).map_err(cause)?)?;
            let write = database.begin_write()?;
            {
                let mut entries = write.open_table(ENTRIES)?;
                for entry in tree.iter() {
                    entries.insert(&*entry.key, (entry.revision, &*entry.value))?;
                }
                let mut meta = write.open_table(META)?;
                meta.insert(FORMAT, FORMAT_1)?;
                meta.insert(REVISION, tree.revision())?;
            }
            write.commit()?;
            fs::rename(scratch, path)?;
            if let Some(parent) = path.parent() {
                File::open(parent)?.sync_all()?;
            }
            Ok(Self { database, health })
        };
        guarded(make).map_err(|error| {
            let _ = fs::remove_file(scratch);
            disk(path, error)
        })
    }

    /// Opens a file. Every page is checked against its checksum, so that damage shows now.
    pub(super) fn open(path: &Path, cache: usize, health: Arc<Health>) -> Result<Self> {
        let open = || -> Result<DataFile, redb::Error> {
            let file = open_options().open(path)?;
            let database =
                Self::builder(cache).create_with_backend(Medium::new(file, health.clone()).map_err(cause)?)?;
            Ok(Self { database, health })
        };
        if fs::metadata(path).is_ok_and(|found| found.len() == 0) {
            return Err(corrupt(path, "the file is empty"));
        }
        guarded(open).map_err(|error| open_error(path, error))
    }

    fn builder(cache: usize) -> redb::Builder {
        let mut builder = Database::builder();
        builder.set_cache_size(cache).set_check_integrity_on_open(true);
        builder
    }

    /// Reads everything.
    pub(super) fn load(&self, path: &Path) -> Result<Tree> {
        let (format, tree) = guarded(|| {
            let read = self.database.begin_read()?;
            let meta = read.open_table(META)?;
            let number = |key| -> Result<u64, redb::Error> {
                meta.get(key)?
                    .map(|value| value.value())
                    .ok_or_else(|| redb::Error::Corrupted(format!("there is no {key} in it")))
            };
            let format = number(FORMAT)?;
            if format != FORMAT_1 {
                return Ok((format, Tree::default()));
            }
            let revision = number(REVISION)?;
            let entries = read
                .open_table(ENTRIES)?
                .iter()?
                .map(|row| {
                    let (key, value) = row?;
                    let (revision, value) = value.value();
                    Ok(Entry { key: key.value().into(), value: Bytes::copy_from_slice(value), revision })
                })
                .collect::<Result<Vec<_>, redb::Error>>()?;
            if let Some(entry) = entries.iter().find(|entry| entry.revision > revision) {
                return Err(redb::Error::Corrupted(format!(
                    "{} is of revision {}, the file of {revision}",
                    entry.key, entry.revision
                )));
            }
            Ok((format, Tree::new(entries, revision)))
        })
        .map_err(|error| open_error(path, error))?;
        match format {
            FORMAT_1 => Ok(tree),
            other => Err(corrupt(path, format!("it is of format {other}, which this version does not know"))),
        }
    }

    /// The newest revision in the file.
    pub(super) fn revision(&self, path: &Path) -> Result<Revision> {
        guarded(|| {
            let read = self.database.begin_read()?;
            let revision = read.open_table(META)?.get(REVISION)?;
            Ok(revision.map_or(0, |value| value.value()))
        })
        .map_err(|error| open_error(path, error))
    }

    /// Gives back to the file system what deleted and replaced values have left unused, if it is
    /// a lot.
    pub(super) fn compact(&mut self, path: &Path, tree: &Tree) -> Result<bool> {
        let size = fs::metadata(path).map_err(|error| disk(path, error))?.len();
        let stored: u64 = tree.iter().map(|entry| (entry.key.len() + entry.value.len()) as u64).sum();
        if size < COMPACT_FROM || size / COMPACT_TIMES < stored {
            return Ok(false);
        }
        guarded(|| Ok(self.database.compact()?)).map_err(|error| disk(path, error))
    }

    /// Writes events, which follow upon what the file holds.
    pub(super) fn commit(&self, path: &Path, events: &[Arc<Event>]) -> Result<()> {
        let Some(last) = events.last() else {
            return Ok(());
        };
        guarded(|| {
            let write = self.database.begin_write()?;
            {
                let mut entries = write.open_table(ENTRIES)?;
                for event in events {
                    match &event.value {
                        Some(value) => {
                            entries.insert(&*event.key, (event.revision, &**value))?;
                        }
                        None => {
                            entries.remove(&*event.key)?;
                        }
                    }
                }
                let mut meta = write.open_table(META)?;
                meta.insert(REVISION, last.revision)?;
            }
            write.commit()?;
            Ok(())
        })
        .map_err(|error| disk(path, error))
    }

    /// See [`Health::sync_failed`].
    pub(super) fn sync_failed(&self) -> bool {
        self.health.sync_failed()
    }
}
