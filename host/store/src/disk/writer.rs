//! The one thread that writes: takes all writes that wait, decides them, commits them with one
//! sync, publishes them, and only then answers.
//!
//! It never waits for more writes to come: what came during one commit makes up the next.
//!
//! **Invariant.** Memory holds what is acknowledged, all of it and nothing else. When a commit
//! fails, its writes have not happened. Since the file may say otherwise then, it is not written
//! to again before it has been opened anew and found to agree, or made anew out of memory.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::file::DataFile;
use super::medium::Health;
use crate::core::Core;
use crate::plan::Plan;
use crate::{Error, Event, Expect, Op, Result, Revision};

/// One commit takes no more writes than this, and no more once it has this many bytes.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 8 << 20;
/// How long writes fail at once after the disk has failed, before it is tried again: to try means
/// to read the whole file.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A write that waits.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) key: String,
    pub(super) expect: Expect,
    pub(super) op: Op,
    pub(super) reply: oneshot::Sender<Result<Revision>>,
    /// Its place among the writes that may wait.
    pub(super) _room: OwnedSemaphorePermit,
}

/// Where the files are.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) data: PathBuf,
    pub(super) scratch: PathBuf,
}

#[derive(Debug)]
enum Disk {
    Works(DataFile),
    Failed { why: Error, since: Instant },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    requests: mpsc::UnboundedReceiver<Request>,
    paths: Paths,
    cache: usize,
    disk: Disk,
    /// A sync has failed since the file was made, so that it must be made anew.
    distrusted: bool,
    new_health: Box<dyn NewHealth>,
}

/// Makes the health record of a newly opened file.
pub(super) trait NewHealth: Fn() -> Arc<Health> + Send {}
impl<F: Fn() -> Arc<Health> + Send> NewHealth for F {}

impl std::fmt::Debug for dyn NewHealth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewHealth")
    }
}

impl Writer {
    pub(super) fn new(
        core: Arc<Core>,
        requests: mpsc::UnboundedReceiver<Request>,
        paths: Paths,
        cache: usize,
        file: DataFile,
        new_health: Box<dyn NewHealth>,
    ) -> Self {
        Self { core, requests, paths, cache, disk: Disk::Works(file), distrusted: false, new_health }
    }

    /// Works until no one can send any more and all that was sent is answered.
    pub(super) fn run(mut self) {
        let mut waiting = VecDeque::new();
        while let Some(first) = self.requests.blocking_recv() {
            let mut bytes = size(&first);
            waiting.push_back(first);
            while waiting.len() < BATCH && bytes < BATCH_BYTES {
                let Ok(next) = self.requests.try_recv() else {
                    break;
                };
                bytes += size(&next);
                waiting.push_back(next);
            }
            self.work(waiting.drain(..));
        }
    }

    fn work(&mut self, requests: impl Iterator<Item = Request>) {
        let ready = self.ready();
        let mut plan = Plan::new(self.core.snapshot());
        let mut answers = Vec::new();
        for request in requests {
            let Request { key, expect, op, reply, .. } = request;
            let leans = plan.touches(&key);
            match plan.add(&key, expect, op) {
                // A conflict with what is in memory stands whatever the disk does.
                Err(conflict) if !leans => answer(reply, Err(conflict)),
                decided => answers.push((reply, decided)),
            }
        }
        let events = plan.into_events();
        match ready.and_then(|()| self.commit(&events)) {
            Ok(()) => {
                self.core.apply(&events);
                for (reply, decided) in answers {
                    answer(reply, decided);
                }
            }
            Err(why) => {
                for (reply, _) in answers {
                    answer(reply, Err(why.clone()));
                }
            }
        }
    }

    fn commit(&mut self, events: &[Arc<Event>]) -> Result<()> {
        let file = match &self.disk {
            Disk::Works(file) => file,
            Disk::Failed { why, .. } => return Err(why.clone()),
        };
        let Err(why) = file.commit(&self.paths.data, events) else {
            return Ok(());
        };
        self.distrusted |= file.sync_failed();
        tracing::warn!(error = %why, writes = events.len(), "a commit failed");
        self.fail(why.clone());
        Err(why)
    }

    fn fail(&mut self, why: Error) {
        self.disk = Disk::Failed { why, since: Instant::now() };
    }

    /// Sees to it that there is a file to write to, after a failure once it is time to try again.
    fn ready(&mut self) -> Result<()> {
        let (why, since) = match &self.disk {
            Disk::Works(_) => return Ok(()),
            Disk::Failed { why, since } => (why, since),
        };
        if since.elapsed() < RETRY_AFTER {
            return Err(why.clone());
        }
        match self.recover() {
            Ok(file) => {
                tracing::info!(revision = self.core.revision(), "the disk takes writes again");
                self.disk = Disk::Works(file);
                self.distrusted = false;
                Ok(())
            }
            Err(why) => {
                tracing::warn!(error = %why, "the disk does not take writes yet");
                let why = match why {
                    Error::Disk { .. } => why,
                    other => Error::Disk { path: self.paths.data.display().to_string(), detail: other.to_string() },
                };
                self.fail(why.clone());
                Err(why)
            }
        }
    }

    /// The file as it is if that agrees with memory, which takes no further space; else a new one.
    fn recover(&mut self) -> Result<DataFile> {
        if !self.distrusted {
            let health = (self.new_health)();
            let found = DataFile::open(&self.paths.data, self.cache, health.clone())
                .and_then(|file| Ok((file.revision(&self.paths.data)?, file)));
            self.distrusted |= health.sync_failed();
            match found {
                Ok((revision, file)) if revision == self.core.revision() => return Ok(file),
                Ok((revision, _)) => {
                    tracing::warn!(revision, "the data file holds writes that have failed");
                }
                Err(error @ Error::Disk { .. }) => return Err(error),
                Err(error) => tracing::warn!(%error, "the data file is damaged"),
            }
        }
        tracing::warn!("the data file is made anew");
        DataFile::create(&self.paths.data, &self.paths.scratch, &self.core.snapshot(), self.cache, (self.new_health)())
    }
}

fn size(request: &Request) -> usize {
    request.key.len()
        + match &request.op {
            Op::Put(value) => value.len(),
            Op::Delete => 0,
        }
}

/// A writer that went away does not want its answer.
fn answer(reply: oneshot::Sender<Result<Revision>>, answer: Result<Revision>) {
    let _ = reply.send(answer);
}
