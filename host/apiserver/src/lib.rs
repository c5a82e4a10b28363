//! A Kubernetes API server as one tower Service over a store.
