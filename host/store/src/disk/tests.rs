//! The disk fails under a running store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::medium::Faults;
use super::*;

fn put(value: &'static str) -> Op {
    Op::Put(value.into())
}

/// Lets the disk fail in one way in the midst of writes and looks at what is left.
async fn check(fault: fn(&Faults) -> &AtomicBool) -> std::result::Result<(), anyhow::Error> {
    let directory = tempfile::tempdir()?;
    let faults: Arc<Faults> = Arc::default();
    let store = RedbStore::open_with(directory.path(), Options::default(), {
        let faults = faults.clone();
        Box::new(move || Arc::new(Health::with(faults.clone())))
    })?;
    store.write("/a", Expect::Absent, put("a")).await?;
    let mut watch = store.watch("/", 0)?;

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

    let held = store.range(&Range::default())?;
    assert_eq!(held.entries.len(), 2);
    store.close();
    let store = RedbStore::open(directory.path(), Options::default())?;
    assert_eq!(store.range(&Range::default())?, held);
    Ok(())
}

#[tokio::test]
async fn writes_fail() -> std::result::Result<(), anyhow::Error> {
    check(|faults| &faults.writes).await
}

#[tokio::test]
async fn syncs_fail() -> std::result::Result<(), anyhow::Error> {
    check(|faults| &faults.syncs).await
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
