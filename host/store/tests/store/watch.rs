//! Watches, on every implementation.

use std::sync::Arc;

use futures::FutureExt;
use outrigger_store::{Error, Limits, Store, Watch};
use rstest::rstest;

use crate::stores::{Kind, Subject, collect, delete, lines, run, set};

/// What [`Watch::next`] has at once.
fn ready(watch: &mut Box<dyn Watch>) -> bool {
    watch.next().now_or_never().is_some()
}

#[rstest]
fn events_in_order_and_only_below_the_prefix(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        set(&store, "/a/1", "before").await;
        let mut below = store.watch("/a/", 0).expect("watches");
        let mut beside = store.watch("/ä", 0).expect("watches");
        let mut all = store.watch("", 0).expect("watches");
        let mut exact = store.watch("/a/1", 0).expect("watches");
        assert!(!ready(&mut below));

        set(&store, "/a/1", "new").await;
        set(&store, "/a", "not below").await;
        delete(&store, "/a/1").await;
        set(&store, "/ä/1", "x").await;
        set(&store, "/a/1", "again").await;
        let first = ["2 /a/1=new was before@1", "4 /a/1=- was new@2", "6 /a/1=again was -"];
        assert_eq!(lines(&mut below, 3).await, first);
        assert_eq!(lines(&mut exact, 3).await, first);
        assert_eq!(lines(&mut beside, 1).await, ["5 /ä/1=x was -"]);
        assert_eq!(collect(&mut all, 5).await.len(), 5);
        for watch in [&mut below, &mut exact, &mut beside, &mut all] {
            assert!(!ready(watch), "an event twice");
        }

        assert_eq!(subject.stats().watchers, 4);
        drop((below, exact, beside, all));
        assert_eq!(subject.stats().watchers, 0);
    });
}

#[rstest]
fn resuming(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        for index in 1..=6 {
            set(&store, ["/a", "/b"][index % 2], &index.to_string()).await;
        }
        let mut from = store.watch("/a", 2).expect("watches");
        assert_eq!(from.progress(), 2);
        assert_eq!(lines(&mut from, 2).await, ["4 /a=4 was 2@2", "6 /a=6 was 4@4"]);
        set(&store, "/a", "7").await;
        assert_eq!(lines(&mut from, 1).await, ["7 /a=7 was 6@6"]);

        let refused = |after| match store.watch("/a", after) {
            Ok(_) => "watches".to_owned(),
            Err(Error::Compacted { asked, oldest }) => format!("{asked} < {oldest}"),
            Err(Error::Future { asked, current }) => format!("{asked} > {current}"),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(refused(8), "8 > 7");
        store.compact(4).await.expect("compacts");
        assert_eq!(refused(3), "3 < 4");
        assert_eq!(refused(4), "watches");
        store.compact(7).await.expect("compacts");
        assert_eq!(refused(6), "6 < 7");
        assert_eq!(refused(7), "watches");
        // One that has had everything is not concerned.
        set(&store, "/a", "8").await;
        assert_eq!(lines(&mut from, 1).await, ["8 /a=8 was 7@7"]);
    });
}

#[rstest]
fn progress(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        set(&store, "/b", "x").await;
        let mut watch = store.watch("/a", 0).expect("watches");
        assert_eq!(watch.progress(), 1);
        set(&store, "/b", "x").await;
        assert_eq!(watch.progress(), 2, "nothing to give is progress");
        set(&store, "/a", "x").await;
        set(&store, "/b", "x").await;
        assert_eq!(watch.progress(), 2, "one is still to be given");
        collect(&mut watch, 1).await;
        assert_eq!(watch.progress(), 4);
        let behind = store.watch("/a", 1).expect("watches");
        assert_eq!(behind.progress(), 1);
    });
}

/// A watcher that does not look for a long time loses nothing, as long as it is remembered.
#[rstest]
#[case::few_behind(700)]
#[case::many_behind(6000)]
fn a_slow_watcher_catches_up(#[values(Kind::Memory, Kind::Redb)] kind: Kind, #[case] count: u64) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        let mut slow = store.watch("/a/", 0).expect("watches");
        let mut quiet = store.watch("/b/", 0).expect("watches");
        burst(&store, count).await;
        assert_eq!(slow.progress(), 0);
        let events = collect(&mut slow, count as usize).await;
        let revisions: Vec<_> = events.iter().map(|event| event.revision).collect();
        assert_eq!(revisions, (1..=count).collect::<Vec<_>>());
        assert_eq!((slow.progress(), quiet.progress()), (count, count));

        // It follows again as the others do.
        set(&store, "/a/1", "x").await;
        set(&store, "/b/1", "x").await;
        assert_eq!(collect(&mut slow, 1).await[0].revision, count + 1);
        assert_eq!(collect(&mut quiet, 1).await[0].revision, count + 2);
        assert!(!ready(&mut slow) && !ready(&mut quiet));
    });
}

#[rstest]
#[case::few_behind(50)]
#[case::many_behind(3000)]
fn a_watcher_that_fell_out_is_told(#[values(Kind::Memory, Kind::Redb)] kind: Kind, #[case] count: u64) {
    run(async {
        let limits = Limits { events: 20, ..Limits::default() };
        let subject = Subject::with(kind, limits);
        let store = subject.store();
        let mut slow = store.watch("/a/", 0).expect("watches");
        let quiet = store.watch("/b/", 0).expect("watches");
        burst(&store, count).await;
        for _ in 0..2 {
            match slow.next().await {
                Err(Error::Compacted { asked, oldest }) => {
                    assert_eq!((asked, oldest), (0, count - 20));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(quiet.progress(), count);
    });
}

/// Watchers that come at any moment of a stream of writes see what is after their revision.
#[rstest]
fn watching_beside_writers(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        let writer = tokio::spawn({
            let store = store.clone();
            async move { burst(&store, 2000).await }
        });
        let mut watchers = Vec::new();
        for index in 0.. {
            let after = store.revision();
            // Some from where they know to be, some from a little earlier.
            let after = after.saturating_sub(index % 2 * 10);
            if after >= 1990 {
                break;
            }
            if after > 0 {
                let mut watch = store.watch("/a/", after).expect("watches");
                watchers.push(tokio::spawn(async move {
                    let mut next = after + 1;
                    while next <= 2000 {
                        let before = watch.progress();
                        for event in watch.next().await.expect("events") {
                            assert_eq!(event.revision, next);
                            assert!(before < next, "progress ran ahead");
                            next += 1;
                        }
                    }
                }));
            }
            tokio::task::yield_now().await;
            while watchers.len() > 200 && store.revision() < 1990 {
                tokio::task::yield_now().await;
            }
        }
        writer.await.expect("the writer ends");
        assert!(!watchers.is_empty());
        for watcher in watchers {
            watcher.await.expect("the watcher sees all in order");
        }
    });
}

/// Writes below `/a/`, many at a time.
async fn burst(store: &Arc<dyn Store>, count: u64) {
    let writes = (0..count).map(|index| {
        let store = store.clone();
        async move { set(&store, &format!("/a/{}", index % 100), "x").await }
    });
    futures::future::join_all(writes).await;
}
