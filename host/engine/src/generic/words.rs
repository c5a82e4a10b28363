//! Words for how things stand, as `status.phase` and its like use them.

/// What a word means. The order is from worst to best: it decides which of two words stands for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It does not work, and will not by itself.
    Failed,
    /// Somebody has stopped it on purpose.
    Suspended,
    /// The object itself says that it does not know.
    Unknown,
    /// It is on its way.
    Progressing,
    /// It does what it is for, or has done it.
    Healthy,
}

/// Known words, worst first, written small and without separators.
const WORDS: &[(&str, Class)] = &[
    ("failed", Class::Failed),
    ("failure", Class::Failed),
    ("error", Class::Failed),
    ("errored", Class::Failed),
    ("fatal", Class::Failed),
    ("crashloopbackoff", Class::Failed),
    ("broken", Class::Failed),
    ("lost", Class::Failed),
    ("invalid", Class::Failed),
    ("rejected", Class::Failed),
    ("denied", Class::Failed),
    ("aborted", Class::Failed),
    ("evicted", Class::Failed),
    ("timeout", Class::Failed),
    ("timedout", Class::Failed),
    ("stalled", Class::Failed),
    ("degraded", Class::Failed),
    ("unhealthy", Class::Failed),
    ("unavailable", Class::Failed),
    ("partiallyfailed", Class::Failed),
    ("failedvalidation", Class::Failed),
    ("offline", Class::Failed),
    ("expired", Class::Failed),
    ("outofsync", Class::Failed),
    ("cancelled", Class::Failed),
    ("canceled", Class::Failed),
    ("suspended", Class::Suspended),
    ("paused", Class::Suspended),
    ("stopped", Class::Suspended),
    ("hibernated", Class::Suspended),
    ("disabled", Class::Suspended),
    ("unknown", Class::Unknown),
    ("terminating", Class::Progressing),
    ("deleting", Class::Progressing),
    ("stopping", Class::Progressing),
    ("notready", Class::Progressing),
    ("rollingback", Class::Progressing),
    ("recovering", Class::Progressing),
    ("new", Class::Progressing),
    ("pending", Class::Progressing),
    ("waiting", Class::Progressing),
    ("queued", Class::Progressing),
    ("scheduled", Class::Progressing),
    ("scheduling", Class::Progressing),
    ("submitted", Class::Progressing),
    ("created", Class::Progressing),
    ("creating", Class::Progressing),
    ("initializing", Class::Progressing),
    ("provisioning", Class::Progressing),
    ("installing", Class::Progressing),
    ("deploying", Class::Progressing),
    ("starting", Class::Progressing),
    ("restarting", Class::Progressing),
    ("inprogress", Class::Progressing),
    ("progressing", Class::Progressing),
    ("processing", Class::Progressing),
    ("reconciling", Class::Progressing),
    ("syncing", Class::Progressing),
    ("configuring", Class::Progressing),
    ("updating", Class::Progressing),
    ("upgrading", Class::Progressing),
    ("migrating", Class::Progressing),
    ("scaling", Class::Progressing),
    ("joining", Class::Progressing),
    ("finalizing", Class::Progressing),
    ("completing", Class::Progressing),
    ("running", Class::Healthy),
    ("active", Class::Healthy),
    ("online", Class::Healthy),
    ("enabled", Class::Healthy),
    ("accepted", Class::Healthy),
    ("connected", Class::Healthy),
    ("bound", Class::Healthy),
    ("attached", Class::Healthy),
    ("established", Class::Healthy),
    ("provisioned", Class::Healthy),
    ("deployed", Class::Healthy),
    ("installed", Class::Healthy),
    ("initialized", Class::Healthy),
    ("valid", Class::Healthy),
    ("synced", Class::Healthy),
    ("insync", Class::Healthy),
    ("reconciled", Class::Healthy),
    ("available", Class::Healthy),
    ("healthy", Class::Healthy),
    ("ok", Class::Healthy),
    ("ready", Class::Healthy),
    ("finished", Class::Healthy),
    ("done", Class::Healthy),
    ("complete", Class::Healthy),
    ("completed", Class::Healthy),
    ("successful", Class::Healthy),
    ("success", Class::Healthy),
    ("succeeded", Class::Healthy),
];

/// The longest known word.
const LONGEST: usize = 24;

/// The rank of a word, lowest the worst, and its class; `None` for one that is not known. Case, spaces, `-`
/// and `_` do not matter.
pub fn rank(word: &str) -> Option<(usize, Class)> {
    let mut small = [0_u8; LONGEST];
    let mut length = 0;
    for byte in word.bytes().filter(|byte| !matches!(byte, b' ' | b'-' | b'_')) {
        *small.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    let small = small.get(..length)?;
    let place = WORDS.iter().position(|(known, _)| known.as_bytes() == small)?;
    Some((place, WORDS.get(place)?.1))
}

/// What a word means.
#[cfg(test)]
fn class(word: &str) -> Option<Class> {
    rank(word).map(|(_, class)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_ordered_and_fit() {
        assert!(WORDS.is_sorted_by_key(|(_, class)| *class));
        for (word, class_) in WORDS {
            assert!(word.len() <= LONGEST, "{word}");
            assert_eq!(class(word), Some(*class_));
        }
    }

    #[test]
    fn spelling_does_not_matter() {
        let check = |word, expected| assert_eq!(class(word), expected, "{word}");
        check("READY", Some(Class::Healthy));
        check("in-progress", Some(Class::Progressing));
        check("Crash Loop_BackOff", Some(Class::Failed));
        check("OutOfSync", Some(Class::Failed));
        check("", None);
        check("Frobnicated", None);
        check(&"x".repeat(1000), None);
        assert!(rank("Running") < rank("Succeeded") && rank("Failed") < rank("Running"));
    }
}
