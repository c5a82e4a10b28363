use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use std::borrow::Cow;

use outrigger_interpreter::{Given, Health, Operations, Question, Support};
use serde_json::json;

use super::*;

/// How a scripted interpreter answers everything.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Value,
    NotHandled,
    Failed,
    Panics,
}

struct Scripted {
    name: &'static str,
    how: How,
    operations: Operations,
    life_cycle: Option<LifeCycle>,
}

impl Scripted {
    fn answer<T>(&self, value: T) -> Answer<T> {
        match self.how {
            How::Value => Answer::Value(value),
            How::NotHandled => Answer::NotHandled,
            How::Failed => Answer::Failed(Error::invalid("spec: broken")),
            How::Panics => panic!("a bug in {}", self.name),
        }
    }
}

impl Interpreter for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn supports(&self) -> Vec<Support> {
        let gvk = Gvk::new("example.com", "v1", "Widget");
        vec![Support { gvk, operations: self.operations, life_cycle: self.life_cycle, unmarked: false }]
    }

    fn health(&self, _: &Object) -> Answer<HealthReport> {
        self.answer(HealthReport { health: Health::Healthy, reason: self.name.to_owned(), ..HealthReport::default() })
    }

    fn retain(&self, mut desired: Object, _: &Object) -> Answer<Object> {
        desired.set_label("by", self.name);
        self.answer(desired)
    }

    fn has_started(&self, _: &Object) -> bool {
        assert!(self.how != How::Panics);
        self.how == How::Value
    }
}

fn scripted(name: &'static str, how: How) -> Arc<dyn Interpreter> {
    let operations = [Operation::InterpretHealth, Operation::Retain].into_iter().collect();
    Arc::new(Scripted { name, how, operations, life_cycle: None })
}

fn engine(layers: &[(Layer, &[(&'static str, How)])]) -> Engine {
    let engine = Engine::empty();
    for (layer, interpreters) in layers {
        engine.install(*layer, interpreters.iter().map(|(name, how)| scripted(name, *how)).collect());
    }
    engine
}

fn widget() -> Object {
    Object::from_value(json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})).unwrap()
}

/// Both kinds of question must find the same interpreter; gives its name and layer, or the failure's message.
fn check(layers: &[(Layer, &[(&'static str, How)])], expected: Result<Option<(&str, Layer)>, &str>) {
    let engine = engine(layers);
    let read = engine.health(&widget());
    let by = read.interpreter().map(str::to_owned).zip(read.layer());
    let changed = engine.retain(widget(), &widget());
    assert_eq!(changed.interpreter().map(str::to_owned).zip(changed.layer()), by);
    match (read.into_result(), expected) {
        (Ok(None), Ok(None)) => assert_eq!(changed.answer, Answer::NotHandled),
        (Ok(Some(report)), Ok(Some((name, layer)))) => {
            assert_eq!((report.reason.as_str(), by), (name, Some((name.to_owned(), layer))));
            assert_eq!(changed.into_result().unwrap().unwrap().label("by"), Some(name));
        }
        (Err(error), Err(part)) => {
            assert!(error.to_string().contains(part), "{error}");
            assert!(changed.into_result().unwrap_err().to_string().contains(part));
        }
        (got, expected) => panic!("{got:?} instead of {expected:?}"),
    }
}

#[test]
fn the_highest_layer_that_answers_wins() {
    use How::*;
    use Layer::*;
    check(&[], Ok(None));
    check(&[(Native, &[("n", Value)])], Ok(Some(("n", Native))));
    check(&[(Native, &[("n", Value)]), (Addon, &[("a", Value)])], Ok(Some(("a", Addon))));
    check(&[(Native, &[("n", Value)]), (Addon, &[("a", NotHandled)])], Ok(Some(("n", Native))));
    check(
        &[(Generic, &[("g", Value)]), (Bundled, &[("b", NotHandled)]), (UserCustomization, &[("u", NotHandled)])],
        Ok(Some(("g", Generic))),
    );
    check(&[(Webhook, &[("w", Value)]), (UserCustomization, &[("u", Value)])], Ok(Some(("u", UserCustomization))));
    check(&[(Native, &[("n", NotHandled)]), (Addon, &[("a", NotHandled)])], Ok(None));
}

#[test]
fn a_failure_ends_the_search() {
    use How::*;
    use Layer::*;
    check(&[(Native, &[("n", Value)]), (Addon, &[("a", Failed)])], Err("spec: broken"));
    check(&[(Native, &[("n", Value)]), (Addon, &[("a", Panics)])], Err("a panicked: a bug in a"));
    check(&[(Native, &[("n", Failed)]), (Addon, &[("a", Value)])], Ok(Some(("a", Addon))));
}

#[test]
fn a_conflict_has_a_fixed_winner_and_is_reported() {
    let engine = engine(&[(Layer::Addon, &[("zebra", How::Value), ("ant", How::Value), ("mole", How::Value)])]);
    assert_eq!(engine.health(&widget()).interpreter(), Some("ant"));
    let conflicts: Vec<_> =
        engine.conflicts().into_iter().map(|one| (one.operation, one.winner, one.loser, one.layer)).collect();
    let conflict = |operation, loser: &str| (operation, "ant".to_owned(), loser.to_owned(), Layer::Addon);
    assert_eq!(
        conflicts,
        [
            conflict(Operation::Retain, "mole"),
            conflict(Operation::InterpretHealth, "mole"),
            conflict(Operation::Retain, "zebra"),
            conflict(Operation::InterpretHealth, "zebra"),
        ]
    );
    assert!(engine.conflicts()[0].to_string().contains("ant and mole both want to answer in the addon layer"));
    engine.install(Layer::Addon, vec![scripted("mole", How::Value)]);
    assert_eq!(engine.conflicts(), []);
    assert_eq!(engine.health(&widget()).interpreter(), Some("mole"));
}

#[test]
fn installing_replaces_a_whole_layer_and_no_other() {
    let engine = engine(&[(Layer::Addon, &[("a", How::Value)]), (Layer::Native, &[("n", How::Value)])]);
    assert!(engine.handles(&widget().gvk(), Operation::Retain));
    assert!(!engine.handles(&widget().gvk(), Operation::Localize));
    engine.install(Layer::Addon, Vec::new());
    assert_eq!(engine.health(&widget()).layer(), Some(Layer::Native));
    let routes: Vec<_> = engine.routes().into_iter().map(|route| (route.operation, route.interpreter)).collect();
    assert_eq!(routes, [(Operation::Retain, "n".to_owned()), (Operation::InterpretHealth, "n".to_owned())]);
    engine.install(Layer::Native, Vec::new());
    assert_eq!(engine.health(&widget()).answer, Answer::NotHandled);
    assert_eq!(engine.routes(), []);
}

#[test]
fn kinds_of_other_versions_are_other_kinds() {
    let engine = engine(&[(Layer::Addon, &[("a", How::Value)])]);
    for (api_version, kind) in [("example.com/v2", "Widget"), ("v1", "Widget"), ("example.com/v1", "Gadget"), ("", "")]
    {
        let mut object = widget();
        object.set(&["apiVersion"], api_version);
        object.set(&["kind"], kind);
        assert_eq!(engine.health(&object).answer, Answer::NotHandled, "{api_version} {kind}");
    }
    assert_eq!(engine.health(&Object::default()).answer, Answer::NotHandled);
}

#[test]
fn life_cycles_and_starts() {
    let engine = engine(&[(Layer::Native, &[("n", How::NotHandled)])]);
    let gvk = widget().gvk();
    assert_eq!(engine.life_cycle(&gvk), LifeCycle::Declarative);
    assert!(!engine.has_started(&widget()));
    let runs_once = |how| -> Vec<Arc<dyn Interpreter>> {
        let life_cycle = Some(LifeCycle::RunOnce);
        vec![Arc::new(Scripted { name: "a", how, operations: Operations::default(), life_cycle })]
    };
    engine.install(Layer::Bundled, runs_once(How::Value));
    engine.install(Layer::UserCustomization, vec![scripted("u", How::NotHandled)]);
    assert_eq!(engine.life_cycle(&gvk), LifeCycle::RunOnce);
    // The interpreter that names the life cycle is the one that knows what a start is.
    assert!(engine.has_started(&widget()));
    engine.install(Layer::Bundled, runs_once(How::Panics));
    let mut started = widget();
    assert!(!engine.has_started(&started));
    started.set(&["status", "phase"], "New");
    assert!(engine.has_started(&started));

    let standard = Engine::standard();
    let mut job =
        Object::from_value(json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions": [1]}})).unwrap();
    assert_eq!(standard.life_cycle(&job.gvk()), LifeCycle::RunOnce);
    assert!(!standard.has_started(&job));
    job.set(&["status", "startTime"], "2026-01-01T00:00:00Z");
    assert!(standard.has_started(&job));
}

#[test]
fn the_whole_status_is_reflected_where_nobody_says_otherwise() {
    let engine = Engine::empty();
    let mut object = widget();
    assert_eq!(engine.reflect_status(&object).answer, Answer::Value(Value::Null));
    object.set(&["status"], json!({"phase": "Ready", "more": [1]}));
    let reply = engine.reflect_status(&object);
    assert_eq!((reply.layer(), reply.answer), (None, Answer::Value(json!({"phase": "Ready", "more": [1]}))));
    assert_eq!(engine.health(&object).answer, Answer::NotHandled);
    let items = [StatusItem { status: Some(json!({"phase": "x"})), ..StatusItem::default() }];
    assert_eq!(engine.aggregate_status(&object, &items).answer, Answer::NotHandled);
}

#[test]
fn kinds_that_nobody_describes_fall_to_the_generic_layer() {
    let engine = Engine::standard();
    let mut object = widget();
    object.set(&["status"], json!({"phase": "Ready"}));
    let reply = engine.health(&object);
    assert_eq!((reply.layer(), reply.interpreter()), (Some(Layer::Generic), Some("generic")));
    let report = reply.into_result().unwrap().unwrap();
    assert_eq!((report.health, &*report.rule), (Health::Healthy, "phase"));
    let question = Question::AggregateStatus { template: (&object).into(), items: (&[][..]).into() };
    let steps = engine.explain(&question, None);
    assert_eq!(steps.last().and_then(|step| step.rule.as_deref()), Some("status values"));
    // Kubernetes' own are not guessed at.
    for (api_version, kind) in
        [("v1", "ConfigMap"), ("rbac.authorization.k8s.io/v1", "Role"), ("apps/v1", "ControllerRevision")]
    {
        let value = json!({"apiVersion": api_version, "kind": kind, "status": {"phase": "Ready"}});
        let built_in = Object::from_value(value).unwrap();
        assert_eq!(engine.health(&built_in).answer, Answer::NotHandled, "{kind}");
        assert!(!engine.handles(&built_in.gvk(), Operation::InterpretHealth), "{kind}");
    }
    assert!(!engine.handles(&Gvk::new("", "v1", "ConfigMap"), Operation::AggregateStatus));
}

#[test]
fn who_describes_replicas_describes_them_alone() {
    let described = |operation: Operation| {
        let engine = Engine::standard();
        let operations = Operations::default().with(operation);
        engine.install(
            Layer::UserCustomization,
            vec![Arc::new(Scripted { name: "u", how: How::NotHandled, operations, life_cycle: None })],
        );
        let gvk = widget().gvk();
        [Operation::InterpretReplica, Operation::ReviseReplica, Operation::Retain]
            .map(|operation| engine.handles(&gvk, operation))
    };
    assert_eq!(described(Operation::InterpretHealth), [true, true, true]);
    assert_eq!(described(Operation::InterpretComponent), [false, false, true]);
    assert_eq!(described(Operation::ReviseReplica), [false, true, true]);
}

#[test]
fn a_replacement_is_seen_whole_by_readers() {
    let engine = engine(&[(Layer::Addon, &[("a", How::Value)])]);
    let (stop, start) = (AtomicBool::new(false), Barrier::new(3));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                start.wait();
                while !stop.load(Ordering::Relaxed) {
                    let by = engine.health(&widget()).interpreter().map(str::to_owned);
                    assert!(matches!(by.as_deref(), Some("a" | "b")), "{by:?}");
                }
            });
        }
        start.wait();
        for round in 0..500 {
            engine.install(Layer::Addon, vec![scripted(if round % 2 == 0 { "b" } else { "a" }, How::Value)]);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Knows every kind of one group, whatever its name.
struct Open(&'static str);

impl Interpreter for Open {
    fn name(&self) -> &str {
        self.0
    }

    fn supports(&self) -> Vec<Support> {
        Vec::new()
    }

    fn is_open(&self) -> bool {
        true
    }

    fn supports_kind(&self, gvk: &Gvk) -> Operations {
        let operation = (gvk.group == "example.com").then_some(Operation::InterpretHealth);
        operation.into_iter().collect()
    }

    fn health(&self, _: &Object) -> Answer<HealthReport> {
        Answer::Value(Health::Healthy.into())
    }
}

#[test]
fn open_interpreters_answer_for_kinds_that_nobody_lists() {
    let engine = Engine::standard();
    engine.install(Layer::Generic, vec![Arc::new(Open("generic"))]);
    engine.install(Layer::Webhook, vec![Arc::new(Open("hook"))]);
    for _ in 0..2 {
        assert_eq!(engine.health(&widget()).interpreter(), Some("hook"));
        assert!(engine.handles(&widget().gvk(), Operation::InterpretHealth));
        assert!(!engine.handles(&widget().gvk(), Operation::Retain));
        assert!(!engine.handles(&Gvk::new("other.com", "v1", "Widget"), Operation::InterpretHealth));
    }
    // Their layers hold beside interpreters that list the kind.
    engine.install(Layer::Native, vec![scripted("listed", How::Value)]);
    assert_eq!(engine.health(&widget()).interpreter(), Some("hook"));
    engine.install(Layer::Webhook, Vec::new());
    assert_eq!(engine.health(&widget()).interpreter(), Some("listed"));
    engine.install(Layer::Native, vec![scripted("listed", How::NotHandled)]);
    assert_eq!(engine.health(&widget()).interpreter(), Some("generic"));
    assert_eq!(engine.conflicts(), []);
    // Within a layer, who lists a kind goes before who knows it by a rule.
    engine.install(Layer::Generic, vec![Arc::new(Open("a rule")), scripted("the list", How::Value)]);
    assert_eq!(engine.health(&widget()).interpreter(), Some("the list"));
    assert_eq!(engine.conflicts().len(), 1);
    engine.install(Layer::Generic, Vec::new());
    engine.install(Layer::Bundled, vec![Arc::new(Open("a rule")), scripted("the list", How::Value)]);
    assert_eq!(engine.health(&widget()).interpreter(), Some("the list"));
    assert_eq!(engine.conflicts(), []);
}

#[test]
fn calls_are_counted_across_replacements_and_explained_without_counting() {
    let engine = engine(&[(Layer::Addon, &[("a", How::NotHandled)]), (Layer::Native, &[("n", How::Failed)])]);
    let _ = engine.health(&widget());
    engine.install(Layer::Native, vec![scripted("n", How::Value)]);
    let _ = engine.health(&widget());
    let widget = widget();
    let question = Question::InterpretHealth { object: Cow::Borrowed(&widget) };
    let steps = engine.explain(&question, None);
    let told: Vec<_> = steps.iter().map(|step| (step.layer, step.interpreter.as_str())).collect();
    assert_eq!(told, [(Layer::Addon, "a"), (Layer::Native, "n")]);
    assert_eq!(steps[0].answer, Answer::NotHandled);
    assert!(matches!(&steps[1].answer, Answer::Value(Given::Health(report)) if report.reason == "n"));
    assert_eq!(engine.explain(&question, Some(Layer::Addon)).len(), 1);
    assert_eq!(engine.explain(&question, Some(Layer::Webhook)), []);
    assert_eq!(engine.answer(question).interpreter(), Some("n"));

    let counted: Vec<_> =
        engine.statistics().into_iter().map(|one| (one.interpreter, one.calls, one.failures)).collect();
    assert_eq!(counted, [("a".to_owned(), 3, 0), ("n".to_owned(), 3, 1)]);
    let failure = engine.statistics()[1].last_failure.clone();
    assert_eq!(failure.map(|error| error.to_string()).as_deref(), Some("spec: broken"));
}
