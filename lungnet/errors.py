"""Every failure a user can cause or meet, as one tree; its exit codes are the command line's.

    LungnetError                   3
    |- UsageError                  2   options that do not go together
    |- ConfigError                 2   a configuration file or an override
    |  `- ChoiceError              2   a name or option that no row of a table takes
    |- InputError                  3   data from outside that is wrong, or leaves nothing to do
    |  |- SeriesRefused            3   one series, with a stable reason code
    |  |- FileRefused              3   one file or frame; intake turns it into a refused series
    |  |  |- UnreadableError       3     its bytes cannot be had
    |  |  |- UndecodableError      3     its pixels cannot be decoded
    |  |  |- MalformedHeaderError  3     its bytes do not read as a header
    |  |  |- IncompleteHeaderError 3     its header goes on after the bytes at hand
    |  |  `- MalformedValueError   3     a value cannot be what its tag says
    |  |- LabelsError              3   a labels file
    |  `- PredictionsError         3   a predictions table
    |- MachineError                3   no space, no permission: the machine, not the data
    |- TrainingError               3   a training that cannot be finished as it was asked for
    |  |- NonFiniteLossError       3     the loss became NaN or infinite
    |  `- ExportError              3     the exported network does not give Keras' answers
    `- DamageError                 4   something lungnet wrote no longer is what was written
       |- StoreError               4
       |- BundleError              4
       `- CheckpointError          4

The message is one sentence: what is wrong, where, what was found, what was expected, what to do.
It never holds a patient's name, birth date or any other identifying text except ids.
"""

from typing import NamedTuple


class Refusal(NamedTuple):
    """Why a file or a series is not used.

    Attributes:
        reason: one of the stable codes in `lungnet.intake.reasons`.
        detail: one sentence for people, free of identifying text.
    """

    reason: str
    detail: str


class LungnetError(Exception):
    """An expected failure, told in one sentence."""

    exit_code = 3


class UsageError(LungnetError):
    """Options that do not go together, or name what does not exist."""

    exit_code = 2


class ConfigError(LungnetError):
    """A configuration that cannot be read or does not hold.

    Names file, line and the nearest right name.
    """

    exit_code = 2


class ChoiceError(ConfigError):
    """A name or option that no row of a table takes.

    Attributes:
        key: its place in the configuration, such as `model.activation.name`.
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}")
        self.key = key


class InputError(LungnetError):
    """Input that is wrong or leaves nothing to do."""


class SeriesRefused(InputError):
    """One series that must not be used.

    Attributes:
        reason: one of the stable codes in `lungnet.intake.reasons`.
        detail: one sentence for people, free of identifying text.
    """

    def __init__(self, reason: str, detail: str) -> None:
        """Keep the code and the sentence apart: tables show both."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    @property
    def refusal(self) -> Refusal:
        """Reason and sentence together."""
        return Refusal(self.reason, self.detail)

    def __reduce__(self) -> tuple[type["SeriesRefused"], tuple[str, str]]:
        """Travel between processes whole (the default would pass the message as `reason`)."""
        return (type(self), (self.reason, self.detail))


class FileRefused(InputError):
    """One file, member of an archive or frame that intake cannot use; says why."""


class UnreadableError(FileRefused):
    """Bytes that cannot be had.

    Attributes:
        refusal: the reason and its sentence.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(reason, detail)


class UndecodableError(FileRefused):
    """A frame that cannot be decoded."""


class MalformedHeaderError(FileRefused):
    """Bytes that do not read as a plain DICOM header."""


class IncompleteHeaderError(FileRefused):
    """A header that goes on after the bytes at hand."""


class MalformedValueError(FileRefused):
    """A value that cannot be what its tag says; names the tag."""


class LabelsError(InputError):
    """A labels file with a missing column, a duplicated id or a value that is no label."""


class PredictionsError(InputError):
    """A predictions table that cannot be scored; names row and column."""


class MachineError(LungnetError):
    """The machine refuses: a full disk, a read-only folder, too little memory."""


class TrainingError(LungnetError):
    """A training that cannot be finished as it was asked for."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite."""


class ExportError(TrainingError):
    """The exported network does not give Keras' answers."""


class DamageError(LungnetError):
    """Something lungnet wrote no longer is what was written."""

    exit_code = 4


class StoreError(DamageError):
    """A prepared store that fails its checks."""


class BundleError(DamageError):
    """A model bundle that fails its checks."""


class DataChangedError(DamageError):
    """The data of a run are no longer those it began with."""


class CheckpointError(DamageError):
    """A checkpoint that fails its checks."""
