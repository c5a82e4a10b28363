//! Kubernetes' dialect of JSONPath, translated: `{.a.b}`, `{.items[*].name}`, `{range .items[*]}{.name}{end}` and
//! names with escaped dots, such as `.metadata.annotations.example\.com/x`.
//!
//! What has no equivalent, text around paths and several paths at once, is refused with the reason.

use std::borrow::Cow;

/// The path in RFC 9535's form; what is not in the dialect is given back as it is.
pub fn translate(text: &str) -> Result<Cow<'_, str>, String> {
    if text.starts_with('{') {
        return braces(text).map(Cow::Owned);
    }
    if text.contains('\\') && !text.contains(['\'', '"']) {
        return segments(text).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(text))
}

fn braces(text: &str) -> Result<String, String> {
    let parts = parts(text)?;
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).collect();
    let (outer, inner) = match parts.as_slice() {
        [one] => (*one, None),
        [range, inner, "end"] if range.starts_with("range ") => {
            (range.trim_start_matches("range ").trim(), Some(*inner))
        }
        [range, .., "end"] if range.starts_with("range ") => {
            return Err("a range with other than one path gives rows, for which there is no equivalent".to_owned());
        }
        _ => return Err("several paths at once have no equivalent".to_owned()),
    };
    let mut path = segments(path_of(outer)?)?;
    if let Some(inner) = inner {
        path.push_str(segments(path_of(inner)?)?.trim_start_matches('$'));
    }
    Ok(path)
}

/// What is between braces; anything outside of them is refused.
fn parts(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let Some(inside) = rest.strip_prefix('{') else {
            return Err("text outside of braces has no equivalent".to_owned());
        };
        let (mut quote, mut escaped, mut end) = (None, false, None);
        for (index, c) in inside.char_indices() {
            match (quote, c) {
                _ if escaped => escaped = false,
                (_, '\\') => escaped = true,
                (Some(open), _) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '}') => {
                    end = Some(index);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else { return Err("a brace is not closed".to_owned()) };
        parts.push(inside.get(..end).unwrap_or_default());
        rest = inside.get(end + 1..).unwrap_or_default();
    }
    Ok(parts)
}

fn path_of(part: &str) -> Result<&str, String> {
    if part.starts_with(['\'', '"']) {
        return Err("literal text has no equivalent".to_owned());
    }
    if part == "end" || part.starts_with("range") {
        return Err("a range is not closed, or has no path".to_owned());
    }
    Ok(part.strip_prefix('@').unwrap_or(part))
}

/// Quotes names with characters that RFC 9535 does not take after a dot.
fn segments(path: &str) -> Result<String, String> {
    let mut out = String::from("$");
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while let Some(first) = rest.chars().next() {
        if first == '[' {
            let end = bracket_end(rest).ok_or("a bracket is not closed")?;
            let (bracket, after) = rest.split_at(end);
            out.push_str(&bracket.replace("\\.", "."));
            rest = after;
            continue;
        }
        let after = match rest.strip_prefix("..") {
            Some(after) => {
                out.push_str("..");
                after
            }
            None => {
                out.push('.');
                rest.strip_prefix('.').unwrap_or(rest)
            }
        };
        let (name, after) = name(after);
        rest = after;
        match name.as_str() {
            "" if rest.starts_with('[') => {
                out.pop();
            }
            "" => return Err("a name is empty".to_owned()),
            "*" => out.push('*'),
            plain if plain.chars().all(|c| c.is_alphanumeric() || c == '_') && !plain.starts_with(char::is_numeric) => {
                out.push_str(plain);
            }
            odd => {
                if !out.ends_with("..") {
                    out.pop();
                }
                out.push_str(&format!("['{}']", odd.replace('\\', "\\\\").replace('\'', "\\'")));
            }
        }
    }
    Ok(out)
}

/// A name up to the next dot or bracket that is not escaped, and what comes after it.
fn name(text: &str) -> (String, &str) {
    let (mut name, mut escaped) = (String::new(), false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => {
                name.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '.' | '[' => return (name, text.get(index..).unwrap_or_default()),
            _ => name.push(c),
        }
    }
    (name, "")
}

/// One past the bracket that closes the first.
fn bracket_end(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("spec.n", "spec.n")]
    #[case("{.spec.n}", "$.spec.n")]
    #[case("{$.spec.n}", "$.spec.n")]
    #[case("{ .spec.list[*].name }", "$.spec.list[*].name")]
    #[case("{..name}", "$..name")]
    #[case("{.a.app-name}", "$.a['app-name']")]
    #[case(r"{.metadata.annotations.example\.com/x}", "$.metadata.annotations['example.com/x']")]
    #[case(r"metadata.annotations.example\.com/x", "$.metadata.annotations['example.com/x']")]
    #[case(r"{.a['b\.c']}", "$.a['b.c']")]
    #[case(r#"{.status.conditions[?(@.type=="Ready")].status}"#, r#"$.status.conditions[?(@.type=="Ready")].status"#)]
    #[case("{range .items[*]}{.name}{end}", "$.items[*].name")]
    #[case("{range .items[*]}{@.name}{end}", "$.items[*].name")]
    fn translates(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(translate(text).unwrap(), expected);
    }

    #[rstest]
    #[case("{.a", "not closed")]
    #[case("{.a}{.b}", "several paths")]
    #[case("{.a}\n", "outside of braces")]
    #[case("{'text'}", "literal text")]
    #[case("{range .items[*]}{.a}{\"\\t\"}{.b}{end}", "gives rows")]
    #[case("{range .items[*]}", "not closed")]
    #[case("{.a..}", "a name is empty")]
    #[case("{.a[0}", "bracket is not closed")]
    fn refuses(#[case] text: &str, #[case] reason: &str) {
        let message = translate(text).unwrap_err();
        assert!(message.contains(reason), "{message}");
    }
}
