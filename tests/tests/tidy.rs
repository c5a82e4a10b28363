//! What the workspace's crates may depend on.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::Value;

/// Crates that stay out: they need a C tool chain, a system library, or are no longer kept.
const BANNED: [&str; 6] = ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls", "serde_yaml"];
/// Crates of which two versions in one binary would not understand each other.
const ONE_VERSION: [&str; 11] =
    ["kube", "k8s-openapi", "schemars", "rustls", "tokio", "hyper", "http", "tower", "serde_json", "redb", "cel"];

struct Workspace {
    metadata: Value,
    root: String,
}

impl Workspace {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--locked", "--offline"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let root = metadata["workspace_root"].as_str().expect("a root").to_owned();
        Self { metadata, root }
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.metadata["packages"].as_array().expect("packages").iter()
    }

    /// The rooms by package name: `sdk`, `host`, `addons`, or `binary`.
    fn rooms(&self) -> BTreeMap<&str, &str> {
        let mut rooms = BTreeMap::new();
        for package in self.packages().filter(|package| package["source"].is_null()) {
            let path = Path::new(package["manifest_path"].as_str().expect("a path"));
            let path = path.strip_prefix(&self.root).expect("inside the workspace");
            let room = path.components().next().and_then(|part| part.as_os_str().to_str()).expect("a room");
            let name = package["name"].as_str().expect("a name");
            rooms.insert(name, if name == "outrigger" { "binary" } else { room });
        }
        rooms
    }
}

#[test]
fn dependencies_point_one_way() {
    let workspace = Workspace::read();
    let rooms = workspace.rooms();
    assert!(rooms.len() > 10, "the workspace was read");
    let mut wrong = Vec::new();
    for package in workspace.packages().filter(|package| package["source"].is_null()) {
        let name = package["name"].as_str().expect("a name");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let Some(to) = dependency["name"].as_str().and_then(|name| rooms.get(name)) else { continue };
            let allowed: &[&str] = match (rooms[name], dependency["kind"].as_str()) {
                ("sdk", _) => &["sdk"],
                ("addons", _) => &["sdk"],
                ("host", _) => &["sdk", "host"],
                // The binary links addons in; tests drive all of it.
                _ => &["sdk", "host", "addons", "binary"],
            };
            if !allowed.contains(to) {
                wrong.push(format!("{name} -> {}", dependency["name"]));
            }
        }
    }
    assert!(wrong.is_empty(), "these point the wrong way: {wrong:?}");
}

#[test]
fn banned_crates_stay_out() {
    let workspace = Workspace::read();
    let names: Vec<&str> = workspace.packages().filter_map(|package| package["name"].as_str()).collect();
    let found: Vec<&&str> = names.iter().filter(|name| BANNED.contains(name)).collect();
    assert!(found.is_empty(), "banned: {found:?}");
}

#[test]
fn shared_crates_have_one_version() {
    let workspace = Workspace::read();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in workspace.packages() {
        let (Some(name), Some(version)) = (package["name"].as_str(), package["version"].as_str()) else { continue };
        versions.entry(name).or_default().push(version);
    }
    for name in ONE_VERSION {
        assert_eq!(versions.get(name).map_or(0, Vec::len), 1, "{name}: {:?}", versions.get(name));
    }
}
