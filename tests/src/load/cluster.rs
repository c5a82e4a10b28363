//! One API server, and what the load command asks of it.

use std::path::Path;

use anyhow::{Context as _, Result};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::Kind;

/// A hub or a member.
pub struct Cluster {
    /// Its name on the hub.
    pub name: String,
    /// A client for it.
    pub client: Client,
}

/// A kind by its group, version and plural name.
pub fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version,
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

impl Kind {
    /// The kind's name in URLs and the rest.
    pub fn resource(self) -> ApiResource {
        match self {
            Self::Configmap => resource("", "v1", "ConfigMap", "configmaps"),
            Self::Deployment => resource("apps", "v1", "Deployment", "deployments"),
        }
    }
}

impl Cluster {
    /// Reads a kubeconfig and makes a client from its current context.
    pub async fn connect(name: &str, kubeconfig: &Path) -> Result<Self> {
        let text =
            Kubeconfig::read_from(kubeconfig).with_context(|| format!("cannot read {}", kubeconfig.display()))?;
        let config = Config::from_custom_kubeconfig(text, &KubeConfigOptions::default()).await?;
        Ok(Self { name: name.to_owned(), client: Client::try_from(config)? })
    }

    /// The objects of a kind in a namespace.
    pub fn api(&self, namespace: &str, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, resource)
    }

    fn namespaces(&self) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &resource("", "v1", "Namespace", "namespaces"))
    }

    /// Creates the namespace that everything else goes into.
    pub async fn create_namespace(&self, name: &str) -> Result<()> {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.namespaces().create(&PostParams::default(), &serde_json::from_value(namespace)?).await?;
        Ok(())
    }

    /// Deletes it with all that is in it.
    pub async fn delete_namespace(&self, name: &str) -> Result<()> {
        self.namespaces().delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Creates the one policy: every object of the kind goes to every member.
    pub async fn create_policy(&self, namespace: &str, kind: Kind, members: &[&str]) -> Result<()> {
        let selected = kind.resource();
        let policy = json!({
            "apiVersion": "policy.karmada.io/v1alpha1",
            "kind": "PropagationPolicy",
            "metadata": { "name": "load", "namespace": namespace },
            "spec": {
                "resourceSelectors": [{ "apiVersion": selected.api_version, "kind": selected.kind }],
                "placement": { "clusterAffinity": { "clusterNames": members } },
            },
        });
        let policies = resource("policy.karmada.io", "v1alpha1", "PropagationPolicy", "propagationpolicies");
        self.api(namespace, &policies).create(&PostParams::default(), &serde_json::from_value(policy)?).await?;
        Ok(())
    }

    /// Creates one object.
    pub async fn create(&self, kind: Kind, namespace: &str, name: &str) -> Result<()> {
        let object = match kind {
            Kind::Configmap => json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": { "name": name, "namespace": namespace },
                "data": { "key": "value", "more": "x".repeat(256) },
            }),
            Kind::Deployment => json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": { "name": name, "namespace": namespace },
                "spec": {
                    "replicas": 2,
                    "selector": { "matchLabels": { "app": name } },
                    "template": {
                        "metadata": { "labels": { "app": name } },
                        "spec": { "containers": [{ "name": "main", "image": "registry.example/app:1" }] },
                    },
                },
            }),
        };
        let object = serde_json::from_value(object)?;
        self.api(namespace, &kind.resource()).create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// [`create`](Self::create) of one that may be there already.
    pub async fn create_once(&self, kind: Kind, namespace: &str, name: &str) -> Result<()> {
        match self.create(kind, namespace, name).await {
            Err(error) if is_already_exists(&error) => Ok(()),
            other => other,
        }
    }

    /// Makes a Deployment ready, as the controllers of a member do.
    pub async fn make_ready(&self, deployment: &DynamicObject) -> Result<()> {
        let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
        let name = deployment.metadata.name.as_deref().unwrap_or_default();
        let replicas = deployment.data.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
        let status = json!({ "status": {
            "observedGeneration": deployment.metadata.generation,
            "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas,
        } });
        let api = self.api(namespace, &Kind::Deployment.resource());
        api.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
        Ok(())
    }
}

fn is_already_exists(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(kube::Error::Api(status)) if status.is_already_exists())
}
