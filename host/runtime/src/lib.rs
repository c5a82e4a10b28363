//! What every controller stands on: dynamic client, informers, queues, the reconcile loop.
