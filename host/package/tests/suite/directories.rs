//! Directories: what belongs to a package, and what does not.

use std::{fs, os::unix::fs::symlink, path::Path};

use outrigger_addon::Addon;
use outrigger_package::{ErrorKind, Limits, Package, PackagedAddon};
use serde_json::Value;

use crate::guestbook;

fn written() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, bytes) in guestbook::files() {
        let file = directory.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    directory
}

fn pack(directory: &Path) -> Result<Package, outrigger_package::Error> {
    Package::from_dir(directory, &Limits::default())
}

#[test]
fn a_directory_and_its_archive_are_the_same_package() {
    let directory = written();
    fs::write(directory.path().join(".secret"), "x").unwrap();
    fs::write(directory.path().join("interpreters/.swp"), "x").unwrap();
    fs::write(directory.path().join("notes.txt"), "x").unwrap();
    fs::create_dir_all(directory.path().join("target/debug")).unwrap();
    fs::write(directory.path().join("target/debug/x.yaml"), "x: y").unwrap();
    assert_eq!(pack(directory.path()).unwrap(), guestbook::package());
}

#[test]
fn links_may_not_leave_it() {
    let directory = written();
    let hub = directory.path().join("hub");
    fs::create_dir(&hub).unwrap();
    symlink("../policies/everywhere.yaml", hub.join("inside.yaml")).unwrap();
    let package = pack(directory.path()).unwrap();
    assert_eq!(package.files().get("hub/inside.yaml"), package.files().get("policies/everywhere.yaml"));
    symlink("/etc/hostname", hub.join("outside.yaml")).unwrap();
    let error = pack(directory.path()).unwrap_err();
    assert!(error.to_string().contains("hub/outside.yaml: is a link to /etc/hostname"), "{error}");
    fs::remove_file(hub.join("outside.yaml")).unwrap();
    symlink("..", hub.join("loop")).unwrap();
    let error = pack(directory.path()).unwrap_err();
    assert!(error.to_string().contains("lead back up"), "{error}");
}

#[test]
fn what_is_missing_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let error = pack(empty.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no addon.yaml"), "{error}");
    let directory = written();
    fs::remove_file(directory.path().join("members/settings.yaml")).unwrap();
    let error = pack(directory.path()).unwrap_err();
    assert!(error.to_string().contains("addon.yaml: names members/settings.yaml"), "{error}");
    let small = Limits { unpacked: 100, ..Limits::default() };
    assert_eq!(Package::from_dir(written().path(), &small).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn a_package_is_an_addon() {
    let addon = PackagedAddon::new(guestbook::package()).unwrap();
    assert_eq!(addon.crds().iter().map(|crd| crd.name().to_owned()).collect::<Vec<_>>(), ["guestbooks.example.com"]);
    assert_eq!(addon.interpreters(&Value::Null).unwrap().len(), 1);
    assert_eq!(addon.cases().iter().map(|case| case.name.as_str()).collect::<Vec<_>>(), ["ready"]);
    assert_eq!(addon.hub().iter().map(|one| one.name()).collect::<Vec<_>>(), ["guestbooks"]);
    assert_eq!(
        addon.waves().iter().map(|wave| (wave.name.as_str(), wave.objects.len())).collect::<Vec<_>>(),
        [("settings", 1)]
    );
}

#[test]
fn content_that_is_of_no_use_is_refused_with_its_place() {
    let check = |path: &str, text: &'static str, told: &str| {
        let mut files = guestbook::files();
        files.insert(path.to_owned(), text.into());
        let package = Package::from_files(files, &Limits::default()).unwrap();
        let error = PackagedAddon::new(package).err().expect("it must be refused").to_string();
        assert!(error.contains(told), "no {told:?} in {error}");
    };
    check("members/settings.yaml", "kind: ConfigMap\n", "members/settings.yaml:1:1: is no object");
    check("policies/everywhere.yaml", "a: b\nkind: [\n", "policies/everywhere.yaml:");
    check("crds/guestbooks.yaml", "{apiVersion: v1, kind: X, metadata: {name: x}}", "guestbooks.example.com");
    let wrong =
        "apiVersion: interpreters.outrigger.io/v1alpha1\nkind: Interpreter\nmetadata: {name: x}\nspec:\n  helth: []\n";
    check("interpreters/guestbook/interpreter.yaml", wrong, "interpreter.yaml:5");
    check("interpreters/guestbook/cases.yaml", "name: x\noperation: Nothing\n", "cases.yaml:2");
}
