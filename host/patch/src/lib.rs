//! JSON, merge, strategic-merge and apply patches with managedFields.
