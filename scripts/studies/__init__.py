"""Studies whose results stand in `docs/`: each page is written by its script."""
