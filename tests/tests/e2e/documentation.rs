//! The pages for authors: every file in them is written, every command run, every output compared.
//!
//! A fence with a file name after its language, such as ```` ```yaml widget/interpreter.yaml ````, is that
//! file. A fence `console` has commands after `$ `, each followed by what it prints; a line `...` there stands
//! for any lines, `…` inside a line for any text, and `# exits N` beside a command says that it ends with N.
//! Every page has a directory of its own, in which `outrigger` is this project, and which builds without a network.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use crate::binary::outrigger;

/// One fence of a page.
#[derive(Debug)]
struct Fence {
    language: String,
    file: String,
    text: String,
    line: usize,
}

fn fences(page: &str) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut open: Option<Fence> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let (language, file) = info.split_once(' ').unwrap_or((info, ""));
                let (language, file) = (language.to_owned(), file.trim().to_owned());
                open = Some(Fence { language, file, text: String::new(), line: number + 1 });
            }
            (Some(_), Some("")) => fences.extend(open.take()),
            (Some(fence), _) => {
                fence.text.push_str(line);
                fence.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    fences
}

/// A command with its exit code, and what it should print.
fn commands(fence: &Fence) -> Vec<(String, i32, Vec<String>)> {
    let mut commands: Vec<(String, i32, Vec<String>)> = Vec::new();
    for line in fence.text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => {
                let (command, code) = match command.split_once("# exits ") {
                    Some((command, code)) => (command.trim(), code.trim().parse().unwrap()),
                    None => (command, 0),
                };
                commands.push((command.to_owned(), code, Vec::new()));
            }
            (None, Some((_, _, output))) => output.push(line.trim_end().to_owned()),
            (None, None) => panic!("line {}: a console begins with `$ `", fence.line),
        }
    }
    commands
}

/// Whether lines are as expected, where `...` stands for any lines.
fn matches(expected: &[String], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == "..." => (0..=printed.len()).any(|skip| matches(rest, &printed[skip..])),
        Some((line, rest)) => {
            printed.split_first().is_some_and(|(first, others)| line_matches(line, first) && matches(rest, others))
        }
    }
}

/// Whether a line is as expected, where `…` stands for any text.
fn line_matches(expected: &str, printed: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut left) = parts.next().and_then(|first| printed.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return left.is_empty() };
    for part in middle {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

/// The root of this project.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// An empty directory for a page. It is the same each time, so that what cargo has built there is known again.
fn directory(page: &Path) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages").join(page.file_stem().unwrap());
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    fs::create_dir_all(directory.join(".cargo")).unwrap();
    // Profiles as they are here, so that the crates need not be built again that are the same.
    let config = "[net]\noffline = true\n[profile.dev]\ndebug = \"line-tables-only\"\n";
    let config = format!("{config}[profile.dev.package.\"*\"]\ndebug = false\n");
    fs::write(directory.join(".cargo/config.toml"), config).unwrap();
    symlink(root(), directory.join("outrigger")).unwrap();
    directory
}

/// Gives a crate of a page the versions of this project, and what other tests have built of them.
fn ready_to_build(folder: &Path) {
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries");
    fs::create_dir_all(&built).unwrap();
    symlink(built, folder.join("target")).unwrap();
}

fn check(page: &Path) {
    let text = fs::read_to_string(page).unwrap();
    let directory = directory(page);
    let binaries = outrigger().parent().unwrap();
    let cargo = Path::new(env!("CARGO")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", binaries.display(), cargo.display());
    let mut run = 0;
    for fence in fences(&text) {
        let place = format!("{}:{}", page.display(), fence.line);
        if !fence.file.is_empty() {
            let file = directory.join(&fence.file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &fence.text).unwrap();
            if file.ends_with("Cargo.toml") {
                ready_to_build(file.parent().unwrap());
            }
        }
        if fence.language != "console" {
            continue;
        }
        for (command, code, expected) in commands(&fence) {
            let ended = Command::new("sh")
                .args(["-c", &format!("{command} 2>&1")])
                .current_dir(&directory)
                .env("PATH", &path)
                .env_remove("KUBECONFIG")
                .env_remove("CARGO_TARGET_DIR")
                .output()
                .unwrap();
            let printed = String::from_utf8_lossy(&ended.stdout);
            assert_eq!(ended.status.code(), Some(code), "{place}: {command}\n{printed}");
            let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
            assert!(matches(&expected, &lines), "{place}: {command} prints\n{printed}");
            run += 1;
        }
    }
    println!("{}: {run} commands", page.display());
    assert!(run > 0, "{} shows no command", page.display());
}

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../interpreters/docs").join(name)
}

#[test]
fn an_interpreter_is_written_in_ten_minutes() {
    check(&page("ten-minutes.md"));
}

#[test]
fn interpreters_come_over_from_karmada() {
    check(&page("from-karmada.md"));
}

#[test]
fn outputs_are_compared() {
    let expected = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(matches(&expected(&["a", "...", "d"]), &["a", "b", "c", "d"]));
    assert!(matches(&expected(&["took … µs"]), &["took 12 µs"]));
    assert!(!matches(&expected(&["took … µs"]), &["took 12 ms"]));
    assert!(!matches(&expected(&["a"]), &["a", "b"]));
    assert!(!matches(&expected(&["a", "..."]), &["b"]));
}
