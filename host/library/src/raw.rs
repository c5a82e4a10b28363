//! [`Raw`]: a loaded library, and calls into it.
//!
//! **Invariant:** nothing is believed of a library before its descriptor says which version it speaks; what it
//! gives is given back to it, once, and read before that.

// Calling into foreign code is what this room is for, and this file is all of it.
#![allow(unsafe_code)]

use std::{mem::offset_of, ops::Deref, ops::RangeInclusive, path::Path};

use outrigger_interpreter::abi::{ABI, Descriptor, Lent, MAGIC, Made, SYMBOL};

use crate::error::Problem;

/// The versions of the ABI that are understood.
const KNOWN: RangeInclusive<u32> = 1..=ABI;

/// A loaded library.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw(Descriptor);

/// Bytes that a library gave; it has them back when they are dropped.
pub(crate) struct Given {
    made: Made,
    free: unsafe extern "C" fn(Made),
}

// SAFETY: the bytes belong to whoever holds this, and a library has to take them back from any thread.
unsafe impl Send for Given {}

impl Raw {
    /// Loads a library, for good.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        // With a whole path no other folder is searched.
        let path = path.canonicalize()?;
        // SAFETY: the library's initializers run. That they do no harm is what its operator vouches for.
        let library = unsafe { libloading::Library::new(&path) };
        let library = library.map_err(|error| Problem::NotLoadable(error.to_string()))?;
        // SAFETY: only the address is taken; it is read below, as little as can be at a time.
        let symbol = unsafe { library.get::<*const u8>(SYMBOL) };
        let address = symbol.map(|symbol| *symbol).map_err(|_| Problem::NoSymbol(SYMBOL));
        std::mem::forget(library);
        let descriptor: *const Descriptor = address?.cast();
        if descriptor.is_null() || !descriptor.is_aligned() {
            return Err(Problem::NotADescriptor(SYMBOL));
        }
        // SAFETY: a symbol of this name is data, of at least the length of what comes first in every version.
        let (magic, abi, size) = unsafe { ((*descriptor).magic, (*descriptor).abi, (*descriptor).size) };
        check(magic, abi, size)?;
        // SAFETY: the library says that it has a descriptor of this version, of at least this length.
        Ok(Self(unsafe { *descriptor }))
    }

    /// What the library says of itself.
    pub fn hello(&self) -> Option<Given> {
        // SAFETY: the function is what the descriptor's version says.
        self.given(unsafe { (self.0.hello)() })
    }

    /// What the library answers; `None` when it broke.
    pub fn call(&self, question: &[u8]) -> Option<Given> {
        let lent = Lent { data: question.as_ptr(), length: question.len() };
        // SAFETY: the function is what the descriptor's version says, and the bytes are readable until it returns.
        self.given(unsafe { (self.0.call)(lent) })
    }

    fn given(&self, made: Made) -> Option<Given> {
        // No list of bytes is longer than that; something is very wrong, and is left alone.
        let possible = !made.data.is_null() && made.length <= isize::MAX as usize;
        possible.then(|| Given { made, free: self.0.free })
    }
}

/// Checks what a descriptor begins with.
fn check(magic: [u8; 8], abi: u32, size: u32) -> Result<(), Problem> {
    if magic != MAGIC {
        return Err(Problem::NotADescriptor(SYMBOL));
    }
    if abi < *KNOWN.start() {
        return Err(Problem::TooOld { found: abi, known: KNOWN });
    }
    if abi > *KNOWN.end() {
        return Err(Problem::TooNew { found: abi, known: KNOWN });
    }
    let needed = offset_of!(Descriptor, free) + size_of::<unsafe extern "C" fn(Made)>();
    if (size as usize) < needed {
        return Err(Problem::TooShort { found: size, version: abi });
    }
    Ok(())
}

impl Deref for Given {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the library gave this many bytes, and has not got them back.
        unsafe { std::slice::from_raw_parts(self.made.data, self.made.length) }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let Made { data, length, capacity } = self.made;
        // SAFETY: they are the library's bytes, unchanged, and this happens once.
        unsafe { (self.free)(Made { data, length, capacity }) };
    }
}
