"""Keras layers in `keras.ops` only, and the tables by which a configuration chooses them."""

from lungnet.layers.activations import ACTIVATIONS
from lungnet.layers.bag_poolings import BAG_POOLINGS
from lungnet.layers.global_poolings import GLOBAL_POOLINGS
from lungnet.layers.norms import NORMS
from lungnet.layers.poolings import POOLINGS

__all__ = ["ACTIVATIONS", "BAG_POOLINGS", "GLOBAL_POOLINGS", "NORMS", "POOLINGS"]
