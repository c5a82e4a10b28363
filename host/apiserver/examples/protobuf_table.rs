//! Prints `src/protobuf/messages.table` from Kubernetes' Go sources: which field of which message has
//! which number and type. The facts are in the struct tags of `types.go`.
//!
//! ```text
//! cargo run -p outrigger-apiserver --example protobuf_table -- DIRECTORY/k8s.io > src/protobuf/messages.table
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Types that are not written as the structs that they are.
const SPECIAL: [(&str, &str); 8] = [
    ("meta/v1.Time", "T"),
    ("meta/v1.MicroTime", "U"),
    ("meta/v1.Duration", "D"),
    ("meta/v1.FieldsV1", "R"),
    ("resource.Quantity", "Q"),
    ("intstr.IntOrString", "X"),
    ("runtime.RawExtension", "R"),
    ("apiextensions/v1.JSON", "R"),
];

#[derive(Debug, Default)]
struct Types {
    /// Fields of structs: number, name (empty when inline), Go type.
    structs: BTreeMap<String, Vec<(u32, String, String)>>,
    /// What other named types are.
    named: BTreeMap<String, String>,
    /// Group name by package.
    groups: BTreeMap<String, String>,
}

fn main() -> anyhow::Result<()> {
    let root = PathBuf::from(std::env::args().nth(1).context("the directory of k8s.io")?);
    let mut types = Types::default();
    let mut packages = vec![
        ("meta/v1".to_owned(), root.join("apimachinery/pkg/apis/meta/v1")),
        ("apiextensions/v1".to_owned(), root.join("apiextensions-apiserver/pkg/apis/apiextensions/v1")),
        ("apiregistration/v1".to_owned(), root.join("kube-aggregator/pkg/apis/apiregistration/v1")),
    ];
    for group in std::fs::read_dir(root.join("api"))? {
        let group = group?.path();
        for version in std::fs::read_dir(&group).into_iter().flatten() {
            let version = version?.path();
            if version.join("types.go").exists() {
                packages.push((format!("{}/{}", name(&group), name(&version)), version));
            }
        }
    }
    packages.sort();
    for (package, directory) in &packages {
        for file in std::fs::read_dir(directory)? {
            let path = file?.path();
            let is_source = path.extension().is_some_and(|extension| extension == "go");
            if is_source && !name(&path).contains("generated") && !name(&path).contains("proto") {
                read(package, &std::fs::read_to_string(&path)?, &mut types);
            }
        }
    }
    print(&types);
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The package of an import path.
fn package_of(import: &str) -> Option<String> {
    let import = import.trim_matches('"');
    let rest = import
        .strip_prefix("k8s.io/api/")
        .or(import.strip_prefix("k8s.io/apimachinery/pkg/apis/"))
        .or(import.strip_prefix("k8s.io/apimachinery/pkg/api/"))
        .or(import.strip_prefix("k8s.io/apimachinery/pkg/util/"))
        .or(import.strip_prefix("k8s.io/apimachinery/pkg/"))?;
    Some(rest.to_owned())
}

fn read(package: &str, source: &str, types: &mut Types) {
    let mut imports: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in source.lines() {
        let line = line.split(" //").next().unwrap_or_default().trim_end();
        let trimmed = line.trim();
        if trimmed.starts_with("//") || trimmed.is_empty() {
            continue;
        }
        if let Some(group) = trimmed.strip_prefix("const GroupName = ") {
            types.groups.insert(package.to_owned(), group.trim_matches('"').to_owned());
        }
        if trimmed.ends_with('"') && !trimmed.contains('`') && !trimmed.contains('=') {
            let words: Vec<&str> = trimmed.trim_start_matches("import ").split_whitespace().collect();
            if let Some(path) = words.last().and_then(|path| package_of(path)) {
                let last = path.rsplit('/').next().unwrap_or_default().to_owned();
                let alias = if words.len() == 2 { words.first().copied().unwrap_or_default().to_owned() } else { last };
                imports.insert(alias, path);
            }
        }
        match &current {
            None => {
                let Some(rest) = trimmed.strip_prefix("type ") else { continue };
                let Some((name, definition)) = rest.split_once(' ') else { continue };
                let full = format!("{package}.{name}");
                if definition.starts_with("struct {}") {
                    types.structs.entry(full).or_default();
                } else if definition.starts_with("struct {") {
                    types.structs.entry(full.clone()).or_default();
                    current = Some(full);
                } else {
                    types.named.insert(full, qualify(package, definition.trim_start_matches("= "), &imports));
                }
            }
            Some(name) => {
                if line == "}" {
                    current = None;
                } else if let Some(field) = read_field(package, trimmed, &imports)
                    && let Some(fields) = types.structs.get_mut(name)
                {
                    fields.push(field);
                }
            }
        }
    }
}

fn tag<'a>(tags: &'a str, key: &str) -> Option<&'a str> {
    tags.split_once(&format!("{key}:\""))?.1.split('"').next()
}

fn read_field(package: &str, line: &str, imports: &BTreeMap<String, String>) -> Option<(u32, String, String)> {
    let (declared, tags) = line.split_once('`')?;
    let protobuf = tag(tags, "protobuf")?;
    let number = protobuf.split(',').nth(1)?.parse().ok()?;
    let json = tag(tags, "json")?;
    let name = match json.split(',').next()? {
        "" if json.contains("inline") => String::new(),
        "" => return None,
        name => name.to_owned(),
    };
    let words: Vec<&str> = declared.split_whitespace().collect();
    let of =
        words.get(1..).filter(|rest| !rest.is_empty()).map_or_else(|| declared.trim().to_owned(), |rest| rest.concat());
    Some((number, name, qualify(package, &of, imports)))
}

/// A Go type with its names made full: `[]v1.Pod` becomes `[]core/v1.Pod`.
fn qualify(package: &str, of: &str, imports: &BTreeMap<String, String>) -> String {
    for prefix in ["*", "[]"] {
        if let Some(rest) = of.strip_prefix(prefix) {
            return format!("{prefix}{}", qualify(package, rest, imports));
        }
    }
    if let Some((_, value)) = of.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
        return format!("map:{}", qualify(package, value, imports));
    }
    match of.split_once('.') {
        Some((alias, name)) => match imports.get(alias) {
            Some(path) => format!("{path}.{name}"),
            None => format!("{alias}.{name}"),
        },
        None if matches!(
            of,
            "string" | "bool" | "byte" | "int" | "int32" | "int64" | "float64" | "uint8" | "uint32" | "uint64"
        ) =>
        {
            of.to_owned()
        }
        None => format!("{package}.{of}"),
    }
}

impl Types {
    /// The code of a type, and the message that it needs.
    fn code(&self, of: &str, needed: &mut dyn FnMut(&str) -> usize) -> String {
        if let Some(rest) = of.strip_prefix('*') {
            return format!("?{}", self.code(rest, needed));
        }
        if of == "[]byte" {
            return "y".into();
        }
        if let Some(rest) = of.strip_prefix("[]") {
            return format!("*{}", self.code(rest, needed));
        }
        if let Some(rest) = of.strip_prefix("map:") {
            return format!("%{}", self.code(rest, needed));
        }
        if let Some((_, code)) = SPECIAL.iter().find(|(name, _)| *name == of) {
            return (*code).into();
        }
        match of {
            "string" => return "s".into(),
            "bool" => return "b".into(),
            "float64" => return "d".into(),
            "int" | "int32" | "int64" | "uint8" | "uint32" | "uint64" | "byte" => return "i".into(),
            "types.UID" | "types.NodeName" | "types.PatchType" => return "s".into(),
            _ => {}
        }
        if self.structs.contains_key(of) {
            return format!("m{}", needed(of));
        }
        match self.named.get(of) {
            // A list with a name is a message with that list as its only field.
            Some(named) if named.starts_with("[]") && named != "[]byte" => {
                format!("l{}", self.code(named.trim_start_matches("[]"), needed))
            }
            Some(named) => self.code(named, needed),
            None => {
                eprintln!("unknown type {of}");
                "?".into()
            }
        }
    }
}

fn print(types: &Types) {
    let mut order: Vec<String> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    let mut kinds: BTreeSet<(String, String, String)> = BTreeSet::new();
    for (name, fields) in &types.structs {
        let Some((package, kind)) = name.rsplit_once('.') else { continue };
        let is_kind = fields.iter().any(|(_, name, of)| name == "metadata" && of.ends_with("meta/v1.ObjectMeta"));
        if let Some(group) = types.groups.get(package).filter(|_| is_kind) {
            let version = package.rsplit('/').next().unwrap_or_default();
            let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            kinds.insert((api_version, kind.to_owned(), name.clone()));
        }
    }
    kinds.insert(("v1".into(), "DeleteOptions".into(), "meta/v1.DeleteOptions".into()));
    let mut lines: Vec<String> = Vec::new();
    let mut done = 0;
    let mut need = |name: &str, order: &mut Vec<String>| match index.get(name) {
        Some(at) => *at,
        None => {
            let at = order.len();
            index.insert(name.to_owned(), at);
            order.push(name.to_owned());
            at
        }
    };
    let mut roots = Vec::new();
    for (api_version, kind, name) in &kinds {
        roots.push(format!("@ {api_version} {kind} {}", need(name, &mut order)));
    }
    while let Some(name) = order.get(done).cloned() {
        done += 1;
        let mut words: Vec<String> = Vec::new();
        for (number, field, of) in types.structs.get(&name).into_iter().flatten() {
            let code = types.code(of, &mut |name| need(name, &mut order));
            words.push(format!("{number}:{field}:{code}"));
        }
        lines.push(words.join(" "));
    }
    lines.extend(roots);
    lines.iter().for_each(|line| println!("{line}"));
}
