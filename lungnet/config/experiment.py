"""An experiment: all its sections in one frozen model, and the file and line of each value."""

from typing import Annotated

from pydantic import Field, PrivateAttr, model_validator

from lungnet.config.data import DataConfig
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.config.section import Section
from lungnet.config.training import EvaluationConfig, OptimizerConfig, TrainingConfig
from lungnet.config.yaml_text import Sources, nearest_source
from lungnet.files import canonical_hash

LARGEST_BEND = 0.1
"""Of an edge: the points of `elastic_voxels` lie a quarter of it apart, and a cubic spline through
points that move by less than 1/2.48 of their distance never folds (Choi and Lee 2000,
doi:10.1006/gmod.2000.0531)."""


class Experiment(Section):
    """One YAML file: the data, what is made of them, the network and its training."""

    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 7
    """The one seed; every random draw derives its own stream from it."""

    data: DataConfig
    preparation: PreparationConfig = PreparationConfig()
    input: InputConfig
    model: ModelConfig = ModelConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    _sources: Sources = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _augmentation_fits_the_input(self) -> "Experiment":
        config, size = self.training.augmentation, self.input.size
        if config.axes == "all" and len(size) == 2:
            raise ValueError(
                f"training.augmentation.axes is all and input.size {list(size)} a plane; expected "
                "three dimensions, or axes: plane"
            )
        if config.elastic_voxels > LARGEST_BEND * min(size):
            raise ValueError(
                f"training.augmentation.elastic_voxels is {config.elastic_voxels:g} and folds "
                f"input.size {list(size)}; expected at most {LARGEST_BEND * min(size):g}, a tenth "
                "of the shortest edge"
            )
        return self

    @model_validator(mode="after")
    def _mixed_samples_have_targets(self) -> "Experiment":
        """Half a candidate, a missing number, an unknown outline have no mean with another."""
        in_the_way = {
            "input.kind bag": self.input.kind == "bag",
            "input.scalars": bool(self.input.scalars),
            "model.heads": bool(self.model.heads),
            "model.output": self.model.output.name != "logit",
            "training.loss.balance": self.training.loss.balance,
        }
        conflicts = [name for name, is_set in in_the_way.items() if is_set]
        if self.training.augmentation.mixup and conflicts:
            raise ValueError(
                f"training.augmentation.mixup does not go with {' and '.join(conflicts)}; set "
                "mixup to 0 or leave these out"
            )
        return self

    def where(self, key: str) -> str:
        """File and line that set a key, or the nearest section above it that is set."""
        source = nearest_source(self._sources, key)
        return source.place if source else "the defaults"

    def config_hash(self) -> str:
        """16 hexadecimal digits over every setting, resolved."""
        return canonical_hash(self.model_dump(mode="json"))[:16]
