//! [`Webhooks`]: all hooks of a control plane, through every change of their configurations.
//!
//! **Invariant:** what is known of a hook, its connections and its breaker, outlives a change of anything but
//! where it is and whom it trusts. One wrong hook stops no other.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use outrigger_api::config::{ResourceInterpreterWebhook, ResourceInterpreterWebhookConfiguration};
use outrigger_interpreter::{Interpreter, Support};
use outrigger_object::Gvk;
use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

use crate::{Error, Metrics, NoServices, Patience, Services, breaker::Now, hook::Hook, line::Line, protocol, rules};

/// Karmada's default, in seconds, and what it allows.
const TIMEOUT: i32 = 10;
const TIMEOUTS: (i32, i32) = (1, 30);

/// How hooks are called.
#[derive(Clone)]
pub struct Options {
    /// Finds Services that configurations refer to.
    pub services: Arc<dyn Services>,
    /// The longest answer, in bytes.
    pub answer_limit: usize,
    /// How often one request is sent at most. It is sent again, within the deadline, when there was no
    /// connection, and when the server answered with 429 or a status from 500 on.
    pub attempts: u32,
    /// The pause before a request is sent again the first time; it doubles from then on.
    pub pause: Duration,
    /// When a hook is left alone.
    pub patience: Patience,
    /// How many calls of one hook may be under way.
    pub calls_per_hook: usize,
    /// The time, for breakers.
    pub now: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        let now: Now = Arc::new(Instant::now);
        Self {
            services: Arc::new(NoServices),
            answer_limit: 8 << 20,
            attempts: 3,
            pause: Duration::from_millis(100),
            patience: Patience::default(),
            calls_per_hook: 64,
            now,
        }
    }
}

/// All hooks of a control plane.
pub struct Webhooks {
    options: Options,
    metrics: Metrics,
    calls: Arc<Calls>,
    lines: Mutex<HashMap<String, (WebhookClientConfig, Arc<Line>)>>,
}

/// One hook of a configuration.
pub struct Hooked {
    /// Name of the configuration.
    pub configuration: String,
    /// The hook. It has to be installed though there be a problem: then it fails, and says why.
    pub interpreter: Arc<dyn Interpreter>,
    /// Why it cannot be asked.
    pub problem: Option<Error>,
}

impl Webhooks {
    /// No hooks yet. Starts the thread that calls run on.
    pub fn new(options: Options, metrics: Metrics) -> std::io::Result<Self> {
        let calls = Arc::new(Calls::start()?);
        Ok(Self { options, metrics, calls, lines: Mutex::default() })
    }

    /// The hooks of these configurations, which are all that there are: what is known of others is forgotten.
    /// Install the interpreters together, as those of [one layer](outrigger_interpreter::Interpreter), whenever
    /// any configuration has changed.
    ///
    /// Where several hooks match, the one whose `<configuration>/<hook>` sorts first is asked, and no other,
    /// as in Karmada. A hook with `*` in its rules lists the kinds that others name, so that this holds
    /// between hooks that name kinds and hooks that do not.
    pub fn interpreters(&self, configurations: &[ResourceInterpreterWebhookConfiguration]) -> Vec<Hooked> {
        let hooks = || {
            configurations.iter().flat_map(|configuration| {
                let name = configuration.metadata.name.as_deref().unwrap_or_default();
                configuration.webhooks.iter().map(move |hook| (name, hook))
            })
        };
        let named: BTreeSet<Gvk> = hooks().flat_map(|(_, hook)| rules::named_kinds(&hook.rules)).collect();
        let mut lines = self.lines.lock();
        let mut kept = HashMap::new();
        let mut hooked = Vec::new();
        for (configuration, hook) in hooks() {
            let id = format!("{configuration}/{}", hook.name);
            let line = self.line(&id, hook, &lines).and_then(|line| {
                kept.insert(id.clone(), (hook.client_config.clone(), line.clone()));
                protocol::check_versions(&hook.interpreter_context_versions).map(|()| line)
            });
            hooked.push(Hooked {
                configuration: configuration.to_owned(),
                problem: line.as_ref().err().cloned(),
                interpreter: Arc::new(self.hook(id, hook, line, &named)),
            });
        }
        for (id, _) in lines.iter().filter(|(id, _)| !kept.contains_key(*id)) {
            self.metrics.forget(id);
        }
        *lines = kept;
        hooked
    }

    /// The line that there is, if the hook is still in the same place; otherwise a new one.
    fn line(
        &self,
        id: &str,
        hook: &ResourceInterpreterWebhook,
        lines: &HashMap<String, (WebhookClientConfig, Arc<Line>)>,
    ) -> Result<Arc<Line>, Error> {
        match lines.get(id) {
            Some((config, line)) if *config == hook.client_config => Ok(line.clone()),
            _ => Line::new(id, &hook.client_config, &self.options, &self.metrics).map(Arc::new),
        }
    }

    fn hook(
        &self,
        id: String,
        hook: &ResourceInterpreterWebhook,
        line: Result<Arc<Line>, Error>,
        named: &BTreeSet<Gvk>,
    ) -> Hook {
        let support = |gvk: &Gvk| {
            let operations = rules::operations_of(&hook.rules, gvk);
            let support = Support { gvk: gvk.clone(), operations, life_cycle: None, unmarked: false };
            (!operations.is_empty()).then_some(support)
        };
        let seconds = hook.timeout_seconds.unwrap_or(TIMEOUT).clamp(TIMEOUTS.0, TIMEOUTS.1);
        Hook {
            name: format!("webhook/{id}"),
            id,
            rules: hook.rules.clone(),
            supports: named.iter().filter_map(support).collect(),
            timeout: Duration::from_secs(seconds.unsigned_abs().into()),
            line,
            calls: self.calls.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

/// The runtime that calls run on. Calls that are under way end with it.
pub(crate) struct Calls(Option<Runtime>);

impl Calls {
    fn start() -> std::io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("outrigger-webhooks").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    pub fn spawn(&self, call: impl Future<Output = ()> + Send + 'static) -> Call {
        Call(self.0.as_ref().map(|runtime| runtime.spawn(call)))
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        // The last hook may well be dropped inside another runtime, where waiting for this one is not allowed.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A call that is under way.
pub(crate) struct Call(Option<JoinHandle<()>>);

impl Call {
    /// Ends it, if it has not ended.
    pub fn abort(&self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
