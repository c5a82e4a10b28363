//! `pattern`: Go's regular expressions on the `regex` crate.
//!
//! Both are RE2-like and run in linear time. They differ in spelling: in Go, `\d`, `\w`, `\s` and
//! `\b` know ASCII only, an unfinished repetition is literal, and a class has no set operations.

use std::{iter::Peekable, str::Chars};

use regex::{Regex, RegexBuilder};

/// The largest program a pattern may compile to, in bytes.
const SIZE: usize = 1 << 20;

/// Compiles a pattern as Go would.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translate(pattern)).size_limit(SIZE).nest_limit(64).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "expression too large".to_owned(),
        // The last line says what is wrong; those before it draw the place.
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => escape(&mut chars, &mut out),
            '[' => class(&mut chars, &mut out),
            '{' if !is_repetition(chars.clone()) => out.push_str(r"\{"),
            '}' if !out.ends_with(|last: char| last.is_ascii_digit() || last == ',') => out.push_str(r"\}"),
            other => out.push(other),
        }
    }
    out
}

fn escape(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    match chars.next() {
        Some('d') => out.push_str("[0-9]"),
        Some('D') => out.push_str("[^0-9]"),
        Some('w') => out.push_str("[0-9A-Za-z_]"),
        Some('W') => out.push_str("[^0-9A-Za-z_]"),
        Some('s') => out.push_str(r"[\t\n\f\r ]"),
        Some('S') => out.push_str(r"[^\t\n\f\r ]"),
        Some('b') => out.push_str(r"(?-u:\b)"),
        // A lone `(?-u:\B)` could match inside of a character, which `regex` refuses.
        Some('B') => out.push_str(r"\B"),
        Some('Q') => {
            let mut literal = String::new();
            while let Some(char) = chars.next() {
                if char == '\\' && chars.peek() == Some(&'E') {
                    chars.next();
                    break;
                }
                literal.push(char);
            }
            out.push_str(&regex::escape(&literal));
        }
        Some(other @ ('<' | '>')) => out.push(other),
        Some(other) => {
            out.push('\\');
            out.push(other);
        }
        None => out.push('\\'),
    }
}

/// Copies a character class; the opening bracket has been read.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    while let Some(char) = chars.next() {
        match char {
            ']' if !first => {
                out.push(']');
                return;
            }
            ']' => out.push_str(r"\]"),
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for char in chars.by_ref() {
                    out.push(char);
                    if char == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(char);
            }
            '-' if chars.peek() == Some(&'-') => out.push_str(r"\-"),
            '\\' => match chars.next() {
                Some('d') => out.push_str("0-9"),
                Some('w') => out.push_str("0-9A-Za-z_"),
                Some('s') => out.push_str(r"\t\n\f\r "),
                Some('D') => out.push_str("[^0-9]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('S') => out.push_str(r"[^\t\n\f\r ]"),
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            other => out.push(other),
        }
        first = false;
    }
}

/// Whether what follows an opening brace makes it a repetition: `3}`, `3,}` or `3,5}`.
fn is_repetition(chars: Peekable<Chars<'_>>) -> bool {
    let mut digits = 0;
    let mut comma = false;
    for char in chars {
        match char {
            '0'..='9' => digits += 1,
            ',' if digits > 0 && !comma => comma = true,
            '}' => return digits > 0,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::compile;

    fn check(pattern: &str, text: &str, expected: bool) {
        let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        assert_eq!(regex.is_match(text), expected, "{pattern} on {text}");
    }

    #[test]
    fn matches_as_go_does() {
        check(r"^\d+$", "٣", false);
        check(r"^\d+$", "3", true);
        check(r"^\w$", "é", false);
        check(r"^[\w.-]+$", "a-b.c", true);
        check(r"^[\D]$", "x", true);
        check(r"^a{2}$", "aa", true);
        check(r"^a{,2}$", "a{,2}", true);
        check(r"^{}$", "{}", true);
        check(r"^[[a]$", "[", true);
        check(r"^[[:alpha:]]+$", "ab", true);
        check(r"^[a&&b]$", "&", true);
        check(r"^[]a]$", "]", true);
        check(r"^\Qa.b\E$", "axb", false);
        check(r"^\Qa.b\E$", "a.b", true);
        check(r"^\/a\_b$", "/a_b", true);
        check(r"\bword\b", "a word.", true);
        check(r"^[a-z]{1,63}\z", "abc", true);
    }

    #[test]
    fn refuses_what_is_no_pattern_or_too_large() {
        for pattern in ["(", "[a", r"\1", "(?=a)", "((a{100}){100}){100}"] {
            assert!(compile(pattern).is_err(), "{pattern} compiled");
        }
    }
}
