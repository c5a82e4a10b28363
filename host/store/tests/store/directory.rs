//! The directory of the durable store: opening it again, twice, damaged, and on a full disk.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use outrigger_store::{Error, ErrorKind, Expect, Op, Options, RedbStore, Store};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;

use crate::stores::{below, delete, page, put, run, set};

fn open(directory: &Path) -> Result<RedbStore, Error> {
    RedbStore::open(directory, Options::default())
}

/// A directory with a closed store of some size, and what is in it.
fn filled() -> (TempDir, PathBuf, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let store: Arc<dyn Store> = Arc::new(open(directory.path()).expect("opens"));
    run(async {
        for index in 0..40 {
            set(&store, &format!("/small/{index}"), "x").await;
            set(&store, &format!("/large/{index}"), &"y".repeat(6000)).await;
        }
        delete(&store, "/small/7").await;
    });
    let content = page(&store.range(&below("/")).expect("reads"));
    let data = directory.path().join("data.redb");
    (directory, data, content)
}

#[test]
fn opens_again_as_it_was() {
    let (directory, _, content) = filled();
    for _ in 0..2 {
        let store = open(directory.path()).expect("opens");
        assert_eq!(page(&store.range(&below("/")).expect("reads")), content);
        assert_eq!(store.revision(), 81);
        // Watchers from before list again.
        let error = store.watch("/", 80).err().expect("forgotten");
        assert_eq!(error.kind(), ErrorKind::Expired);
        assert!(store.watch("/", 81).is_ok());
    }
    let store = open(directory.path()).expect("opens");
    let revision = run(store.write("/new", Expect::Absent, put("x"))).expect("writes");
    // 81 was a delete, of which no entry is left to show it.
    assert_eq!(revision, 82);
}

#[test]
fn only_one_at_a_time() {
    let (directory, _, _) = filled();
    let first = open(directory.path()).expect("opens");
    let error = open(directory.path()).expect_err("in use");
    assert!(matches!(&error, Error::InUse { path } if Path::new(path) == directory.path()));
    assert_eq!(error.kind(), ErrorKind::Terminal);
    let watch = first.watch("/", 0).expect("watches");
    first.close();
    // Neither the closed store nor its watch keeps the directory.
    open(directory.path()).expect("opens");
    drop((first, watch));
}

#[cfg(unix)]
#[test]
fn no_one_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().expect("a directory");
    let directory = parent.path().join("a/b");
    let _store = open(&directory).expect("opens");
    for path in [&directory, &directory.join("data.redb"), &directory.join("lock")] {
        let mode = fs::metadata(path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
    }
}

#[test]
fn a_directory_that_cannot_be_made() {
    let parent = tempfile::tempdir().expect("a directory");
    let file = parent.path().join("file");
    fs::write(&file, "x").expect("writes");
    let error = open(&file.join("store")).expect_err("below a file");
    assert!(matches!(&error, Error::Disk { path, .. } if path.starts_with(&*file.to_string_lossy())));
}

#[test]
fn damage_is_told() {
    let check = |what: &str, damage: &dyn Fn(&mut Vec<u8>)| {
        let (directory, data, _) = filled();
        let mut bytes = fs::read(&data).expect("reads");
        damage(&mut bytes);
        fs::write(&data, &bytes).expect("writes");
        match open(directory.path()) {
            Err(Error::Corrupt { path, detail }) => {
                assert_eq!(Path::new(&path), data, "{what}");
                assert!(!detail.is_empty(), "{what}");
            }
            Err(other) => panic!("{what}: {other}"),
            Ok(store) => panic!("{what}: opens with {} writes", store.revision()),
        }
        // It is left as it was found, for whoever can make something of it, and the lock is free.
        assert!(matches!(open(directory.path()), Err(Error::Corrupt { .. })), "{what}");
    };
    check("empty", &|bytes| bytes.clear());
    check("another file", &|bytes| *bytes = b"no database at all\n".repeat(1000));
    check("short", &|bytes| bytes.truncate(100));
    check("cut in half", &|bytes| bytes.truncate(bytes.len() / 2));
    check("zeroes", &|bytes| bytes.fill(0));
    check("magic", &|bytes| bytes[0] ^= 1);
    check("all pages", &|bytes| bytes[4096..].iter_mut().for_each(|byte| *byte ^= 0x55));
}

/// One flipped bit is found, or does not matter: never a store that holds something else.
#[test]
fn a_flipped_bit_changes_nothing_unseen() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (directory, data, content) = filled();
    let intact = fs::read(&data).expect("reads");
    let mut found = 0;
    for round in 0..60 {
        let mut bytes = intact.clone();
        let end = if round % 3 == 0 { 512 } else { bytes.len() };
        let at = random.random_range(0..end);
        let bit = random.random_range(0..8);
        bytes[at] ^= 1 << bit;
        fs::write(&data, &bytes).expect("writes");
        match open(directory.path()) {
            Ok(store) => {
                let got = page(&store.range(&below("/")).expect("reads"));
                assert_eq!(got, content, "bit {bit} of byte {at}");
            }
            Err(Error::Corrupt { .. }) => found += 1,
            Err(other) => panic!("bit {bit} of byte {at}: {other}"),
        }
    }
    println!("{found} of 60 found");
    assert!(found > 0);
}

const FULL: &str = "OUTRIGGER_STORE_FULL_DIRECTORY";

/// The process that may not write long files: what a full disk does, from inside.
#[test]
#[ignore = "started by a_full_disk"]
fn child() {
    let Some(directory) = std::env::var_os(FULL) else {
        return;
    };
    let say = |line: &str| {
        println!("{line}");
        std::io::stdout().flush().expect("the pipe");
    };
    // The test harness may have begun a line.
    say("");
    run(async {
        let store = open(Path::new(&directory)).expect("opens");
        let large = Bytes::from(vec![b'x'; 50_000]);
        let mut written = 0;
        let error = loop {
            let key = format!("/{written}");
            match store.write(&key, Expect::Absent, Op::Put(large.clone())).await {
                Ok(_) => written += 1,
                Err(error) => break error,
            }
            assert!(written < 1000, "there is no limit");
        };
        assert!(matches!(error, Error::Disk { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Transient);
        assert!(written > 0);
        // Reads go on, the failed write is not among them, and conflicts are still told.
        let entries = store.range(&below("/")).expect("reads").entries;
        assert_eq!(entries.len(), written);
        assert_eq!(store.revision(), written as u64);
        let conflict = store.write("/0", Expect::Absent, put("x")).await;
        assert!(matches!(conflict, Err(Error::Conflict { current: Some(1) })));
        say(&format!("full {error}"));

        let deadline = Instant::now() + Duration::from_secs(20);
        let revision = loop {
            let op = Op::Put(large.clone());
            match store.write("/after", Expect::Absent, op).await {
                Ok(revision) => break revision,
                Err(Error::Disk { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(revision, written as u64 + 1);
        say(&format!("works {revision}"));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let parent = tempfile::tempdir().expect("a directory");
    let directory = parent.path().join("store");
    // The shell sets a soft limit on the length of files, which the parent can lift again.
    let child = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -S -f 3000; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("this program"))
        .args(["directory::child", "--exact", "--ignored", "--nocapture"])
        .env(FULL, &directory)
        .stdout(Stdio::piped())
        .spawn();
    let prlimit = Command::new("prlimit").arg("--version").output();
    let (Ok(mut child), Ok(_)) = (child, prlimit) else {
        println!("skipped, no bash or no prlimit");
        return;
    };
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        if line.starts_with("full") {
            let lifted = Command::new("prlimit").args(["--pid", &child.id().to_string(), "--fsize=unlimited"]).status();
            assert!(lifted.expect("runs").success());
        }
        println!("{line}");
        said.push(line);
    }
    assert!(child.wait().expect("ends").success(), "{said:#?}");
    let works = said.iter().find_map(|line| line.strip_prefix("works "));
    let revision: u64 = works.expect("it worked again").parse().expect("a number");

    let store = open(&directory).expect("opens");
    assert_eq!(store.revision(), revision);
    let entries = store.range(&below("/")).expect("reads").entries;
    assert_eq!(entries.len() as u64, revision);
    assert!(entries.iter().all(|entry| entry.value.len() == 50_000));
}
