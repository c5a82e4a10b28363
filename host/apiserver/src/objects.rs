//! Objects in the store: the rules that every write goes through, whoever makes it.
//!
//! ```text
//! create:  metadata → defaults → status dropped → validation → managers → write if absent
//! modify:  read → change → metadata → subresource → defaults → validation → generation → managers
//!          → nothing differs: no write · last finalizer gone: delete · else write at the revision read
//! remove:  read → preconditions → finalizers left: mark · else delete
//! ```
//!
//! **Invariant:** a write that would change nothing is not made, and an object with finalizers is
//! marked, never deleted.

use outrigger_object::Object;
use outrigger_schema::structural::FieldError;
use outrigger_store::{Entry, Error as StoreError, Expect, Op};
use serde_json::{Value, json};

mod reach;

use reach::{initial_status, through};

use crate::registry::{Resource, crd};
use crate::server::Inner;
use crate::status::{Result, Status};
use crate::{defaults, fields, meta, storage, validate};

/// Finalizer of a deletion that waits for the dependents.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// Finalizer of a deletion that leaves the dependents without an owner.
pub(crate) const ORPHAN: &str = "orphan";
/// Finalizer of a definition whose objects are not gone yet.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Who writes, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer<'a> {
    /// Name in managedFields; empty for writes that are not tracked.
    pub manager: &'a str,
    /// The subresource written through; empty for the object itself.
    pub subresource: &'a str,
    /// Nothing is kept.
    pub dry_run: bool,
}

impl<'a> Writer<'a> {
    /// The server itself.
    pub(crate) const fn server() -> Self {
        Self { manager: "", subresource: "", dry_run: false }
    }

    /// The server itself, through a subresource.
    pub(crate) const fn server_through(subresource: &'a str) -> Self {
        Self { manager: "", subresource, dry_run: false }
    }
}

/// What a change makes of an object.
pub(crate) struct Change {
    /// The object as it should be; what the server sets is set afterwards.
    pub object: Object,
    /// Its managers are recorded already, as after an apply.
    pub managed: bool,
}

impl Change {
    /// The object as it should be.
    pub(crate) fn to(object: Object) -> Self {
        Self { object, managed: false }
    }
}

/// What came of a write.
#[derive(Debug)]
pub(crate) struct Written {
    /// The object as it is now, or as it was when it went.
    pub object: Object,
    /// Whether it was deleted.
    pub gone: bool,
}

/// What a deletion asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removal {
    /// It must have this uid.
    pub uid: Option<String>,
    /// It must have this resourceVersion.
    pub resource_version: Option<String>,
    /// What becomes of its dependents.
    pub propagation: Option<Propagation>,
    /// Nothing is kept.
    pub dry_run: bool,
}

/// `propagationPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They lose their owner.
    Orphan,
    /// They go afterwards.
    Background,
    /// They go first.
    Foreground,
}

fn is_namespace(resource: &Resource) -> bool {
    resource.is("", "namespaces")
}

fn is_definition(resource: &Resource) -> bool {
    resource.is("apiextensions.k8s.io", "customresourcedefinitions")
}

/// Whether anything still holds a deleted object.
fn is_held(resource: &Resource, object: &Object) -> bool {
    object.finalizers().next().is_some()
        || (is_namespace(resource)
            && object.get(&["spec", "finalizers"]).and_then(Value::as_array).is_some_and(|list| !list.is_empty()))
}

impl Inner {
    /// The stored entry of an object.
    pub(crate) fn entry(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Entry> {
        let entry = self.store.get(&resource.key(namespace, name))?;
        entry.ok_or_else(|| Status::not_found(resource, name))
    }

    /// An object.
    pub(crate) fn read(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Object> {
        storage::decode(resource, &self.entry(resource, namespace, name)?)
    }

    fn now(&self) -> String {
        meta::time(self.options.clock.now())
    }

    /// Refuses a creation in a namespace that is missing or going away.
    fn check_namespace(&self, resource: &Resource, namespace: &str, name: &str) -> Result<()> {
        if !resource.namespaced {
            return Ok(());
        }
        let snapshot = self.registry.snapshot();
        let namespaces = snapshot.resource("", "v1", "namespaces").ok_or_else(Status::no_such_path)?;
        if self.read(namespaces, "", namespace)?.is_deleting() {
            return Err(Status::namespace_terminating(resource, name, namespace));
        }
        Ok(())
    }

    /// Makes an object.
    pub(crate) async fn create(
        &self,
        resource: &Resource,
        change: Change,
        namespace: &str,
        writer: Writer<'_>,
    ) -> Result<Object> {
        let Change { mut object, managed } = change;
        let generated = object.name().is_empty();
        let now = self.now();
        let base = match managed {
            true => object.get(&["metadata", "managedFields"]).cloned(),
            false => object.remove(&["metadata", "managedFields"]).and(None),
        };
        meta::prepare_create(resource, &mut object, namespace, &now)?;
        self.check_namespace(resource, namespace, object.name())?;
        if let Some(definition) = self.registry.snapshot().definitions.get(&resource.qualified())
            && resource.custom.is_some()
            && definition.terminating
        {
            let why = "create not allowed while custom resource definition is terminating";
            return Err(Status::forbidden(resource, object.name(), why));
        }
        initial_status(resource, &mut object);
        if is_namespace(resource) && object.get(&["spec", "finalizers"]).is_none() {
            object.set(&["spec", "finalizers"], json!(["kubernetes"]));
        }
        if is_definition(resource) {
            crd::default(&mut object);
            object.set(&["metadata", "finalizers"], with(&object, CLEANUP));
        }
        let mut object = self.admit(resource, object, None)?;
        if is_definition(resource) {
            crd::establish(&mut object, &self.registry.snapshot(), &now);
        }
        match base {
            Some(base) => object.set(&["metadata", "managedFields"], base),
            None => fields::track(resource, None, &mut object, &writer, &now),
        }
        if writer.dry_run {
            if self.store.get(&resource.key(namespace, object.name()))?.is_some() {
                return Err(Status::already_exists(resource, object.name()));
            }
            return Ok(object);
        }
        let mut attempts = if generated { 8 } else { 1 };
        loop {
            let key = resource.key(namespace, object.name());
            match self.store.write(&key, Expect::Absent, Op::Put(storage::encode(resource, &object))).await {
                Ok(revision) => {
                    object.set(&["metadata", "resourceVersion"], revision.to_string());
                    self.written(resource, object.name());
                    return Ok(object);
                }
                Err(StoreError::Conflict { .. }) => {
                    attempts -= 1;
                    if attempts == 0 {
                        return Err(Status::already_exists(resource, object.name()));
                    }
                    let name = meta::generate_name(object.str(&["metadata", "generateName"]).unwrap_or_default());
                    object.set(&["metadata", "name"], name);
                }
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// Defaults and validation.
    fn admit(&self, resource: &Resource, object: Object, old: Option<&Object>) -> Result<Object> {
        let mut object = object;
        let mut errors: Vec<FieldError>;
        match &resource.custom {
            Some(version) => {
                let mut value = object.into_value();
                version.structural.default(&mut value);
                errors = match old {
                    Some(old) => version.structural.validate(&value, Some(&Value::Object(old.0.clone()))),
                    None => version.structural.validate(&value, None),
                };
                object = Object::from_value(value).unwrap_or_default();
            }
            None => {
                defaults::fill(resource, &mut object);
                errors = validate::builtin(resource, &object, old);
                if is_definition(resource) {
                    errors.extend(crd::validate(&object, old));
                }
            }
        }
        let mut all = validate::metadata(resource, &object);
        all.append(&mut errors);
        if all.is_empty() { Ok(object) } else { Err(Status::invalid(resource, object.name(), &all)) }
    }

    /// Changes an object. `change` is asked again when somebody else wrote in between, unless what it
    /// gave names a resourceVersion.
    pub(crate) async fn modify(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        writer: Writer<'_>,
        change: &mut (dyn FnMut(&Object) -> Result<Change> + Send),
    ) -> Result<Written> {
        loop {
            let entry = self.entry(resource, namespace, name)?;
            let old = storage::decode(resource, &entry)?;
            let Change { mut object, managed } = change(&old)?;
            let given = object.resource_version().to_owned();
            if !given.is_empty() && given != old.resource_version() {
                return Err(Status::modified(resource, name));
            }
            let pinned = !given.is_empty();
            object.set(&["metadata", "resourceVersion"], old.resource_version());
            meta::place(resource, &mut object, namespace)?;
            meta::prepare_update(resource, &mut object, &old)?;
            let mut object = through(resource, writer.subresource, object, &old);
            if is_definition(resource) {
                crd::default(&mut object);
            }
            let mut object = self.admit(resource, object, Some(&old))?;
            let now = self.now();
            if is_definition(resource) && !object.is_deleting() {
                crd::establish(&mut object, &self.registry.snapshot(), &now);
            }
            if meta::bumps_generation(resource, &old, &object) {
                object.set(&["metadata", "generation"], old.generation() + 1);
            }
            if !managed {
                fields::track(resource, Some(&old), &mut object, &writer, &now);
            }
            if object.is_deleting() && !is_held(resource, &object) {
                if !writer.dry_run {
                    match self.store.write(&entry.key, Expect::Revision(entry.revision), Op::Delete).await {
                        Ok(revision) => object.set(&["metadata", "resourceVersion"], revision.to_string()),
                        Err(StoreError::Conflict { .. }) if !pinned => continue,
                        Err(StoreError::Conflict { .. }) => return Err(Status::modified(resource, name)),
                        Err(other) => return Err(other.into()),
                    }
                    self.written(resource, name);
                }
                return Ok(Written { object, gone: true });
            }
            if meta::is_same(&old, &object) {
                return Ok(Written { object: old, gone: false });
            }
            if writer.dry_run {
                return Ok(Written { object, gone: false });
            }
            let value = storage::encode(resource, &object);
            match self.store.write(&entry.key, Expect::Revision(entry.revision), Op::Put(value)).await {
                Ok(revision) => {
                    object.set(&["metadata", "resourceVersion"], revision.to_string());
                    self.written(resource, name);
                    return Ok(Written { object, gone: false });
                }
                Err(StoreError::Conflict { .. }) if !pinned => {}
                Err(StoreError::Conflict { .. }) => return Err(Status::modified(resource, name)),
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// Deletes an object, or marks it where something holds it.
    pub(crate) async fn remove(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        removal: &Removal,
    ) -> Result<Written> {
        if is_namespace(resource) && matches!(name, "default" | "kube-system" | "kube-public") {
            return Err(Status::forbidden(resource, name, "this namespace may not be deleted"));
        }
        loop {
            let entry = self.entry(resource, namespace, name)?;
            let mut object = storage::decode(resource, &entry)?;
            let precondition = |what: &str, wanted: &Option<String>, found: &str, how: &str| match wanted {
                Some(wanted) if wanted != found => Err(Status::conflict(
                    resource,
                    name,
                    &format!(
                        "the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). The object might have been {how}"
                    ),
                )),
                _ => Ok(()),
            };
            precondition("UID", &removal.uid, object.uid(), "deleted and then recreated")?;
            precondition("ResourceVersion", &removal.resource_version, object.resource_version(), "modified")?;
            let was_deleting = object.is_deleting();
            let before = object.clone();
            if let Some(propagation) = removal.propagation {
                let mut finalizers: Vec<String> =
                    object.finalizers().filter(|one| *one != FOREGROUND && *one != ORPHAN).map(str::to_owned).collect();
                match propagation {
                    Propagation::Orphan => finalizers.push(ORPHAN.into()),
                    Propagation::Foreground => finalizers.push(FOREGROUND.into()),
                    Propagation::Background => {}
                }
                match finalizers.is_empty() {
                    true => object.remove(&["metadata", "finalizers"]),
                    false => {
                        object.set(&["metadata", "finalizers"], finalizers);
                        None
                    }
                };
            }
            let held = is_held(resource, &object);
            if held && was_deleting && is_namespace(resource) {
                return Err(Status::conflict(
                    resource,
                    name,
                    "The system is ensuring all content is removed from this namespace.  Upon completion, this namespace will automatically be purged by the system.",
                ));
            }
            if held && !was_deleting {
                object.set(&["metadata", "deletionTimestamp"], self.now());
                object.set(&["metadata", "deletionGracePeriodSeconds"], 0);
                if object.generation() > 0 {
                    object.set(&["metadata", "generation"], object.generation() + 1);
                }
                if is_namespace(resource) {
                    object.set(&["status", "phase"], "Terminating");
                    object.remove(&["metadata", "deletionGracePeriodSeconds"]);
                }
                if is_definition(resource) {
                    crd::set_condition(
                        &mut object,
                        "Terminating",
                        true,
                        "InstanceDeletionPending",
                        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
                        &self.now(),
                    );
                }
            }
            if removal.dry_run || (held && meta::is_same(&before, &object)) {
                return Ok(Written { object, gone: !held });
            }
            let op = match held {
                true => Op::Put(storage::encode(resource, &object)),
                false => Op::Delete,
            };
            match self.store.write(&entry.key, Expect::Revision(entry.revision), op).await {
                Ok(revision) => {
                    object.set(&["metadata", "resourceVersion"], revision.to_string());
                    self.written(resource, name);
                    return Ok(Written { object, gone: !held });
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// What follows from a write before it is answered.
    fn written(&self, resource: &Resource, name: &str) {
        if is_definition(resource) {
            self.refresh_definition(resource, name);
        }
    }

    /// Serves what a definition says now.
    pub(crate) fn refresh_definition(&self, resource: &Resource, name: &str) {
        self.registry.refresh(name, || {
            let entry = self.store.get(&resource.key("", name)).ok().flatten()?;
            Some((storage::decode(resource, &entry).ok()?, entry.revision))
        });
    }
}

fn with(object: &Object, finalizer: &str) -> Value {
    let mut list: Vec<&str> = object.finalizers().collect();
    if !list.contains(&finalizer) {
        list.push(finalizer);
    }
    json!(list)
}
