//! Karmada's API types: kinds, labels, conditions; no logic.
