//! Reads and writes, on every implementation.

use outrigger_store::{Error, ErrorKind, Expect, Limits, Op, Range};
use rstest::rstest;

use crate::stores::{Kind, Subject, below, delete, page, put, run, set};

#[rstest]
fn a_write_happens_only_on_what_was_expected(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        let check = async |expect, op, expected: Result<u64, Option<u64>>| {
            let before = store.revision();
            let got = match store.write("/k", expect, op).await {
                Ok(revision) => Ok(revision),
                Err(Error::Conflict { current }) => Err(current),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(got, expected);
            assert_eq!(store.revision(), expected.unwrap_or(before));
        };
        assert_eq!(store.revision(), 0);
        check(Expect::Revision(1), put("a"), Err(None)).await;
        check(Expect::Anything, Op::Delete, Err(None)).await;
        check(Expect::Absent, put("a"), Ok(1)).await;
        check(Expect::Absent, put("b"), Err(Some(1))).await;
        check(Expect::Revision(1), put("b"), Ok(2)).await;
        check(Expect::Revision(1), put("c"), Err(Some(2))).await;
        check(Expect::Revision(1), Op::Delete, Err(Some(2))).await;
        check(Expect::Anything, put("c"), Ok(3)).await;
        check(Expect::Revision(3), Op::Delete, Ok(4)).await;
        check(Expect::Revision(3), put("d"), Err(None)).await;
        check(Expect::Absent, put("d"), Ok(5)).await;
        let entry = store.get("/k").expect("reads").expect("is there");
        assert_eq!((&*entry.key, &*entry.value, entry.revision), ("/k", &b"d"[..], 5));
        assert_eq!(store.get("/").expect("reads"), None);
    });
}

#[rstest]
fn ranges(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        for key in ["/a/2", "/a/1", "/a/10", "/b/1", "/a", "/ä/1"] {
            set(&store, key, "x").await;
        }
        let check = |prefix: &str, after: Option<&str>, limit, expected| {
            let range = Range { prefix: prefix.into(), after: after.map(Into::into), limit, at: 0 };
            assert_eq!(page(&store.range(&range).expect("reads")), expected, "{range:?}");
        };
        check("/a/", None, 0, "/a/1=x@2 /a/10=x@3 /a/2=x@1 (+0) @6");
        check("/a/", None, 3, "/a/1=x@2 /a/10=x@3 /a/2=x@1 (+0) @6");
        check("/a/", None, 1, "/a/1=x@2 (+2) @6");
        check("/a/", Some("/a/1"), 1, "/a/10=x@3 (+1) @6");
        check("/a/", Some("/a/10"), 1, "/a/2=x@1 (+0) @6");
        check("/a/", Some("/a/2"), 1, "(+0) @6");
        check("/a/", Some("/a/15"), 0, "/a/2=x@1 (+0) @6");
        check("/a/", Some("/"), 2, "/a/1=x@2 /a/10=x@3 (+1) @6");
        check("/a/", Some("/z"), 0, "(+0) @6");
        check("/a", None, 1, "/a=x@5 (+3) @6");
        check("/ä/", None, 0, "/ä/1=x@6 (+0) @6");
        check("", Some("/b/1"), 0, "/ä/1=x@6 (+0) @6");
        check("/c", None, 0, "(+0) @6");
    });
}

#[rstest]
fn an_older_revision_stays_as_it_was(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        let at = |revision| {
            let range = Range { at: revision, ..below("/a") };
            match store.range(&range) {
                Ok(found) => page(&found),
                Err(Error::Compacted { asked, oldest }) => format!("{asked} < {oldest}"),
                Err(Error::Future { asked, current }) => format!("{asked} > {current}"),
                Err(other) => panic!("{other}"),
            }
        };
        set(&store, "/a1", "one").await;
        set(&store, "/a2", "two").await;
        set(&store, "/b", "other").await;
        set(&store, "/a1", "uno").await;
        delete(&store, "/a2").await;
        set(&store, "/a2", "due").await;
        set(&store, "/a3", "tre").await;
        let history = [
            "/a1=one@1 (+0) @1",
            "/a1=one@1 /a2=two@2 (+0) @2",
            "/a1=one@1 /a2=two@2 (+0) @3",
            "/a1=uno@4 /a2=two@2 (+0) @4",
            "/a1=uno@4 (+0) @5",
            "/a1=uno@4 /a2=due@6 (+0) @6",
            "/a1=uno@4 /a2=due@6 /a3=tre@7 (+0) @7",
        ];
        for (index, expected) in history.iter().enumerate() {
            assert_eq!(&at(index as u64 + 1), expected);
        }
        assert_eq!(at(0), history[6]);
        assert_eq!(at(8), "8 > 7");

        store.compact(4).await.expect("compacts");
        assert_eq!(at(3), "3 < 4");
        for revision in 4..=7 {
            assert_eq!(at(revision), history[revision as usize - 1]);
        }
        store.compact(2).await.expect("forgotten already");
        assert_eq!(at(4), history[3]);
        let future = store.compact(8).await.expect_err("not written yet");
        assert!(matches!(future, Error::Future { asked: 8, current: 7 }));
        store.compact(7).await.expect("compacts");
        assert_eq!(at(6), "6 < 7");
        assert_eq!(at(7), history[6]);
    });
}

#[rstest]
fn the_past_is_bounded(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let limits = Limits { bytes: 100_000, ..Limits::default() };
        let subject = Subject::with(kind, limits);
        let store = subject.store();
        let value = "x".repeat(10_000);
        for _ in 0..50 {
            set(&store, "/big", &value).await;
        }
        let stats = subject.stats();
        assert!(stats.event_bytes <= 100_000, "{stats:?}");
        assert_eq!((stats.revision, stats.keys), (50, 1));
        assert!(stats.oldest > 38 && stats.oldest < 42, "{stats:?}");
        let compacted = store.range(&Range { at: stats.oldest - 1, ..below("/") }).expect_err("forgotten");
        assert_eq!(compacted.kind(), ErrorKind::Expired);
    });
}

/// Pages through a list while others write, delete and add; the list is as of its first page.
#[rstest]
fn paging_beside_writers(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        for index in 0..100 {
            set(&store, &format!("/list/{index:03}"), "old").await;
        }
        let whole = store.range(&below("/list/")).expect("reads");

        let writer = tokio::spawn({
            let store = store.clone();
            async move {
                for index in (0..100).rev() {
                    let key = format!("/list/{index:03}");
                    match index % 3 {
                        0 => delete(&store, &key).await,
                        1 => set(&store, &key, "new").await,
                        _ => set(&store, &format!("{key}-more"), "new").await,
                    };
                }
            }
        });
        let mut entries = Vec::new();
        let mut range = Range { limit: 7, ..below("/list/") };
        range.at = whole.revision;
        loop {
            let page = store.range(&range).expect("reads");
            assert_eq!(page.revision, whole.revision);
            entries.extend(page.entries);
            assert_eq!(entries.len() + page.remaining, 100);
            if page.remaining == 0 {
                break;
            }
            range.after = entries.last().map(|entry| entry.key.to_string());
            // Every page but the first is read with writes in between.
            let revision = store.revision();
            while !writer.is_finished() && store.revision() < revision + 3 {
                tokio::task::yield_now().await;
            }
        }
        writer.await.expect("the writer ends");
        assert_eq!(entries, whole.entries);
        assert_eq!(store.revision(), 200);
        range.after = None;
        assert_eq!(store.range(&range).expect("reads").entries, whole.entries[..7]);
    });
}

/// Many writers count up one number; no step is lost or done twice.
#[rstest]
fn concurrent_writers(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        set(&store, "/counter", "0").await;
        let writers: Vec<_> = (0..16)
            .map(|writer| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut revisions = Vec::new();
                    let mut counted = 0;
                    while counted < 10 {
                        let key = format!("/own/{writer}");
                        revisions.push(set(&store, &key, "x").await);
                        let entry = store.get("/counter").expect("reads").expect("is there");
                        let count: u64 = std::str::from_utf8(&entry.value).expect("text").parse().expect("a number");
                        let next = put(&(count + 1).to_string());
                        match store.write("/counter", Expect::Revision(entry.revision), next).await {
                            Ok(revision) => {
                                counted += 1;
                                revisions.push(revision);
                            }
                            Err(Error::Conflict { current }) => {
                                assert!(current.expect("is there") > entry.revision);
                            }
                            Err(other) => panic!("{other}"),
                        }
                    }
                    revisions
                })
            })
            .collect();
        let mut revisions = vec![1];
        for writer in writers {
            let own = writer.await.expect("the writer ends");
            assert!(own.is_sorted(), "a writer's revisions do not rise");
            revisions.extend(own);
        }
        revisions.sort_unstable();
        let all: Vec<_> = (1..=store.revision()).collect();
        assert_eq!(revisions, all, "revisions without a hole, each given once");
        let entry = store.get("/counter").expect("reads").expect("is there");
        assert_eq!(entry.value, "160");
    });
}

#[rstest]
fn a_closed_store_says_so(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    run(async {
        let subject = Subject::new(kind);
        let store = subject.store();
        set(&store, "/a", "x").await;
        let mut seen = store.watch("/", 0).expect("watches");
        set(&store, "/a", "y").await;
        let mut waiting = store.watch("/", 0).expect("watches");
        let waiter = tokio::spawn(async move { waiting.next().await });
        subject.close();
        subject.close();

        let closed = |error: Error| matches!(error, Error::Closed);
        assert!(closed(waiter.await.expect("ends").expect_err("closed")));
        // What happened before the end is still given.
        assert_eq!(seen.next().await.expect("events").len(), 1);
        assert!(closed(seen.next().await.expect_err("closed")));
        assert!(closed(store.get("/a").expect_err("closed")));
        assert!(closed(store.range(&below("/")).expect_err("closed")));
        assert!(closed(store.watch("/", 0).err().expect("closed")));
        assert!(closed(store.compact(1).await.expect_err("closed")));
        let write = store.write("/a", Expect::Anything, put("z")).await;
        assert!(closed(write.expect_err("closed")));
    });
}

/// Closing does not wait for writers that wait to be let in: they may be on the very thread that
/// closes.
#[rstest]
fn closing_beside_waiting_writers(#[values(Kind::Memory, Kind::Redb)] kind: Kind) {
    const WRITES: usize = 10_000;
    let subject = Subject::new(kind);
    let store = subject.store();
    let (told, done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let written = runtime.expect("a runtime").block_on(async {
            let writes: Vec<_> = (0..WRITES)
                .map(|index| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let key = format!("/{index}");
                        store.write(&key, Expect::Absent, put("x")).await
                    })
                })
                .collect();
            tokio::task::yield_now().await;
            subject.close();
            let mut written = 0;
            for write in writes {
                match write.await.expect("ends") {
                    Ok(_) => written += 1,
                    Err(Error::Closed) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            written
        });
        // What was accepted was carried out, and nothing else.
        let _ = told.send((written, subject.stats().keys));
    });
    let (written, keys) = done.recv_timeout(std::time::Duration::from_secs(30)).expect("closing hangs");
    assert!(written > 0);
    assert_eq!(written, keys);
}
