//! Whether an object does what it is for, by conventions alone.
//!
//! First the rules of kstatus (`sigs.k8s.io/cli-utils`): deletion, the observed generation, Reconciling and
//! Stalled, Ready. Where they say nothing, other conventions are asked in turn: further conditions, words
//! such as `status.phase`, flags, counters of replicas. kstatus calls an object of which it knows nothing
//! current; here it is Unknown, unless its controller has at least observed the latest generation.
//!
//! **Invariant:** Healthy is said only when one rule says so and none of the others speaks against it. Only
//! `Ready=True`, which kstatus takes for the whole truth, is doubted no further than by Degraded, Failed,
//! `Healthy=False` and `Synced=False`.

use std::borrow::Cow;

use outrigger_interpreter::{Health, HealthReport};
use outrigger_object::{Cursor, Object};
use serde_json::Value;

use super::{
    KindFacts, Result,
    conditions::{self, Condition, Sense, is_summary, sense, tells_failure},
    words::{self, Class},
};

/// Longer messages are cut.
const LONGEST_MESSAGE: usize = 512;

/// What was found, and by which rule.
#[derive(Clone, Debug)]
pub struct Verdict {
    health: Health,
    reason: &'static str,
    message: String,
    /// The rule, such as `kstatus/Ready` or `phase`.
    pub rule: Cow<'static, str>,
}

impl Verdict {
    fn new(
        health: Health,
        reason: &'static str,
        rule: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self { health, reason, rule: rule.into(), message: message.into() }
    }

    /// The report.
    pub fn report(self) -> HealthReport {
        let Self { health, reason, mut message, rule } = self;
        if message.len() > LONGEST_MESSAGE {
            let end = (0..=LONGEST_MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default();
            message.truncate(end);
            message.push('…');
        }
        HealthReport { health, reason: reason.to_owned(), message, rule }
    }
}

const PROGRESSING: &str = "Progressing";
const DEGRADED: &str = "Degraded";
const SUSPENDED: &str = "Suspended";

/// Judges an object. Fails, with the path, where a field that a rule reads has a type that it cannot have.
pub fn judge(object: &Object, facts: Option<&KindFacts>) -> Result<Verdict> {
    let root = object.cursor();
    if object.is_deleting() {
        return Ok(Verdict::new(Health::Unhealthy, "Terminating", "kstatus/deletion", "it is being deleted"));
    }
    for field in ["suspend", "suspended", "paused"] {
        if object.bool(&["spec", field]) == Some(true) {
            let message = format!("spec.{field} is true");
            return Ok(Verdict::new(Health::Unknown, SUSPENDED, "suspend", message));
        }
    }
    if root.map(&["status"])?.is_none_or(serde_json::Map::is_empty) {
        return Ok(without_status(facts));
    }
    let status = root.at(&["status"])?;
    let generation = root.int(&["metadata", "generation"])?;
    let observed = observed_generation(&status)?;
    if let (Some(generation), Some(observed)) = (generation, observed)
        && generation != observed
    {
        let message = format!("generation {generation} is waiting, {observed} was the last one observed");
        return Ok(Verdict::new(Health::Unhealthy, PROGRESSING, "kstatus/generation", message));
    }
    let seen = Seen {
        conditions: conditions::read(&status, facts)?,
        words: words_of(&status),
        replicas: replicas(&root, facts)?,
        status,
        generation,
        observed,
    };
    Ok(seen.by_kstatus().unwrap_or_else(|| seen.by_conventions()))
}

fn without_status(facts: Option<&KindFacts>) -> Verdict {
    if facts.is_some_and(|facts| !facts.has_status) {
        let message = "its kind has no status; it is there";
        return Verdict::new(Health::Healthy, "", "no status in the schema", message);
    }
    Verdict::new(Health::Unknown, "NoStatus", "no status", "no controller has written a status yet")
}

/// Some controllers write it as text, and some of those write something else there.
fn observed_generation(status: &Cursor) -> Result<Option<i64>> {
    let path = &["observedGeneration"];
    match status.value(path)? {
        Some(Value::String(text)) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(status.invalid(path, format!("{text:?} is not a whole number")).into()),
        },
        _ => Ok(status.int(path)?),
    }
}

/// Everything in an object that rules read.
struct Seen<'v, 'p> {
    status: Cursor<'v, 'p>,
    conditions: Vec<Condition<'v>>,
    words: Words<'v>,
    replicas: Option<Replicas>,
    generation: Option<i64>,
    observed: Option<i64>,
}

impl<'v> Seen<'v, '_> {
    fn condition(&self, kind: &str) -> Option<&Condition<'v>> {
        self.conditions.iter().find(|one| one.kind == kind)
    }

    fn is(&self, kind: &str, status: &str) -> Option<&Condition<'v>> {
        self.condition(kind).filter(|one| one.status == status)
    }

    fn by_kstatus(&self) -> Option<Verdict> {
        for one in self.conditions.iter().filter(|one| one.status == "True") {
            match one.kind {
                "Reconciling" => {
                    return Some(told(Health::Unhealthy, PROGRESSING, "kstatus/Reconciling", one));
                }
                "Stalled" => return Some(told(Health::Unhealthy, "Stalled", "kstatus/Stalled", one)),
                _ => {}
            }
        }
        if let Some(one) = self.conditions.iter().find(|one| sense(one.kind) == Sense::Stopped && one.status == "True")
        {
            return Some(told(Health::Unknown, SUSPENDED, of_condition(one), one));
        }
        let ready = self.condition("Ready")?;
        let failed = self.is("Failed", "True").or_else(|| self.is("Degraded", "True"));
        if let Some(one) = failed {
            return Some(told(Health::Unhealthy, DEGRADED, of_condition(one), one));
        }
        match ready.status {
            "True" => {
                let doubt = self.is("Healthy", "False").or_else(|| self.is("Synced", "False"));
                Some(match doubt {
                    Some(one) => told(Health::Unhealthy, DEGRADED, of_condition(one), one),
                    None => self.if_current(ready, told(Health::Healthy, "", "kstatus/Ready", ready)),
                })
            }
            "False" if tells_failure(ready.reason) => Some(told(Health::Unhealthy, DEGRADED, "kstatus/Ready", ready)),
            "False" | "Unknown" => Some(told(Health::Unhealthy, PROGRESSING, "kstatus/Ready", ready)),
            _ => None,
        }
    }

    /// The verdict, unless the condition that it rests on was made for an earlier generation.
    fn if_current(&self, condition: &Condition, verdict: Verdict) -> Verdict {
        match (condition.observed, self.generation) {
            (Some(observed), Some(generation)) if observed < generation => {
                let message = format!("{} was last told of generation {observed}, not of {generation}", condition.kind);
                Verdict::new(Health::Unhealthy, PROGRESSING, "conditions/observedGeneration", message)
            }
            _ => verdict,
        }
    }

    fn by_conventions(&self) -> Verdict {
        let verdict = self
            .by_conditions()
            .or_else(|| self.by_words())
            .or_else(|| self.by_flag())
            .or_else(|| self.by_replicas())
            .or_else(|| self.by_observation());
        let verdict = verdict.unwrap_or_else(|| self.without_rule());
        if verdict.health == Health::Healthy { self.doubt().unwrap_or(verdict) } else { verdict }
    }

    /// What speaks against a good verdict.
    fn doubt(&self) -> Option<Verdict> {
        let word = self.by_words().filter(|verdict| verdict.health != Health::Healthy);
        word.or_else(|| self.by_replicas().filter(|verdict| verdict.health != Health::Healthy))
    }

    fn by_conditions(&self) -> Option<Verdict> {
        let of_sense = |wanted: Sense| self.conditions.iter().filter(move |one| sense(one.kind) == wanted);
        if let Some(one) = of_sense(Sense::Bad).find(|one| one.status == "True") {
            return Some(told(Health::Unhealthy, DEGRADED, of_condition(one), one));
        }
        if let Some(one) = of_sense(Sense::Done).find(|one| one.status == "True") {
            return Some(self.if_current(one, told(Health::Healthy, "", of_condition(one), one)));
        }
        if let Some(one) = of_sense(Sense::Done).next() {
            // Succeeded is False when it has failed, and Unknown while it runs; the others just wait.
            let failed = one.status == "False" && (one.kind == "Succeeded" || tells_failure(one.reason));
            let reason = if failed { DEGRADED } else { PROGRESSING };
            return Some(told(Health::Unhealthy, reason, of_condition(one), one));
        }
        if let Some(one) = self.is("Progressing", "False").filter(|one| one.reason.contains("Deadline")) {
            return Some(told(Health::Unhealthy, "Stalled", of_condition(one), one));
        }
        // A Deployment, and what imitates one, goes on calling itself progressing when it is complete.
        let is_busy = |one: &&Condition| one.status == "True" && one.reason != "NewReplicaSetAvailable";
        if let Some(one) = of_sense(Sense::Busy).find(is_busy) {
            return Some(told(Health::Unhealthy, PROGRESSING, of_condition(one), one));
        }
        if let Some(one) = of_sense(Sense::Good).find(|one| one.status == "False") {
            let failed = matches!(one.kind, "Healthy" | "NamesAccepted") || tells_failure(one.reason);
            let reason = if failed { DEGRADED } else { PROGRESSING };
            return Some(told(Health::Unhealthy, reason, of_condition(one), one));
        }
        if let Some(one) = of_sense(Sense::Good).find(|one| one.status != "True") {
            return Some(told(Health::Unhealthy, PROGRESSING, of_condition(one), one));
        }
        let one = self.conditions.iter().find(|one| is_summary(one.kind))?;
        let mut good = of_sense(Sense::Good);
        let old = good.find(|one| self.generation.zip(one.observed).is_some_and(|(now, seen)| seen < now));
        Some(self.if_current(old.unwrap_or(one), told(Health::Healthy, "", of_condition(one), one)))
    }

    fn by_words(&self) -> Option<Verdict> {
        let (field, word, class) = self.words.worst?;
        let message = format!("status.{field} is {word}");
        Some(match class {
            Class::Failed => Verdict::new(Health::Unhealthy, DEGRADED, field, message),
            Class::Suspended => Verdict::new(Health::Unknown, SUSPENDED, field, message),
            Class::Unknown => Verdict::new(Health::Unknown, "UnknownPhase", field, message),
            Class::Progressing => Verdict::new(Health::Unhealthy, PROGRESSING, field, message),
            Class::Healthy => Verdict::new(Health::Healthy, "", field, message),
        })
    }

    fn by_flag(&self) -> Option<Verdict> {
        ["ready", "healthy", "available"].into_iter().find_map(|field| {
            let good = self.status.bool(&[field]).ok()??;
            let message = format!("status.{field} is {good}");
            Some(match good {
                true => Verdict::new(Health::Healthy, "", field, message),
                false => Verdict::new(Health::Unhealthy, PROGRESSING, field, message),
            })
        })
    }

    fn by_replicas(&self) -> Option<Verdict> {
        let Replicas { wanted, lowest: (have, what) } = self.replicas?;
        let message = format!("{have} of {wanted} replicas are {what}");
        Some(if have < wanted {
            Verdict::new(Health::Unhealthy, PROGRESSING, "replicas", message)
        } else {
            Verdict::new(Health::Healthy, "", "replicas", message)
        })
    }

    /// The last rule of kstatus: nothing abnormal is told, and the latest generation was looked at.
    fn by_observation(&self) -> Option<Verdict> {
        if self.words.unknown.is_some() {
            return None;
        }
        let observed = self.observed.filter(|observed| Some(*observed) == self.generation)?;
        let message = format!("generation {observed} was observed, and nothing abnormal is told");
        Some(Verdict::new(Health::Healthy, "", "kstatus/observed", message))
    }

    fn without_rule(&self) -> Verdict {
        match self.words.unknown {
            Some((field, word)) => {
                let message = format!("status.{field} is {word}, a word that is not known");
                Verdict::new(Health::Unknown, "UnknownPhase", field, message)
            }
            None => Verdict::new(Health::Unknown, "NoRule", "none", "nothing in its status follows a known convention"),
        }
    }
}

fn of_condition(condition: &Condition) -> Cow<'static, str> {
    Cow::Owned(format!("conditions/{}", condition.kind))
}

fn told(health: Health, reason: &'static str, rule: impl Into<Cow<'static, str>>, condition: &Condition) -> Verdict {
    let Condition { kind, status, reason: why, message, .. } = condition;
    let mut text = format!("{kind} is {status}");
    for part in [why, message].into_iter().filter(|part| !part.is_empty()) {
        text.push_str(": ");
        text.push_str(part);
    }
    Verdict::new(health, reason, rule, text)
}

/// The words for how things stand in a status.
#[derive(Clone, Copy, Default)]
struct Words<'v> {
    worst: Option<(&'static str, &'v str, Class)>,
    unknown: Option<(&'static str, &'v str)>,
}

fn words_of<'v>(status: &Cursor<'v, '_>) -> Words<'v> {
    const FIELDS: [(&str, &[&str]); 5] = [
        ("phase", &["phase"]),
        ("state", &["state"]),
        ("health", &["health"]),
        ("health.status", &["health", "status"]),
        ("status", &["status"]),
    ];
    let mut found = Words::default();
    let mut lowest = usize::MAX;
    for (field, path) in FIELDS {
        // Some kinds have something else there than a word.
        let Some(word) = status.str(path).ok().flatten().filter(|word| !word.is_empty()) else { continue };
        match words::rank(word) {
            Some((rank, class)) if rank < lowest => {
                lowest = rank;
                found.worst = Some((field, word, class));
            }
            Some(_) => {}
            None => found.unknown = found.unknown.or(Some((field, word))),
        }
    }
    found
}

/// Replicas that are asked for, and the fewest that any counter tells of.
#[derive(Clone, Copy)]
struct Replicas {
    wanted: i64,
    lowest: (i64, &'static str),
}

fn replicas(root: &Cursor, facts: Option<&KindFacts>) -> Result<Option<Replicas>> {
    const COUNTERS: [(&str, &str, bool); 5] = [
        ("readyReplicas", "ready", true),
        ("availableReplicas", "available", true),
        ("numberReady", "ready", true),
        ("numberAvailable", "available", true),
        ("updatedReplicas", "updated", false),
    ];
    let status = root.at(&["status"])?;
    let wanted = match facts.and_then(|facts| facts.scale.as_ref()) {
        Some(scale) => root.int(&scale.path())?,
        None => root.int(&["spec", "replicas"]).ok().flatten(),
    };
    let wanted = match wanted {
        Some(wanted) => Some(wanted),
        None => match status.int(&["desiredReplicas"])? {
            Some(wanted) => Some(wanted),
            None => status.int(&["desiredNumberScheduled"])?,
        },
    };
    let Some(wanted) = wanted else { return Ok(None) };
    let listed = |name: &str| {
        let schema = facts.and_then(KindFacts::status_schema);
        schema.is_some_and(|schema| schema.get("properties").is_some_and(|fields| fields.get(name).is_some()))
    };
    let (mut lowest, mut decides): (Option<(i64, &'static str)>, bool) = (None, false);
    for (name, what, is_enough) in COUNTERS {
        let Some(have) = status.int(&[name])? else { continue };
        decides |= is_enough;
        if lowest.is_none_or(|(known, _)| have < known) {
            lowest = Some((have, what));
        }
    }
    if !decides && listed("readyReplicas") {
        // A counter of the schema that is left out stands at 0.
        (lowest, decides) = (Some((0, "ready")), true);
    }
    Ok(lowest.filter(|(have, _)| decides || *have < wanted).map(|lowest| Replicas { wanted, lowest }))
}
