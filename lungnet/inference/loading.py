"""From what a user calls a model to what answers."""

from pathlib import Path

from lungnet.inference.bundle_network import BundleNetwork
from lungnet.inference.nodule_predictor import NodulePredictor
from lungnet.inference.predictor import Predictor
from lungnet.models.shipped import bundle_folder


def load_predictor(model: str | Path) -> Predictor | NodulePredictor:
    """A bundle, or the one of a run, or one that ships, ready to answer for series or for places.

    Raises:
        BundleError: it is not there, fails its checks, or was trained on what this version makes
            otherwise.
    """
    network = BundleNetwork(bundle_folder(model))
    is_nodules = network.input_config.kind == "nodule"
    return NodulePredictor(network) if is_nodules else Predictor(network)
