//! From the form in which an interpreter is written to the one in which it runs. Every fault is found here.

mod aggregate;
mod localize;
mod replicas;
mod rules;
mod scripts;

use std::fmt;

use super::{
    Declarative,
    cel::{self, Expression},
    format::{self, Text},
    path::{Path, Place},
    replicas::Count,
    target::Targets,
};
use crate::LoadError;

pub use self::localize::assignments;

type Loaded<T> = Result<T, LoadError>;

/// Words errors with the place of the text that they are about.
struct Compiler<'a> {
    source: &'a str,
}

pub fn interpreter(source: &str, read: format::Interpreter) -> Loaded<Declarative> {
    let compiler = Compiler { source };
    compiler.expect(&read.api_version, format::API_VERSION, "apiVersion")?;
    compiler.expect(&read.kind, format::KIND, "kind")?;
    let mut spec = read.spec;
    if read.metadata.name.is_empty() {
        return Err(compiler.nowhere("metadata.name is needed"));
    }
    let targets = Targets::parse(&spec.target).map_err(|message| compiler.nowhere(message))?;
    let scripts = compiler.scripts(&read.metadata.name, &mut spec)?;
    let compiled = Declarative {
        name: read.metadata.name,
        targets,
        life_cycle: spec.life_cycle,
        started: spec.started.as_ref().map(|text| compiler.cel(text, cel::Place::Object)).transpose()?,
        replicas: spec.replicas.map(|block| compiler.replicas(block)).transpose()?,
        components: spec.components.map(|list| compiler.all(list, Compiler::component)).transpose()?,
        revise: spec.revise_replica.map(|block| compiler.revise(block)).transpose()?,
        retain: spec.retain.map(|block| compiler.retain(block)).transpose()?,
        aggregate: spec.aggregate_status.map(|block| compiler.aggregate(block)).transpose()?,
        dependencies: spec.dependencies.map(|list| compiler.all(list, Compiler::dependency)).transpose()?,
        status: spec.status.map(|block| compiler.status(block)).transpose()?,
        health: spec.health.map(|list| compiler.all(list, Compiler::rule)).transpose()?,
        localize: spec.localize.map(|list| compiler.assignments(list)).transpose()?,
        scripts,
    };
    if compiled.replicas.as_ref().is_some_and(|rule| matches!(rule.count, Count::Components))
        && compiled.components.is_none()
    {
        return Err(compiler.nowhere("replicas has ofComponents, and there is no block components"));
    }
    Ok(compiled)
}

impl Compiler<'_> {
    fn wrong(&self, text: &Text, message: impl fmt::Display) -> LoadError {
        let location = &text.0.referenced;
        LoadError::at(self.source, (location.line(), location.column()), message)
    }

    fn nowhere(&self, message: impl fmt::Display) -> LoadError {
        LoadError::at(self.source, (0, 0), message)
    }

    /// A fault at the first text that is there.
    fn wrong_at<'t>(&self, texts: impl IntoIterator<Item = Option<&'t Text>>, message: &str) -> LoadError {
        match texts.into_iter().flatten().next() {
            Some(text) => self.wrong(text, message),
            None => self.nowhere(message),
        }
    }

    fn expect(&self, text: &Text, expected: &str, key: &str) -> Loaded<()> {
        if text.0.value == expected {
            return Ok(());
        }
        Err(self.wrong(text, format_args!("{key} is {expected:?}, not {:?}", text.0.value)))
    }

    fn all<T, U>(&self, list: Vec<T>, compile: impl Fn(&Self, T) -> Loaded<U>) -> Loaded<Vec<U>> {
        list.into_iter().map(|one| compile(self, one)).collect()
    }

    fn path(&self, text: &Text) -> Loaded<Path> {
        Path::parse(&text.0.value).map_err(|message| self.wrong(text, message))
    }

    fn maybe_path(&self, text: Option<&Text>) -> Loaded<Option<Path>> {
        text.map(|text| self.path(text)).transpose()
    }

    fn paths(&self, texts: &[Text]) -> Loaded<Vec<Path>> {
        texts.iter().map(|text| self.path(text)).collect()
    }

    fn place(&self, text: &Text) -> Loaded<Place> {
        Place::parse(&text.0.value).map_err(|message| self.wrong(text, message))
    }

    fn maybe_place(&self, text: Option<&Text>) -> Loaded<Option<Place>> {
        text.map(|text| self.place(text)).transpose()
    }

    fn places(&self, texts: &[Text]) -> Loaded<Vec<Place>> {
        texts.iter().map(|text| self.place(text)).collect()
    }

    fn cel(&self, text: &Text, place: cel::Place) -> Loaded<Expression> {
        Expression::parse(&text.0.value, place).map_err(|message| self.wrong(text, message))
    }

    fn maybe_cel(&self, text: Option<&Text>, place: cel::Place) -> Loaded<Option<Expression>> {
        text.map(|text| self.cel(text, place)).transpose()
    }
}
