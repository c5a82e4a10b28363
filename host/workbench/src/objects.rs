//! The objects that questions are about, and what goes with them, out of files.

use std::path::Path;

use outrigger_interpreter::StatusItem;
use outrigger_object::Object;
use serde_json::Value;

use crate::{
    Error, Fault,
    files::{self, Document},
};

/// An object out of a file, or why there is none.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The file; for an object of a control plane, what it was asked for by.
    pub file: String,
    /// Where in the file it begins, from 1; 0 when that means nothing.
    pub line: u64,
    /// The object.
    pub object: Result<Object, Fault>,
}

/// The objects of files and directories; the items of a `List` one by one. What is no object is a fault in
/// its place.
pub fn subjects<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Subject>, Error> {
    let mut subjects = Vec::new();
    for folder in files::read(paths)? {
        subjects.extend(folder.documents.iter().flat_map(of_document));
        subjects.extend(folder.faults.into_iter().map(|fault| Subject {
            file: fault.file.clone(),
            line: fault.line,
            object: Err(fault),
        }));
    }
    subjects.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(subjects)
}

fn of_document(document: &Document) -> Vec<Subject> {
    let subject = |object| Subject { file: document.file.to_string(), line: document.line, object };
    let fault = |message: &str| Fault::at(&*document.file, (document.line, 1), message);
    let items = document.value.get("items").and_then(Value::as_array);
    let kind = document.value.get("kind").and_then(Value::as_str).unwrap_or_default();
    match items {
        Some(items) if kind.ends_with("List") => {
            items.iter().map(|item| subject(object(item).ok_or_else(|| fault("an item is not an object")))).collect()
        }
        _ => vec![subject(object(&document.value).ok_or_else(|| fault("it has no apiVersion and no kind")))],
    }
}

fn object(value: &Value) -> Option<Object> {
    let object = Object::from_value(value.clone()).ok()?;
    (!object.api_version().is_empty() && !object.kind().is_empty()).then_some(object)
}

/// What the clusters report, out of a file: a list of items with `clusterName` and `status`, or an object
/// that has them in `statusItems` or `status.aggregatedStatus` (a ResourceBinding).
pub fn status_items(path: &Path) -> Result<Vec<StatusItem>, Error> {
    let mut items = Vec::new();
    for document in documents(path)? {
        let found = ["/statusItems", "/aggregatedStatus", "/status/aggregatedStatus"]
            .into_iter()
            .find_map(|pointer| document.value.pointer(pointer))
            .unwrap_or(&document.value);
        let read = match found {
            Value::Array(_) => serde_json::from_value(found.clone()),
            _ => serde_json::from_value(found.clone()).map(|item: StatusItem| vec![item]),
        };
        let fault = |error| {
            Fault::at(
                &*document.file,
                (document.line, 0),
                format_args!("status items are a list of {{clusterName, status, health}}: {error}"),
            )
        };
        items.extend(read.map_err(fault)?);
    }
    if let Some(at) = items.iter().position(|item| item.cluster_name.is_empty()) {
        return Err(Fault::new(path.display().to_string(), format_args!("item {} has no clusterName", at + 1)).into());
    }
    Ok(items)
}

/// The objects of files, all of which must be right.
pub fn all(path: &Path) -> Result<Vec<Object>, Error> {
    let objects: Result<Vec<Object>, Fault> = subjects(&[path])?.into_iter().map(|subject| subject.object).collect();
    let objects = objects?;
    if objects.is_empty() {
        return Err(Fault::new(path.display().to_string(), "there is no object in it").into());
    }
    Ok(objects)
}

fn documents(path: &Path) -> Result<Vec<Document>, Error> {
    let mut documents = Vec::new();
    for folder in files::read(&[path])? {
        if let Some(fault) = folder.faults.into_iter().next() {
            return Err(fault.into());
        }
        documents.extend(folder.documents);
    }
    Ok(documents)
}
