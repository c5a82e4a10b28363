//! Events go some time after they were last written, so that they do not fill the store.
//!
//! **Invariant:** an Event that was written again in the meantime stays for as long as a new one.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use outrigger_store::{Expect, Op};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::scan;
use crate::server::Inner;

const PREFIX: &str = "/registry/core/events/";

/// One write of an Event: when it is over, and of which revision it was.
struct Due {
    at: Instant,
    key: Arc<str>,
    revision: u64,
}

pub(super) async fn run(server: Arc<Inner>) {
    let cancel = server.cancel.clone();
    let lifetime = server.options.event_lifetime;
    while !cancel.is_cancelled() {
        let Ok((entries, mut watch)) = scan(&server, PREFIX) else { return };
        let (now, clock) = (Instant::now(), server.options.clock.now());
        let mut due: VecDeque<Due> = entries
            .iter()
            .map(|entry| {
                let age =
                    last_written(&entry.value).map(|time| clock.as_second() - time.as_second()).unwrap_or_default();
                let age = std::time::Duration::from_secs(u64::try_from(age).unwrap_or_default());
                Due { at: now + lifetime.saturating_sub(age), key: entry.key.clone(), revision: entry.revision }
            })
            .collect();
        due.make_contiguous().sort_by_key(|one| one.at);
        drop(entries);
        loop {
            let next = due.front().map(|one| one.at);
            let wakes = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                events = watch.next() => {
                    let Ok(events) = events else { break };
                    let at = Instant::now() + lifetime;
                    due.extend(events.iter().filter(|event| event.value.is_some()).map(|event| Due {
                        at,
                        key: event.key.clone(),
                        revision: event.revision,
                    }));
                }
                () = wakes => {
                    while let Some(one) = due.pop_front_if(|one| one.at <= Instant::now()) {
                        // A conflict means that it was written again, or is gone.
                        let _ = server.store.write(&one.key, Expect::Revision(one.revision), Op::Delete).await;
                    }
                }
            }
        }
    }
}

fn last_written(value: &[u8]) -> Option<Timestamp> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        creation_timestamp: Option<Timestamp>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Event {
        metadata: Metadata,
        last_timestamp: Option<Timestamp>,
        event_time: Option<Timestamp>,
    }
    let event: Event = serde_json::from_slice(value).ok()?;
    event.last_timestamp.max(event.event_time).max(event.metadata.creation_timestamp)
}
