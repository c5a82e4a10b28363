//! The same server over a store on disk, opened again.

use std::sync::Arc;

use outrigger_apiserver::{ApiServer, Options};
use outrigger_store::RedbStore;
use serde_json::json;

use crate::harness::*;

#[tokio::test]
async fn a_second_start_serves_what_the_first_wrote() {
    let directory = tempfile::tempdir().expect("a directory");
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"plural": "things", "kind": "Thing"}, "versions": [
            {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let thing =
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "any": {"field": [1]}});
    let start = async || {
        let store = Arc::new(RedbStore::open(directory.path(), Default::default()).expect("a store"));
        let server = ApiServer::start(store.clone(), Options::default()).await.expect("a server");
        (store, server)
    };
    let (store, server) = start().await;
    let client = admin(&server);
    assert_eq!(
        send(&client, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await.0,
        201
    );
    let (code, made) = send(&client, "POST", "/apis/example.com/v1/things", &thing).await;
    assert_eq!(code, 201, "{made}");
    server.stop().await;
    store.close();
    drop((store, server, client));

    let (_, server) = start().await;
    let (code, read) = get(&admin(&server), "/apis/example.com/v1/things/a").await;
    assert_eq!((code, read), (200, made));
}
