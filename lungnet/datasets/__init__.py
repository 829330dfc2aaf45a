"""From a store or an npz, with labels, to a `Cohort`, its splits by patient, and batches."""
