//! Replicas and components: how many there are, and what each needs.

mod requirements;

use outrigger_interpreter::{Component, Error, ReplicaInfo};
use outrigger_object::Object;
use serde_json::Value;

pub use self::requirements::{PodAt, Quantities, Requirements};
use super::{
    Result,
    cel::{Expression, Scope, Value as CelValue},
    path::{Path, Place, Root, as_int, wrong},
    within,
};

/// The block `replicas`, compiled.
#[derive(Debug)]
pub struct Replicas {
    pub count: Count,
    pub requirements: Requirements,
}

/// Where a number of replicas comes from.
#[derive(Debug)]
pub enum Count {
    Fixed(i64),
    /// The sum of what is found.
    Paths {
        paths: Vec<Path>,
        default: i64,
    },
    Components,
    Cel {
        expression: Expression,
        default: i64,
    },
}

/// One entry of `components`, compiled.
#[derive(Debug)]
pub struct Entry {
    pub within: Within,
    pub name: Name,
    pub require: Vec<Path>,
    pub when: Option<Expression>,
    pub replicas: Option<Place>,
    pub count: Option<Expression>,
    pub default: i64,
    pub requirements: Requirements,
}

/// Where the component, or the components, of an entry are.
#[derive(Debug)]
pub enum Within {
    Object,
    One(Place),
    Each(Path),
}

/// What a component is called.
#[derive(Debug)]
pub enum Name {
    Fixed(String),
    /// The text at a place of the item; else a prefix and the item's number, or its key.
    Item {
        place: Option<Place>,
        prefix: Option<String>,
        first: i64,
    },
}

/// The key of an item in a map, or its index in a list.
#[derive(Clone, Copy, Debug)]
enum Key<'v> {
    None,
    Name(&'v str),
    Index(usize),
}

impl<'v> From<Key<'v>> for CelValue<'v> {
    fn from(key: Key<'v>) -> Self {
        match key {
            Key::None => Self::Null,
            Key::Name(name) => Self::text(name),
            Key::Index(index) => Self::Int(i64::try_from(index).unwrap_or(i64::MAX)),
        }
    }
}

impl Replicas {
    /// How many replicas, and what each needs.
    pub fn info(&self, object: &Object, components: Option<&[Entry]>) -> Result<ReplicaInfo> {
        let replicas = match &self.count {
            Count::Fixed(number) => *number,
            Count::Paths { paths, default } => sum(paths, *default, object)?,
            Count::Cel { expression, default } => Scope::new(object).int(expression)?.unwrap_or(*default),
            Count::Components => {
                let all = self::components(components.unwrap_or_default(), object)?;
                all.iter().fold(0_i64, |sum, one| sum.saturating_add(one.replicas))
            }
        };
        Ok(ReplicaInfo { replicas, requirements: self.requirements.of(object.into(), object)? })
    }
}

fn sum(paths: &[Path], default: i64, object: &Object) -> Result<i64> {
    let mut sum = None;
    for path in paths {
        for value in path.find(object)? {
            let number = as_int(value).ok_or_else(|| wrong(path.source(), "an integer", value))?;
            sum = Some(sum.unwrap_or(0_i64).saturating_add(number));
        }
    }
    Ok(sum.unwrap_or(default))
}

/// All components, in the order of the entries.
pub fn components(entries: &[Entry], object: &Object) -> Result<Vec<Component>> {
    let mut found = Vec::new();
    for entry in entries {
        match &entry.within {
            Within::Object => found.extend(entry.component(object, object.into(), Key::None)?),
            Within::One(place) => {
                if let Some(item) = place.find(object)? {
                    let component = entry.component(object, Root::Value(item), Key::None);
                    found.extend(component.map_err(|error| within(place.source(), &error))?);
                }
            }
            Within::Each(path) => {
                for list in path.find(object)? {
                    entry.each(path.source(), list, object, &mut found)?;
                }
            }
        }
    }
    Ok(found)
}

impl Entry {
    fn each(&self, path: &str, list: &Value, object: &Object, found: &mut Vec<Component>) -> Result<()> {
        match list {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let component = self.component(object, Root::Value(item), Key::Index(index));
                    found.extend(component.map_err(|error| within(&format!("{path}[{index}]"), &error))?);
                }
            }
            Value::Object(map) => {
                for (name, item) in map {
                    let component = self.component(object, Root::Value(item), Key::Name(name));
                    found.extend(component.map_err(|error| within(&format!("{path}.{name}"), &error))?);
                }
            }
            other => return Err(wrong(path, "a list or an object", other)),
        }
        Ok(())
    }

    fn component<'v>(&'v self, object: &'v Object, item: Root<'v>, key: Key<'v>) -> Result<Option<Component>> {
        for path in &self.require {
            if path.find(item)?.is_empty() {
                return Ok(None);
            }
        }
        let mut counted = self.replicas.as_ref().map(|place| place.lenient_int(item)).transpose()?.flatten();
        if self.when.is_some() || self.count.is_some() {
            let scope = Scope::new(object).with_item(item, key.into());
            if let Some(when) = &self.when
                && !scope.holds(when)?
            {
                return Ok(None);
            }
            if let Some(count) = &self.count {
                counted = scope.int(count)?;
            }
        }
        Ok(Some(Component {
            name: self.name.of(item, key)?,
            replicas: counted.unwrap_or(self.default),
            replica_requirements: self.requirements.of(item, object)?,
        }))
    }
}

impl Name {
    fn of(&self, item: Root, key: Key) -> Result<String> {
        let (place, prefix, first) = match self {
            Self::Fixed(name) => return Ok(name.clone()),
            Self::Item { place, prefix, first } => (place, prefix.as_deref(), *first),
        };
        let written = place.as_ref().map(|place| place.str(item)).transpose()?.flatten();
        if let Some(name) = written.filter(|name| !name.is_empty()) {
            return Ok(name.to_owned());
        }
        match key {
            Key::Name(name) => Ok(name.to_owned()),
            Key::Index(index) => {
                let number = first.saturating_add(i64::try_from(index).unwrap_or(i64::MAX));
                Ok(format!("{}{number}", prefix.unwrap_or_default()))
            }
            Key::None => Err(Error::invalid("the component has no name")),
        }
    }
}

/// The block `reviseReplica`, compiled.
#[derive(Debug)]
pub struct Revise {
    pub places: Vec<Place>,
    pub cel: Option<Expression>,
    pub when_present: bool,
}

impl Revise {
    /// The object with the number written.
    pub fn apply(&self, mut object: Object, replicas: i64) -> Result<Object> {
        let value = match &self.cel {
            None => replicas.into(),
            Some(cel) => match Scope::new(&object).with_replicas(replicas).value(cel)? {
                Some(value) => value,
                None => return Ok(object),
            },
        };
        for place in &self.places {
            // Fails where the way leads through something that is no object, which writing would replace.
            let there = place.find(&object)?;
            if self.when_present && there.is_none() {
                continue;
            }
            place.put(&mut object.0, value.clone());
        }
        Ok(object)
    }
}
