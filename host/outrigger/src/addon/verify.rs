//! `addon verify`: who signed an archive.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use outrigger_package::{
    Limits, Package, PackagedAddon,
    trust::{PublicKey, Signature, verify},
};

/// Check an archive: that it is a usable package, and that one of the keys signed it.
#[derive(Debug, Args)]
pub struct Verify {
    /// The archive.
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Public keys (PEM) that are trusted.
    #[arg(long, value_name = "FILE", required = true)]
    pub key: Vec<PathBuf>,
    /// The signature, as `cosign sign-blob` writes it. Without it: ARCHIVE.sig.
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
}

/// Runs `outrigger addon verify`.
pub fn run(args: &Verify) -> Result<()> {
    let limits = Limits::default();
    let read = |file: &PathBuf| fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
    let shown = args.archive.display();
    let metadata = fs::metadata(&args.archive).with_context(|| format!("cannot read {shown}"))?;
    if metadata.len() > limits.archive {
        bail!("{shown}: the archive has {} bytes, and may have {}", metadata.len(), limits.archive);
    }
    let bytes = fs::read(&args.archive).with_context(|| format!("cannot read {shown}"))?;
    let mut keys = Vec::new();
    for file in &args.key {
        keys.push(PublicKey::from_pem(&file.display().to_string(), &read(file)?)?);
    }
    let beside = PathBuf::from(format!("{shown}.sig"));
    let file = args.signature.as_ref().unwrap_or(&beside);
    let signature: Signature = read(file)?.parse().with_context(|| file.display().to_string())?;
    let key = verify(&bytes, &[signature], &keys).with_context(|| shown.to_string())?;
    let package = Package::from_archive(bytes, &limits).with_context(|| shown.to_string())?;
    let addon = PackagedAddon::new(package).with_context(|| shown.to_string())?;
    let package = addon.package();
    let manifest = package.manifest();
    println!("{} {} {}\nsigned by {}", manifest.name, manifest.versions.addon, package.digest(), key.fingerprint());
    Ok(())
}
