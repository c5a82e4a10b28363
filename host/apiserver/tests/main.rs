//! The API server as its clients see it: in process, over HTTPS, through kubectl; and, where
//! `OUTRIGGER_TEST_KUBECONFIG` names another API server, that one by the same contract.

mod access;
mod contract;
mod definitions;
mod harness;
mod housekeeping;
mod https;
mod kubectl;
mod lists;
mod reopening;
mod writes;
