//! How large a package may be.

/// Bounds that hold while a package is read, so that no archive can take more than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the archive.
    pub archive: u64,
    /// Bytes of what it unpacks to, tar headers included.
    pub unpacked: u64,
    /// Files and directories in it.
    pub entries: usize,
    /// Bytes of a path.
    pub path: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { archive: 32 << 20, unpacked: 128 << 20, entries: 10_000, path: 255 }
    }
}
