//! [`Threads`]: an addon's code, each call on a thread with a deadline.
//!
//! Code that runs cannot be stopped. A call that is late costs its thread until it ends; whoever asked has the
//! failure at the deadline.
//!
//! **Invariant:** there are never more threads than allowed, those of late calls included.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot, watch};

type Job = Box<dyn FnOnce() + Send>;

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Late,
    Panicked(String),
    NoThread(String),
}

/// Calls that are late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Those that have not ended. One that ends at the very moment takes itself off before it is counted, so this
    /// is below zero for an instant.
    pub late: i64,
    /// All that ever were.
    pub strikes: u32,
}

/// The threads of one addon.
pub(crate) struct Threads {
    name: String,
    permits: Arc<Semaphore>,
    most: usize,
    shared: Arc<Shared>,
}

struct Shared {
    /// Senders to threads that wait for work; `None` when nothing is to be run any more.
    idle: Mutex<Option<Vec<mpsc::Sender<Job>>>>,
    load: watch::Sender<Load>,
}

const RUNNING: u8 = 0;
const ENDED: u8 = 1;
const LATE: u8 = 2;

impl Threads {
    pub fn new(name: &str, most: usize) -> Self {
        let most = most.max(1);
        let shared = Shared { idle: Mutex::new(Some(Vec::new())), load: watch::Sender::default() };
        Self { name: name.to_owned(), permits: Arc::new(Semaphore::new(most)), most, shared: Arc::new(shared) }
    }

    /// Tells of late calls.
    pub fn load(&self) -> watch::Receiver<Load> {
        self.shared.load.subscribe()
    }

    /// How many calls run, late ones included.
    pub fn running(&self) -> usize {
        self.most.saturating_sub(self.permits.available_permits())
    }

    /// Waits until no call runs.
    pub async fn rest(&self) {
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        drop(self.permits.acquire_many(all).await);
    }

    /// Runs something on a thread, once one is free; the deadline counts from then.
    pub async fn run<T: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let Ok(permit) = self.permits.clone().acquire_owned().await else {
            return Err(Failure::NoThread("none is left".into()));
        };
        let (sender, mut receiver) = oneshot::channel();
        let state = Arc::new(AtomicU8::new(RUNNING));
        let (theirs, shared) = (state.clone(), Arc::downgrade(&self.shared));
        let job: Job = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
                let text = text(&*panic);
                // Dropping what it carries may panic again, with nobody left to catch it.
                std::mem::forget(panic);
                Failure::Panicked(text)
            });
            if theirs.compare_exchange(RUNNING, ENDED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                let _ = sender.send(result);
            } else if let Some(shared) = shared.upgrade() {
                shared.load.send_modify(|load| load.late -= 1);
            }
            drop(permit);
        });
        self.hand_over(job)?;
        if let Ok(Ok(result)) = tokio::time::timeout(deadline, &mut receiver).await {
            return result;
        }
        if state.compare_exchange(RUNNING, LATE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.shared.load.send_modify(|load| {
                load.late += 1;
                load.strikes += 1;
            });
            return Err(Failure::Late);
        }
        receiver.await.unwrap_or_else(|_| Err(Failure::NoThread("it ended".into())))
    }

    fn hand_over(&self, mut job: Job) -> Result<(), Failure> {
        loop {
            let idle = match self.shared.idle.lock().as_mut() {
                Some(idle) => idle.pop(),
                None => return Err(Failure::NoThread("the addon is stopped".into())),
            };
            let Some(worker) = idle else { break };
            match worker.send(job) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(back)) => job = back,
            }
        }
        let (sender, receiver) = mpsc::channel::<Job>();
        let (own, shared) = (sender.clone(), Arc::downgrade(&self.shared));
        let work = move || {
            while let Ok(job) = receiver.recv() {
                job();
                let Some(shared) = shared.upgrade() else { return };
                match shared.idle.lock().as_mut() {
                    Some(idle) => idle.push(own.clone()),
                    None => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name(format!("addon {}", self.name));
        thread.spawn(work).map_err(|error| Failure::NoThread(error.to_string()))?;
        sender.send(job).map_err(|_| Failure::NoThread("it ended".into()))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let idle = self.shared.idle.lock().take();
        // Each of these threads holds its own sender: an empty job wakes it, and it finds the list gone.
        for worker in idle.into_iter().flatten() {
            let _ = worker.send(Box::new(|| ()));
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_late_call_costs_one_thread_until_it_ends() {
        let threads = Threads::new("test", 2);
        assert_eq!(threads.run(LONG, || 7).await, Ok(7));
        assert_eq!(threads.run(LONG, || panic!("no")).await, Err::<(), _>(Failure::Panicked("no".into())));
        let (release, blocked) = mpsc::channel::<()>();
        let hang = move || {
            let _ = blocked.recv();
        };
        assert_eq!(threads.run(Duration::from_millis(5), hang).await, Err(Failure::Late));
        assert_eq!((threads.running(), *threads.load().borrow()), (1, Load { late: 1, strikes: 1 }));
        assert_eq!(threads.run(LONG, || 8).await, Ok(8), "the other thread is free");
        drop(release);
        let mut load = threads.load();
        tokio::time::timeout(LONG, load.wait_for(|load| load.late == 0)).await.unwrap().unwrap();
        tokio::time::timeout(LONG, threads.rest()).await.unwrap();
    }
}
