//! A disk that is full, and data that is not to be used.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use outrigger_runtime::ListParams;
use serde_json::json;

use crate::{
    api::{self, object},
    binary::{Process, call},
    world::{external, free_port},
};

/// A small file system of its own.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, and a line that says so, where this user may not mount one.
    fn mount(directory: &Path, megabytes: u32) -> Option<Self> {
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "outrigger-e2e"]).arg(directory).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            println!("skipped, no right to mount a small disk");
            return None;
        }
        Some(Self(directory.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A file that takes all room but some.
struct Ballast(PathBuf);

impl Ballast {
    fn leave(directory: &Path, kilobytes: u64) -> Self {
        let path = directory.join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        let full = loop {
            if let Err(error) = file.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        let length = file.metadata().unwrap().len();
        file.set_len(length - kilobytes * 1024).unwrap();
        Self(path)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn serve_args(data: &Path, port: u16) -> [String; 5] {
    let listen = format!("127.0.0.1:{port}");
    ["serve", "--data-dir", &data.display().to_string(), "--listen", &listen].map(str::to_owned)
}

async fn serve(data: &Path) -> (Process, u16) {
    let port = free_port();
    let args = serve_args(data, port);
    let process = Process::start(&args.each_ref().map(String::as_str));
    process.says("try: kubectl").await;
    (process, port)
}

async fn refused(data: &Path, port: u16, parts: &[&str]) {
    let args = serve_args(data, port);
    call(&args.each_ref().map(String::as_str)).await.fails(1, parts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_loses_none() {
    if external().is_some() {
        return println!("skipped, the store is not ours");
    }
    let directory = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(directory.path(), 48) else { return };
    let data = directory.path().join("hub");
    let (mut process, _) = serve(&data).await;
    let client = api::client(&data.join("admin.kubeconfig"), "hub").await;
    let filling = "x".repeat(400_000);
    let make = |at: usize| {
        object(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("a-{at}"), "namespace": "default"},
            "data": {"value": filling},
        }))
    };
    let mut written = 0;
    let refused_with = loop {
        match client.create(&api::config_maps(), &make(written)).await {
            Ok(_) => written += 1,
            Err(error) => break error.to_string(),
        }
        assert!(written < 1000, "it never fills up");
    };
    println!("{written} objects, then: {refused_with}");
    assert!(refused_with.contains("space"), "it does not say what is wrong: {refused_with}");
    // It goes on: what is there can be read, and what takes no room can be removed.
    let all = client.list(&api::config_maps(), Some("default"), &ListParams::default()).await.unwrap();
    assert!(all.items.len() >= written);
    process.kill().await;

    // A start on the full disk says why it cannot be. Then there is room again.
    let ballast = Ballast::leave(directory.path(), 0);
    refused(&data, free_port(), &["No space left on device"]).await;
    drop(ballast);
    let remounted = Command::new("mount").args(["-o", "remount,size=256m"]).arg(directory.path()).status().unwrap();
    assert!(remounted.success());
    let (_process, _) = serve(&data).await;
    let client = api::client(&data.join("admin.kubeconfig"), "hub").await;
    let all = client.list(&api::config_maps(), Some("default"), &ListParams::default()).await.unwrap().items;
    for at in 0..written {
        let name = format!("a-{at}");
        assert!(all.iter().any(|object| object.name() == name), "{name} was acknowledged, and is lost");
    }
    client.create(&api::config_maps(), &make(1000)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_without_room_says_so_and_hinders_no_later_one() {
    if external().is_some() {
        return println!("skipped, the store is not ours");
    }
    let directory = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(directory.path(), 16) else { return };
    // Room for nothing, for the store alone, for some of what is set up, for nearly all of it.
    for kilobytes in [0, 12, 40, 200, 300] {
        let data = directory.path().join(format!("with-{kilobytes}"));
        let ballast = Ballast::leave(directory.path(), kilobytes);
        refused(&data, free_port(), &["No space left on device"]).await;
        drop(ballast);
        let (mut process, _) = serve(&data).await;
        let client = api::client(&data.join("admin.kubeconfig"), "hub").await;
        client.get(&api::namespaces(), &api::key("", "default")).await.unwrap();
        process.kill().await;
        fs::remove_dir_all(&data).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_cannot_be_says_why() {
    if external().is_some() {
        return println!("skipped, the store is not ours");
    }
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("hub");
    let (mut process, port) = serve(&data).await;
    let at = format!("127.0.0.1:{port}");
    refused(&data, free_port(), &[&data.display().to_string(), "use"]).await;
    refused(&directory.path().join("other"), port, &["cannot listen on", &at, "--listen"]).await;

    let client = api::client(&data.join("admin.kubeconfig"), "hub").await;
    let made = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}});
    client.create(&api::config_maps(), &object(made)).await.unwrap();
    process.kill().await;

    // Garbage in place of the data: it is named, and not written over.
    let files: Vec<PathBuf> = files_below(&data.join("store"));
    assert!(!files.is_empty());
    let good: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for (file, bytes) in files.iter().zip(&good) {
        let mut broken = bytes.clone();
        broken.iter_mut().take(8192).for_each(|byte| *byte ^= 0x5a);
        fs::write(file, &broken).unwrap();
    }
    refused(&data, free_port(), &[&data.join("store").display().to_string()]).await;
    for (file, bytes) in files.iter().zip(&good) {
        fs::write(file, bytes).unwrap();
    }
    let (_process, _) = serve(&data).await;
    let client = api::client(&data.join("admin.kubeconfig"), "hub").await;
    client.get(&api::config_maps(), &api::key("default", "a")).await.unwrap();

    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&file, free_port(), &[&file.display().to_string()]).await;
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}
