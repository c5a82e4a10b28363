//! From template to binding to work to status; cluster life cycle.
