"""One module per command: it parses, calls one function, prints, and does nothing else."""
