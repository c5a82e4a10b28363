//! What a source text can name, so that a call makes only what its script can reach.
//!
//! A global is reached by its name in the text or through `_G`, and a module through `require`. Comments and
//! strings are not told apart from code: they can only make a call a little dearer.

/// The libraries of the sandbox, the module `kube` among them.
const LIBRARIES: [&str; 6] = ["string", "table", "math", "os", "kube", "package"];

/// The functions without a library.
const BASE: [&str; 29] = [
    "_VERSION",
    "assert",
    "collectgarbage",
    "dofile",
    "error",
    "getfenv",
    "getmetatable",
    "ipairs",
    "load",
    "loadfile",
    "loadstring",
    "module",
    "newproxy",
    "next",
    "pairs",
    "pcall",
    "print",
    "rawequal",
    "rawget",
    "rawset",
    "select",
    "setfenv",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "xpcall",
    "require",
];

/// The libraries that a source can name, `_G` when it names that, and `base` when it may assign to one of the
/// functions without a library.
pub(crate) fn in_source(source: &str) -> Vec<&'static str> {
    let all = source.contains("_G");
    let requires = source.contains("require");
    let mut names: Vec<_> = LIBRARIES
        .into_iter()
        .filter(|name| match *name {
            "kube" | "package" => all || requires || source.contains("package"),
            name => all || source.contains(name),
        })
        .collect();
    if all || BASE.iter().any(|name| may_assign(source, name)) {
        names.push("base");
    }
    if all {
        names.push("_G");
    }
    names
}

/// Whether a name is used otherwise than called or as a field.
fn may_assign(source: &str, name: &str) -> bool {
    source.match_indices(name).any(|(at, _)| {
        let (before, after) = source.split_at(at);
        let after = after.get(name.len()..).unwrap_or_default();
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if before.ends_with(in_word) || after.starts_with(in_word) {
            return false;
        }
        let field = before.ends_with('.') && !before.ends_with("..");
        let called = after.trim_start().starts_with('(') && !before.trim_end().ends_with("function");
        !field && !called
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("local x = 1", &[])]
    #[case("for k, v in pairs(t) do end", &[])]
    #[case("c.type = 'x'; if a .type == b.error then end", &[])]
    #[case("error = ''", &["base"])]
    #[case("a, next = 1, 2", &["base"])]
    #[case("function type(x) end", &["base"])]
    #[case("x = {type = 'y'}", &["base"])]
    #[case("errors = 1; my_type = 2", &[])]
    #[case("local kube = require('kube')", &["kube", "package"])]
    #[case("table.insert(t, ('x'):rep(2))", &["table"])]
    #[case("_G.x = 1", &["string", "table", "math", "os", "kube", "package", "base", "_G"])]
    fn finds(#[case] source: &str, #[case] expected: &[&str]) {
        assert_eq!(in_source(source), expected, "{source}");
    }
}
