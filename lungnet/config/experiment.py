"""An experiment: all its sections in one frozen model, and the file and line of each value."""

from typing import Annotated

from pydantic import Field, PrivateAttr

from lungnet.config.data import DataConfig
from lungnet.config.model import InputConfig, ModelConfig
from lungnet.config.preparation import PreparationConfig
from lungnet.config.section import Section
from lungnet.config.training import EvaluationConfig, OptimizerConfig, TrainingConfig
from lungnet.config.yaml_text import Sources, nearest_source
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

    _sources: Sources = PrivateAttr(default_factory=dict)

    def where(self, key: str) -> str:
        """File and line that set a key, or the nearest section above it that is set."""
        source = nearest_source(self._sources, key)
        return source.place if source else "the defaults"

    def config_hash(self) -> str:
        """16 hexadecimal digits over every setting, resolved."""
        return canonical_hash(self.model_dump(mode="json"))[:16]
