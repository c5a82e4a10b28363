//! Waiting for one object to become something: a read, then a watch from there, and again if it breaks.

use std::time::Duration;

use futures::StreamExt;
use outrigger_object::{Object, ObjectKey, Resource};
use outrigger_runtime::{Client, Result, WatchEvent, WatchParams};
use tokio::time::{Instant, sleep, timeout_at};

/// Pause before a broken watch is begun again.
const PAUSE: Duration = Duration::from_millis(300);

/// Asks `judge` about the object (`None` while it is not there) until it gives something or the time is
/// up. An error of the first read is given back; later ones are waited out.
pub async fn until<T>(
    client: &Client,
    resource: &Resource,
    key: &ObjectKey,
    patience: Duration,
    mut judge: impl FnMut(Option<&Object>) -> Option<T>,
) -> Result<Option<T>> {
    let deadline = Instant::now() + patience;
    let mut first = true;
    loop {
        match timeout_at(deadline, client.get_opt(resource, key)).await {
            Err(_) => return Ok(None),
            Ok(Err(error)) if first => return Err(error),
            Ok(Err(_)) => {}
            Ok(Ok(object)) => {
                if let Some(found) = judge(object.as_ref()) {
                    return Ok(Some(found));
                }
                let version = object.map(|object| object.resource_version().to_owned()).unwrap_or_default();
                match timeout_at(deadline, follow(client, resource, key, version, &mut judge)).await {
                    Err(_) => return Ok(None),
                    Ok(Some(found)) => return Ok(Some(found)),
                    Ok(None) => {}
                }
            }
        }
        first = false;
        if timeout_at(deadline, sleep(PAUSE)).await.is_err() {
            return Ok(None);
        }
    }
}

/// Watches until `judge` is satisfied; `None` when the watch broke or ended.
async fn follow<T>(
    client: &Client,
    resource: &Resource,
    key: &ObjectKey,
    resource_version: String,
    judge: &mut impl FnMut(Option<&Object>) -> Option<T>,
) -> Option<T> {
    let fields = Some(format!("metadata.name={}", key.name));
    let params = WatchParams { fields, resource_version, ..WatchParams::default() };
    let mut events = client.watch(resource, key.namespace(), &params).await.ok()?;
    while let Some(event) = events.next().await {
        let found = match event.ok()? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => judge(Some(&object)),
            WatchEvent::Deleted(_) => judge(None),
            WatchEvent::Bookmark { .. } | WatchEvent::Unreadable(_) => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
