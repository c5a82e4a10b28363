//! Loads the interpreters of folders, and runs the cases beside them:
//! `cargo run -p outrigger-engine --example cases -- interpreters/apps.kruise.io`.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use outrigger_engine::{Declarative, Engine, Layer, cases};

fn main() -> io::Result<ExitCode> {
    let mut files = Vec::new();
    for root in env::args().skip(1) {
        walk(Path::new(&root), &mut files)?;
    }
    let engine = Engine::standard();
    let (interpreters, cases): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|file| file.ends_with("interpreter.yaml"));
    let mut faults = 0;
    let mut loaded = Vec::new();
    for file in interpreters {
        match Declarative::parse(&file.display().to_string(), &fs::read_to_string(&file)?) {
            Ok(one) => loaded.push(one),
            Err(error) => {
                faults += 1;
                println!("{error}");
            }
        }
    }
    engine.install(Layer::UserCustomization, loaded);
    engine.conflicts().iter().for_each(|conflict| println!("{conflict}"));
    let mut passed = 0;
    for file in cases {
        match cases::parse(&file.display().to_string(), &fs::read_to_string(&file)?) {
            Ok(cases) => {
                for outcome in cases.iter().map(|case| cases::run(&engine, case)) {
                    if outcome.passed() {
                        passed += 1;
                    } else {
                        faults += 1;
                        println!("{}: {outcome}", file.display());
                    }
                }
            }
            Err(error) => {
                faults += 1;
                println!("{error}");
            }
        }
    }
    println!("{passed} cases passed, {faults} faults");
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn walk(at: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if at.is_dir() {
        for entry in fs::read_dir(at)? {
            walk(&entry?.path(), files)?;
        }
    } else if at.extension().is_some_and(|extension| extension == "yaml") {
        files.push(at.to_owned());
    }
    files.sort();
    Ok(())
}
