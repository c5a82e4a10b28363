//! Functions in Lua that stand in place of a block.

use outrigger_interpreter::{Answer, Component, Dependency, HealthReport, Operation, Operations, ReplicaInfo};
use outrigger_lua::Script;
use outrigger_object::Object;
use serde_json::Value;

/// The functions of one interpreter, at most one for an operation.
#[derive(Debug, Default)]
pub struct Scripts(pub Vec<Script>);

impl Scripts {
    /// The operations that functions answer.
    pub fn operations(&self) -> Operations {
        self.0.iter().map(Script::operation).collect()
    }

    /// The function that answers an operation.
    pub fn of(&self, operation: Operation) -> Option<&Script> {
        self.0.iter().find(|script| script.operation() == operation)
    }

    pub fn replicas(&self, object: &Object) -> Option<Answer<ReplicaInfo>> {
        Some(self.of(Operation::InterpretReplica)?.replicas(object).into())
    }

    pub fn components(&self, object: &Object) -> Option<Answer<Vec<Component>>> {
        Some(self.of(Operation::InterpretComponent)?.components(object).into())
    }

    pub fn dependencies(&self, object: &Object) -> Option<Answer<Vec<Dependency>>> {
        Some(self.of(Operation::InterpretDependency)?.dependencies(object).into())
    }

    pub fn reflect_status(&self, object: &Object) -> Option<Answer<Value>> {
        Some(self.of(Operation::InterpretStatus)?.reflect_status(object).into())
    }

    pub fn health(&self, object: &Object) -> Option<Answer<HealthReport>> {
        Some(self.of(Operation::InterpretHealth)?.health(object).into())
    }
}
