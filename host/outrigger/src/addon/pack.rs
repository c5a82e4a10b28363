//! `addon package`: a directory as one archive.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use outrigger_package::{
    Limits, Package, PackagedAddon,
    trust::{Signature, SigningKey},
};

/// Pack the directory of an addon into an archive.
///
/// The same content gives the same bytes, and so the same digest. With --sign-key, the signature is written beside
/// the archive, as FILE.sig, in the form of `cosign sign-blob`.
#[derive(Debug, Args)]
pub struct Pack {
    /// The directory with addon.yaml.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The archive to write.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Private key (PEM) to sign the archive with.
    #[arg(long, value_name = "FILE")]
    pub sign_key: Option<PathBuf>,
}

/// Runs `outrigger addon package`.
pub fn run(args: &Pack) -> Result<()> {
    let addon = PackagedAddon::new(Package::from_dir(&args.directory, &Limits::default())?)?;
    let package = addon.package();
    let signature = match &args.sign_key {
        None => None,
        Some(file) => {
            let pem = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let key = SigningKey::from_pem(&file.display().to_string(), &pem)?;
            Some(Signature::of_archive(package.archive(), &key)?)
        }
    };
    let write = |file: &PathBuf, bytes: &[u8]| {
        fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
    };
    write(&args.output, package.archive())?;
    println!("{}: {}", args.output.display(), package.digest());
    if let Some(signature) = signature {
        let file = PathBuf::from(format!("{}.sig", args.output.display()));
        write(&file, format!("{signature}\n").as_bytes())?;
        println!("{}", file.display());
    }
    Ok(())
}
