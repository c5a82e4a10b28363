//! Shared libraries, built here and loaded: good ones, broken ones, and files that are none.

mod build;
mod calls;
mod faults;
mod loading;
