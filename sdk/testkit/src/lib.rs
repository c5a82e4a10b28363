//! What an addon author tests with: simulated members, fixtures, golden files.
