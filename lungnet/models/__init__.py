"""From a configuration to a network (`lungnet.models.build`), and from a run to a bundle (`lungnet.models.bundle`)."""
