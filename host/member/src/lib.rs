//! One connection per member: executor, reflection, health; for push hosts and the agent alike.
