"""What a network costs and sees: told from its graph, without data and without running it."""

from lungnet.models.description.network_description import (
    LayerDescription,
    NetworkDescription,
    describe_network,
)

__all__ = ["LayerDescription", "NetworkDescription", "describe_network"]
