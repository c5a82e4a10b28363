//! A store that survives the process: memory to read from, and a redb file to come back from.
//!
//! In its directory are `data.redb`, the file, and `lock`, which one process at a time holds.
//!
//! The history of events is not on the disk. After a restart it begins at the revision the store
//! had, so that a watcher from before is told to list again. That costs a restart one list per
//! watcher, from memory, and saves every write from being written twice.
//!
//! **Invariant.** Reads never touch the disk, and no failure of the disk keeps them from going on.

mod file;
mod medium;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::file::DataFile;
use self::medium::Health;
use self::writer::{NewHealth, Paths, Request, Writer};
use crate::core::{Core, Stats};
use crate::tree::Tree;
use crate::{Entry, Error, Expect, Limits, Op, Page, Range, Result, Revision, Store, Watch};

/// How many writes can wait before a writer waits to be let in.
const WAITING: usize = 4096;

/// How a [`RedbStore`] works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How much of the past is remembered.
    pub history: Limits,
    /// Memory in bytes for pages of the file. It serves writing alone, so that little is enough.
    pub cache: usize,
}

impl Default for Options {
    /// The default history, and 4 MiB for pages.
    fn default() -> Self {
        Self { history: Limits::default(), cache: 4 << 20 }
    }
}

/// See the module. Dropping it closes it.
#[derive(Debug)]
pub struct RedbStore {
    core: Arc<Core>,
    /// How many writes may still be sent. It bounds the channel rather than the channel itself, so
    /// that closing turns away those that wait, and need not wait for them.
    room: Arc<Semaphore>,
    writer: Mutex<Option<mpsc::UnboundedSender<Request>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Let go only after the thread is done with the file.
    lock: Mutex<Option<DirectoryLock>>,
    directory: PathBuf,
}

impl RedbStore {
    /// Opens the store in a directory, which is made if it is missing, and loads it.
    ///
    /// This blocks on the disk. It fails with [`Error::InUse`] when the directory is open already,
    /// with [`Error::Corrupt`] when what is in it cannot be read, and with [`Error::Disk`] when
    /// the file system refuses.
    pub fn open(directory: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open_with(directory.as_ref(), options, Box::new(|| Arc::new(Health::default())))
    }

    fn open_with(directory: &Path, options: Options, new_health: Box<dyn NewHealth>) -> Result<Self> {
        let lock = DirectoryLock::take(directory)?;
        let paths = Paths { data: directory.join("data.redb"), scratch: directory.join("data.redb.new") };
        let cache = options.cache;
        let exists = paths
            .data
            .try_exists()
            .map_err(|error| Error::Disk { path: paths.data.display().to_string(), detail: error.to_string() })?;
        let (file, tree) = if exists {
            let mut file = DataFile::open(&paths.data, cache, new_health())?;
            let tree = file.load(&paths.data)?;
            if let Err(error) = file.compact(&paths.data, &tree) {
                tracing::warn!(%error, "the data file could not be compacted");
                // Never two at a time on one file.
                drop(file);
                file = DataFile::open(&paths.data, cache, new_health())?;
            }
            (file, tree)
        } else {
            let tree = Tree::default();
            let file = DataFile::create(&paths.data, &paths.scratch, &tree, cache, new_health())?;
            (file, tree)
        };
        // A file that was being made when the process ended.
        let _ = fs::remove_file(&paths.scratch);

        let core = Core::new(tree, options.history);
        let (sender, requests) = mpsc::unbounded_channel();
        let writer = Writer::new(core.clone(), requests, paths, cache, file, new_health);
        let thread =
            std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.run()).map_err(|error| {
                Error::Disk {
                    path: directory.display().to_string(),
                    detail: format!("no thread to write with: {error}"),
                }
            })?;
        Ok(Self {
            core,
            room: Arc::new(Semaphore::new(WAITING)),
            writer: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            lock: Mutex::new(Some(lock)),
            directory: directory.to_owned(),
        })
    }

    /// Finishes the writes that were accepted, ends all watches and lets go of the directory; from
    /// now on everything fails with [`Error::Closed`]. This blocks until the last commit is done.
    pub fn close(&self) {
        self.room.close();
        self.writer.lock().take();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the store has panicked");
        }
        self.core.close();
        self.lock.lock().take();
    }

    /// How large it is.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.close();
    }
}

/// Keeps other processes out of a directory until it is dropped.
#[derive(Debug)]
struct DirectoryLock(File);

impl DirectoryLock {
    fn take(directory: &Path) -> Result<Self> {
        let path = directory.join("lock");
        let refused =
            |error: std::io::Error| Error::Disk { path: path.display().to_string(), detail: error.to_string() };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory).map_err(refused)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path: directory.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is being started from here holds a copy
        // for a moment, and with it the lock.
        let _ = self.0.unlock();
    }
}

#[async_trait]
impl Store for RedbStore {
    fn revision(&self) -> Revision {
        self.core.revision()
    }

    fn get(&self, key: &str) -> Result<Option<Entry>> {
        self.core.get(key)
    }

    fn range(&self, range: &Range) -> Result<Page> {
        self.core.range(range)
    }

    /// A write whose future is dropped may still be carried out.
    async fn write(&self, key: &str, expect: Expect, op: Op) -> Result<Revision> {
        let room = self.room.clone().acquire_owned().await;
        let room = room.map_err(|_| Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        let request = Request { key: key.to_owned(), expect, op, reply, _room: room };
        match &*self.writer.lock() {
            Some(writer) => writer.send(request).map_err(|_| Error::Closed)?,
            None => return Err(Error::Closed),
        }
        answer.await.map_err(|_| Error::Closed)?
    }

    fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        Ok(Box::new(self.core.watch(prefix, after)?))
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.core.compact(revision)
    }
}
