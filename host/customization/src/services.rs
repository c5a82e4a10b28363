//! Finds the Services that webhooks are behind.
//!
//! Services of the control plane are watched only while a configuration names one.

use std::sync::OnceLock;

use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Client, Informer, Selection};
use tokio_util::sync::CancellationToken;

/// See the module.
pub struct Services {
    client: Client,
    cancel: CancellationToken,
    informer: OnceLock<Informer>,
}

impl Services {
    pub fn new(client: Client, cancel: CancellationToken) -> Self {
        Self { client, cancel, informer: OnceLock::new() }
    }

    /// Begins to watch, if that has not begun.
    pub fn watch(&self) {
        self.informer.get_or_init(|| {
            let services = Resource {
                gvk: Gvk::new("", "v1", "Service"),
                plural: "services".to_owned(),
                namespaced: true,
                has_status: true,
                has_scale: false,
            };
            Informer::start(self.client.clone(), Selection::all(services), &self.cancel)
        });
    }
}

impl outrigger_webhook::Services for Services {
    fn find(&self, namespace: &str, name: &str) -> Option<Object> {
        let found = self.informer.get()?.get(&ObjectKey::new(namespace, name))?;
        Some(Object::clone(&found))
    }

    /// A pod is told so by its kubelet.
    fn has_cluster_network(&self) -> bool {
        std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
    }
}
