//! Lua interpreters from outside: the contract of all operations, what scripts see, limits, anything at all.

mod anything;
mod contract;
mod karmada;
mod limits;
mod sandbox;
