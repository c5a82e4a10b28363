//! Certificates: the authority, what it issues, and TLS with them.
//!
//! **Invariant:** the authority signs no certificate that could sign others, and none that outlives
//! itself.

mod authority;
mod csr;
mod kubeconfig;
mod read;
mod serving;

pub use authority::{CertificateAuthority, Issued, Usage};
pub use csr::{CertificateRequest, create as create_csr, subject as csr_subject};
pub use kubeconfig::{Credentials, kubeconfig};
pub use read::{Subject, Validity, pin, subject_of_certificate, subject_of_pem, validity, verify_pin};
pub use serving::{Serving, server_config};
