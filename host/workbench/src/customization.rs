//! Karmada's customizations in files: their scripts, and where those stand.

use std::sync::Arc;

use outrigger_api::config::ResourceInterpreterCustomization;
use outrigger_interpreter::{Interpreter, Operation};
use outrigger_lua::{Customization, Script};
use serde_json::Value;

use crate::{Fault, files::Document};

/// The keys under `spec.customizations`, by operation.
const KEYS: [(Operation, &str); 8] = [
    (Operation::InterpretReplica, "replicaResource"),
    (Operation::InterpretComponent, "componentResource"),
    (Operation::ReviseReplica, "replicaRevision"),
    (Operation::Retain, "retention"),
    (Operation::AggregateStatus, "statusAggregation"),
    (Operation::InterpretDependency, "dependencyInterpretation"),
    (Operation::InterpretStatus, "statusReflection"),
    (Operation::InterpretHealth, "healthInterpretation"),
];

/// Compiles a customization; a fault in a script is told with its line in the file, where that can be found.
pub fn compile(document: &Document) -> Result<Arc<dyn Interpreter>, Fault> {
    let read: ResourceInterpreterCustomization = serde_json::from_value(document.value.clone())
        .map_err(|error| Fault::at(&*document.file, (document.line, 0), error))?;
    match Customization::new(&read) {
        Ok(compiled) => Ok(compiled.interpreter()),
        Err(error) => Err(faults(document)
            .into_iter()
            .next()
            .unwrap_or_else(|| Fault::at(&*document.file, (document.line, 0), error.message()))),
    }
}

/// Every script that does not compile.
pub fn faults(document: &Document) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (operation, key) in KEYS {
        let pointer = format!("/spec/customizations/{key}/luaScript");
        let script = document.value.pointer(&pointer).and_then(Value::as_str).filter(|script| !script.is_empty());
        let Some(script) = script else { continue };
        if let Err(error) = Script::compile(script, operation, key) {
            let line = line(document, key, script, error.line());
            faults.push(Fault::at(&*document.file, (line, 0), format_args!("{key}: {}", error.message())));
        }
    }
    faults
}

/// The line of the file that a line of a script stands in; that of its key, where the script is written
/// otherwise than line by line.
fn line(document: &Document, key: &str, script: &str, number: u32) -> u64 {
    let mut lines = (1_u64..).zip(document.text.lines()).skip_while(|(_, line)| line.trim() != format!("{key}:"));
    let Some((at, _)) = lines.next() else { return document.line };
    let number = usize::try_from(number).unwrap_or_default();
    let Some(wanted) = number.checked_sub(1).and_then(|index| script.lines().nth(index)) else { return at };
    // The same text may stand in the script before: the first so many lines with any text are passed over.
    let before = script.lines().take(number).filter(|line| line.trim() == wanted.trim()).count();
    let mut same = lines.filter(|(_, line)| line.trim() == wanted.trim());
    same.nth(before.saturating_sub(1)).map_or(at, |(line, _)| line)
}

#[cfg(test)]
mod tests {
    use crate::files;

    #[test]
    fn faults_have_their_line() {
        let text = "# a customization\napiVersion: config.karmada.io/v1alpha1\nkind: ResourceInterpreterCustomization\n\
                    metadata: {name: x}\nspec:\n  target: {apiVersion: a/v1, kind: A}\n  customizations:\n    retention:\n      \
                    luaScript: |\n        function Retain(desired, observed)\n          return desired\n        end\n    \
                    healthInterpretation:\n      luaScript: |\n        function InterpretHealth(obj)\n          return desired +\n        \
                    end\n";
        let (documents, _) = files::documents("a.yaml", text);
        let faults: Vec<String> = super::faults(&documents[0]).iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("a.yaml:17: healthInterpretation: "), "{faults:?}");
        assert!(super::compile(&documents[0]).is_err());
    }
}
