//! [`Script`]: one function of an interpreter.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use mlua::{MultiValue, Table};
use outrigger_interpreter::{
    Component, Dependency, Error, ErrorKind, Health, HealthReport, Operation, ReplicaInfo, ReplicaRequirements,
    StatusItem,
};
use outrigger_object::{Cursor, Object};
use serde_json::{Map, Value};

use crate::{
    Limits, LoadError, answers,
    error::Fault,
    limits::Clock,
    machine::{Chunk, Input, Machine},
    names,
    tables::Sources,
    values::{Reader, fill},
};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// One Lua function that answers one operation, compiled.
///
/// The source text defines a function with Karmada's name for the operation:
///
/// | Operation | Function | Gives |
/// |---|---|---|
/// | InterpretReplica | `GetReplicas(obj)` | a number, and a table of requirements or nil |
/// | InterpretComponent | `GetComponents(obj)` | a list of components or nil |
/// | ReviseReplica | `ReviseReplica(obj, replicas)` | the object |
/// | Retain | `Retain(desired, observed)` | the object |
/// | AggregateStatus | `AggregateStatus(obj, items)` | the object; `items` is nil when there are none |
/// | InterpretDependency | `GetDependencies(obj)` | a list of references |
/// | InterpretStatus | `ReflectStatus(obj)` | a table |
/// | InterpretHealth | `InterpretHealth(obj)` | a boolean |
///
/// Cloning is cheap, and calls may be made from any number of threads at once. Every call runs the whole source
/// in globals of its own. A failure says what was asked of what, and the line of the script.
#[derive(Clone, Debug)]
pub struct Script {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    operation: Operation,
    chunk: Chunk,
    limits: Limits,
}

impl Script {
    /// Compiles a script for an operation. `name` is put before its errors. Fails when the text is not Lua 5.1,
    /// with the line, and for an operation that has no function.
    pub fn compile(source: &str, operation: Operation, name: &str) -> Result<Self, LoadError> {
        Self::with_limits(source, operation, name, Limits::default())
    }

    /// The same, with limits of its own.
    pub fn with_limits(source: &str, operation: Operation, name: &str, limits: Limits) -> Result<Self, LoadError> {
        let compiled = (|| {
            let function = function_of(operation)
                .ok_or_else(|| Fault::invalid(format!("no Lua function answers {operation:?}")))?;
            let machine = Machine::lend()?;
            let bytecode = machine.compile(source);
            machine.give_back();
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            Ok(Chunk { id, bytecode: bytecode?, function, names: names::in_source(source) })
        })();
        let chunk = compiled.map_err(|fault| LoadError::new(name, fault))?;
        Ok(Self { inner: Arc::new(Inner { name: name.to_owned(), operation, chunk, limits }) })
    }

    /// The operation that it answers.
    pub fn operation(&self) -> Operation {
        self.inner.operation
    }

    /// `GetReplicas`.
    pub fn replicas(&self, object: &Object) -> Result<ReplicaInfo, Error> {
        self.run(Operation::InterpretReplica, object, &[Input::Object(object)], |given| {
            let mut given = given.into_iter();
            let replicas = match given.next() {
                Some(mlua::Value::Number(number)) => number.trunc(),
                Some(mlua::Value::Integer(number)) => number as f64,
                other => return Err(Fault::invalid(format!("result type {} is not number", type_of(other.as_ref())))),
            };
            if !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&replicas) {
                return Err(Fault::invalid(format!("{replicas} replicas do not fit 32 bits")));
            }
            match given.next() {
                None | Some(mlua::Value::Nil) => Ok(Raw::Replicas(replicas as i64, None)),
                Some(mlua::Value::Table(table)) => Ok(Raw::Replicas(replicas as i64, Some(table))),
                other => Err(expected("table", other.as_ref())),
            }
        })
        .and_then(|result| match result {
            Taken::Replicas(replicas, None) => Ok(ReplicaInfo { replicas, requirements: None }),
            Taken::Needs(replicas, requirements) => Ok(ReplicaInfo { replicas, requirements: Some(requirements) }),
            Taken::Replicas(replicas, Some(map)) => {
                let requirements = answers::requirements(&Cursor::of_map(&map));
                let requirements = requirements.map_err(|error| self.invalid(object, error))?;
                Ok(ReplicaInfo { replicas, requirements: Some(requirements) })
            }
            _ => Err(self.confused(object)),
        })
    }

    /// `GetComponents`.
    pub fn components(&self, object: &Object) -> Result<Vec<Component>, Error> {
        let list = self.run(Operation::InterpretComponent, object, &[Input::Object(object)], |given| {
            match given.into_iter().next() {
                None | Some(mlua::Value::Nil) => Ok(Raw::Nothing),
                Some(mlua::Value::Table(table)) => Ok(Raw::List(table)),
                other => Err(expected("table' or 'nil", other.as_ref())),
            }
        })?;
        match list {
            Taken::Nothing => Ok(Vec::new()),
            Taken::Value(list) => answers::components(&list).map_err(|error| self.invalid(object, error)),
            _ => Err(self.confused(object)),
        }
    }

    /// `ReviseReplica`.
    pub fn revise_replicas<'a>(&self, object: impl Into<Cow<'a, Object>>, replicas: i64) -> Result<Object, Error> {
        self.changed(Operation::ReviseReplica, object.into(), Input::Number(replicas))
    }

    /// `Retain`.
    pub fn retain<'a>(&self, desired: impl Into<Cow<'a, Object>>, observed: &Object) -> Result<Object, Error> {
        self.changed(Operation::Retain, desired.into(), Input::Object(observed))
    }

    /// `AggregateStatus`; without `items` the script gets nil for them, which is what it gets in Karmada before any
    /// cluster has reported. As there, empty objects and lists are left out of the result.
    pub fn aggregate_status<'a>(
        &self,
        template: impl Into<Cow<'a, Object>>,
        items: Option<&[StatusItem]>,
    ) -> Result<Object, Error> {
        self.changed(Operation::AggregateStatus, template.into(), items.map_or(Input::Nil, Input::Items))
    }

    /// `GetDependencies`, sorted, each once.
    pub fn dependencies(&self, object: &Object) -> Result<Vec<Dependency>, Error> {
        let list = self.run(Operation::InterpretDependency, object, &[Input::Object(object)], |given| {
            match given.into_iter().next() {
                Some(mlua::Value::Table(table)) => Ok(Raw::List(table)),
                other => Err(expected("table", other.as_ref())),
            }
        })?;
        match list {
            Taken::Value(list) => answers::dependencies(&list).map_err(|error| self.invalid(object, error)),
            _ => Err(self.confused(object)),
        }
    }

    /// `ReflectStatus`. As in Karmada, empty objects and lists are left out, and a status without anything is `{}`.
    pub fn reflect_status(&self, object: &Object) -> Result<Value, Error> {
        let status = self.run(Operation::InterpretStatus, object, &[Input::Object(object)], |given| {
            match given.into_iter().next() {
                Some(mlua::Value::Table(table)) => Ok(Raw::Any(table)),
                other => Err(expected("table", other.as_ref())),
            }
        })?;
        match status {
            Taken::Value(status) => Ok(status),
            _ => Err(self.confused(object)),
        }
    }

    /// `InterpretHealth`.
    pub fn health(&self, object: &Object) -> Result<HealthReport, Error> {
        let health = self.run(Operation::InterpretHealth, object, &[Input::Object(object)], |given| {
            match given.into_iter().next() {
                Some(mlua::Value::Boolean(healthy)) => Ok(Raw::Bool(healthy)),
                other => Err(Fault::invalid(format!("result type {} is not bool", type_of(other.as_ref())))),
            }
        })?;
        match health {
            Taken::Bool(true) => Ok(Health::Healthy.into()),
            Taken::Bool(false) => Ok(Health::Unhealthy.into()),
            _ => Err(self.confused(object)),
        }
    }

    /// Asks for a changed object. One that is given, and not lent, is not copied where it stays as it was.
    fn changed(&self, operation: Operation, object: Cow<'_, Object>, other: Input) -> Result<Object, Error> {
        let given: &Object = &object;
        // What an empty table was is told by the objects, where they and the answer are of one form.
        let both;
        let references: &[&Map<String, Value>] = match other {
            Input::Object(other) => {
                both = [&given.0, &other.0];
                &both
            }
            Input::Number(_) => &[&given.0],
            Input::Items(_) | Input::Nil => &[],
        };
        let made = self.run_with(operation, given, &[Input::Object(given), other], references, |given| match given
            .into_iter()
            .next()
        {
            Some(mlua::Value::Table(table)) => Ok(Raw::Object(table)),
            other => Err(expected("table", other.as_ref())),
        })?;
        let made = match made {
            Taken::Value(Value::Null) => None,
            Taken::Value(Value::Object(made)) => Some(made),
            _ => return Err(self.confused(given)),
        };
        let kind = match made.as_ref().map(|made| made.get("kind")) {
            None | Some(Some(Value::Null)) => given.kind(),
            Some(kind) => kind.and_then(Value::as_str).unwrap_or_default(),
        };
        if kind.is_empty() {
            return Err(self.invalid(given, "the result has no kind"));
        }
        let mut original = object.into_owned();
        Ok(match made {
            None => original,
            Some(mut made) => {
                fill(&mut made, &mut original.0);
                Object(made)
            }
        })
    }

    fn run(
        &self,
        operation: Operation,
        object: &Object,
        inputs: &[Input],
        check: impl FnOnce(MultiValue) -> Result<Raw, Fault>,
    ) -> Result<Taken, Error> {
        self.run_with(operation, object, inputs, &[], check)
    }

    fn run_with(
        &self,
        operation: Operation,
        object: &Object,
        inputs: &[Input],
        references: &[&Map<String, Value>],
        check: impl FnOnce(MultiValue) -> Result<Raw, Fault>,
    ) -> Result<Taken, Error> {
        let Inner { chunk, limits, .. } = &*self.inner;
        if operation != self.inner.operation {
            return Err(self.confused(object));
        }
        let called = Machine::lend().and_then(|mut machine| {
            let read = |sources: &Sources, clock: &Clock, given: MultiValue| {
                Ok(check(given).and_then(|raw| {
                    let mut reader = Reader::new(sources, clock, references, limits.memory);
                    Ok(take(raw, &mut reader, object)?)
                }))
            };
            let result = machine.call(chunk, limits, inputs, read).and_then(|result| result);
            match &result {
                Err(fault) if fault.kind != ErrorKind::Invalid => drop(machine),
                _ => machine.give_back(),
            }
            result
        });
        called.map_err(|fault| fault.into_error(&self.asked(object)))
    }

    fn asked(&self, object: &Object) -> String {
        format!("{}: {:?} of {}", self.inner.name, self.inner.operation, object.gvk())
    }

    fn invalid(&self, object: &Object, error: impl ToString) -> Error {
        Fault::invalid(error).into_error(&self.asked(object))
    }

    /// The script is one for another operation.
    fn confused(&self, object: &Object) -> Error {
        Error::internal(format!("{}: the script does not answer this operation", self.asked(object)))
    }
}

/// What a function returned, its type checked.
enum Raw {
    Nothing,
    Bool(bool),
    Replicas(i64, Option<Table>),
    Object(Table),
    List(Table),
    Any(Table),
}

/// The same, taken out of Lua.
enum Taken {
    Nothing,
    Bool(bool),
    Replicas(i64, Option<Map<String, Value>>),
    Needs(i64, ReplicaRequirements),
    Value(Value),
}

fn take(raw: Raw, reader: &mut Reader, object: &Object) -> mlua::Result<Taken> {
    Ok(match raw {
        Raw::Nothing => Taken::Nothing,
        Raw::Bool(bool) => Taken::Bool(bool),
        Raw::Replicas(replicas, None) => Taken::Replicas(replicas, None),
        Raw::Replicas(replicas, Some(table)) => match reader.sources().needed(&table)? {
            Some(requirements) => Taken::Needs(replicas, requirements),
            None => Taken::Replicas(replicas, Some(reader.object(&table)?)),
        },
        Raw::Object(table) => Taken::Value(reader.changed(&table, &object.0)?),
        Raw::List(table) => Taken::Value(Value::Array(reader.list(&table)?)),
        Raw::Any(table) => Taken::Value(reader.table(&table)?.unwrap_or_else(|| Value::Object(Map::new()))),
    })
}

fn function_of(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::InterpretReplica => Some("GetReplicas"),
        Operation::InterpretComponent => Some("GetComponents"),
        Operation::ReviseReplica => Some("ReviseReplica"),
        Operation::Retain => Some("Retain"),
        Operation::AggregateStatus => Some("AggregateStatus"),
        Operation::InterpretDependency => Some("GetDependencies"),
        Operation::InterpretStatus => Some("ReflectStatus"),
        Operation::InterpretHealth => Some("InterpretHealth"),
        Operation::Localize => None,
    }
}

fn expected(what: &str, given: Option<&mlua::Value>) -> Fault {
    Fault::invalid(format!("expect the returned type is {what} but got {}", type_of(given)))
}

fn type_of(value: Option<&mlua::Value>) -> &'static str {
    value.map_or("nil", |value| match value {
        mlua::Value::Integer(_) => "number",
        other => other.type_name(),
    })
}
