//! [`load_addon`]: an addon out of a library.

use std::{path::Path, sync::Arc};

use outrigger_addon::{
    Addon, CallError, CallErrorKind, Controller, Host, Manifest, Outcome, Request, Watch,
    abi::{Call, ControllerHello, Hello, Interpreters, Run},
};
use outrigger_interpreter::{Interpreter, abi::read};
use outrigger_object::Object;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    error::{Error, Problem},
    interpreter::{Library, Options, Set, check, introduced},
    raw::ADDON,
    workers::Workers,
};

/// Loads a library and gives its addon. Loading a file again gives what is loaded already, so a new version needs a
/// new name. Blocks while the library starts, for ten seconds at most.
///
/// # Errors
///
/// As for [`load`](crate::load).
pub fn load_addon(path: impl AsRef<Path>, options: Options) -> Result<Arc<dyn Addon>, Error> {
    let path = path.as_ref();
    open(path, options).map_err(|problem| Error { path: path.to_owned(), problem })
}

fn open(path: &Path, options: Options) -> Result<Arc<dyn Addon>, Problem> {
    let (workers, hello) = introduced(path, options, &ADDON)?;
    let hello: Hello = read(&hello).map_err(|error| Problem::Hello(error.to_string()))?;
    check(&hello.features)?;
    // What every manifest is read by.
    let text = serde_json::to_string(&hello.manifest).map_err(|error| Problem::Manifest(error.to_string()))?;
    Manifest::from_yaml(&text).map_err(|error| Problem::Manifest(error.to_string()))?;
    let name = &hello.manifest.name;
    tracing::info!(path = %path.display(), name, built_with = hello.built_with, "loaded an addon");
    Ok(Arc::new(LibraryAddon { hello, workers: Arc::new(workers), options }))
}

struct LibraryAddon {
    hello: Hello,
    workers: Arc<Workers>,
    options: Options,
}

/// Calls, and reads what comes back; the error is for people.
fn ask<T: DeserializeOwned>(workers: &Workers, options: &Options, call: &Call<'_>) -> Result<T, String> {
    let write = |buffer: &mut Vec<u8>| drop(serde_json::to_writer(buffer, call));
    let given = workers.ask(write, options.deadline).map_err(|failure| failure.to_string())?;
    if given.len() > options.answer_limit {
        return Err(format!("the answer has {} bytes; at most {} are taken", given.len(), options.answer_limit));
    }
    read(&given).map_err(|error| format!("not an answer: {error}"))
}

impl Addon for LibraryAddon {
    fn manifest(&self) -> &Manifest {
        &self.hello.manifest
    }

    fn config_schema(&self) -> Value {
        self.hello.config_schema.clone()
    }

    fn crds(&self) -> Vec<Object> {
        self.hello.crds.clone()
    }

    fn interpreters(&self, config: &Value) -> Result<Vec<Arc<dyn Interpreter>>, outrigger_addon::Error> {
        let call = Call::Interpreters(std::borrow::Cow::Borrowed(config));
        let made: Result<Interpreters, String> = ask(&self.workers, &self.options, &call)
            .map_err(|why| outrigger_addon::Error::Config(format!("{}: {why}", self.hello.manifest.name)))?;
        let made = made.map_err(|why| {
            // The word is the error's own, which comes with it.
            outrigger_addon::Error::Config(why.strip_prefix("configuration: ").unwrap_or(&why).to_owned())
        })?;
        let set = Arc::new(Set { number: made.set, workers: self.workers.clone(), options: self.options });
        let interpreter = |(index, hello)| -> Arc<dyn Interpreter> {
            let (workers, options) = (self.workers.clone(), self.options);
            Arc::new(Library { hello, workers, options, member: Some((set.clone(), index)) })
        };
        Ok(made.hellos.into_iter().enumerate().map(interpreter).collect())
    }

    fn controllers(&self) -> Vec<Arc<dyn Controller>> {
        let controller = |(number, hello): (usize, &ControllerHello)| -> Arc<dyn Controller> {
            Arc::new(LibraryController { number, hello: hello.clone(), workers: self.workers.clone() })
        };
        self.hello.controllers.iter().enumerate().map(controller).collect()
    }
}

struct LibraryController {
    number: usize,
    hello: ControllerHello,
    workers: Arc<Workers>,
}

impl Controller for LibraryController {
    fn name(&self) -> &str {
        &self.hello.name
    }

    fn watches(&self) -> Vec<Watch> {
        self.hello.watches.clone()
    }

    /// On the caller's own thread: whoever runs controllers has threads for them.
    fn reconcile(&self, request: &Request, host: &dyn Host) -> Result<Outcome, CallError> {
        let fault = |message: String| CallError { kind: CallErrorKind::Internal, message };
        let run = Run { controller: self.number, request: std::borrow::Cow::Borrowed(request) };
        let bytes = serde_json::to_vec(&run).map_err(|error| fault(error.to_string()))?;
        let given = self.workers.raw().run(&bytes, host).ok_or_else(|| fault("the library broke".into()))?;
        read::<Result<Outcome, CallError>>(&given).map_err(|error| fault(format!("not an answer: {error}")))?
    }
}
