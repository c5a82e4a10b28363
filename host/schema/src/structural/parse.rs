//! `openAPIV3Schema` → [`Node`]: reads a schema and holds it to the structural rules of
//! CustomResourceDefinitions.

use serde_json::{Map, Value};

use super::{
    check, complete,
    error::{Cause, SchemaError, words},
    fill,
    format::Format,
    node::{Additional, Checks, DEPTH, ListKind, Node, Pattern, Type},
    pattern, prune, rules,
};

const UNSUPPORTED: [&str; 6] = ["$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties"];
const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Where a node sits, which decides what it may say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// What the nodes above decide for those below.
#[derive(Clone, Copy)]
struct Scope<'a> {
    level: Level,
    depth: usize,
    /// Set inside a list whose elements cannot be matched with their old values.
    uncorrelatable: Option<&'a str>,
    inside_meta: bool,
    defaults: bool,
}

pub(super) struct Parser {
    errors: Vec<SchemaError>,
}

/// Reads a whole schema.
pub(super) fn parse(schema: &Value) -> Result<Node, Vec<SchemaError>> {
    let mut parser = Parser { errors: Vec::new() };
    let scope = Scope { level: Level::Root, depth: 0, uncorrelatable: None, inside_meta: false, defaults: true };
    let mut root = match schema.as_object() {
        Some(map) => parser.structural(map, "", scope),
        None => {
            parser.report("", Cause::Invalid, Some(schema), "must be an object");
            Node::default()
        }
    };
    complete::check(&root, &mut parser.errors);
    if parser.errors.is_empty() {
        rules::resolve(&mut root, &mut parser.errors);
    }
    if parser.errors.is_empty() {
        return Ok(root);
    }
    parser.errors.sort_by(|a, b| (&a.path, &a.message).cmp(&(&b.path, &b.message)));
    parser.errors.dedup();
    Err(parser.errors)
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

pub(super) fn key(path: &str, list: &str, name: &str) -> String {
    format!("{}[{name}]", join(path, list))
}

impl Parser {
    fn report(&mut self, path: &str, cause: Cause, value: Option<&Value>, detail: &str) {
        self.errors.push(SchemaError { path: path.to_owned(), message: words(cause, value, detail) });
    }

    fn required(&mut self, path: String, detail: &str) {
        self.report(&path, Cause::Required, None, detail);
    }

    fn forbidden(&mut self, path: String, detail: &str) {
        self.report(&path, Cause::Forbidden, None, detail);
    }

    fn invalid(&mut self, path: String, value: impl Into<Value>, detail: &str) {
        self.report(&path, Cause::Invalid, Some(&value.into()), detail);
    }

    /// Reads a value of a known JSON type; one of another type is an error.
    fn read<'v, T>(
        &mut self,
        map: &'v Map<String, Value>,
        path: &str,
        name: &str,
        what: &str,
        take: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Option<T> {
        let value = map.get(name).filter(|value| !value.is_null())?;
        let taken = take(value);
        if taken.is_none() {
            self.invalid(join(path, name), value.clone(), &format!("must be {what}"));
        }
        taken
    }

    fn bool(&mut self, map: &Map<String, Value>, path: &str, name: &str) -> bool {
        self.read(map, path, name, "a boolean", Value::as_bool).unwrap_or(false)
    }

    fn string<'v>(&mut self, map: &'v Map<String, Value>, path: &str, name: &str) -> Option<&'v str> {
        self.read(map, path, name, "a string", Value::as_str).filter(|text| !text.is_empty())
    }

    fn number(&mut self, map: &Map<String, Value>, path: &str, name: &str) -> Option<f64> {
        self.read(map, path, name, "a number", Value::as_f64)
    }

    fn count(&mut self, map: &Map<String, Value>, path: &str, name: &str) -> Option<u64> {
        let signed = self.read(map, path, name, "an integer", Value::as_i64)?;
        Some(u64::try_from(signed).unwrap_or(0))
    }

    fn list<'v>(&mut self, map: &'v Map<String, Value>, path: &str, name: &str) -> &'v [Value] {
        self.read(map, path, name, "a list", |value| value.as_array().map(Vec::as_slice)).unwrap_or_default()
    }

    fn strings(&mut self, map: &Map<String, Value>, path: &str, name: &str) -> Vec<Box<str>> {
        let mut strings = Vec::new();
        for (index, value) in self.list(map, path, name).iter().enumerate() {
            match value.as_str() {
                Some(text) => strings.push(text.into()),
                None => self.invalid(format!("{}[{index}]", join(path, name)), value.clone(), "must be a string"),
            }
        }
        strings
    }

    fn object<'v>(&mut self, value: &'v Value, path: &str) -> Option<&'v Map<String, Value>> {
        let map = value.as_object();
        if map.is_none() {
            self.invalid(path.to_owned(), value.clone(), "must be a schema object");
        }
        map
    }

    /// Reads one structural node and everything below it.
    fn structural(&mut self, map: &Map<String, Value>, path: &str, scope: Scope<'_>) -> Node {
        let mut node = Node::default();
        if scope.depth > DEPTH {
            self.forbidden(path.to_owned(), "the schema is nested too deeply");
            return node;
        }
        for name in UNSUPPORTED {
            if map.get(name).is_some_and(|value| !value.is_null()) {
                self.forbidden(join(path, name), &format!("{name} is not supported"));
            }
        }
        let int_or_string = self.bool(map, path, "x-kubernetes-int-or-string");
        node.ty = if int_or_string { Some(Type::IntOrString) } else { self.stated_type(map, path) };
        node.nullable = self.bool(map, path, "nullable");
        node.embedded = self.bool(map, path, "x-kubernetes-embedded-resource");
        node.preserve_unknown = self.bool(map, path, "x-kubernetes-preserve-unknown-fields");
        if map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
            self.invalid(join(path, "x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined");
        }
        self.fields(map, path, scope, &mut node);
        self.elements(map, path, scope, &mut node);
        self.map_type(map, path, &mut node);
        self.invariants(map, path, scope, int_or_string, &node);
        node.checks = self.checks(map, path, scope, int_or_string).map(Box::new);
        node.rules = rules::read(map, path, scope.uncorrelatable, &mut self.errors);
        node.default = map.get("default").filter(|value| !value.is_null()).cloned();
        node.sum_up();
        self.check_default(path, scope, &mut node);
        node
    }

    fn stated_type(&mut self, map: &Map<String, Value>, path: &str) -> Option<Type> {
        let name = self.string(map, path, "type")?;
        let ty = match name {
            "object" => Type::Object,
            "array" => Type::Array,
            "string" => Type::String,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            "null" => {
                self.forbidden(join(path, "type"), "type cannot be set to null, use nullable as an alternative");
                return None;
            }
            _ => {
                let allowed = r#"supported values: "array", "boolean", "integer", "number", "object", "string""#;
                self.report(&join(path, "type"), Cause::NotSupported, Some(&name.into()), allowed);
                return None;
            }
        };
        Some(ty)
    }

    /// `properties` and `additionalProperties`.
    fn fields(&mut self, map: &Map<String, Value>, path: &str, scope: Scope<'_>, node: &mut Node) {
        let below = Scope { level: Level::Field, depth: scope.depth + 1, ..scope };
        let whole = scope.level == Level::Root || node.embedded;
        let properties = self.read(map, path, "properties", "an object", Value::as_object);
        for (name, value) in properties.into_iter().flatten() {
            let at = key(path, "properties", name);
            let Some(schema) = self.object(value, &at) else { continue };
            let meta = whole && META.contains(&name.as_str());
            let below = Scope {
                inside_meta: scope.inside_meta || meta,
                defaults: scope.defaults && !(meta && scope.level == Level::Root),
                ..below
            };
            let child = self.structural(schema, &at, below);
            if meta && name != "metadata" && child.ty != Some(Type::String) {
                self.invalid(join(&at, "type"), type_name(&child), "must be string");
            }
            if meta && name == "metadata" {
                self.metadata(schema, &at, scope.level, &child);
            }
            node.properties.insert(name.as_str().into(), child);
        }
        let Some(additional) = map.get("additionalProperties").filter(|value| !value.is_null()) else { return };
        let at = join(path, "additionalProperties");
        node.additional = match additional {
            Value::Bool(true) => Additional::Any,
            // No other fields, which is what a schema without it says too.
            Value::Bool(false) => Additional::None,
            other => match self.object(other, &at) {
                Some(schema) => Additional::Of(Box::new(self.structural(schema, &at, below))),
                None => Additional::None,
            },
        };
        if scope.level == Level::Root {
            self.forbidden(at.clone(), "must not be used at the root");
        }
        if node.embedded {
            self.forbidden(at.clone(), "must not be used if x-kubernetes-embedded-resource is set");
        }
        if !node.properties.is_empty() && additional != &Value::Bool(true) {
            self.forbidden(at, "additionalProperties and properties are mutual exclusive");
        }
    }

    /// `items`, `x-kubernetes-list-type` and `x-kubernetes-list-map-keys`.
    fn elements(&mut self, map: &Map<String, Value>, path: &str, scope: Scope<'_>, node: &mut Node) {
        let list_type = self.string(map, path, "x-kubernetes-list-type");
        let keys = self.strings(map, path, "x-kubernetes-list-map-keys");
        let at = join(path, "items");
        let items = map.get("items").filter(|value| !value.is_null());
        if items.is_some_and(Value::is_array) {
            self.forbidden(at.clone(), "items must be a schema object and not an array");
        } else if let Some(schema) = items.and_then(|value| self.object(value, &at)) {
            let uncorrelatable =
                if list_type == Some("map") { scope.uncorrelatable } else { scope.uncorrelatable.or(Some(path)) };
            let below = Scope { level: Level::Item, depth: scope.depth + 1, uncorrelatable, ..scope };
            node.items = Some(Box::new(self.structural(schema, &at, below)));
        }
        if node.ty == Some(Type::Array) && items.is_none() {
            self.required(at.clone(), "must be specified");
        }
        let list_path = join(path, "x-kubernetes-list-type");
        if list_type.is_some() && node.ty != Some(Type::Array) {
            self.invalid(join(path, "type"), type_name(node), "must be array if x-kubernetes-list-type is specified");
        }
        let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
        match list_type {
            None if !keys.is_empty() => self.required(list_path.clone(), detail),
            Some(other) if other != "map" && !keys.is_empty() => self.invalid(list_path.clone(), other, detail),
            _ => {}
        }
        node.list = match list_type {
            None | Some("atomic") => ListKind::Atomic,
            Some("set") => ListKind::Set,
            Some("map") => ListKind::Map(keys),
            Some(other) => {
                let allowed = r#"supported values: "atomic", "set", "map""#;
                self.report(&list_path, Cause::NotSupported, Some(&other.into()), allowed);
                ListKind::Atomic
            }
        };
        match (&node.list, &node.items) {
            (ListKind::Map(keys), Some(items)) => self.list_map(path, keys, items),
            (ListKind::Map(_), None) => self.required(at, "must have a schema if x-kubernetes-list-type is map"),
            (ListKind::Set, Some(items)) => self.list_set(path, items),
            _ => {}
        }
    }

    fn list_map(&mut self, path: &str, keys: &[Box<str>], items: &Node) {
        let keys_path = join(path, "x-kubernetes-list-map-keys");
        let items_path = join(path, "items");
        if keys.is_empty() {
            self.required(keys_path.clone(), "must not be empty if x-kubernetes-list-type is map");
        }
        if items.ty != Some(Type::Object) {
            let detail = "must be object if parent array's x-kubernetes-list-type is map";
            self.invalid(join(&items_path, "type"), type_name(items), detail);
            return;
        }
        if items.nullable {
            self.forbidden(join(&items_path, "nullable"), "cannot be nullable when x-kubernetes-list-type is map");
        }
        let all: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        for (index, name) in keys.iter().enumerate() {
            if keys.iter().take(index).any(|other| other == name) {
                self.invalid(keys_path.clone(), all.clone(), "must not contain duplicate entries");
            }
            let Some(property) = items.properties.get(name) else {
                self.invalid(keys_path.clone(), all.clone(), "entries must all be names of item properties");
                continue;
            };
            let at = key(&items_path, "properties", name);
            if matches!(property.ty, Some(Type::Array | Type::Object)) {
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                self.invalid(join(&at, "type"), type_name(property), detail);
            }
            let required = items.checks.as_ref().is_some_and(|checks| checks.required.contains(name));
            if !required && property.default.is_none() {
                let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                self.required(join(&at, "default"), detail);
            }
            if property.nullable {
                let detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
                self.forbidden(join(&at, "nullable"), detail);
            }
        }
    }

    fn list_set(&mut self, path: &str, items: &Node) {
        let items_path = join(path, "items");
        let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
        match items.ty {
            Some(Type::Array) if items.list != ListKind::Atomic => {
                let list_type = if items.list == ListKind::Set { "set" } else { "map" };
                self.invalid(join(&items_path, "x-kubernetes-list-type"), list_type, detail);
            }
            Some(Type::Object) if !items.map_atomic => {
                self.invalid(join(&items_path, "x-kubernetes-map-type"), Value::Null, detail);
            }
            _ => {}
        }
        if items.nullable {
            self.forbidden(join(&items_path, "nullable"), "cannot be nullable when x-kubernetes-list-type is set");
        }
    }

    fn map_type(&mut self, map: &Map<String, Value>, path: &str, node: &mut Node) {
        let Some(map_type) = self.string(map, path, "x-kubernetes-map-type") else { return };
        if node.ty != Some(Type::Object) {
            self.invalid(join(path, "type"), type_name(node), "must be object if x-kubernetes-map-type is specified");
        }
        match map_type {
            "atomic" => node.map_atomic = true,
            "granular" => {}
            other => {
                let allowed = r#"supported values: "atomic", "granular""#;
                self.report(&join(path, "x-kubernetes-map-type"), Cause::NotSupported, Some(&other.into()), allowed);
            }
        }
    }

    /// The rules that tie several attributes of a node together.
    fn invariants(&mut self, map: &Map<String, Value>, path: &str, scope: Scope<'_>, int_or_string: bool, node: &Node) {
        let at = join(path, "type");
        if int_or_string && node.preserve_unknown {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            self.invalid(join(path, "x-kubernetes-preserve-unknown-fields"), true, detail);
        }
        if int_or_string && node.embedded {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            self.invalid(join(path, "x-kubernetes-embedded-resource"), true, detail);
        }
        if node.embedded {
            if node.ty != Some(Type::Object) {
                self.required(at.clone(), "must be object if x-kubernetes-embedded-resource is true");
            }
            if scope.inside_meta {
                let at = join(path, "x-kubernetes-embedded-resource");
                self.forbidden(at, "must not be used inside of resource meta");
            }
            if !node.preserve_unknown && node.properties.is_empty() {
                let detail = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
                self.required(join(path, "properties"), detail);
            }
        } else if node.ty.is_none() && !node.preserve_unknown && !map.contains_key("type") {
            let detail = match scope.level {
                Level::Root => "must not be empty at the root",
                Level::Item => "must not be empty for specified array items",
                Level::Field => "must not be empty for specified object fields",
            };
            self.required(at.clone(), detail);
        }
        if scope.level == Level::Root {
            if node.ty.is_some_and(|ty| ty != Type::Object) {
                self.invalid(at, type_name(node), "must be object at the root");
            }
            if node.nullable {
                self.forbidden(join(path, "nullable"), "nullable cannot be true at the root");
            }
        }
    }

    /// The root's `metadata` may only restrict names; everything else about it is implied.
    fn metadata(&mut self, map: &Map<String, Value>, path: &str, level: Level, node: &Node) {
        if node.ty != Some(Type::Object) {
            self.invalid(join(path, "type"), type_name(node), "must be object");
        }
        if level != Level::Root {
            return;
        }
        let only_names = node.properties.keys().all(|name| matches!(&**name, "name" | "generateName"));
        let other = map.keys().any(|name| !matches!(name.as_str(), "type" | "properties" | "default"));
        if !only_names || other {
            let detail =
                "must not specify anything other than name and generateName, but metadata is implicitly specified";
            self.forbidden(path.to_owned(), detail);
        }
    }

    /// A default must itself be a value that the schema keeps whole and accepts.
    fn check_default(&mut self, path: &str, scope: Scope<'_>, node: &mut Node) {
        let Some(default) = node.default.clone() else { return };
        let at = join(path, "default");
        if !scope.defaults {
            self.forbidden(at, "must not be set in top-level metadata");
            return;
        }
        if !self.errors.is_empty() {
            return;
        }
        let mut kept = default.clone();
        prune::prune_below(node, &mut kept);
        if kept != default {
            self.invalid(at, default, "must not have unknown fields");
            return;
        }
        fill::fill(node, &mut kept);
        for error in check::check(node, &kept, None) {
            let path = if error.field == "<nil>" { at.clone() } else { join(&at, &error.field) };
            self.errors.push(SchemaError { path, message: error.message });
        }
    }

    /// The value validations of a node; none if it has none.
    fn checks(&mut self, map: &Map<String, Value>, path: &str, scope: Scope<'_>, skip_types: bool) -> Option<Checks> {
        if self.bool(map, path, "uniqueItems") {
            let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.forbidden(join(path, "uniqueItems"), detail);
        }
        let mut checks = Checks {
            allowed: self.list(map, path, "enum").to_vec(),
            minimum: self.number(map, path, "minimum"),
            exclusive_minimum: self.bool(map, path, "exclusiveMinimum"),
            maximum: self.number(map, path, "maximum"),
            exclusive_maximum: self.bool(map, path, "exclusiveMaximum"),
            multiple_of: self.number(map, path, "multipleOf"),
            min_length: self.count(map, path, "minLength"),
            max_length: self.count(map, path, "maxLength"),
            pattern: self.pattern(map, path),
            format: self
                .string(map, path, "format")
                .and_then(|name| Format::parse(name, map.get("type").and_then(Value::as_str))),
            min_items: self.count(map, path, "minItems"),
            max_items: self.count(map, path, "maxItems"),
            min_properties: self.count(map, path, "minProperties"),
            max_properties: self.count(map, path, "maxProperties"),
            required: self.strings(map, path, "required"),
            ..Checks::default()
        };
        if checks.multiple_of.is_some_and(|factor| factor <= 0.0) {
            self.invalid(
                join(path, "multipleOf"),
                map.get("multipleOf").cloned().unwrap_or_default(),
                "must be positive",
            );
            checks.multiple_of = None;
        }
        checks.all_of = self.branches(map, path, "allOf", scope, skip_types);
        checks.any_of = self.branches(map, path, "anyOf", scope, skip_types);
        checks.one_of = self.branches(map, path, "oneOf", scope, skip_types);
        if let Some(not) = map.get("not").filter(|value| !value.is_null()) {
            let at = join(path, "not");
            if let Some(schema) = self.object(not, &at) {
                checks.not = Some(Box::new(self.nested(schema, &at, scope, false)));
            }
        }
        let empty = checks.is_empty();
        (!empty).then_some(checks)
    }

    fn pattern(&mut self, map: &Map<String, Value>, path: &str) -> Option<Pattern> {
        let text = self.string(map, path, "pattern")?;
        match pattern::compile(text) {
            Ok(regex) => Some(Pattern { text: text.into(), regex }),
            Err(error) => {
                let detail = format!("must be a valid regular expression, but isn't: {error}");
                self.invalid(join(path, "pattern"), text, &detail);
                None
            }
        }
    }

    /// The branches of a junctor. In an int-or-string, `anyOf: [{type: integer}, {type: string}]`, alone
    /// or as the first of `allOf`, is the one place where a junctor may state types.
    fn branches(
        &mut self,
        map: &Map<String, Value>,
        path: &str,
        name: &str,
        scope: Scope<'_>,
        skip_types: bool,
    ) -> Vec<Node> {
        let values = self.list(map, path, name);
        if skip_types && name == "anyOf" && is_int_or_string(values) {
            let typed = |ty| Node { ty: Some(ty), nullable: true, ..Node::default() };
            return vec![typed(Type::Integer), typed(Type::String)];
        }
        let mut nodes = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let at = format!("{}[{index}]", join(path, name));
            if let Some(schema) = self.object(value, &at) {
                nodes.push(self.nested(schema, &at, scope, skip_types && name == "allOf" && index == 0));
            }
        }
        nodes
    }

    /// A value validation inside a junctor: it may restrict values, and say nothing about structure.
    fn nested(&mut self, map: &Map<String, Value>, path: &str, scope: Scope<'_>, skip_types: bool) -> Node {
        let mut node = Node { nullable: true, ..Node::default() };
        if scope.depth > DEPTH {
            self.forbidden(path.to_owned(), "the schema is nested too deeply");
            return node;
        }
        let scope = Scope { depth: scope.depth + 1, level: Level::Field, ..scope };
        const FALSE: [&str; 4] = [
            "nullable",
            "x-kubernetes-preserve-unknown-fields",
            "x-kubernetes-embedded-resource",
            "x-kubernetes-int-or-string",
        ];
        const EMPTY: [&str; 5] =
            ["type", "title", "description", "x-kubernetes-list-map-keys", "x-kubernetes-validations"];
        const UNDEFINED: [&str; 5] =
            ["default", "additionalProperties", "x-kubernetes-list-type", "x-kubernetes-map-type", "$ref"];
        for name in FALSE {
            if map.get(name) == Some(&Value::Bool(true)) {
                self.forbidden(join(path, name), "must be false to be structural");
            }
        }
        for (names, words) in [(EMPTY, "empty"), (UNDEFINED, "undefined")] {
            for name in names {
                if map.get(name).is_some_and(|value| !value.is_null() && value.as_str() != Some("")) {
                    self.forbidden(join(path, name), &format!("must be {words} to be structural"));
                }
            }
        }
        let properties = self.read(map, path, "properties", "an object", Value::as_object);
        for (name, value) in properties.into_iter().flatten() {
            let at = key(path, "properties", name);
            if name == "metadata" {
                self.forbidden(at.clone(), "must not be specified in a nested context");
            }
            if let Some(schema) = self.object(value, &at) {
                let child = self.nested(schema, &at, scope, false);
                node.properties.insert(name.as_str().into(), child);
            }
        }
        if let Some(items) = map.get("items").filter(|value| !value.is_null()) {
            let at = join(path, "items");
            if let Some(schema) = self.object(items, &at) {
                node.items = Some(Box::new(self.nested(schema, &at, scope, false)));
            }
        }
        node.checks = self.checks(map, path, scope, skip_types).map(Box::new);
        node
    }
}

fn type_name(node: &Node) -> &'static str {
    node.ty.map_or("", Type::name)
}

fn is_int_or_string(values: &[Value]) -> bool {
    let types: Vec<_> = values.iter().filter_map(Value::as_object).map(|map| (map.len(), map.get("type"))).collect();
    types == [(1, Some(&"integer".into())), (1, Some(&"string".into()))]
}
