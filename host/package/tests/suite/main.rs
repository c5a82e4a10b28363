//! Packages, signatures and registries from outside.

mod archives;
mod directories;
mod guestbook;
mod signatures;
