//! An interpreter in a shared library: what the library exports, and what crosses.
//!
//! A library exports one symbol, [`SYMBOL`]: a [`Descriptor`] with three functions. Bytes cross, and nothing
//! else; they hold JSON.
//!
//! | function | takes | gives |
//! |---|---|---|
//! | `hello` | nothing | a [`Hello`] |
//! | `call` | a [`Call`], lent | what the call asks for |
//! | `free` | bytes that the library gave | nothing |
//!
//! The host reads `magic`, `abi` and `size` before it believes the rest, and `hello` before it calls. A library
//! in Rust exports all that with [`export_interpreter!`](crate::export_interpreter); one in another language
//! follows this page.
//!
//! **Invariant:** memory is freed by the side that made it, and no panic leaves a library. What a library was
//! built with (compiler, allocator, versions of crates) does not matter to the host, as long as [`ABI`] fits.
//!
//! A function may be called from any thread, and from several at once.

// The C ABI cannot be spoken without it. All that the unsafe code here relies on is that the host lends as
// many bytes as it says, and gives back what it was given, once.
#![allow(unsafe_code)]

use std::{
    any::Any,
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
};

use outrigger_object::{Gvk, Object};
use serde::{Deserialize, Serialize};

use crate::{Answer, Error, Given, Interpreter, Question, Support};

/// The version of this page. It changes when a library of the one and a host of the other cannot talk;
/// what can be added without that is a word in [`Hello::features`].
pub const ABI: u32 = 1;

/// Name of the one symbol that a library exports.
pub const SYMBOL: &str = "outrigger_interpreter";

/// What a descriptor begins with.
pub const MAGIC: [u8; 8] = *b"OUTRIGGR";

/// The feature of a library whose panics can be caught. Hosts refuse libraries without it: a panic would end
/// the host.
pub const UNWINDS: &str = "unwinds";

/// What a library exports.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// The [`ABI`] that the library was built for.
    pub abi: u32,
    /// Bytes of this struct, as the library knows it. Fields are only ever added at the end.
    pub size: u32,
    /// Gives a [`Hello`].
    pub hello: unsafe extern "C" fn() -> Made,
    /// Answers a [`Call`]. The bytes that it takes are the host's.
    pub call: unsafe extern "C" fn(Lent) -> Made,
    /// Frees what the other two gave.
    pub free: unsafe extern "C" fn(Made),
}

/// Bytes of the host, readable for the time of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Lent {
    /// The first of them.
    pub data: *const u8,
    /// How many.
    pub length: usize,
}

/// Bytes of the library, to be given back to its `free`. No data at all says that the library broke.
#[repr(C)]
#[derive(Debug)]
pub struct Made {
    /// The first of them.
    pub data: *mut u8,
    /// How many.
    pub length: usize,
    /// How many there is room for; the library's own affair.
    pub capacity: usize,
}

/// How a library introduces itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// Name of the interpreter.
    pub name: String,
    /// What the library was built with, such as `outrigger-interpreter 0.1.0`; for people.
    #[serde(default)]
    pub built_with: String,
    /// What it can do beyond the version that it speaks. Unknown words mean nothing.
    #[serde(default)]
    pub features: Vec<String>,
    /// [`Interpreter::is_open`].
    #[serde(default)]
    pub open: bool,
    /// [`Interpreter::supports`].
    pub supports: Vec<Support>,
}

impl Hello {
    /// How an interpreter of this library introduces itself.
    pub fn of(interpreter: &dyn Interpreter) -> Self {
        Self {
            name: interpreter.name().to_owned(),
            built_with: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
            features: cfg!(panic = "unwind").then(|| UNWINDS.to_owned()).into_iter().collect(),
            open: interpreter.is_open(),
            supports: interpreter.supports(),
        }
    }
}

/// What a library can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call<'a> {
    /// An operation; gives an `Answer<Given>`.
    Question(Question<'a>),
    /// [`Interpreter::supports_kind`]; gives [`Operations`](crate::Operations).
    SupportsKind(Cow<'a, Gvk>),
    /// [`Interpreter::has_started`]; gives a boolean.
    HasStarted(Cow<'a, Object>),
}

/// Exports an interpreter from a library (`crate-type = ["cdylib"]`), once in a library. The interpreter is
/// made when it is first needed, with `Default` or with the expression that is given.
///
/// ```
/// # use outrigger_interpreter::{Interpreter, Support};
/// #[derive(Default)]
/// struct Lantern;
///
/// impl Interpreter for Lantern {
///     fn name(&self) -> &str {
///         "lantern"
///     }
///
///     fn supports(&self) -> Vec<Support> {
///         Vec::new()
///     }
/// }
///
/// outrigger_interpreter::export_interpreter!(Lantern);
/// ```
#[macro_export]
macro_rules! export_interpreter {
    ($interpreter:ty) => {
        $crate::export_interpreter!($interpreter, <$interpreter as ::core::default::Default>::default());
    };
    ($interpreter:ty, $make:expr) => {
        #[allow(unsafe_code, non_upper_case_globals)]
        const _: () = {
            struct Exported;

            impl $crate::abi::Exported for Exported {
                fn interpreter() -> &'static dyn $crate::Interpreter {
                    static INTERPRETER: ::std::sync::LazyLock<$interpreter> = ::std::sync::LazyLock::new(|| $make);
                    &*INTERPRETER
                }
            }

            // SAFETY: no other symbol of this name is in the library, since nothing else has a reason for it.
            #[unsafe(no_mangle)]
            pub static outrigger_interpreter: $crate::abi::Descriptor = $crate::abi::Descriptor::of::<Exported>();
        };
    };
}

/// The one interpreter of a library; [`export_interpreter!`](crate::export_interpreter) implements it.
pub trait Exported: 'static {
    /// The interpreter.
    fn interpreter() -> &'static dyn Interpreter;
}

impl Descriptor {
    /// The descriptor of a library in Rust.
    pub const fn of<E: Exported>() -> Self {
        Self { magic: MAGIC, abi: ABI, size: size_of::<Self>() as u32, hello: hello::<E>, call: call::<E>, free }
    }
}

impl Made {
    /// Says that the library broke.
    pub const NOTHING: Self = Self { data: std::ptr::null_mut(), length: 0, capacity: 0 };

    /// Gives bytes away, to be given back to [`free`](Descriptor::free).
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Self { data: bytes.as_mut_ptr(), length: bytes.len(), capacity: bytes.capacity() }
    }

    /// Gives a value away as JSON.
    pub fn json(value: &impl Serialize) -> Self {
        serde_json::to_vec(value).map_or(Self::NOTHING, Self::from_vec)
    }
}

unsafe extern "C" fn hello<E: Exported>() -> Made {
    let hello = || Made::json(&Hello::of(E::interpreter()));
    contained(hello).unwrap_or(Made::NOTHING)
}

unsafe extern "C" fn call<E: Exported>(lent: Lent) -> Made {
    // SAFETY: the host lends this many readable bytes until the function returns, and the slice goes no further.
    let bytes = unsafe { std::slice::from_raw_parts(lent.data, lent.length) };
    contained(|| match read(bytes) {
        Ok(call) => answer(E::interpreter(), call),
        Err(error) => Made::json(&failed(&format!("the library cannot read the question: {error}"))),
    })
    .unwrap_or_else(|message| panicked(&message))
}

/// Frees what [`Made::from_vec`] gave away.
///
/// # Safety
///
/// The bytes are what that gave, unchanged, and this happens once.
pub unsafe extern "C" fn free(made: Made) {
    if !made.data.is_null() {
        // SAFETY: the host gives back what this library made of a vector, unchanged and once.
        drop(unsafe { Vec::from_raw_parts(made.data, made.length, made.capacity) });
    }
}

/// Reads what crossed. Bytes that are known to be text are read faster than bytes of which each string has to be
/// looked at.
///
/// # Errors
///
/// When the bytes are not UTF-8 or not the JSON of such a value.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, serde_json::Error> {
    let text = std::str::from_utf8(bytes).map_err(serde::de::Error::custom)?;
    serde_json::from_str(text)
}

/// Answers a call.
pub fn answer(interpreter: &dyn Interpreter, call: Call<'_>) -> Made {
    match call {
        Call::Question(question) => Made::json(&question.put_to(interpreter)),
        Call::SupportsKind(gvk) => Made::json(&interpreter.supports_kind(&gvk)),
        Call::HasStarted(observed) => Made::json(&interpreter.has_started(&observed)),
    }
}

/// The answer of an interpreter that panicked.
pub fn panicked(message: &str) -> Made {
    Made::json(&failed(&format!("panicked: {message}")))
}

fn failed(message: &str) -> Answer<Given> {
    Answer::Failed(Error::internal(message))
}

/// Runs what may panic; the error is the panic's message.
///
/// # Errors
///
/// When it panicked.
pub fn contained<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let message = message(&*panic);
        // Dropping what it carries may panic again, with nobody left to catch it.
        std::mem::forget(panic);
        message
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message").to_owned()
}
