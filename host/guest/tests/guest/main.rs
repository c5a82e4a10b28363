//! Addons at work against real API servers in this process, well behaved and not.

#[path = "../../../../sdk/addon/examples/probe/probe.rs"]
#[allow(missing_docs)]
mod probe;

/// Runs each test with the addon linked in, and out of a library: the same source.
macro_rules! both {
    ($($test:ident),*) => {
        mod linked {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::library::linked).await;
            })*
        }

        mod library {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::library::loaded).await;
            })*
        }
    };
}

mod contain;
mod library;
mod permit;
mod work;
mod world;
