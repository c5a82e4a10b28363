//! The disk fails under a running store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redb::TableDefinition;

use super::medium::Faults;
use super::*;

fn put(value: &'static str) -> Op {
    Op::Put(value.into())
}

/// What tells the data file from another one that takes its place.
fn file_number(directory: &Path) -> std::io::Result<u64> {
    let metadata = fs::metadata(directory.join("data.redb"))?;
    #[cfg(unix)]
    return Ok(std::os::unix::fs::MetadataExt::ino(&metadata));
    #[cfg(not(unix))]
    {
        let _ = metadata;
        Ok(0)
    }
}

/// Lets the disk fail in one way in the midst of writes and looks at what is left.
///
/// The file must have been made anew if `anew`, and kept if not.
async fn check(fault: fn(&Faults) -> &AtomicBool, anew: bool) -> std::result::Result<(), anyhow::Error> {
    let directory = tempfile::tempdir()?;
    let faults: Arc<Faults> = Arc::default();
    let store = RedbStore::open_with(directory.path(), Options::default(), {
        let faults = faults.clone();
        Box::new(move || Arc::new(Health::with(faults.clone())))
    })?;
    store.write("/a", Expect::Absent, put("a")).await?;
    let mut watch = store.watch("/", 0)?;
    let first = file_number(directory.path())?;
    // While it is open its number is not given to another.
    let _first = File::open(directory.path().join("data.redb"))?;

    for round in 0..2 {
        let before = store.range(&Range::default())?;
        fault(&faults).store(true, Ordering::Release);
        let begin = Instant::now();
        let mut failed = 0;
        // Long enough to see it try again, and fail again.
        while failed < 3 || begin.elapsed() < Duration::from_millis(300) {
            match store.write("/b", Expect::Anything, put("lost")).await {
                Err(Error::Disk { path, .. }) => assert!(path.ends_with("data.redb"), "{path}"),
                other => panic!("{other:?}"),
            }
            failed += 1;
            assert_eq!(store.range(&Range::default())?, before, "reads go on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let conflict = store.write("/a", Expect::Absent, put("x")).await;
        assert!(matches!(conflict, Err(Error::Conflict { current: Some(1) })));

        fault(&faults).store(false, Ordering::Release);
        let revision = loop {
            match store.write("/c", Expect::Anything, put("kept")).await {
                Ok(revision) => break revision,
                Err(Error::Disk { .. }) if begin.elapsed() < Duration::from_secs(20) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(other) => return Err(other.into()),
            }
        };
        assert_eq!(revision, 2 + round);
        let events = watch.next().await?;
        assert_eq!(events.len(), 1, "failed writes are not told");
        assert_eq!(events[0].revision, revision);
    }

    assert_eq!(file_number(directory.path())? != first, anew && cfg!(unix));
    let held = store.range(&Range::default())?;
    assert_eq!(held.entries.len(), 2);
    store.close();
    let store = RedbStore::open(directory.path(), Options::default())?;
    assert_eq!(store.range(&Range::default())?, held);
    Ok(())
}

#[tokio::test]
async fn writes_fail() -> std::result::Result<(), anyhow::Error> {
    check(|faults| &faults.writes, false).await
}

#[tokio::test]
async fn syncs_fail() -> std::result::Result<(), anyhow::Error> {
    check(|faults| &faults.syncs, true).await
}

/// A write that leans on one that failed fails with it, and is not told of a conflict with it.
#[tokio::test]
async fn a_conflict_with_a_lost_write_is_none() -> std::result::Result<(), anyhow::Error> {
    let directory = tempfile::tempdir()?;
    let faults: Arc<Faults> = Arc::default();
    let store = RedbStore::open_with(directory.path(), Options::default(), {
        let faults = faults.clone();
        Box::new(move || Arc::new(Health::with(faults.clone())))
    })?;
    faults.syncs.store(true, Ordering::Release);
    let writes = (0..50).map(|_| store.write("/a", Expect::Absent, put("a")));
    for result in futures::future::join_all(writes).await {
        assert!(matches!(result, Err(Error::Disk { .. })), "{result:?}");
    }
    assert_eq!((store.revision(), store.get("/a")?), (0, None));
    Ok(())
}

/// A file that is mostly empty is made small when it is opened.
#[tokio::test]
async fn a_file_left_large_is_compacted() -> std::result::Result<(), anyhow::Error> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data.redb");
    let store = RedbStore::open(directory.path(), Options::default())?;
    let value = bytes::Bytes::from(vec![b'x'; 1 << 20]);
    let writes = (0..24).map(|index| {
        let (store, value) = (&store, value.clone());
        async move {
            let key = format!("/{index}");
            store.write(&key, Expect::Absent, Op::Put(value)).await
        }
    });
    futures::future::try_join_all(writes).await?;
    // The last one stays, so that the file cannot simply be cut.
    for index in 0..23 {
        let key = format!("/{index}");
        store.write(&key, Expect::Anything, Op::Delete).await?;
    }
    store.close();
    let large = fs::metadata(&data)?.len();
    assert!(large > 16 << 20, "{large} bytes are not worth the test");
    let store = RedbStore::open(directory.path(), Options::default())?;
    let small = fs::metadata(&data)?.len();
    assert!(small < 8 << 20, "{large} bytes, then {small}");
    assert_eq!(store.range(&Range::default())?.entries.len(), 1);
    assert_eq!(store.revision(), 47);
    Ok(())
}

/// A sound database that is not, or not yet, one of ours.
#[test]
fn a_file_of_another_make_is_refused() {
    const ENTRIES: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("entries");
    const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
    let check = |meta: &[(&str, u64)], entry: u64, expected: &str| {
        let directory = tempfile::tempdir().expect("a directory");
        let make = || -> std::result::Result<(), redb::Error> {
            let database = redb::Database::create(directory.path().join("data.redb"))?;
            let write = database.begin_write()?;
            write.open_table(ENTRIES)?.insert("/a", (entry, &b"x"[..]))?;
            for (key, value) in meta {
                write.open_table(META)?.insert(*key, *value)?;
            }
            write.commit()?;
            Ok(())
        };
        make().expect("a file");
        match RedbStore::open(directory.path(), Options::default()) {
            Ok(store) => assert_eq!(expected, store.revision().to_string()),
            Err(Error::Corrupt { detail, .. }) => {
                assert!(detail.contains(expected), "{detail}, not {expected}");
            }
            Err(other) => panic!("{other}"),
        }
    };
    check(&[("format", 1), ("revision", 3)], 3, "3");
    check(&[("format", 1), ("revision", 3)], 4, "of revision 4");
    check(&[("format", 2), ("revision", 3)], 3, "format 2");
    check(&[("revision", 3)], 3, "no format");
    check(&[("format", 1)], 3, "no revision");
    check(&[], 3, "meta");
}
