"""From a configuration to a network (`build`), and from a run to a bundle (`bundle`)."""
