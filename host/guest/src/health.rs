//! [`GuestHealth`]: how an addon's code does.

use std::fmt;

use jiff::Timestamp;
use outrigger_addon::Request;

/// How an addon's code does.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum GuestHealth {
    /// As it should.
    #[default]
    Healthy,
    /// Some of it does not.
    Degraded {
        /// Objects that are not tried again until they, or the configuration, change.
        aside: Vec<PutAside>,
        /// Whatever else, in sentences: a kind that cannot be watched.
        problems: Vec<String>,
    },
    /// None of it is called.
    Quarantined {
        /// What happened, and what to do.
        why: String,
        /// Whether only a new version helps; otherwise it ends when what it is about has ended.
        for_good: bool,
    },
}

/// An object that was put aside.
#[derive(Clone, Debug, PartialEq)]
pub struct PutAside {
    /// The controller.
    pub controller: String,
    /// The object.
    pub request: Request,
    /// Since when.
    pub since: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// The last failure.
    pub reason: String,
}

impl GuestHealth {
    /// Whether nothing is called.
    pub fn is_quarantined(&self) -> bool {
        matches!(self, Self::Quarantined { .. })
    }
}

impl fmt::Display for GuestHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => f.write_str("its controllers run"),
            Self::Quarantined { why, for_good: false } => write!(f, "its controllers are not called: {why}"),
            Self::Quarantined { why, for_good: true } => {
                write!(f, "its controllers are not called any more: {why}; install another version")
            }
            Self::Degraded { aside, problems } => {
                let mut separator = "";
                if let Some(first) = aside.first() {
                    let PutAside { controller, request, tries, reason, .. } = first;
                    write!(
                        f,
                        "{} put aside until they change, such as {} {} in {} (controller {controller}, {tries} tries): {reason}",
                        if aside.len() == 1 { "1 object".to_owned() } else { format!("{} objects", aside.len()) },
                        request.gvk.kind,
                        request.key,
                        request.place,
                    )?;
                    separator = "; ";
                }
                for problem in problems {
                    write!(f, "{separator}{problem}")?;
                    separator = "; ";
                }
                Ok(())
            }
        }
    }
}
