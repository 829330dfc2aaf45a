"""Every failure a user can cause or meet, as one tree.

The exit code of the command line stands on each branch.

    LungnetError              3
    |- UsageError             2   the command line asks for something that does not go together
    |- ConfigError            2   a configuration file or an override
    |- InputError             3   data from outside that is wrong, or leaves nothing to do
    |  |- SeriesRefused       3   one series, with a stable reason code
    |  |- LabelsError         3   a labels file
    |  `- PredictionsError    3   a predictions table
    |- MachineError           3   no space, no permission: the machine, not the data
    `- DamageError            4   something lungnet wrote no longer is what was written
       |- StoreError          4
       |- BundleError         4
       `- CheckpointError     4

The message is one sentence: what is wrong, where, what was found, what was expected, what to do.
It never holds a patient's name, birth date or any other identifying text except ids.
"""


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

    def __reduce__(self) -> tuple[type["SeriesRefused"], tuple[str, str]]:
        """Travel between processes whole (the default would pass the message as `reason`)."""
        return (type(self), (self.reason, self.detail))


class LabelsError(InputError):
    """A labels file with a missing column, a duplicated id or a value that is no label."""


class PredictionsError(InputError):
    """A predictions table that cannot be scored; names row and column."""


class MachineError(LungnetError):
    """The machine refuses: a full disk, a read-only folder, too little memory."""


class DamageError(LungnetError):
    """Something lungnet wrote no longer is what was written."""

    exit_code = 4


class StoreError(DamageError):
    """A prepared store that fails its checks."""


class BundleError(DamageError):
    """A model bundle that fails its checks."""


class CheckpointError(DamageError):
    """A checkpoint that fails its checks."""
