"""An experiment: all its sections in one frozen model, and the file and line of each value."""

from typing import Annotated

from pydantic import Field, PrivateAttr, model_validator

from lungnet.config.data import DataConfig
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.config.section import Section
from lungnet.config.training import EvaluationConfig, OptimizerConfig, TrainingConfig
from lungnet.files import canonical_hash


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

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _kinds_go_together(self) -> "Experiment":
        if self.data.kind == "nodules" and (
            self.data.labels is not None or self.preparation != PreparationConfig()
        ):
            raise ValueError(
                "data.labels and preparation do nothing with data.kind nodules, whose npz is "
                "prepared and labeled; leave them out"
            )
        if (self.input.kind == "nodule") != (self.data.kind == "nodules"):
            raise ValueError(
                f"input.kind {self.input.kind} cannot be fed from data.kind {self.data.kind}: "
                "nodule needs nodules, bag and volume a store"
            )
        return self

    def where(self, key: str) -> str:
        """File and line that set a key, or the nearest section above it that is set."""
        while key and key not in self._sources:
            key = key.rpartition(".")[0]
        return self._sources[key] if key else "the defaults"

    def config_hash(self) -> str:
        """16 hexadecimal digits over every setting, resolved."""
        return canonical_hash(self.model_dump(mode="json"))[:16]
