//! Prints `src/registry/builtin.table` from aggregated discovery documents of a Kubernetes API server.
//!
//! ```text
//! kubectl get --raw /api > api.json, with the Accept header of aggregated discovery; the same of /apis
//! cargo run -p outrigger-apiserver --example builtin_table -- api.json apis.json > src/registry/builtin.table
//! ```

use anyhow::Context;
use serde_json::Value;

const ALL: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

fn main() -> anyhow::Result<()> {
    for path in std::env::args().skip(1) {
        let document: Value = serde_json::from_slice(&std::fs::read(&path).with_context(|| path.clone())?)?;
        for group in items(&document, "items") {
            let name = match text(&group["metadata"], "name") {
                "" => "core",
                name => name,
            };
            for version in items(group, "versions") {
                println!("@{name} {}", text(version, "version"));
                items(version, "resources").for_each(|resource| println!("{}", line(resource)));
            }
        }
    }
    Ok(())
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn words<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    items(value, name).filter_map(Value::as_str).collect()
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

fn line(resource: &Value) -> String {
    let kind = text(&resource["responseKind"], "kind");
    let mut verbs = words(resource, "verbs");
    let listed = verbs.join(",");
    verbs.sort_unstable();
    [
        text(resource, "resource").to_owned(),
        kind.to_owned(),
        or_dash(text(resource, "singularResource").to_owned()),
        text(resource, "scope").chars().take(1).collect(),
        if verbs == ALL { "*".to_owned() } else { listed },
        or_dash(words(resource, "shortNames").join(",")),
        or_dash(words(resource, "categories").join(",")),
        or_dash(items(resource, "subresources").map(|one| subresource(one, kind)).collect::<Vec<_>>().join(";")),
    ]
    .join(" ")
}

fn subresource(one: &Value, own: &str) -> String {
    let response = &one["responseKind"];
    let (group, version, kind) = (text(response, "group"), text(response, "version"), text(response, "kind"));
    let kind = match (group.is_empty() && version.is_empty(), kind == own) {
        (false, _) => format!("{group}/{version}/{kind}"),
        (true, true) => String::new(),
        (true, false) => kind.to_owned(),
    };
    let verbs = words(one, "verbs").join(",");
    let name = text(one, "subresource");
    match (kind.as_str(), verbs.as_str()) {
        ("", "get,patch,update") => name.to_owned(),
        (kind, "get,patch,update") => format!("{name}|{kind}"),
        (kind, verbs) => format!("{name}|{kind}|{verbs}"),
    }
}
