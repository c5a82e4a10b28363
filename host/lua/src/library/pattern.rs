//! Lua's patterns, with every step counted.
//!
//! The matcher backtracks, as Lua's does, so a pattern can take time that is exponential in its length: it
//! asks the clock as it goes. It recurses once per item of the pattern at most, and no deeper than `DEPTH`.

use crate::limits::{Clock, Exceeded};

const CAPTURES: usize = 32;
const DEPTH: usize = 200;
const STEPS_PER_CHECK: u32 = 2048;

/// What a capture holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Capture {
    /// Part of the text.
    Text(usize, usize),
    /// A position, from 0.
    Position(usize),
}

/// A match: where, and what it captured.
#[derive(Debug, PartialEq)]
pub(crate) struct Match {
    pub start: usize,
    pub end: usize,
    pub captures: Vec<Capture>,
}

/// Why a pattern gives no answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Problem {
    Malformed(&'static str),
    Exceeded(String),
}

impl From<Exceeded> for Problem {
    fn from(error: Exceeded) -> Self {
        Self::Exceeded(error.message)
    }
}

type Found<T> = Result<T, Problem>;

/// The first match at `from` or later; at `from` only when the pattern begins with `^`.
pub(crate) fn find(text: &[u8], pattern: &[u8], from: usize, clock: &Clock) -> Found<Option<Match>> {
    let anchored = is_anchored(pattern);
    let mut state = State {
        text,
        pattern: if anchored { pattern.get(1..).unwrap_or_default() } else { pattern },
        open: Vec::new(),
        steps: 0,
        clock,
    };
    for start in from..=text.len() {
        state.open.clear();
        if let Some(end) = state.run(start, 0, 0)? {
            let mut captures = Vec::with_capacity(state.open.len());
            for capture in &state.open {
                captures.push(match *capture {
                    Open { start, length: Length::Known(length) } => Capture::Text(start, start + length),
                    Open { start, length: Length::Position } => Capture::Position(start),
                    Open { length: Length::Unfinished, .. } => return Err(Problem::Malformed("unfinished capture")),
                });
            }
            return Ok(Some(Match { start, end, captures }));
        }
        if anchored {
            break;
        }
    }
    Ok(None)
}

/// Whether a pattern matches only where the search begins.
pub(crate) fn is_anchored(pattern: &[u8]) -> bool {
    pattern.first() == Some(&b'^')
}

#[derive(Clone, Copy)]
struct Open {
    start: usize,
    length: Length,
}

#[derive(Clone, Copy)]
enum Length {
    Unfinished,
    Position,
    Known(usize),
}

struct State<'a> {
    text: &'a [u8],
    pattern: &'a [u8],
    open: Vec<Open>,
    steps: u32,
    clock: &'a Clock,
}

impl State<'_> {
    /// Matches the pattern from `p` on against the text from `s` on, and gives where the match ends.
    fn run(&mut self, mut s: usize, mut p: usize, depth: usize) -> Found<Option<usize>> {
        if depth > DEPTH {
            return Err(Problem::Malformed("pattern too complex"));
        }
        loop {
            self.step()?;
            let Some(&item) = self.pattern.get(p) else { return Ok(Some(s)) };
            match item {
                b'(' => {
                    let is_position = self.pattern.get(p + 1) == Some(&b')');
                    return self.open(s, p + if is_position { 2 } else { 1 }, is_position, depth);
                }
                b')' => return self.close(s, p + 1, depth),
                b'$' if p + 1 == self.pattern.len() => return Ok((s == self.text.len()).then_some(s)),
                b'%' => match self.pattern.get(p + 1) {
                    Some(b'b') => match self.balanced(s, p + 2)? {
                        Some(end) => (s, p) = (end, p + 4),
                        None => return Ok(None),
                    },
                    Some(digit @ b'0'..=b'9') => match self.back_reference(s, *digit)? {
                        Some(end) => (s, p) = (end, p + 2),
                        None => return Ok(None),
                    },
                    _ => match self.single(s, p, depth)? {
                        Step::Goes(next, on) => (s, p) = (next, on),
                        Step::Ends(result) => return Ok(result),
                    },
                },
                _ => match self.single(s, p, depth)? {
                    Step::Goes(next, on) => (s, p) = (next, on),
                    Step::Ends(result) => return Ok(result),
                },
            }
        }
    }

    fn step(&mut self) -> Found<()> {
        self.steps += 1;
        if self.steps >= STEPS_PER_CHECK {
            self.steps = 0;
            self.clock.check()?;
        }
        Ok(())
    }

    /// One character class, with its repetition.
    fn single(&mut self, s: usize, p: usize, depth: usize) -> Found<Step> {
        let after = self.class_end(p)?;
        match self.pattern.get(after) {
            Some(b'?') => {
                if self.matches(s, p, after)
                    && let Some(end) = self.run(s + 1, after + 1, depth + 1)?
                {
                    return Ok(Step::Ends(Some(end)));
                }
                Ok(Step::Goes(s, after + 1))
            }
            Some(b'*') => self.longest(s, 0, p, after, depth),
            Some(b'+') => self.longest(s, 1, p, after, depth),
            Some(b'-') => {
                let mut s = s;
                loop {
                    if let Some(end) = self.run(s, after + 1, depth + 1)? {
                        return Ok(Step::Ends(Some(end)));
                    }
                    if !self.matches(s, p, after) {
                        return Ok(Step::Ends(None));
                    }
                    s += 1;
                    self.step()?;
                }
            }
            _ if self.matches(s, p, after) => Ok(Step::Goes(s + 1, after)),
            _ => Ok(Step::Ends(None)),
        }
    }

    fn longest(&mut self, s: usize, least: usize, p: usize, after: usize, depth: usize) -> Found<Step> {
        let mut count = 0;
        while self.matches(s + count, p, after) {
            count += 1;
            self.step()?;
        }
        loop {
            if count < least {
                return Ok(Step::Ends(None));
            }
            if let Some(end) = self.run(s + count, after + 1, depth + 1)? {
                return Ok(Step::Ends(Some(end)));
            }
            if count == 0 {
                return Ok(Step::Ends(None));
            }
            count -= 1;
        }
    }

    fn open(&mut self, s: usize, p: usize, is_position: bool, depth: usize) -> Found<Option<usize>> {
        if self.open.len() >= CAPTURES {
            return Err(Problem::Malformed("too many captures"));
        }
        let level = self.open.len();
        let length = if is_position { Length::Position } else { Length::Unfinished };
        self.open.push(Open { start: s, length });
        let found = self.run(s, p, depth + 1)?;
        if found.is_none() {
            self.open.truncate(level);
        }
        Ok(found)
    }

    fn close(&mut self, s: usize, p: usize, depth: usize) -> Found<Option<usize>> {
        let unfinished = self.open.iter_mut().enumerate().rev().find(|(_, it)| matches!(it.length, Length::Unfinished));
        let Some((level, capture)) = unfinished else { return Err(Problem::Malformed("invalid pattern capture")) };
        capture.length = Length::Known(s.saturating_sub(capture.start));
        let found = self.run(s, p, depth + 1)?;
        if found.is_none()
            && let Some(capture) = self.open.get_mut(level)
        {
            capture.length = Length::Unfinished;
        }
        Ok(found)
    }

    fn balanced(&mut self, s: usize, p: usize) -> Found<Option<usize>> {
        let (Some(&begin), Some(&end)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return Err(Problem::Malformed("unbalanced pattern"));
        };
        if self.text.get(s) != Some(&begin) {
            return Ok(None);
        }
        let mut depth = 1_usize;
        for at in s + 1..self.text.len() {
            self.step()?;
            let byte = self.text.get(at);
            if byte == Some(&end) {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            } else if byte == Some(&begin) {
                depth += 1;
            }
        }
        Ok(None)
    }

    fn back_reference(&self, s: usize, digit: u8) -> Found<Option<usize>> {
        let index = usize::from(digit - b'0').checked_sub(1);
        match index.and_then(|index| self.open.get(index)) {
            Some(Open { start, length: Length::Known(length) }) => {
                let captured = self.text.get(*start..start + length).unwrap_or_default();
                let rest = self.text.get(s..).unwrap_or_default();
                Ok(rest.starts_with(captured).then_some(s + length))
            }
            _ => Err(Problem::Malformed("invalid capture index")),
        }
    }

    /// Where the class that begins at `p` ends.
    fn class_end(&self, p: usize) -> Found<usize> {
        match self.pattern.get(p) {
            Some(b'%') if p + 1 < self.pattern.len() => Ok(p + 2),
            Some(b'%') => Err(Problem::Malformed("malformed pattern (ends with '%')")),
            Some(b'[') => {
                let mut at = p + 1;
                if self.pattern.get(at) == Some(&b'^') {
                    at += 1;
                }
                let first = at;
                loop {
                    match self.pattern.get(at) {
                        None => return Err(Problem::Malformed("malformed pattern (missing ']')")),
                        Some(b']') if at > first => return Ok(at + 1),
                        Some(b'%') => at += 2,
                        Some(_) => at += 1,
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    /// Whether the byte at `s` is of the class at `p..after`.
    fn matches(&self, s: usize, p: usize, after: usize) -> bool {
        let Some(&byte) = self.text.get(s) else { return false };
        match self.pattern.get(p) {
            Some(b'.') => true,
            Some(b'%') => self.pattern.get(p + 1).is_some_and(|class| is_of(byte, *class)),
            Some(b'[') => is_in(byte, self.pattern.get(p + 1..after - 1).unwrap_or_default()),
            other => other == Some(&byte),
        }
    }
}

enum Step {
    /// The text goes on there, and the pattern there.
    Goes(usize, usize),
    Ends(Option<usize>),
}

fn is_in(byte: u8, set: &[u8]) -> bool {
    let (negated, set) = match set.split_first() {
        Some((b'^', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut at = 0;
    while let Some(&item) = set.get(at) {
        let hit = match (item, set.get(at + 1), set.get(at + 2)) {
            (b'%', Some(&class), _) => {
                at += 2;
                is_of(byte, class)
            }
            (low, Some(b'-'), Some(&high)) => {
                at += 3;
                (low..=high).contains(&byte)
            }
            _ => {
                at += 1;
                item == byte
            }
        };
        if hit {
            return !negated;
        }
    }
    negated
}

fn is_of(byte: u8, class: u8) -> bool {
    let is = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is != class.is_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rstest::rstest;

    use super::*;
    use crate::Limits;

    fn found(text: &str, pattern: &str) -> String {
        match find(text.as_bytes(), pattern.as_bytes(), 0, &Clock::new()) {
            Err(problem) => format!("{problem:?}"),
            Ok(None) => "nothing".to_owned(),
            Ok(Some(found)) => {
                let mut out = format!("{}..{}", found.start, found.end);
                for capture in found.captures {
                    match capture {
                        Capture::Text(from, to) => out += &format!(" {:?}", &text[from..to]),
                        Capture::Position(at) => out += &format!(" @{at}"),
                    }
                }
                out
            }
        }
    }

    #[rstest]
    #[case("hello", "l+", "2..4")]
    #[case("hello", "^l", "nothing")]
    #[case("hello", "o$", "4..5")]
    #[case("hello", "^(h)(.-)(o)$", "0..5 \"h\" \"ell\" \"o\"")]
    #[case("hello", "()ll()", "2..4 @2 @4")]
    #[case("key = value", "^(%w+)%s*=%s*(%w+)$", "0..11 \"key\" \"value\"")]
    #[case("f(a(b)c)d", "%b()", "1..8")]
    #[case("say 'it' now", "(['\"]).-%1", "4..8 \"'\"")]
    #[case("x-1", "[%a-]+", "0..2")]
    #[case("a]b", "[]]", "1..2")]
    #[case("abc", "[^a-b]", "2..3")]
    #[case("128Mi", "(%d+)(%a*)", "0..5 \"128\" \"Mi\"")]
    #[case("", "", "0..0")]
    #[case("aaa", "a-", "0..0")]
    #[case("ab", "a?b?c?$", "0..2")]
    #[case("x", "(", "Malformed(\"unfinished capture\")")]
    #[case("x", "x)", "Malformed(\"invalid pattern capture\")")]
    #[case("x", "[x", "Malformed(\"malformed pattern (missing ']')\")")]
    #[case("x", "x%", "Malformed(\"malformed pattern (ends with '%')\")")]
    #[case("x", "%1", "Malformed(\"invalid capture index\")")]
    #[case("x", "%bx", "Malformed(\"unbalanced pattern\")")]
    fn matches(#[case] text: &str, #[case] pattern: &str, #[case] expected: &str) {
        assert_eq!(found(text, pattern), expected, "{pattern} in {text}");
    }

    #[test]
    fn catastrophic_patterns_end() {
        let clock = Clock::new();
        clock.start(&Limits { deadline: Duration::from_millis(50), ..Limits::default() });
        let (text, pattern) = ("a".repeat(200), format!("{}b", "a*".repeat(100)));
        let began = Instant::now();
        let result = find(text.as_bytes(), pattern.as_bytes(), 0, &clock);
        assert!(matches!(result, Err(Problem::Exceeded(_))), "{result:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
