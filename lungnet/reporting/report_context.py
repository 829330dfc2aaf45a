"""What the page tells beside the figures: where the predictions come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True, eq=False)
class ReportContext:
    """Everything here is text from outside and is escaped on the page.

    Attributes:
        title: heading of the page, a run's or a file's name.
        split_made: one or two sentences: how the patients were divided.
        limits: what a reader should know about this data, a sentence each.
        config_text: the resolved YAML.
        environment: name -> version or value.
        history: a row per epoch, columns `epoch`, maybe `network` or `fold`, and metrics with their
            `val_` twins.
        pictures: series uid or patient id -> PNG files, as bytes, of the slices worth a look.
        pictures_show: a few words, what the pictures of a case show.
    """

    title: str = "Predictions"
    split_made: str = ""
    limits: Sequence[str] = ()
    config_text: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    history: pd.DataFrame | None = None
    pictures: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    pictures_show: str = ""
