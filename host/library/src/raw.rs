//! [`Raw`]: a loaded library, and calls into it.
//!
//! **Invariant:** nothing is believed of a library before its descriptor says which version it speaks; what it
//! gives is given back to it, once, and read before that.

// Calling into foreign code is what this room is for, and this file is all of it.
#![allow(unsafe_code)]

use std::{ffi::c_void, ops::Deref, path::Path};

use outrigger_addon::{
    Host,
    abi::{self as addon, HostCall, HostTable},
};
use outrigger_interpreter::abi::{self as interpreter, Descriptor, Lent, MAGIC, Made, contained, read};

use crate::error::{Form, Problem};

/// A library with an interpreter.
pub(crate) static INTERPRETER: Form = Form {
    what: "interpreter",
    symbol: interpreter::SYMBOL,
    known: 1..=interpreter::ABI,
    size: size_of::<interpreter::Descriptor>(),
};

/// A library with an addon. Its descriptor begins as that of an interpreter does.
pub(crate) static ADDON: Form =
    Form { what: "addon", symbol: addon::SYMBOL, known: 1..=addon::ABI, size: size_of::<addon::Descriptor>() };

type RunFn = unsafe extern "C" fn(Lent, *const HostTable) -> Made;

/// A loaded library.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    head: Descriptor,
    /// Of an addon.
    run: Option<RunFn>,
}

/// Bytes that a library gave; it has them back when they are dropped.
pub(crate) struct Given {
    made: Made,
    free: unsafe extern "C" fn(Made),
}

// SAFETY: the bytes belong to whoever holds this, and a library has to take them back from any thread.
unsafe impl Send for Given {}

impl Raw {
    /// Loads a library of this form, for good.
    pub fn open(path: &Path, form: &'static Form) -> Result<Self, Problem> {
        // With a whole path no other folder is searched.
        let path = path.canonicalize()?;
        // SAFETY: the library's initializers run. That they do no harm is what its operator vouches for.
        let library = unsafe { libloading::Library::new(&path) };
        let library = library.map_err(|error| Problem::NotLoadable(error.to_string()))?;
        // SAFETY: only the address is taken; it is read below, as little as can be at a time.
        let symbol = unsafe { library.get::<*const u8>(form.symbol) };
        let address = symbol.map(|symbol| *symbol).map_err(|_| Problem::NoSymbol(form));
        std::mem::forget(library);
        let descriptor: *const Descriptor = address?.cast();
        if descriptor.is_null() || !descriptor.is_aligned() {
            return Err(Problem::NotADescriptor(form));
        }
        // SAFETY: a symbol of this name is data, of at least the length of what comes first in every version.
        let (magic, abi, size) = unsafe { ((*descriptor).magic, (*descriptor).abi, (*descriptor).size) };
        check(magic, abi, size, form)?;
        // SAFETY: the library says that it has a descriptor of this version, of at least this length.
        let head = unsafe { *descriptor };
        let of_addon = std::ptr::eq(form, &raw const ADDON).then(|| descriptor.cast::<addon::Descriptor>());
        // SAFETY: the same; `check` has compared the length with this form's.
        let run = of_addon.map(|descriptor| unsafe { (*descriptor).run });
        Ok(Self { head, run })
    }

    /// What the library says of itself.
    pub fn hello(&self) -> Option<Given> {
        // SAFETY: the function is what the descriptor's version says.
        self.given(unsafe { (self.head.hello)() })
    }

    /// What the library answers; `None` when it broke.
    pub fn call(&self, question: &[u8]) -> Option<Given> {
        let lent = Lent { data: question.as_ptr(), length: question.len() };
        // SAFETY: the function is what the descriptor's version says, and the bytes are readable until it returns.
        self.given(unsafe { (self.head.call)(lent) })
    }

    /// What a controller of the library answers; `None` when it broke, or is none of an addon. Blocks for as long
    /// as that takes, on the caller's thread.
    pub fn run(&self, request: &[u8], host: &dyn Host) -> Option<Given> {
        let run = self.run?;
        let lent = Lent { data: request.as_ptr(), length: request.len() };
        let context: *const &dyn Host = &raw const host;
        let table = HostTable {
            size: size_of::<HostTable>() as u32,
            context: context.cast(),
            call: host_call,
            free: interpreter::free,
        };
        // SAFETY: the function is what the descriptor's version says; bytes, table and host are there until it
        // returns, and what it may do with them ends then.
        self.given(unsafe { run(lent, &raw const table) })
    }

    fn given(&self, made: Made) -> Option<Given> {
        // No list of bytes is longer than that; something is very wrong, and is left alone.
        let possible = !made.data.is_null() && made.length <= isize::MAX as usize;
        possible.then(|| Given { made, free: self.head.free })
    }
}

/// Answers a library that calls its host.
unsafe extern "C" fn host_call(context: *const c_void, lent: Lent) -> Made {
    // SAFETY: the context is what `run` made of its host, which waits there; the bytes are the library's, lent until
    // this returns. A library that lies about them has harmed the process already.
    let (host, bytes) = unsafe { (*context.cast::<&dyn Host>(), std::slice::from_raw_parts(lent.data, lent.length)) };
    // Nothing of ours may unwind into the library.
    let answer = contained(|| read::<HostCall<'_>>(bytes).map(|call| call.put_to(host)));
    match answer {
        Ok(Ok(bytes)) => Made::from_vec(bytes),
        _ => Made::NOTHING,
    }
}

/// Checks what a descriptor begins with.
fn check(magic: [u8; 8], abi: u32, size: u32, form: &'static Form) -> Result<(), Problem> {
    if magic != MAGIC {
        return Err(Problem::NotADescriptor(form));
    }
    if abi < *form.known.start() {
        return Err(Problem::TooOld { found: abi, form });
    }
    if abi > *form.known.end() {
        return Err(Problem::TooNew { found: abi, form });
    }
    if (size as usize) < form.size {
        return Err(Problem::TooShort { found: size, version: abi, form });
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
