//! [`ApiServer`]: what one API server is made of, and its start and end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use outrigger_auth::pki::CertificateAuthority;
use outrigger_auth::service_account::{ServiceAccount, TokenIssuer};
use outrigger_auth::{Authenticator, Secret};
use outrigger_store::{Range, Store};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::access::{self, Access};
use crate::error::{Error, Result};
use crate::handlers::watch::Lines;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::service::ApiService;
use crate::{User, bootstrap, housekeeping, storage};

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks a function.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(Timestamp::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// What can be chosen about a server.
pub struct Options {
    /// The largest request body, in bytes.
    pub request_limit: usize,
    /// How long a watch lasts when its client does not say.
    pub watch_timeout: Duration,
    /// How often a watch that asked for bookmarks gets one.
    pub bookmark_interval: Duration,
    /// How long an Event stays after it was last written.
    pub event_lifetime: Duration,
    /// Signs client certificates for approved requests; without it none are signed.
    pub signer: Option<Arc<CertificateAuthority>>,
    /// How long signed certificates last when the request does not say.
    pub certificate_lifetime: Duration,
    /// A bearer token that acts as `system:masters`.
    pub admin_token: Option<Secret>,
    /// Issues tokens of ServiceAccounts; without it there are none.
    pub token_issuer: Option<TokenIssuer>,
    /// Whether RBAC is asked. Without it everybody may do everything, which suits a simulated member.
    pub authorize: bool,
    /// Whether callers without credentials are `system:anonymous`, or refused.
    pub anonymous: bool,
    /// Where the time comes from.
    pub clock: Clock,
    /// What else `/metrics` shows, in Prometheus' text format.
    pub more_metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            request_limit: 3 << 20,
            watch_timeout: Duration::from_secs(45 * 60),
            bookmark_interval: Duration::from_secs(60),
            event_lifetime: Duration::from_secs(3600),
            signer: None,
            certificate_lifetime: Duration::from_secs(365 * 24 * 3600),
            admin_token: None,
            token_issuer: None,
            authorize: true,
            anonymous: true,
            clock: Clock::default(),
            more_metrics: None,
        }
    }
}

/// What all parts of a server share.
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Registry,
    pub(crate) options: Options,
    pub(crate) access: Access,
    pub(crate) metrics: Metrics,
    pub(crate) lines: Lines,
    pub(crate) cancel: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
}

/// A Kubernetes API server over a store. Cheap to clone; all clones are one server.
#[derive(Clone)]
pub struct ApiServer {
    pub(crate) inner: Arc<Inner>,
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiServer").field("revision", &self.inner.store.revision()).finish_non_exhaustive()
    }
}

impl ApiServer {
    /// Starts a server over a store: loads definitions and RBAC, makes the namespaces and roles that
    /// every cluster has, and begins to keep house. It serves no socket yet.
    pub async fn start(store: Arc<dyn Store>, mut options: Options) -> Result<Self> {
        let cancel = CancellationToken::new();
        let mut authenticator = Authenticator::new();
        if let Some(issuer) = options.token_issuer.take() {
            let accounts = store.clone();
            authenticator = authenticator
                .with_service_accounts(issuer)
                .with_account_check(Box::new(move |account| is_alive(&*accounts, account)));
        }
        if let Some(token) = &options.admin_token {
            authenticator.add_token(token.expose(), User::system("admin"));
        }
        let inner = Arc::new(Inner {
            registry: Registry::new(),
            access: Access { authenticator, ..Access::default() },
            metrics: Metrics::default(),
            lines: Lines::default(),
            store,
            options,
            cancel,
            tasks: Mutex::default(),
        });
        inner.load_definitions()?;
        bootstrap::run(&inner).await?;
        let mut tasks = JoinSet::new();
        inner.access.follow(&inner, &mut tasks)?;
        access::write_aggregates(&inner).await;
        housekeeping::spawn(&inner, &mut tasks)?;
        *inner.tasks.lock() = tasks;
        Ok(Self { inner })
    }

    /// The tower service for requests of one user, without a socket: give it to `kube::Client::new`.
    pub fn service_as(&self, user: User) -> ApiService {
        ApiService::trusted(self.inner.clone(), user)
    }

    /// The tower service that finds out from each request who its user is; `certificate` is the verified
    /// client certificate (DER), where the connection has one.
    pub fn service(&self, certificate: Option<Vec<u8>>) -> ApiService {
        ApiService::authenticating(self.inner.clone(), certificate)
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// Ends watches and background tasks, and waits for the latter. The store stays open.
    pub async fn stop(&self) {
        self.inner.cancel.cancel();
        let mut tasks = std::mem::take(&mut *self.inner.tasks.lock());
        while tasks.join_next().await.is_some() {}
    }

    /// Requests served so far by verb, group, resource, subresource and code, in Prometheus' text format, and
    /// what [`Options::more_metrics`] adds.
    pub fn metrics(&self) -> String {
        self.inner.shown_metrics()
    }
}

/// Whether a ServiceAccount exists under the uid that a token names.
fn is_alive(store: &dyn Store, account: &ServiceAccount) -> bool {
    let key = format!("/registry/core/serviceaccounts/{}/{}", account.namespace, account.name);
    let uid = |value: &[u8]| {
        let object: serde_json::Value = serde_json::from_slice(value).ok()?;
        object.pointer("/metadata/uid")?.as_str().map(str::to_owned)
    };
    store.get(&key).ok().flatten().and_then(|entry| uid(&entry.value)).is_some_and(|uid| uid == account.uid)
}

impl Inner {
    pub(crate) fn shown_metrics(&self) -> String {
        let more = self.options.more_metrics.as_ref().map(|more| more()).unwrap_or_default();
        self.metrics.render() + &more
    }

    fn load_definitions(&self) -> Result<()> {
        let snapshot = self.registry.snapshot();
        let Some(resource) = snapshot.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions") else {
            return Ok(());
        };
        let page = self.store.range(&Range { prefix: resource.prefix(), ..Range::default() }).map_err(Error::Store)?;
        let objects = page.entries.iter().filter_map(|entry| match storage::decode(resource, entry) {
            Ok(object) => Some((object, entry.revision)),
            Err(error) => {
                tracing::error!(key = %entry.key, %error, "a stored definition cannot be read");
                None
            }
        });
        self.registry.load(objects);
        Ok(())
    }
}
