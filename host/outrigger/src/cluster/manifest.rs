//! Manifests: YAML documents to objects and back, and onto a cluster.

use anyhow::{Context, Result, anyhow};
use outrigger_object::Object;
use serde_json::Value;

use super::kinds;
use super::progress::Progress;
use crate::connect::{Connection, explain};

/// The documents of a YAML text; empty ones are left out.
pub fn parse(text: &str) -> Result<Vec<Object>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).context("the manifest is no YAML")?;
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .map(|document| {
            Object::from_value(document).map_err(|_| anyhow!("the manifest has a document that is no object"))
        })
        .collect()
}

/// Objects as YAML documents.
pub fn print(objects: &[Object]) -> Result<String> {
    let documents: Vec<String> = objects.iter().map(serde_saphyr::to_string).collect::<Result<_, _>>()?;
    Ok(documents.iter().map(|text| format!("---\n{}\n", text.trim_end())).collect())
}

/// Applies objects in their order, and says so.
pub async fn apply(to: &Connection, objects: &[Object], progress: &Progress) -> Result<()> {
    for object in objects {
        let what = format!("{} {}", object.kind(), object.key());
        let resource = kinds::find(&object.gvk()).ok_or_else(|| {
            anyhow!("cluster {}: {what} is of no kind that this command applies", to.client.cluster())
        })?;
        to.client.apply(&resource, object, true).await.map_err(|error| explain(error, to))?;
        progress.done(format!("cluster {}: applied {what}", to.client.cluster()));
    }
    Ok(())
}
