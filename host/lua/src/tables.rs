//! Objects as Lua tables, field by field.
//!
//! A JSON object within those that a script is given becomes an empty table that remembers which object it stands
//! for. When a script looks further into it than at one plain field, assigns to it or walks it, its fields are put
//! in and it becomes an ordinary table; the objects among them are empty tables again. What a script never looks
//! at is never converted, and an answer takes it over as it was.
//!
//! **Invariant:** a script cannot tell. It has no metatables and no raw access, and every library function that
//! looks at fields otherwise than by indexing expands the table first. Lists are always converted whole, because
//! `#` asks nobody.
//!
//! As in Karmada, `null` in an object is no field and in a list no item.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    ptr,
};

use mlua::{Error, IntoLua, LightUserData, Lua, Result, Table};
use outrigger_interpreter::{ReplicaRequirements, StatusItem};
use serde_json::{Map, Number, Value};

use crate::limits::{Clock, Exceeded};

/// Deeper nesting than this is refused, on the way in and on the way out.
pub(crate) const DEEPEST: usize = 300;

/// Floats are exact up to here.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What the `kube` library has made of a pod template: the first one of a call, for as long as no script looks into
/// it, is never made a table.
#[derive(Debug)]
pub(crate) struct Needs {
    requirements: ReplicaRequirements,
    fields: OnceCell<Map<String, Value>>,
}

/// Where [`Needs`] are while a call goes on.
pub(crate) type Slot = OnceCell<Needs>;

impl Needs {
    fn fields(&self) -> &Map<String, Value> {
        self.fields.get_or_init(|| match serde_json::to_value(&self.requirements) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        })
    }
}

/// What a table stands for.
#[derive(Clone, Copy)]
enum Behind<'a> {
    Fields(&'a Map<String, Value>),
    Needs(&'a Needs),
}

/// The objects that a call is about.
pub(crate) struct Sources<'a> {
    clock: &'a Clock,
    /// Metatable of the tables that are not expanded.
    outside: &'a Table,
    memory: usize,
    needs: &'a Slot,
    /// With whether one of its fields has been read alone.
    objects: RefCell<Vec<(Behind<'a>, bool)>>,
    /// Whole numbers that floats do not hold, by the bits of the float that stands for them; nothing where
    /// two of them have the same one.
    numbers: RefCell<HashMap<u64, Option<Number>>>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(clock: &'a Clock, outside: &'a Table, memory: usize, needs: &'a Slot) -> Self {
        Self { clock, outside, memory, needs, objects: RefCell::default(), numbers: RefCell::default() }
    }

    /// An object as a table.
    pub(crate) fn object(&self, lua: &Lua, object: &'a Map<String, Value>) -> Result<Table> {
        let room = if object.len() < 16 { object.len() + 1 } else { 1 };
        self.behind_it(lua, Behind::Fields(object), room)
    }

    /// An object that a script is given, which it looks at in any case.
    pub(crate) fn root(&self, lua: &Lua, object: &'a Map<String, Value>) -> Result<Table> {
        let table = lua.create_table_with_capacity(0, object.len())?;
        self.put_all(lua, &table, object)?;
        Ok(table)
    }

    /// What a pod needs, as a table; nothing where that has been asked before in this call.
    pub(crate) fn needs(&self, lua: &Lua, requirements: &ReplicaRequirements) -> Result<Option<Table>> {
        let needs = Needs { requirements: requirements.clone(), fields: OnceCell::new() };
        if self.needs.set(needs).is_err() {
            return Ok(None);
        }
        self.needs.get().map(|needs| self.behind_it(lua, Behind::Needs(needs), 5)).transpose()
    }

    /// What a pod needs, where a table stands for that still, and where a copy through Lua would say the same.
    pub(crate) fn needed(&self, table: &Table) -> Result<Option<ReplicaRequirements>> {
        let Some(Behind::Needs(Needs { requirements, .. })) = self.behind_which(table)? else { return Ok(None) };
        let claim = requirements.node_claim.as_ref();
        // What is empty in those does not come back from a script.
        let odd = claim.is_some_and(|claim| claim.hard_node_affinity.is_some() || !claim.tolerations.is_empty());
        Ok((!odd).then(|| requirements.clone()))
    }

    fn behind_it(&self, lua: &Lua, behind: Behind<'a>, room: usize) -> Result<Table> {
        let id = {
            let mut objects = self.objects.borrow_mut();
            objects.push((behind, false));
            objects.len() - 1
        };
        let table = lua.create_table_with_capacity(0, room)?;
        table.raw_set(mark(), id as f64)?;
        table.set_metatable(Some(self.outside.clone()))?;
        Ok(table)
    }

    /// What clusters report, as the list of Karmada's `AggregatedStatusItem`.
    pub(crate) fn items(&self, lua: &Lua, items: &'a [StatusItem]) -> Result<Table> {
        let list = lua.create_table_with_capacity(items.len(), 0)?;
        for (index, item) in items.iter().enumerate() {
            let table = lua.create_table_with_capacity(0, 5)?;
            table.raw_set("clusterName", item.cluster_name.as_str())?;
            if let Some(status) = &item.status {
                self.put(lua, &table, "status", status, 0)?;
            }
            if item.applied {
                table.raw_set("applied", true)?;
            }
            if !item.applied_message.is_empty() {
                table.raw_set("appliedMessage", item.applied_message.as_str())?;
            }
            table.raw_set("health", format!("{:?}", item.health))?;
            list.raw_seti(index + 1, table)?;
        }
        Ok(list)
    }

    /// A field of a table that stands for an object. The first text, number or boolean that is read leaves it so,
    /// as does one that is missing; anything else puts the fields in.
    pub(crate) fn field(&self, lua: &Lua, table: &Table, key: &mlua::Value) -> Result<mlua::Value> {
        let id: Option<f64> = table.raw_get(mark())?;
        if let (Some(id), mlua::Value::String(name)) = (id, key)
            && let Some((behind, read)) = self.objects.borrow_mut().get_mut(id as usize)
            && !*read
            && let Ok(name) = name.to_str()
        {
            *read = true;
            let fields = match *behind {
                Behind::Fields(fields) => fields,
                Behind::Needs(needs) => needs.fields(),
            };
            match fields.get(&*name) {
                None | Some(Value::Null) => return Ok(mlua::Value::Nil),
                Some(Value::Bool(bool)) => return Ok(mlua::Value::Boolean(*bool)),
                Some(Value::Number(number)) => return Ok(mlua::Value::Number(self.number(number))),
                Some(Value::String(text)) => return lua.create_string(text).map(mlua::Value::String),
                Some(Value::Array(_) | Value::Object(_)) => {}
            }
        }
        self.expand(lua, table)?;
        table.raw_get(key)
    }

    /// Puts the fields into a table that stands for an object; any other is left alone.
    pub(crate) fn expand(&self, lua: &Lua, table: &Table) -> Result<()> {
        let Some(object) = self.behind(table)? else { return Ok(()) };
        // Without a limit mlua need not guard every allocation; what is put in is as large as the object.
        lua.set_memory_limit(0)?;
        let done = self.fill(lua, table, object);
        lua.set_memory_limit(self.memory)?;
        if lua.used_memory() > self.memory {
            return Err(Error::external(Exceeded::new("it used more memory than it may")));
        }
        done
    }

    fn fill(&self, lua: &Lua, table: &Table, object: &'a Map<String, Value>) -> Result<()> {
        table.set_metatable(None)?;
        table.raw_set(mark(), mlua::Nil)?;
        self.put_all(lua, table, object)
    }

    fn put_all(&self, lua: &Lua, table: &Table, object: &'a Map<String, Value>) -> Result<()> {
        for (index, (name, value)) in object.iter().enumerate() {
            if index % 1024 == 1023 {
                self.clock.check().map_err(Error::external)?;
            }
            self.put(lua, table, name.as_str(), value, 0)?;
        }
        Ok(())
    }

    /// The object that a table stands for, as long as it is not expanded.
    pub(crate) fn behind(&self, table: &Table) -> Result<Option<&'a Map<String, Value>>> {
        Ok(self.behind_which(table)?.map(|behind| match behind {
            Behind::Fields(fields) => fields,
            Behind::Needs(needs) => needs.fields(),
        }))
    }

    fn behind_which(&self, table: &Table) -> Result<Option<Behind<'a>>> {
        let id: Option<f64> = table.raw_get(mark())?;
        Ok(id.and_then(|id| self.objects.borrow().get(id as usize).map(|(behind, _)| *behind)))
    }

    /// The whole number that a float stands for, where it is one that a float cannot hold.
    pub(crate) fn exact(&self, float: f64) -> Option<Number> {
        if float.abs() < EXACT {
            return None;
        }
        self.numbers.borrow().get(&float.to_bits()).cloned().flatten()
    }

    fn number(&self, number: &Number) -> f64 {
        let float = number.as_f64().unwrap_or_default();
        if float.abs() >= EXACT && !number.is_f64() {
            self.numbers
                .borrow_mut()
                .entry(float.to_bits())
                .and_modify(|known| {
                    if known.as_ref() != Some(number) {
                        *known = None;
                    }
                })
                .or_insert_with(|| Some(number.clone()));
        }
        float
    }

    fn put(&self, lua: &Lua, table: &Table, key: impl IntoLua, value: &'a Value, depth: usize) -> Result<()> {
        match value {
            Value::Null => Ok(()),
            Value::Bool(bool) => table.raw_set(key, *bool),
            Value::Number(number) => table.raw_set(key, self.number(number)),
            Value::String(text) => table.raw_set(key, text.as_str()),
            Value::Array(items) => table.raw_set(key, self.list(lua, items, depth + 1)?),
            Value::Object(object) => table.raw_set(key, self.object(lua, object)?),
        }
    }

    fn list(&self, lua: &Lua, items: &'a [Value], depth: usize) -> Result<Table> {
        if depth > DEEPEST {
            return Err(Error::runtime("the object is nested too deeply"));
        }
        let list = lua.create_table_with_capacity(items.len(), 0)?;
        let present = items.iter().filter(|item| !item.is_null());
        for (index, item) in present.enumerate() {
            if index % 1024 == 1023 {
                self.clock.check().map_err(Error::external)?;
            }
            self.put(lua, &list, index + 1, item, depth)?;
        }
        Ok(list)
    }
}

/// The key under which a table remembers its object. Scripts have no value that is equal to it.
fn mark() -> LightUserData {
    LightUserData(ptr::without_provenance_mut(1))
}
