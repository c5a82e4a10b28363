//! The file below the database engine.
//!
//! It is a plain file; what it adds is to remember that a sync failed. After that the kernel may
//! have dropped pages it could not write and call them clean, so what reads back as written need
//! not be on the disk.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;
use redb::backends::FileBackend;

/// What became of a file, told to whoever opened it.
#[derive(Debug, Default)]
pub(super) struct Health {
    sync_failed: AtomicBool,
    #[cfg(test)]
    faults: Arc<Faults>,
}

/// Failures that tests ask for.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) writes: AtomicBool,
    pub(super) syncs: AtomicBool,
}

impl Health {
    /// Whether the file can no longer be trusted to be on the disk.
    pub(super) fn sync_failed(&self) -> bool {
        self.sync_failed.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(super) fn with(faults: Arc<Faults>) -> Self {
        Self { faults, ..Self::default() }
    }

    #[cfg(test)]
    fn fault(&self, of: impl Fn(&Faults) -> &AtomicBool) -> io::Result<()> {
        match of(&self.faults).load(Ordering::Acquire) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

/// See the module. It takes no locks: the directory is locked as a whole.
#[derive(Debug)]
pub(super) struct Medium {
    file: FileBackend,
    health: Arc<Health>,
}

impl Medium {
    pub(super) fn new(file: File, health: Arc<Health>) -> Result<Self, redb::DatabaseError> {
        Ok(Self { file: FileBackend::new(file)?, health })
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        #[cfg(test)]
        let result = self.health.fault(|faults| &faults.syncs).and_then(|()| self.file.sync_data());
        #[cfg(not(test))]
        let result = self.file.sync_data();
        if result.is_err() {
            self.health.sync_failed.store(true, Ordering::Release);
        }
        result
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.health.fault(|faults| &faults.writes)?;
        self.file.write(offset, data)
    }
}
