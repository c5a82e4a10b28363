//! `addon keys`: a pair of keys to sign packages with.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use outrigger_package::trust::SigningKey;

/// Make a pair of keys to sign packages with.
///
/// Writes PREFIX.key (ECDSA over P-256, PKCS#8, not encrypted, for its owner alone) and PREFIX.pub. cosign takes the
/// key with `cosign import-key-pair --key PREFIX.key`. Files that are there already are left alone.
#[derive(Debug, Args)]
pub struct Keys {
    /// What the two files are called.
    #[arg(long, value_name = "PREFIX", default_value = "addon")]
    pub prefix: PathBuf,
}

/// Runs `outrigger addon keys`.
pub fn run(args: &Keys) -> Result<()> {
    let (key, pem) = SigningKey::generate()?;
    let named = |extension: &str| PathBuf::from(format!("{}.{extension}", args.prefix.display()));
    write(&named("key"), &pem, 0o600)?;
    write(&named("pub"), &key.public().to_pem(), 0o644)?;
    println!(
        "{}: keep it to yourself\n{}: {}",
        named("key").display(),
        named("pub").display(),
        key.public().fingerprint()
    );
    Ok(())
}

fn write(file: &Path, text: &str, mode: u32) -> Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    let mut opened = opened.with_context(|| format!("cannot make {}", file.display()))?;
    opened.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}
