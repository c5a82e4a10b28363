//! Writes per second with few and many writers, and what it costs to tell a hundred watchers.

#![allow(missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use outrigger_store::{Expect, Limits, MemoryStore, Op, Options, Range, RedbStore, Store};
use tokio::runtime::Runtime;

/// About what a small object takes.
const VALUE: usize = 2048;
/// How many keys are written to in turn.
const KEYS: u64 = 10_000;

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// Carries out `count` writes, shared out among `writers` of which each waits for its own.
async fn write(store: &Arc<dyn Store>, writers: u64, count: u64) {
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let store = store.clone();
            let value = Bytes::from(vec![b'x'; VALUE]);
            tokio::spawn(async move {
                for index in (writer..count).step_by(writers as usize) {
                    let key = format!("/registry/things/{:05}", index * 7919 % KEYS);
                    store.write(&key, Expect::Anything, Op::Put(value.clone())).await.expect("writes");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("ends");
    }
}

fn writes(c: &mut Criterion, name: &str, store: &Arc<dyn Store>) {
    let runtime = runtime();
    // As many keys as there will be.
    runtime.block_on(write(store, 256, KEYS));
    let mut group = c.benchmark_group(name);
    group.sample_size(20);
    group.throughput(Throughput::Elements(1));
    for writers in [1, 16, 256] {
        group.bench_function(BenchmarkId::from_parameter(writers), |b| {
            b.iter_custom(|count| {
                // So many that the start of the writers is of no account.
                let rounds = count.max(writers * 4);
                let start = Instant::now();
                runtime.block_on(write(store, writers, rounds));
                start.elapsed().mul_f64(count as f64 / rounds as f64)
            });
        });
    }
    group.finish();
}

fn memory(c: &mut Criterion) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Limits::default()));
    writes(c, "memory, concurrent writers", &store);
}

fn redb(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = RedbStore::open(directory.path(), Options::default()).expect("opens");
    let store: Arc<dyn Store> = Arc::new(store);
    writes(c, "redb, concurrent writers", &store);
}

/// One write, until the last of a hundred watchers has it; beside them, other prefixes are watched.
fn fan_out(c: &mut Criterion) {
    let runtime = runtime();
    let mut group = c.benchmark_group("until the last watcher has it");
    for (beside, watchers) in [(0, 1), (0, 100), (500, 100)] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Limits::default()));
        let name = format!("{watchers} watchers, {beside} of others");
        let (told, mut all) = tokio::sync::mpsc::channel(watchers);
        for _ in 0..watchers {
            let mut watch = store.watch("/registry/things/", 0).expect("watches");
            let told = told.clone();
            runtime.spawn(async move {
                while let Ok(events) = watch.next().await {
                    for _ in events {
                        if told.send(()).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
        for index in 0..beside {
            let prefix = format!("/registry/others/{index}/");
            let mut watch = store.watch(&prefix, 0).expect("watches");
            runtime.spawn(async move { while watch.next().await.is_ok() {} });
        }
        group.bench_function(name, |b| {
            b.iter(|| {
                runtime.block_on(async {
                    let op = Op::Put(Bytes::from_static(b"value"));
                    store.write("/registry/things/a", Expect::Anything, op).await.expect("writes");
                    for _ in 0..watchers {
                        all.recv().await;
                    }
                });
            });
        });
    }
    group.finish();
}

/// Pages of 500 out of ten thousand keys.
fn pages(c: &mut Criterion) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Limits::default()));
    let runtime = runtime();
    runtime.block_on(write(&store, 1, KEYS));
    let then = store.revision();
    runtime.block_on(write(&store, 1, KEYS));
    let mut group = c.benchmark_group("a page of 500 out of 10000");
    for (name, at) in [("now", 0), ("10000 writes ago", then)] {
        let range = Range { prefix: "/registry/things/".into(), limit: 500, at, ..Range::default() };
        group.bench_function(name, |b| {
            b.iter(|| store.range(&range).expect("reads").entries.len());
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = memory, redb, fan_out, pages
}
criterion_main!(benches);
