"""A bundle opened, its network compiled, its calibration read: arrays in, answers out."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lungnet.config.model import InputConfig
from lungnet.datasets.crop_recipe import crop_hash
from lungnet.errors import BundleError
from lungnet.evaluation.calibration import Calibration
from lungnet.models.bundle import Bundle, open_bundle
from lungnet.models.exported_network import LOGIT, Arrays, compile_networks


class BundleNetwork:
    """The network of a bundle, whose inputs this version makes as they were made for its training.

    Attributes:
        bundle: as it was opened.
        calibration: from logits to probabilities.

    Raises:
        BundleError: the bundle fails its checks, or its inputs were made by other rules than this
            version's.
    """

    def __init__(self, path: Path) -> None:
        self.bundle: Bundle = open_bundle(path)
        _check_rules(self.bundle)
        try:
            self.calibration = Calibration.from_json(dict(self.bundle.calibration))
            self._answer = compile_networks(self.bundle.exported_networks())
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"{path}: cannot be loaded ({str(error).splitlines()[0]})") from None

    @property
    def input_config(self) -> InputConfig:
        """What the network is shown."""
        return self.bundle.experiment.input

    @property
    def is_synthetic(self) -> bool:
        """Whether it was trained on patients that a program made up."""
        return bool(self.bundle.training.get("synthetic"))

    @property
    def learned_heads(self) -> frozenset[str]:
        """Further outputs whose truth the training knew: only these are shown."""
        heads = self.bundle.training.get("learned_heads")
        return frozenset(map(str, heads)) if isinstance(heads, list) else frozenset()

    def outputs(self, inputs: Arrays) -> Arrays:
        """The mean over the networks of each output, by name.

        Args:
            inputs: by name, the first axis the samples.
        """
        return self._answer(inputs)

    def probabilities(self, outputs: Arrays) -> NDArray[np.float64]:
        """Calibrated probabilities of what `outputs` gave, shape (samples,)."""
        return self.calibration.apply(outputs[LOGIT])[:, 0]


def _check_rules(bundle: Bundle) -> None:
    """Scans are prepared, and crops cut, as they were for the training.

    Crops that others had cut have no recipe: their bundle judges such crops only.
    """
    trained_on = bundle.preparation_hash
    if bundle.experiment.input.kind == "nodule":
        if trained_on in (None, crop_hash()):
            return
        differ = f"crops of recipe {trained_on}, this lungnet cuts {crop_hash()}"
    else:
        prepares = bundle.experiment.preparation.preparation_hash()
        if trained_on == prepares:
            return
        differ = f"scans of preparation {trained_on}, this lungnet prepares {prepares}"
    raise BundleError(
        f"{bundle.path}: trained on {differ}; use the version that trained it, or train again"
    )
