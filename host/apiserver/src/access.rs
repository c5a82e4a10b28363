//! Who makes a request and whether they may: credentials and RBAC, kept current from the store.
//!
//! **Invariant:** a decision looks at an index in memory; no request lists roles, bindings or Secrets.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use outrigger_auth::rbac::{self, RbacIndex, Target};
use outrigger_auth::{Authenticator, User};
use outrigger_object::{Object, ObjectRef};
use outrigger_store::{Event, Range, Watch};
use tokio::task::JoinSet;

use crate::error::{Error, Result as StartResult};
use crate::objects::{Change, Writer};
use crate::registry::Resource;
use crate::server::Inner;
use crate::status::{Result, Status, StatusDetails};
use crate::storage;

/// What is known of callers.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) rbac: RbacIndex,
    pub(crate) authenticator: Authenticator,
}

/// What a request for a resource wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
}

impl<'a> Attributes<'a> {
    pub(crate) fn to_rbac(self) -> rbac::Attributes<'a> {
        rbac::Attributes {
            verb: self.verb,
            target: Target::Resource {
                group: self.group,
                resource: self.resource,
                subresource: self.subresource,
                namespace: self.namespace,
                name: self.name,
            },
        }
    }
}

/// The collections that decisions rest on: group and plural.
const FOLLOWED: [(&str, &str); 5] = [
    ("", "secrets"),
    (rbac::GROUP, "clusterroles"),
    (rbac::GROUP, "clusterrolebindings"),
    (rbac::GROUP, "roles"),
    (rbac::GROUP, "rolebindings"),
];

const CERTIFICATE: &[&str] = &["status", "certificate"];

/// Who writes what.
pub(crate) struct Spoken<'a> {
    /// The resource.
    pub(crate) resource: &'a Resource,
    /// Its subresource, or empty.
    pub(crate) subresource: &'a str,
    /// The user.
    pub(crate) user: &'a User,
}

impl Access {
    /// Reads roles, bindings and bootstrap tokens, and follows them from there on.
    pub(crate) fn follow(&self, server: &Arc<Inner>, tasks: &mut JoinSet<()>) -> StartResult<()> {
        for (group, plural) in FOLLOWED {
            let Some(resource) = server.registry.snapshot().stored(group, plural).cloned() else { continue };
            let followed = Followed::load(server, resource, HashMap::new()).map_err(Error::Store)?;
            let server = server.clone();
            tasks.spawn(async move {
                let cancel = server.cancel.clone();
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = followed.keep(&server) => {}
                }
            });
        }
        Ok(())
    }

    fn apply(&self, resource: &Resource, object: &Object) {
        if resource.group == rbac::GROUP {
            self.rbac.apply(object);
        } else {
            self.authenticator.bootstrap_tokens().apply(object);
        }
    }

    fn remove(&self, resource: &Resource, reference: &ObjectRef) {
        if resource.group == rbac::GROUP {
            self.rbac.remove(reference);
        } else {
            self.authenticator.bootstrap_tokens().remove(&reference.key.namespace, &reference.key.name);
        }
    }
}

/// One collection, and what of it is known.
struct Followed {
    resource: Arc<Resource>,
    watch: Box<dyn Watch>,
    known: HashMap<Arc<str>, ObjectRef>,
}

impl Followed {
    /// Reads a collection and begins to follow it. What was known before and is not there any more is
    /// forgotten, so that nothing stale grants anything.
    fn load(
        server: &Inner,
        resource: Arc<Resource>,
        before: HashMap<Arc<str>, ObjectRef>,
    ) -> outrigger_store::Result<Self> {
        let page = server.store.range(&Range { prefix: resource.prefix(), ..Range::default() })?;
        let watch = server.store.watch(&resource.prefix(), page.revision)?;
        let mut known = HashMap::new();
        for entry in &page.entries {
            match storage::decode(&resource, entry) {
                Ok(object) => {
                    server.access.apply(&resource, &object);
                    known.insert(entry.key.clone(), object.reference());
                }
                Err(error) => tracing::error!(key = %entry.key, %error, "cannot be used for decisions"),
            }
        }
        for reference in before.iter().filter(|(key, _)| !known.contains_key(*key)).map(|(_, reference)| reference) {
            server.access.remove(&resource, reference);
        }
        Ok(Self { resource, watch, known })
    }

    fn take(&mut self, server: &Inner, event: &Event) {
        let forgotten = match &event.value {
            Some(value) => {
                match storage::decode_at(&self.resource, &event.key, value, event.revision, event.revision) {
                    Ok(object) => {
                        server.access.apply(&self.resource, &object);
                        self.known.insert(event.key.clone(), object.reference());
                        None
                    }
                    Err(error) => {
                        tracing::error!(key = %event.key, %error, "cannot be used for decisions");
                        self.known.remove(&event.key)
                    }
                }
            }
            None => self.known.remove(&event.key),
        };
        if let Some(reference) = forgotten {
            server.access.remove(&self.resource, &reference);
        }
    }

    async fn keep(mut self, server: &Inner) {
        let aggregates = self.resource.is(rbac::GROUP, "clusterroles");
        loop {
            match self.watch.next().await {
                Ok(events) => {
                    events.iter().for_each(|event| self.take(server, event));
                    if aggregates {
                        write_aggregates(server).await;
                    }
                }
                // Too far behind: read it all again.
                Err(error) if error.kind() == outrigger_store::ErrorKind::Expired => {
                    match Self::load(server, self.resource.clone(), self.known) {
                        Ok(again) => self = again,
                        Err(_) => return,
                    }
                }
                Err(_) => return,
            }
        }
    }
}

/// Writes into aggregating ClusterRoles the rules that they aggregate, for those who read them there.
pub(crate) async fn write_aggregates(server: &Inner) {
    let snapshot = server.registry.snapshot();
    let Some(resource) = snapshot.stored(rbac::GROUP, "clusterroles") else { return };
    for (name, rules) in server.access.rbac.outdated_aggregates() {
        let rules = serde_json::to_value(&rules).unwrap_or_default();
        let written = server
            .modify(resource, "", &name, Writer::server(), &mut |old| {
                let mut role = old.clone();
                role.remove(&["metadata", "resourceVersion"]);
                role.set(&["rules"], rules.clone());
                Ok(Change::to(role))
            })
            .await;
        if let Err(error) = written {
            tracing::warn!(role = %name, %error, "aggregated rules could not be written");
        }
    }
}

impl Inner {
    /// Who makes a request: the user of the client certificate, of the bearer token, or nobody known.
    pub(crate) fn authenticate(&self, certificate: Option<&[u8]>, headers: &HeaderMap) -> Result<User> {
        let now = self.options.clock.now();
        let authenticator = &self.access.authenticator;
        if let Some(der) = certificate {
            return authenticator.certificate(der, now).map_err(|_| Status::unauthorized());
        }
        match headers.get(AUTHORIZATION) {
            Some(header) => {
                let header = header.to_str().map_err(|_| Status::unauthorized())?;
                authenticator.authorization(header, now).map_err(|error| {
                    tracing::debug!(%error, "credentials refused");
                    Status::unauthorized()
                })
            }
            None if self.options.anonymous => Ok(User::anonymous()),
            None => Err(Status::unauthorized()),
        }
    }

    /// The user that a request wants to be taken for, if its maker may.
    pub(crate) fn impersonate(&self, user: Arc<User>, headers: &HeaderMap) -> Result<Arc<User>> {
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let groups: Vec<String> = headers.get_all("impersonate-group").iter().map(text).collect();
        let Some(name) = headers.get("impersonate-user").map(text).filter(|name| !name.is_empty()) else {
            if groups.is_empty() {
                return Ok(user);
            }
            return Err(Status::bad_request("requested groups without impersonating a user"));
        };
        let (group, resource, namespace, object) =
            match name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
                Some((namespace, account)) => ("", "serviceaccounts", namespace.to_owned(), account.to_owned()),
                None => ("", "users", String::new(), name.clone()),
            };
        let attributes =
            Attributes { verb: "impersonate", group, resource, subresource: "", namespace: &namespace, name: &object };
        self.authorize(&user, &attributes)?;
        for one in &groups {
            let attributes = Attributes {
                verb: "impersonate",
                group: "",
                resource: "groups",
                subresource: "",
                namespace: "",
                name: one,
            };
            self.authorize(&user, &attributes)?;
        }
        Ok(Arc::new(match name.as_str() {
            User::ANONYMOUS => User::anonymous(),
            _ => User::authenticated(name, groups),
        }))
    }

    /// Whether a user may do something with a resource.
    pub(crate) fn allows(&self, user: &User, attributes: &rbac::Attributes<'_>) -> rbac::Decision {
        if !self.options.authorize || user.is_in(User::MASTERS) {
            return rbac::Decision { allowed: true, reason: String::new() };
        }
        self.access.rbac.decide(user, attributes)
    }

    /// Refuses what a user may not do with a resource.
    pub(crate) fn authorize(&self, user: &User, attributes: &Attributes<'_>) -> Result<()> {
        let wanted = attributes.to_rbac();
        let decision = self.allows(user, &wanted);
        if decision.allowed {
            return Ok(());
        }
        let qualified = match attributes.group {
            "" => attributes.resource.to_owned(),
            group => format!("{}.{group}", attributes.resource),
        };
        let subject = match attributes.name {
            "" => qualified,
            name => format!("{qualified} {name:?}"),
        };
        let details = StatusDetails {
            name: attributes.name.to_owned(),
            group: attributes.group.to_owned(),
            kind: attributes.resource.to_owned(),
            ..StatusDetails::default()
        };
        Err(Status::forbidden_other(format!("{subject} is forbidden: {}", wanted.denial(user)), details))
    }

    /// Refuses a path that a user may not see.
    pub(crate) fn authorize_path(&self, user: &User, verb: &str, path: &str) -> Result<()> {
        let wanted = rbac::Attributes::path(verb, path);
        if self.allows(user, &wanted).allowed {
            return Ok(());
        }
        Err(Status::forbidden_other(format!("forbidden: {}", wanted.denial(user)), StatusDetails::default()))
    }

    /// Refuses approvals and certificates by those who may not speak for the signer: beside the subresource, the
    /// verbs `approve` and `sign` of the resource `signers` are needed, as in Kubernetes.
    pub(crate) fn check_signer(&self, call: &Spoken<'_>, new: &Object, old: &Object) -> Result<()> {
        let verb = match call.subresource {
            "approval" => "approve",
            "status" if new.get(CERTIFICATE) != old.get(CERTIFICATE) => "sign",
            _ => return Ok(()),
        };
        if call.resource.plural != "certificatesigningrequests" || call.resource.group != "certificates.k8s.io" {
            return Ok(());
        }
        let signer = old.str(&["spec", "signerName"]).unwrap_or_default();
        let domain = signer.split('/').next().unwrap_or_default();
        let may = |name: &str| {
            let attributes = Attributes {
                verb,
                group: "certificates.k8s.io",
                resource: "signers",
                subresource: "",
                namespace: "",
                name,
            };
            self.allows(call.user, &attributes.to_rbac()).allowed
        };
        if may(signer) || may(&format!("{domain}/*")) {
            return Ok(());
        }
        let why = format!("user {:?} may not {verb} for the signer {signer:?}", call.user.name);
        Err(Status::forbidden(call.resource, old.name(), &why))
    }

    /// Refuses roles and bindings that grant what their writer does not have.
    pub(crate) fn check_escalation(
        &self,
        resource: &Resource,
        user: &User,
        new: &Object,
        old: Option<&Object>,
    ) -> Result<()> {
        if resource.group != rbac::GROUP || !self.options.authorize || user.is_in(User::MASTERS) {
            return Ok(());
        }
        let checked = match resource.plural.as_str() {
            "roles" | "clusterroles" => self.access.rbac.may_write_role(user, new, old),
            _ => self.access.rbac.may_write_binding(user, new, old),
        };
        checked.map_err(|escalation| Status::forbidden(resource, new.name(), &escalation.to_string()))
    }
}
