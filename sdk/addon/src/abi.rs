//! An addon in a shared library: what the library exports, and what crosses.
//!
//! As for interpreters ([`outrigger_interpreter::abi`]), bytes cross and nothing else; they hold JSON. The symbol
//! is [`SYMBOL`], a [`Descriptor`] with four functions.
//!
//! | function | takes | gives |
//! |---|---|---|
//! | `hello` | nothing | a [`Hello`] |
//! | `call` | a [`Call`], lent | what the call asks for |
//! | `free` | bytes that the library gave | nothing |
//! | `run` | a [`Run`], and a [`HostTable`], both lent | the result of [`Controller::reconcile`](crate::Controller::reconcile) |
//!
//! While `run` runs, and no longer, the library may call the host by the table: a [`HostCall`] in, the answer out
//! as `{"Ok": …}` or `{"Err": …}`.
//!
//! **Invariant:** memory is freed by the side that made it, and no panic leaves a library. A library in Rust gets
//! all that from [`export_addon!`](crate::export_addon).

// The C ABI cannot be spoken without it. All that the unsafe code here relies on is that the host lends as many
// bytes as it says, and a table that is good until `run` returns.
#![allow(unsafe_code)]

mod remote;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    ffi::c_void,
    sync::{Arc, Mutex, PoisonError},
};

use outrigger_interpreter::Interpreter;
use outrigger_interpreter::abi::{self as interpreter, contained, free};
pub use outrigger_interpreter::abi::{Lent, MAGIC, Made, UNWINDS, read};
use outrigger_object::{Gvk, Object, ObjectKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Addon, CallError, CallErrorKind, Controller, EventKind, Manifest, Outcome, Place, Request, Watch};

/// The version of this page. It changes when a library of the one and a host of the other cannot talk; what can be
/// added without that is a word in [`Hello::features`].
pub const ABI: u32 = 1;

/// Name of the one symbol that a library exports.
pub const SYMBOL: &str = "outrigger_addon";

/// What a library exports. It begins as the descriptor of an interpreter does.
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
    /// Answers a [`Call`].
    pub call: unsafe extern "C" fn(Lent) -> Made,
    /// Frees what the others gave.
    pub free: unsafe extern "C" fn(Made),
    /// Runs a controller for one object.
    pub run: unsafe extern "C" fn(Lent, *const HostTable) -> Made,
}

/// The host, for the time of one `run`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HostTable {
    /// Bytes of this struct, as the host knows it.
    pub size: u32,
    /// The host's own affair, to be handed back to it.
    pub context: *const c_void,
    /// Answers a [`HostCall`]. May be called from any thread until `run` returns.
    pub call: unsafe extern "C" fn(*const c_void, Lent) -> Made,
    /// Frees what `call` gave.
    pub free: unsafe extern "C" fn(Made),
}

/// How a library introduces itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// The manifest.
    pub manifest: Manifest,
    /// What the library was built with; for people.
    #[serde(default)]
    pub built_with: String,
    /// What it can do beyond the version that it speaks. Unknown words mean nothing; [`UNWINDS`] must be there.
    #[serde(default)]
    pub features: Vec<String>,
    /// [`Addon::config_schema`].
    #[serde(default)]
    pub config_schema: Value,
    /// [`Addon::crds`].
    #[serde(default)]
    pub crds: Vec<Object>,
    /// Its controllers. What they are asked names them by their place here.
    #[serde(default)]
    pub controllers: Vec<ControllerHello>,
}

/// How a controller introduces itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ControllerHello {
    /// [`Controller::name`](crate::Controller::name).
    pub name: String,
    /// [`Controller::watches`](crate::Controller::watches).
    pub watches: Vec<Watch>,
}

/// What a library can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call<'a> {
    /// [`Addon::interpreters`]; gives `Result<`[`Interpreters`]`, String>`.
    Interpreters(Cow<'a, Value>),
    /// A call of an interpreter; gives what that gives.
    Interpret {
        /// [`Interpreters::set`].
        set: u64,
        /// Which one of them.
        index: usize,
        /// The call.
        call: interpreter::Call<'a>,
    },
    /// The interpreters of a set are not needed any more; gives null.
    Forget(u64),
}

/// Interpreters that were made for one configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interpreters {
    /// Their number, by which they are asked.
    pub set: u64,
    /// How each introduces itself.
    pub hellos: Vec<interpreter::Hello>,
}

/// A question to a controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run<'a> {
    /// The controller's number.
    pub controller: usize,
    /// What it is asked.
    pub request: Cow<'a, Request>,
}

/// A call of a [`Host`](crate::Host), by its methods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub enum HostCall<'a> {
    Get { place: Cow<'a, Place>, gvk: Cow<'a, Gvk>, key: Cow<'a, ObjectKey> },
    List { place: Cow<'a, Place>, gvk: Cow<'a, Gvk>, namespace: Cow<'a, str>, selector: Cow<'a, str> },
    Apply { place: Cow<'a, Place>, object: Cow<'a, Object> },
    WriteStatus { place: Cow<'a, Place>, object: Cow<'a, Object> },
    Delete { place: Cow<'a, Place>, gvk: Cow<'a, Gvk>, key: Cow<'a, ObjectKey>, uid: Cow<'a, str> },
    Clusters,
    Event { about: Cow<'a, Object>, kind: EventKind, reason: Cow<'a, str>, message: Cow<'a, str> },
    Count { metric: Cow<'a, str>, labels: Cow<'a, BTreeMap<String, String>>, by: u64 },
    Gauge { metric: Cow<'a, str>, labels: Cow<'a, BTreeMap<String, String>>, value: f64 },
    Config,
    Now,
    IsCancelled,
}

impl HostCall<'_> {
    /// Asks a host, and gives the answer as it crosses.
    pub fn put_to(&self, host: &(impl crate::Host + ?Sized)) -> Vec<u8> {
        fn json<T: Serialize>(result: Result<T, CallError>) -> Vec<u8> {
            serde_json::to_vec(&result).unwrap_or_default()
        }
        match self {
            Self::Get { place, gvk, key } => json(host.get(place, gvk, key).map(|found| found.as_deref().cloned())),
            Self::List { place, gvk, namespace, selector } => json(
                host.list(place, gvk, namespace, selector)
                    .map(|list| list.iter().map(|object| (**object).clone()).collect::<Vec<_>>()),
            ),
            Self::Apply { place, object } => json(host.apply(place, object)),
            Self::WriteStatus { place, object } => json(host.write_status(place, object)),
            Self::Delete { place, gvk, key, uid } => json(host.delete(place, gvk, key, uid)),
            Self::Clusters => json(host.clusters()),
            Self::Event { about, kind, reason, message } => {
                host.event(about, *kind, reason, message);
                json(Ok(()))
            }
            Self::Count { metric, labels, by } => {
                host.count(metric, labels, *by);
                json(Ok(()))
            }
            Self::Gauge { metric, labels, value } => {
                host.gauge(metric, labels, *value);
                json(Ok(()))
            }
            Self::Config => json(Ok(&*host.config())),
            Self::Now => json(Ok(host.now())),
            Self::IsCancelled => json(Ok(host.is_cancelled())),
        }
    }
}

/// Exports an addon from a library (`crate-type = ["cdylib"]`), once in a library. The addon is made when it is
/// first needed, with `Default` or with the expression that is given.
#[macro_export]
macro_rules! export_addon {
    ($addon:ty) => {
        $crate::export_addon!($addon, <$addon as ::core::default::Default>::default());
    };
    ($addon:ty, $make:expr) => {
        #[allow(unsafe_code, non_upper_case_globals)]
        const _: () = {
            struct Exported;

            impl $crate::abi::Exported for Exported {
                fn library() -> &'static $crate::abi::Library {
                    static LIBRARY: ::std::sync::LazyLock<$crate::abi::Library> =
                        ::std::sync::LazyLock::new(|| $crate::abi::Library::of::<$addon>($make));
                    &*LIBRARY
                }
            }

            // SAFETY: no other symbol of this name is in the library, since nothing else has a reason for it.
            #[unsafe(no_mangle)]
            pub static outrigger_addon: $crate::abi::Descriptor = $crate::abi::Descriptor::of::<Exported>();
        };
    };
}

/// The one addon of a library; [`export_addon!`](crate::export_addon) implements it.
pub trait Exported: 'static {
    /// The addon, with what was made of it.
    fn library() -> &'static Library;
}

/// An addon on the library's side, with what the host asks for by number.
pub struct Library {
    addon: Box<dyn Addon>,
    controllers: Vec<Arc<dyn Controller>>,
    sets: Mutex<Sets>,
}

/// Interpreters by the number of their set, and the last number.
#[derive(Default)]
struct Sets {
    last: u64,
    made: HashMap<u64, Vec<Arc<dyn Interpreter>>>,
}

impl Library {
    /// Takes the addon.
    pub fn of<A: Addon>(addon: A) -> Self {
        Self { controllers: addon.controllers(), addon: Box::new(addon), sets: Mutex::default() }
    }

    fn hello(&self) -> Hello {
        Hello {
            manifest: self.addon.manifest().clone(),
            built_with: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
            features: cfg!(panic = "unwind").then(|| UNWINDS.to_owned()).into_iter().collect(),
            config_schema: self.addon.config_schema(),
            crds: self.addon.crds(),
            controllers: self
                .controllers
                .iter()
                .map(|one| ControllerHello { name: one.name().to_owned(), watches: one.watches() })
                .collect(),
        }
    }

    fn answer(&self, call: Call<'_>) -> Made {
        match call {
            Call::Interpreters(config) => Made::json(&self.make(&config)),
            Call::Interpret { set, index, call } => {
                let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
                let asked = sets.made.get(&set).and_then(|set| set.get(index)).cloned();
                drop(sets);
                asked.map_or(Made::NOTHING, |asked| interpreter::answer(&*asked, call))
            }
            Call::Forget(set) => {
                let gone = self.sets.lock().unwrap_or_else(PoisonError::into_inner).made.remove(&set);
                drop(gone);
                Made::json(&())
            }
        }
    }

    fn make(&self, config: &Value) -> Result<Interpreters, String> {
        let made = self.addon.interpreters(config).map_err(|error| error.to_string())?;
        let hellos = made.iter().map(|one| interpreter::Hello::of(&**one)).collect();
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        sets.last += 1;
        let set = sets.last;
        sets.made.insert(set, made);
        Ok(Interpreters { set, hellos })
    }

    fn run(&self, run: &Run<'_>, host: &HostTable) -> Result<Outcome, CallError> {
        let Some(controller) = self.controllers.get(run.controller) else {
            return Err(fault(format!("the library has no controller {}", run.controller)));
        };
        controller.reconcile(&run.request, &remote::Remote::new(host))
    }
}

fn fault(message: String) -> CallError {
    CallError { kind: CallErrorKind::Internal, message }
}

impl Descriptor {
    /// The descriptor of a library in Rust.
    pub const fn of<E: Exported>() -> Self {
        Self {
            magic: MAGIC,
            abi: ABI,
            size: size_of::<Self>() as u32,
            hello: hello::<E>,
            call: call::<E>,
            free,
            run: run::<E>,
        }
    }
}

unsafe extern "C" fn hello<E: Exported>() -> Made {
    contained(|| Made::json(&E::library().hello())).unwrap_or(Made::NOTHING)
}

unsafe extern "C" fn call<E: Exported>(lent: Lent) -> Made {
    // SAFETY: the host lends this many readable bytes until the function returns, and the slice goes no further.
    let bytes = unsafe { std::slice::from_raw_parts(lent.data, lent.length) };
    let answer = || match read::<Call<'_>>(bytes) {
        Ok(Call::Interpret { set, index, call }) => {
            // A panic of an interpreter is an answer of its own form.
            contained(|| E::library().answer(Call::Interpret { set, index, call }))
                .unwrap_or_else(|message| interpreter::panicked(&message))
        }
        Ok(call) => E::library().answer(call),
        Err(_) => Made::NOTHING,
    };
    contained(answer).unwrap_or(Made::NOTHING)
}

unsafe extern "C" fn run<E: Exported>(lent: Lent, host: *const HostTable) -> Made {
    // SAFETY: as for `call`; and the table is the host's, good until this returns.
    let (bytes, host) = unsafe { (std::slice::from_raw_parts(lent.data, lent.length), &*host) };
    let result = contained(|| match read::<Run<'_>>(bytes) {
        Ok(run) => E::library().run(&run, host),
        Err(error) => Err(fault(format!("the library cannot read the request: {error}"))),
    });
    let result = result.unwrap_or_else(|message| Err(fault(format!("panicked: {message}"))));
    contained(|| Made::json(&result)).unwrap_or(Made::NOTHING)
}
