//! Archives: gzip over tar, written always alike and read with suspicion.
//!
//! **Invariant:** reading an archive takes no more memory than the limits allow, and gives files whose paths
//! stay inside; whatever is damaged, forbidden or left over is an error.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Write},
};

use bytes::Bytes;
use flate2::{Compression, GzBuilder, bufread::GzDecoder};
use outrigger_addon::manifest::is_inside;
use tar::{Archive, Builder, EntryType, Header};

use crate::{Error, ErrorKind, Limits};

/// What gzip's header says of the system: unknown.
const UNKNOWN_SYSTEM: u8 = 255;
/// tar pads with this many zeros at most after its end; more are no padding.
const PADDING: usize = 1 << 20;

/// Writes files in the order of their paths, without times, owners and names of machines.
pub fn write(files: &BTreeMap<String, Bytes>, limits: &Limits) -> Result<Vec<u8>, Error> {
    let encoder = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM).write(Vec::new(), Compression::best());
    let mut budget = Budget::new(limits);
    let mut builder = Builder::new(encoder);
    for (path, bytes) in files {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        budget.admit(path, size)?;
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        let wrong = |error: io::Error| Error::new(ErrorKind::Terminal, path, error);
        builder.append_data(&mut header, path, &**bytes).map_err(wrong)?;
    }
    let wrong = |error: io::Error| Error::new(ErrorKind::Terminal, "", error);
    let mut encoder = builder.into_inner().map_err(wrong)?;
    encoder.flush().map_err(wrong)?;
    let archive = encoder.finish().map_err(wrong)?;
    match u64::try_from(archive.len()) {
        Ok(length) if length <= limits.archive => Ok(archive),
        _ => Err(too_large("", format!("the archive has {} bytes, and may have {}", archive.len(), limits.archive))),
    }
}

/// Reads an archive whole.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<BTreeMap<String, Bytes>, Error> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > limits.archive {
        return Err(too_large("", format!("the archive has {length} bytes, and may have {}", limits.archive)));
    }
    let mut archive = Archive::new(Bounded { inner: GzDecoder::new(bytes), left: limits.unpacked, over: false });
    let mut files = BTreeMap::new();
    let mut directories = BTreeSet::new();
    let mut budget = Budget::new(limits);
    let entries = archive.entries().map_err(|error| broken("", &error))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| explained("", &error, limits))?;
        let path = path(&entry.path_bytes(), entry.header().entry_type())?;
        let Some(path) = path else { continue };
        match entry.header().entry_type() {
            EntryType::Directory => {
                budget.admit(&path, 0)?;
                directories.insert(path);
                continue;
            }
            EntryType::Regular | EntryType::Continuous => {}
            other => return Err(Error::invalid(path, format!("is {}, and a package has files only", called(other)))),
        }
        let size = entry.size();
        budget.admit(&path, size)?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|error| explained(&path, &error, limits))?;
        if u64::try_from(content.len()).ok() != Some(size) {
            return Err(Error::invalid(path, format!("the archive ends after {} of {size} bytes", content.len())));
        }
        if files.insert(path.clone(), Bytes::from(content)).is_some() {
            return Err(Error::invalid(path, "is in the archive twice"));
        }
    }
    let mut rest = archive.into_inner();
    finish(&mut rest).map_err(|error| explained("", &error, limits))?;
    let left = rest.inner.into_inner();
    if !left.is_empty() {
        return Err(Error::invalid("", format!("{} bytes follow the archive's end", left.len())));
    }
    for path in files.keys() {
        let mut above = path.as_str();
        while let Some((parent, _)) = above.rsplit_once('/') {
            if files.contains_key(parent) {
                return Err(Error::invalid(path, format!("{parent} is a file, so nothing can lie below it")));
            }
            above = parent;
        }
        if directories.contains(path) {
            return Err(Error::invalid(path, "is in the archive twice, as a file and as a directory"));
        }
    }
    Ok(files)
}

/// The path of an entry; `None` for the root itself.
fn path(bytes: &[u8], kind: EntryType) -> Result<Option<String>, Error> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Error::invalid(String::from_utf8_lossy(bytes).escape_debug(), "the name is no UTF-8"));
    };
    // `tar -C directory .` begins names with a dot.
    let name = if text == "." { "" } else { text.strip_prefix("./").unwrap_or(text) };
    let name = if kind == EntryType::Directory { name.strip_suffix('/').unwrap_or(name) } else { name };
    if name.is_empty() && kind == EntryType::Directory {
        return Ok(None);
    }
    if !is_inside(name) || name.chars().any(char::is_control) {
        return Err(Error::invalid(text.escape_debug(), "the name is no path inside the package"));
    }
    Ok(Some(name.to_owned()))
}

fn called(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => "a hard link",
        EntryType::Symlink => "a symbolic link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "no plain file",
    }
}

/// What the limits leave.
struct Budget<'l> {
    limits: &'l Limits,
    entries: usize,
    bytes: u64,
}

impl<'l> Budget<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self { limits, entries: 0, bytes: 0 }
    }

    fn admit(&mut self, path: &str, size: u64) -> Result<(), Error> {
        let Limits { unpacked, entries, path: longest, .. } = *self.limits;
        if path.len() > longest {
            return Err(too_large(path, format!("the path is {} bytes long, and may be {longest}", path.len())));
        }
        self.entries += 1;
        if self.entries > entries {
            return Err(too_large(path, format!("the archive has more than {entries} entries")));
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > unpacked {
            return Err(too_large(path, format!("the archive unpacks to more than {unpacked} bytes")));
        }
        Ok(())
    }
}

/// Reads to the end of the compressed stream, whose checksum is looked at there. After the tar's end only zeros
/// may come.
fn finish(reader: &mut impl Read) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let mut seen = 0;
    loop {
        let read = reader.read(&mut buffer)?;
        let Some(block) = buffer.get(..read).filter(|block| !block.is_empty()) else { return Ok(()) };
        seen += read;
        if seen > PADDING || block.iter().any(|byte| *byte != 0) {
            return Err(io::Error::other("something follows the end of the tar inside the archive"));
        }
    }
}

/// A reader that gives no more than it may.
struct Bounded<R> {
    inner: R,
    left: u64,
    over: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.over {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)) {
            Some(left) => self.left = left,
            None => {
                self.over = true;
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
        }
        Ok(read)
    }
}

fn explained(place: &str, error: &io::Error, limits: &Limits) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        let over = one.downcast_ref::<io::Error>().is_some_and(|one| one.kind() == io::ErrorKind::FileTooLarge);
        if over {
            return too_large(place, format!("the archive unpacks to more than {} bytes", limits.unpacked));
        }
        cause = one.source();
    }
    if error.kind() == io::ErrorKind::FileTooLarge {
        return too_large(place, format!("the archive unpacks to more than {} bytes", limits.unpacked));
    }
    broken(place, error)
}

fn broken(place: &str, error: &io::Error) -> Error {
    let message = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the archive is cut off".to_owned(),
        _ => format!("no archive of an addon (tar with gzip): {error}"),
    };
    Error::invalid(place, message)
}

fn too_large(place: &str, message: String) -> Error {
    Error::new(ErrorKind::TooLarge, place, message)
}
