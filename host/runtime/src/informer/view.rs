//! A part of an informer as an informer: the objects of one namespace, shared in memory.
//!
//! **Invariant:** a view is complete when its informer is, and tells what that tells, in its order.

use super::{Change, Informer};

/// Has `view` follow `of` until it is stopped.
pub(super) fn follow(of: &Informer, view: &Informer) {
    // Weak, as the handler lives in the informer, which may be there for longer.
    let (shared, namespace) = (std::sync::Arc::downgrade(&view.0), view.selection().namespace.clone());
    let handler = of.on_change(move |change| {
        let Some(shared) = shared.upgrade() else { return };
        if let Some(object) = change.object()
            && Some(object.namespace()) != namespace.as_deref()
        {
            return;
        }
        match change {
            Change::Added(object) | Change::Updated { new: object, .. } => {
                shared.tell(|cache| cache.share(object.clone()), false);
            }
            Change::Deleted(object) => {
                shared.tell(|cache| cache.unshare(object.clone()).into_iter().collect(), false);
            }
            Change::Synced => {
                shared.tell(|_| Vec::new(), true);
            }
        }
    });
    let (of, cancel, shared) = (of.clone(), view.0.cancel.clone(), view.0.clone());
    tokio::spawn(async move {
        cancel.cancelled().await;
        of.remove_handler(handler);
        // Handlers hold queues and channels of others: let go of them.
        shared.handlers.lock().clear();
    });
}
