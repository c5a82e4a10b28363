//! Lua interpreters: Karmada's `ResourceInterpreterCustomization`s, unchanged, in a sandbox with limits that hold.
//!
//! [`Customization`] makes an interpreter of a customization; [`Script`] is one of its functions alone. Scripts
//! are Lua 5.1 with Karmada's libraries and its `kube` module, and where gopher-lua (Karmada's Lua) and PUC Lua
//! differ in what a script can see, they see gopher-lua's way.
//!
//! ```
//! # use outrigger_interpreter::{Health, Operation};
//! # use outrigger_object::Object;
//! let source = "function InterpretHealth(obj) return obj.status.phase == 'Ready' end";
//! let script = outrigger_lua::Script::compile(source, Operation::InterpretHealth, "widget")?;
//! let object: Object = serde_json::from_str(r#"{"kind": "Widget", "status": {"phase": "Ready"}}"#)?;
//! assert_eq!(script.health(&object)?.health, Health::Healthy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Invariant:** a call ends by its deadline or soon after, in library functions too, holds no more memory than
//! its limit, and leaves nothing behind that another call can see. A state in which a limit was passed is not
//! used again.

mod answers;
mod customization;
mod error;
mod kube;
mod library;
mod limits;
mod machine;
mod names;
mod script;
mod tables;
mod values;

pub use customization::Customization;
pub use error::{ErrorKind, LoadError};
pub use limits::Limits;
pub use script::Script;
