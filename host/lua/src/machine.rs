//! Lua states: made once, lent for one call at a time, and thrown away after a call that went too far.

use std::{collections::HashMap, sync::Arc};

use mlua::{Function, HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, Value, VmState};
use outrigger_interpreter::StatusItem;
use outrigger_object::Object;
use parking_lot::Mutex;

use crate::{
    error::{CHUNK, Fault},
    kube, library,
    limits::{Clock, Exceeded, Limits},
    tables::{Slot, Sources},
};

const SANDBOX: &str = include_str!("sandbox.lua");

/// Between two looks at the clock.
const INSTRUCTIONS: u32 = 250;

/// Idle states that are kept, scripts that a state keeps, and memory with which it is kept.
const IDLE: usize = 32;
const CHUNKS: usize = 512;
const KEPT: usize = 8 << 20;

static POOL: Mutex<Vec<Machine>> = Mutex::new(Vec::new());

/// A compiled script.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Its own, for as long as the process runs.
    pub id: u64,
    pub bytecode: Vec<u8>,
    /// The function that is called.
    pub function: &'static str,
    /// The libraries that the source can name.
    pub names: Vec<&'static str>,
}

/// What a function is given.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    Object(&'a Object),
    Items(&'a [StatusItem]),
    Number(i64),
    Nil,
}

/// One Lua state with the sandbox in it.
pub(crate) struct Machine {
    lua: Lua,
    clock: Arc<Clock>,
    enter: Function,
    outside: Table,
    chunks: HashMap<u64, (Function, Table)>,
}

impl Machine {
    fn new() -> mlua::Result<Self> {
        let lua = Lua::new_with(StdLib::TABLE | StdLib::STRING | StdLib::MATH, LuaOptions::default())?;
        let clock = Arc::new(Clock::new());
        let natives = library::natives(&lua, &clock)?;
        let (enter, outside) = lua.load(SANDBOX).set_name("=<sandbox>").call((natives,))?;
        let watching = Arc::clone(&clock);
        lua.set_hook(HookTriggers::new().every_nth_instruction(INSTRUCTIONS), move |lua, _| match watching.check() {
            Ok(()) => Ok(VmState::Continue),
            Err(exceeded) => Err(mlua::Error::external(Exceeded { line: line_of_script(lua), ..exceeded })),
        })?;
        Ok(Self { lua, clock, enter, outside, chunks: HashMap::new() })
    }

    /// An idle state, or a new one.
    pub(crate) fn lend() -> Result<Self, Fault> {
        let idle = POOL.lock().pop();
        match idle {
            Some(machine) => Ok(machine),
            None => Ok(Self::new()?),
        }
    }

    /// Gives a state back after a call that ended well, or with an ordinary error.
    pub(crate) fn give_back(self) {
        if self.lua.used_memory() > KEPT {
            return;
        }
        let mut pool = POOL.lock();
        if pool.len() < IDLE {
            pool.push(self);
        }
    }

    /// Compiles a source text to bytecode.
    pub(crate) fn compile(&self, source: &str) -> Result<Vec<u8>, Fault> {
        Ok(self
            .lua
            .load(source)
            .set_name(format!("={CHUNK}"))
            .set_mode(mlua::chunk::ChunkMode::Text)
            .into_function()?
            .dump(false))
    }

    fn loaded(&mut self, chunk: &Chunk) -> mlua::Result<(Function, Table)> {
        if let Some(loaded) = self.chunks.get(&chunk.id) {
            return Ok(loaded.clone());
        }
        let function =
            self.lua.load(chunk.bytecode.as_slice()).set_mode(mlua::chunk::ChunkMode::Binary).into_function()?;
        let names = self.lua.create_sequence_from(chunk.names.iter().copied())?;
        if self.chunks.len() >= CHUNKS {
            self.chunks.clear();
        }
        self.chunks.insert(chunk.id, (function.clone(), names.clone()));
        Ok((function, names))
    }

    /// Calls a script's function and hands what it returns, with the objects that tables may stand for, to `read`.
    pub(crate) fn call<'a, T>(
        &mut self,
        chunk: &Chunk,
        limits: &Limits,
        inputs: &[Input<'a>],
        read: impl FnOnce(&Sources<'_>, &Clock, MultiValue) -> mlua::Result<T>,
    ) -> Result<T, Fault> {
        self.clock.start(limits);
        let (function, names) = self.loaded(chunk)?;
        let (lua, clock, outside, enter) = (&self.lua, &*self.clock, &self.outside, &self.enter);
        let needs = Slot::new();
        let sources = Sources::new(clock, outside, limits.memory, &needs);
        let result = lua.scope(|scope| {
            let expand = scope.create_function(|lua, (table, key): (Table, Value)| sources.field(lua, &table, &key))?;
            let pods = if chunk.names.contains(&"kube") {
                Value::Function(scope.create_function(|lua, (dependencies, template, namespace)| {
                    kube::pods(lua, &sources, clock, limits.memory, dependencies, &template, namespace)
                })?)
            } else {
                Value::Nil
            };
            let mut args = MultiValue::with_capacity(5 + inputs.len());
            args.push_back(Value::Function(function));
            args.push_back(Value::String(lua.create_string(chunk.function)?));
            args.push_back(Value::Table(names));
            args.push_back(Value::Function(expand));
            args.push_back(pods);
            for input in inputs {
                args.push_back(match *input {
                    Input::Object(object) => Value::Table(sources.root(lua, &object.0)?),
                    Input::Nil => Value::Nil,
                    Input::Items(items) => Value::Table(sources.items(lua, items)?),
                    Input::Number(number) => Value::Number(number as f64),
                });
            }
            lua.set_memory_limit(limits.memory)?;
            let given = enter.call::<MultiValue>(args);
            lua.set_memory_limit(0)?;
            read(&sources, clock, given?)
        });
        Ok(result?)
    }
}

/// The line at which the script is, which may be below library functions.
fn line_of_script(lua: &Lua) -> Option<u32> {
    (0..32).find_map(|level| {
        lua.inspect_stack(level, |frame| {
            let is_script = frame.source().short_src.as_deref() == Some(CHUNK);
            frame.current_line().filter(|_| is_script).and_then(|line| u32::try_from(line).ok())
        })?
    })
}
