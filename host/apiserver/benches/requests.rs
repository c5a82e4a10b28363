//! What requests cost in process: create, get, list of 1,000, an event to 100 watchers.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use http_body_util::{BodyExt, Full};
use outrigger_apiserver::{ApiServer, ApiService, Options, User};
use outrigger_store::MemoryStore;
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn start() -> (ApiServer, ApiService) {
    let server = ApiServer::start(Arc::new(MemoryStore::default()), Options::default()).await.expect("a server");
    let service = server.service_as(User::system("bench"));
    (server, service)
}

async fn call(service: &mut ApiService, method: &str, path: &str, body: String) -> Bytes {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("a request");
    let service = ServiceExt::<Request<Full<Bytes>>>::ready(service).await.expect("ready");
    let response = service.call(request).await.expect("an answer");
    assert!(response.status().is_success(), "{method} {path}: {}", response.status());
    response.into_body().collect().await.expect("a body").to_bytes()
}

fn map(name: &str) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","labels":{{"app":"web"}}}},"data":{{"a":"{}","b":"1"}}}}"#,
        "x".repeat(200)
    )
}

fn requests(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let (_server, mut service) = runtime.block_on(start());
    let mut number = 0u64;
    c.bench_function("create", |b| {
        b.iter(|| {
            number += 1;
            runtime.block_on(call(&mut service, "POST", MAPS, map(&format!("m-{number}"))))
        });
    });
    c.bench_function("get", |b| {
        b.iter(|| black_box(runtime.block_on(call(&mut service, "GET", &format!("{MAPS}/m-1"), String::new()))));
    });
    let (_server, mut service) = runtime.block_on(start());
    for number in 0..1000 {
        runtime.block_on(call(&mut service, "POST", MAPS, map(&format!("m-{number}"))));
    }
    c.bench_function("list_1000", |b| {
        b.iter(|| black_box(runtime.block_on(call(&mut service, "GET", MAPS, String::new()))));
    });
    c.bench_function("list_1000_by_label", |b| {
        let path = format!("{MAPS}?labelSelector=app%3Dother");
        b.iter(|| black_box(runtime.block_on(call(&mut service, "GET", &path, String::new()))));
    });
}

fn fan_out(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let (server, mut service) = runtime.block_on(start());
    runtime.block_on(call(&mut service, "POST", MAPS, map("watched")));
    let mut watches = Vec::new();
    for _ in 0..100 {
        let body = runtime.block_on(async {
            let revision = server.store().revision();
            let request = Request::get(format!("{MAPS}?watch=true&resourceVersion={revision}"))
                .body(Full::new(Bytes::new()))
                .expect("a request");
            service.call(request).await.expect("an answer").into_body()
        });
        watches.push(body);
    }
    let mut number = 0u64;
    c.bench_function("event_to_100_watchers", |b| {
        b.iter(|| {
            number += 1;
            runtime.block_on(async {
                let patch = format!(r#"{{"data":{{"n":"{number}"}}}}"#);
                let request = Request::patch(format!("{MAPS}/watched"))
                    .header("content-type", "application/merge-patch+json")
                    .body(Full::new(Bytes::from(patch)))
                    .expect("a request");
                let answer = service.call(request).await.expect("an answer");
                assert!(answer.status().is_success());
                for watch in &mut watches {
                    black_box(watch.frame().await);
                }
            });
        });
    });
}

criterion_group!(benches, requests, fan_out);
criterion_main!(benches);
