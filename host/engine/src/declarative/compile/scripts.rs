//! Compiling `lua`, which takes the place of all else in its block.

use outrigger_interpreter::Operation;
use outrigger_lua::Script;

use super::{Compiler, Loaded};
use crate::{
    LoadError,
    declarative::{
        format::{self, Spec, Text},
        scripts::Scripts,
    },
};

impl Compiler<'_> {
    /// The functions of an interpreter; their blocks are taken out of `spec`.
    pub(super) fn scripts(&self, name: &str, spec: &mut Spec) -> Loaded<Scripts> {
        let mut scripts = Vec::new();
        let mut add = |operation, text: &Text, alone: bool| {
            if !alone {
                return Err(self.wrong(text, "lua gives all that its block can give: nothing stands beside it"));
            }
            scripts.push(self.script(name, operation, text)?);
            Ok(())
        };
        if let Some((text, alone)) = spec.replicas.as_ref().and_then(of_replicas) {
            add(Operation::InterpretReplica, text, alone)?;
            spec.replicas = None;
        }
        if let Some(text) = first(&spec.components, |entry| entry.lua.as_ref()) {
            let alone = matches!(spec.components.as_deref(), Some([one]) if one.name.is_none()
                && one.each.is_none() && one.of.is_none() && one.cel.is_none() && one.pod_template.is_none());
            add(Operation::InterpretComponent, text, alone)?;
            spec.components = None;
        }
        if let Some((text, block)) = block(&spec.revise_replica, |block| block.lua.as_ref()) {
            let alone = block.path.is_none() && block.paths.is_empty() && block.cel.is_none() && !block.when_present;
            add(Operation::ReviseReplica, text, alone)?;
            spec.revise_replica = None;
        }
        if let Some((text, block)) = block(&spec.retain, |block| block.lua.as_ref()) {
            let alone = block.paths.is_none() && block.rules.is_empty() && block.replicas.is_none();
            add(Operation::Retain, text, alone)?;
            spec.retain = None;
        }
        if let Some((text, block)) = block(&spec.aggregate_status, |block| block.lua.as_ref()) {
            let plain = !block.single && !block.replace && block.omit.is_empty();
            add(Operation::AggregateStatus, text, plain && block.fields.is_empty() && block.cel.is_none())?;
            spec.aggregate_status = None;
        }
        if let Some(text) = first(&spec.dependencies, |entry| entry.lua.as_ref()) {
            let alone = matches!(spec.dependencies.as_deref(), Some([one]) if one.name.is_none()
                && one.names.is_empty() && one.pod_template.is_none() && one.pod_spec.is_none() && one.cel.is_none());
            add(Operation::InterpretDependency, text, alone)?;
            spec.dependencies = None;
        }
        if let Some((text, block)) = block(&spec.status, |block| block.lua.as_ref()) {
            let plain = block.paths.is_empty() && block.fields.is_empty() && !block.generations;
            add(Operation::InterpretStatus, text, plain && block.cel.is_none())?;
            spec.status = None;
        }
        if let Some(text) = first(&spec.health, |rule| rule.lua.as_ref()) {
            let alone = matches!(spec.health.as_deref(), Some([one]) if one.health.is_none()
                && one.when.is_none() && one.condition.is_none() && one.cel.is_none());
            add(Operation::InterpretHealth, text, alone)?;
            spec.health = None;
        }
        Ok(Scripts(scripts))
    }

    fn script(&self, name: &str, operation: Operation, text: &Text) -> Loaded<Script> {
        let source = &text.0.value;
        Script::compile(source, operation, name).map_err(|error| {
            let begins = &text.0.referenced;
            match u64::from(error.line()).checked_sub(1) {
                // The text is a block of lines, and the fault is in one of them.
                Some(lines) if source.contains('\n') => {
                    LoadError::at(self.source, (begins.line() + lines, begins.column()), error.message())
                }
                _ => self.wrong(text, error.message()),
            }
        })
    }
}

fn block<T>(block: &Option<T>, lua: impl Fn(&T) -> Option<&Text>) -> Option<(&Text, &T)> {
    let block = block.as_ref()?;
    Some((lua(block)?, block))
}

fn first<T>(entries: &Option<Vec<T>>, lua: impl Fn(&T) -> Option<&Text>) -> Option<&Text> {
    entries.as_ref()?.iter().find_map(lua)
}

fn of_replicas(block: &format::Replicas) -> Option<(&Text, bool)> {
    let count = block.path.is_some() || !block.paths.is_empty() || block.value.is_some() || block.of_components;
    let pod = block.pod_template.is_some() || block.pod_spec.is_some() || !block.resources.is_empty();
    Some((block.lua.as_ref()?, !count && !pod && block.cel.is_none() && block.resources_from.is_none()))
}
