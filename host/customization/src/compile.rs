//! From an object to interpreters.

use std::{collections::BTreeSet, sync::Arc};

use outrigger_api::config::ResourceInterpreterWebhookConfiguration;
use outrigger_engine::{Declarative, cases::Case, declarative};
use outrigger_interpreter::{Interpreter, Operation};
use outrigger_lua::Customization;
use outrigger_object::{Gvk, Object};
use outrigger_runtime::from_object;

use crate::source::{Key, Kind};

/// What an object holds, compiled.
#[derive(Clone, Default)]
pub struct Compiled {
    /// Its interpreters.
    pub interpreters: Vec<Arc<dyn Interpreter>>,
    /// The cases that it brings.
    pub cases: Vec<Case>,
    /// A configuration of webhooks: its interpreters are made together with those of all others.
    pub configuration: Option<ResourceInterpreterWebhookConfiguration>,
}

impl Compiled {
    /// The kinds that it lists.
    pub fn gvks(&self) -> Vec<Gvk> {
        let kinds = self.interpreters.iter().flat_map(|one| one.supports()).map(|support| support.gvk);
        kinds.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// The kinds that interpreters answer for, and the operations, as people write them.
pub fn scope(interpreters: &[Arc<dyn Interpreter>]) -> (Vec<String>, Vec<String>) {
    let mut kinds = BTreeSet::new();
    let mut operations = BTreeSet::new();
    for support in interpreters.iter().flat_map(|one| one.supports()) {
        kinds.insert(format!("{}/{}", support.gvk.api_version(), support.gvk.kind));
        operations.extend(Operation::ALL.into_iter().filter(|operation| support.operations.contains(*operation)));
    }
    (kinds.into_iter().collect(), operations.into_iter().map(|operation| format!("{operation:?}")).collect())
}

/// Compiles an object. An error says what is wrong with it, for people.
pub fn compile(key: &Key, object: &Object) -> Result<Compiled, String> {
    match key.kind {
        Kind::Interpreter => {
            let source = key.to_string();
            let interpreter = Declarative::from_object(&source, object).map_err(|error| error.to_string())?;
            let cases = declarative::cases_of(&source, object).map_err(|error| error.to_string())?;
            Ok(Compiled { interpreters: vec![interpreter], cases, configuration: None })
        }
        Kind::Customization => {
            let source = from_object(object.clone()).map_err(|error| error.to_string())?;
            let interpreter = Customization::new(&source).map_err(|error| error.to_string())?.interpreter();
            Ok(Compiled { interpreters: vec![interpreter], ..Compiled::default() })
        }
        Kind::Webhook => {
            let configuration = from_object(object.clone()).map_err(|error| error.to_string())?;
            Ok(Compiled { configuration: Some(configuration), ..Compiled::default() })
        }
    }
}
