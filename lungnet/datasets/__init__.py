"""From a store or an npz and labels to a `Cohort`, its splits by patient, and batches for the network."""
