//! The control plane: plans, stages, swaps in, watches, takes back, reports.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use outrigger_customization::{
    sample::samples,
    stage::{self, Verdict},
};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{
    ApplyOptions, Clock, DeleteParams, Error, ListParams, Lookup, Outcome, Patch, Queue, Reconciler, Recorder, Result,
    Subresource, conditions, from_object,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{
    Shared, created,
    kinds::{
        self, CONFLICTS, FINALIZER, HEALTHY, IN_USE, LABEL, PERMITTED, RESOLVED, Revision, STAGED, Status, VERIFIED,
    },
    plan::{self, Inputs, Live, Refusal, Step, View},
    registry::{Active, is_of},
    remove,
};

/// How many revisions are remembered.
const HISTORY: usize = 10;
/// How often a new version may fail while it is watched.
const TOLERATED: u64 = 3;
/// The reason of [`HEALTHY`] when a version was taken back.
const ROLLED_BACK: &str = "RolledBack";

/// See the module.
pub struct Lead {
    pub(crate) shared: Arc<Shared>,
    queue: Queue<String>,
    pub(crate) recorder: Recorder,
    clock: Arc<dyn Clock>,
    trial: Duration,
    /// What the interpreters of an addon had done when its version was swapped in.
    trials: Mutex<BTreeMap<String, (tokio::time::Instant, u64, u64)>>,
}

impl Reconciler for Lead {
    const NAME: &'static str = "addons";
    type Key = String;

    async fn reconcile(&self, name: &String) -> Result<Outcome> {
        let outcome = self.look(name).await;
        self.shared.seen.send_modify(|seen| {
            seen.insert(name.clone());
        });
        outcome
    }
}

impl Lead {
    pub fn new(
        shared: Arc<Shared>,
        queue: Queue<String>,
        recorder: Recorder,
        clock: Arc<dyn Clock>,
        trial: Duration,
    ) -> Self {
        Self { shared, queue, recorder, clock, trial, trials: Mutex::default() }
    }

    async fn look(&self, name: &str) -> Result<Outcome> {
        let shared = &self.shared;
        let Some(object) = shared.informer.get(&ObjectKey::new("", name)) else {
            self.let_go(name);
            return Ok(Outcome::Skipped("it is gone"));
        };
        let addon: kinds::Addon = match from_object(Object::clone(&object)) {
            Ok(addon) => addon,
            Err(error) => {
                let refusal = Refusal { condition: RESOLVED, reason: "Unreadable", message: error.to_string() };
                self.refused(&object, Status::default(), &refusal).await?;
                return Ok(Outcome::Applied);
            }
        };
        if object.is_deleting() {
            return remove::remove(self, &object, &addon).await;
        }
        if !object.finalizers().any(|one| one == FINALIZER) {
            let mut all: Vec<&str> = object.finalizers().collect();
            all.push(FINALIZER);
            let patch = json!({"metadata": {"finalizers": all, "resourceVersion": object.resource_version()}});
            let key = object.key();
            shared.client.patch(&kinds::addons(), &key, &Patch::Merge(patch), Subresource::None).await?;
        }
        // A version that was taken back is not tried again until something else is wanted.
        let generation = object.generation();
        let taken_back = conditions::find(&addon.status.conditions, HEALTHY)
            .is_some_and(|one| one.reason == ROLLED_BACK && one.observed_generation == Some(generation));
        if taken_back {
            return Ok(Outcome::Skipped("its new version was taken back"));
        }
        let inputs = self.inputs(name).await?;
        let steps = match plan::plan(&inputs, name, &shared.host) {
            Ok(steps) => steps,
            Err(refusal) => {
                self.refused(&object, addon.status, &refusal).await?;
                return Ok(Outcome::Applied);
            }
        };
        let wanted = steps.iter().find_map(|step| match step {
            Step::Swap(revision) => Some(revision.clone()),
            _ => None,
        });
        let Some(wanted) = wanted else { return Ok(Outcome::Skipped("its plan swaps nothing in")) };
        let is_used = addon.status.active.as_ref().is_some_and(|active| active.is(&wanted))
            && shared.registry.lock().get(name).is_some();
        if is_used {
            return self.watch(&object, addon.status).await;
        }
        self.execute(&object, addon.status, steps).await
    }

    /// Reads what plans are made from.
    async fn inputs(&self, name: &str) -> Result<Inputs> {
        let mut inputs = Inputs::default();
        for object in self.shared.informer.list() {
            let Ok(addon) = from_object::<kinds::Addon>(Object::clone(&object)) else { continue };
            if object.is_deleting() && object.name() != name {
                continue;
            }
            // What this process has swapped in counts before what it has read of its own reports.
            let known = self.shared.registry.lock().get(object.name()).map(|active| active.revision.clone());
            let active = if object.name() == name { addon.status.active } else { known.or(addon.status.active) };
            let view = View {
                content: self.shared.content(object.name(), &addon.spec.source),
                created: created(&object),
                active,
                history: addon.status.history,
                spec: addon.spec,
            };
            inputs.addons.insert(object.name().to_owned(), view);
        }
        let content = inputs.addons.get(name).and_then(|view| view.content.clone().ok());
        for crd in content.iter().flat_map(|content| &content.crds) {
            let Some(live) = self.shared.client.get_opt(&definitions(), &crd.key()).await? else { continue };
            let used = self.is_used(&live).await?;
            inputs.definitions.insert(crd.name().to_owned(), Live { crd: live, used });
        }
        Ok(inputs)
    }

    /// Whether objects of a definition are stored.
    pub(crate) async fn is_used(&self, crd: &Object) -> Result<bool> {
        let versions = crd.get(&["spec", "versions"]).and_then(Value::as_array);
        let served = versions.into_iter().flatten().find(|version| version["served"] == true);
        let Some(version) = served.and_then(|version| version["name"].as_str()) else { return Ok(true) };
        let text = |path: &[&str]| crd.str(path).unwrap_or_default().to_owned();
        let resource = Resource {
            gvk: Gvk::new(text(&["spec", "group"]).as_str(), version, text(&["spec", "names", "kind"]).as_str()),
            plural: text(&["spec", "names", "plural"]),
            namespaced: crd.str(&["spec", "scope"]) == Some("Namespaced"),
            has_status: false,
            has_scale: false,
        };
        let one = ListParams { limit: Some(1), ..ListParams::default() };
        match self.shared.client.list_page(&resource, None, &one, None).await {
            Ok(page) => Ok(!page.items.is_empty()),
            // Not served, so nothing can be there that a change could lose.
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Carries a plan out.
    async fn execute(&self, object: &Object, mut status: Status, steps: Vec<Step>) -> Result<Outcome> {
        let (name, shared) = (object.name(), &self.shared);
        let Some(Step::Swap(wanted)) = steps.last().cloned() else { return Ok(Outcome::Skipped("nothing to swap in")) };
        let refusal = |condition, reason, message| Refusal { condition, reason, message };
        let content = match shared.content(name, &wanted.source) {
            Ok(content) => content,
            Err(message) => {
                self.refused(object, status, &refusal(RESOLVED, "SourceMissing", message)).await?;
                return Ok(Outcome::Applied);
            }
        };
        let compiled = content.compile(&wanted.config);
        let gvks = compiled.as_ref().map(|compiled| compiled.gvks()).unwrap_or_default();
        let samples = samples(&shared.client, &shared.discovery, &gvks).await;
        let verdict: Verdict = stage::judge(&shared.engine, compiled.as_ref().map_err(String::as_str), &samples);
        let compiled = match compiled {
            Ok(compiled) if verdict.is_good() => compiled,
            _ => {
                let message = verdict.why_not().to_owned();
                self.refused(object, status, &refusal(STAGED, "NotStaged", message)).await?;
                return Ok(Outcome::Applied);
            }
        };
        for step in &steps {
            if let Err(error) = self.step(name, step).await {
                // Tried again, and meanwhile nothing answers otherwise than before.
                let message = format!("{step}: {error}");
                self.refused(object, status, &refusal(IN_USE, "CannotBeApplied", message)).await?;
                return Err(error);
            }
        }
        let before = shared.registry.lock().get(name).cloned();
        if let Some(before) = &before {
            let stays = |old: &&Object| !content.hub.iter().any(|new| new.reference() == old.reference());
            for old in before.content.hub.iter().filter(stays) {
                self.step(name, &Step::Prune(Box::new(old.clone()))).await?;
            }
        }
        let now = self.clock.now();
        let revision = Revision { since: conditions::timestamp(now), ..wanted };
        {
            let mut registry = shared.registry.lock();
            let interpreters = compiled.interpreters;
            registry
                .insert(name, Active { created: created(object), revision: revision.clone(), content, interpreters });
            shared.install(&mut registry);
        }
        let (calls, failures) = self.counts(name);
        self.trials.lock().insert(name.to_owned(), (tokio::time::Instant::now(), calls, failures));
        let previous = status.active.replace(revision.clone());
        if let Some(previous) = previous.filter(|previous| !previous.is(&revision)) {
            status.history.insert(0, previous);
            status.history.truncate(HISTORY);
        }
        for condition in [RESOLVED, VERIFIED, PERMITTED] {
            self.set(&mut status, object, condition, Some(true), condition, "");
        }
        self.set(&mut status, object, STAGED, Some(true), "Staged", &verdict.usable.message);
        self.set(&mut status, object, IN_USE, Some(true), "InUse", &format!("{} answers", revision.version));
        self.set(&mut status, object, HEALTHY, None, "Watching", "it has just been swapped in");
        self.recorder.normal(object, "AddonInUse", format!("{} answers: {}", revision.version, verdict.usable.message));
        self.write(object, status).await?;
        self.others(name);
        Ok(Outcome::Waiting(self.trial / 10))
    }

    async fn step(&self, name: &str, step: &Step) -> Result<()> {
        let client = &self.shared.client;
        let manager = ApplyOptions { manager: Some(format!("outrigger-addon:{name}")), force: true, dry_run: false };
        let apply = async |resource: &Resource, object: &Object| {
            let patch = Patch::Apply(Box::new(object.clone()), manager.clone());
            client.patch(resource, &object.key(), &patch, Subresource::None).await.map(|_| ())
        };
        match step {
            Step::Stage | Step::Swap(_) => Ok(()),
            Step::Define(crd) => {
                client.apply(&definitions(), crd, true).await?;
                self.shared.discovery.refresh().await
            }
            Step::Grant(rules) => {
                for (resource, object) in remove::identity(name, rules) {
                    apply(&resource, &object).await?;
                }
                Ok(())
            }
            Step::Apply(object) => {
                let resource = self.shared.discovery.require(&object.gvk()).await?;
                let live = client.get_opt(&resource, &object.key()).await?;
                if let Some(other) = live.as_ref().and_then(|live| live.label(LABEL)).filter(|other| *other != name) {
                    return Err(Error::terminal(format!("{} belongs to the addon {other}", object.reference())));
                }
                apply(&resource, object).await
            }
            Step::Prune(object) => {
                let Lookup::Found(resource) = self.shared.discovery.resolve(&object.gvk()).await else { return Ok(()) };
                match client.get_opt(&resource, &object.key()).await? {
                    Some(live) if live.label(LABEL) == Some(name) => {
                        client.delete(&resource, &live.key(), &DeleteParams::of(&live)).await.map(|_| ())
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Watches a version that was swapped in, and takes it back when it fails.
    async fn watch(&self, object: &Object, mut status: Status) -> Result<Outcome> {
        let name = object.name();
        for condition in [RESOLVED, VERIFIED, PERMITTED, STAGED] {
            if !conditions::is_true(&status.conditions, condition) {
                self.set(&mut status, object, condition, Some(true), condition, "");
            }
        }
        let version = status.active.as_ref().map(|active| active.version.clone()).unwrap_or_default();
        self.set(&mut status, object, IN_USE, Some(true), "InUse", &format!("{version} answers"));
        let conflicts = self.shared.registry.lock().conflicts(name);
        let told: Vec<String> = conflicts
            .iter()
            .map(|one| format!("{} is answered by {} and not by {}", one.what, one.winner, one.loser))
            .collect();
        let reason = if told.is_empty() { "NoConflicts" } else { "SameQuestions" };
        self.set(&mut status, object, CONFLICTS, Some(!told.is_empty()), reason, &told.join("; "));
        let begun = self.trials.lock().get(name).copied();
        let Some((since, calls, failures)) = begun else {
            if !conditions::is_true(&status.conditions, HEALTHY) {
                self.set(&mut status, object, HEALTHY, Some(true), "InUse", "");
            }
            self.write(object, status).await?;
            return Ok(Outcome::Applied);
        };
        let (now_calls, now_failures) = self.counts(name);
        let failed = now_failures.saturating_sub(failures);
        let asked = now_calls.saturating_sub(calls);
        if failed >= TOLERATED && failed * 2 >= asked {
            return self.take_back(object, status, failed, asked).await;
        }
        if since.elapsed() < self.trial {
            self.set(&mut status, object, HEALTHY, None, "Watching", "it has just been swapped in");
            self.write(object, status).await?;
            return Ok(Outcome::Waiting(self.trial / 10));
        }
        self.trials.lock().remove(name);
        self.set(&mut status, object, HEALTHY, Some(true), "Kept", &format!("{failed} of {asked} answers failed"));
        self.write(object, status).await?;
        Ok(Outcome::Applied)
    }

    async fn take_back(&self, object: &Object, mut status: Status, failed: u64, asked: u64) -> Result<Outcome> {
        let name = object.name();
        self.trials.lock().remove(name);
        let bad = status.active.clone().unwrap_or_default();
        let why = format!("{failed} of {asked} answers of {} failed", bad.version);
        let Some(good) = status.history.first().cloned() else {
            self.set(
                &mut status,
                object,
                HEALTHY,
                Some(false),
                "Failing",
                &format!("{why}, and there is nothing before it"),
            );
            self.write(object, status).await?;
            return Ok(Outcome::Applied);
        };
        let taken = {
            let mut registry = self.shared.registry.lock();
            let taken = self.shared.take(&mut registry, object, &good);
            if taken == Ok(true) {
                self.shared.install(&mut registry);
            }
            taken
        };
        if let Err(error) = taken {
            self.set(
                &mut status,
                object,
                HEALTHY,
                Some(false),
                "Failing",
                &format!("{why}, and {} cannot be used: {error}", good.version),
            );
            self.write(object, status).await?;
            return Ok(Outcome::Applied);
        }
        status.history.remove(0);
        status.active = Some(Revision { since: conditions::timestamp(self.clock.now()), ..good.clone() });
        let message = format!("{why}; {} answers again", good.version);
        self.recorder.warn(object, "AddonRolledBack", message.clone());
        self.set(&mut status, object, HEALTHY, Some(false), ROLLED_BACK, &message);
        self.set(&mut status, object, IN_USE, Some(false), ROLLED_BACK, &message);
        self.write(object, status).await?;
        Ok(Outcome::Applied)
    }

    /// Says why an addon stays as it is.
    async fn refused(&self, object: &Object, mut status: Status, refusal: &Refusal) -> Result<()> {
        for condition in [RESOLVED, VERIFIED, PERMITTED, STAGED, IN_USE] {
            if condition == refusal.condition {
                break;
            }
            self.set(&mut status, object, condition, Some(true), condition, "");
        }
        let stays =
            status.active.as_ref().map(|active| format!("; {} stays in use", active.version)).unwrap_or_default();
        self.set(&mut status, object, refusal.condition, Some(false), refusal.reason, &refusal.message);
        if refusal.condition != IN_USE {
            self.set(&mut status, object, IN_USE, Some(false), refusal.reason, &format!("{}{stays}", refusal.message));
        }
        self.recorder.warn(object, "AddonRefused", format!("{}{stays}", refusal.message));
        self.write(object, status).await
    }

    /// Calls and failures of an addon's interpreters.
    fn counts(&self, name: &str) -> (u64, u64) {
        let all = self.shared.engine.statistics().into_iter();
        let own = all.filter(|one| one.layer == outrigger_engine::Layer::Addon && is_of(name, &one.interpreter));
        own.fold((0, 0), |(calls, failures), one| (calls + one.calls, failures + one.failures))
    }

    pub(crate) fn set(
        &self,
        status: &mut Status,
        object: &Object,
        type_: &str,
        is: Option<bool>,
        reason: &str,
        message: &str,
    ) {
        let now: Timestamp = self.clock.now();
        let mut new = conditions::condition(type_, is, reason, message, now);
        new.observed_generation = Some(object.generation());
        conditions::set(&mut status.conditions, new);
    }

    pub(crate) async fn write(&self, object: &Object, mut status: Status) -> Result<()> {
        status.observed_generation = object.generation();
        status.source = status.active.as_ref().map(|active| active.source.short()).unwrap_or_default();
        let content = self.shared.registry.lock().get(object.name()).map(|active| active.content.clone());
        status.kinds = content
            .map(|content| crate::gvks(&content))
            .unwrap_or_default()
            .iter()
            .map(|gvk| format!("{}/{}", gvk.api_version(), gvk.kind))
            .collect();
        let value = serde_json::to_value(&status).map_err(|error| Error::internal(error.to_string()))?;
        let before = object.status().cloned().and_then(|old| serde_json::from_value::<Status>(old).ok());
        if before.as_ref() == Some(&status) {
            return Ok(());
        }
        let patch = Patch::Merge(json!({ "status": value }));
        match self.shared.client.patch(&kinds::addons(), &object.key(), &patch, Subresource::Status).await {
            Err(error) if error.is_not_found() => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// Lets an addon answer no more.
    pub(crate) fn let_go(&self, name: &str) {
        let mut registry = self.shared.registry.lock();
        if registry.remove(name) {
            self.shared.install(&mut registry);
        }
        drop(registry);
        self.trials.lock().remove(name);
        self.others(name);
    }

    /// Has the other addons looked at: what they need may be there now, or gone.
    fn others(&self, name: &str) {
        let all = self.shared.informer.list();
        all.iter().filter(|other| other.name() != name).for_each(|other| self.queue.add(other.name().to_owned()));
    }
}

/// The resource of CustomResourceDefinitions.
pub fn definitions() -> Resource {
    Resource {
        gvk: Gvk::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
        plural: "customresourcedefinitions".to_owned(),
        namespaced: false,
        has_status: true,
        has_scale: false,
    }
}
