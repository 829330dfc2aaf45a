"""What one archive may unpack, nested ones included: more is a bomb."""

from lungnet.config.intake import IntakeConfig
from lungnet.errors import UnreadableError
from lungnet.intake import reasons

_MEMBER_BYTES = (
    4096  # what meeting a member costs, in bytes of unpacking: a million empty ones are a bomb too
)


class Budget:
    """Counts down, and raises `UnreadableError` (too-large) where nothing is left.

    Attributes:
        config: where the bounds come from.
    """

    def __init__(self, packed: int, config: IntakeConfig) -> None:
        self.config = config
        self._bytes_left = max(packed * config.largest_ratio, config.always_allowed_bytes)
        self._members_left = config.most_members

    def spend_member(self, size: int) -> None:
        """Count a member by the size it declares: more than that is never read of it."""
        self.allow_members(1)
        self._members_left -= 1
        self.spend(max(size, 0) + _MEMBER_BYTES)

    def spend(self, size: int) -> None:
        """Count bytes."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise UnreadableError(
                reasons.TOO_LARGE,
                f"the archive unpacks to more than {self.config.largest_ratio} times its size",
            )

    def allow_members(self, count: int) -> None:
        """Whether so many members could be met, before memory is taken for their names."""
        if count > self._members_left:
            raise UnreadableError(
                reasons.TOO_LARGE, f"more than {self.config.most_members:,} files in one archive"
            )
        if count * _MEMBER_BYTES > self._bytes_left:
            raise UnreadableError(
                reasons.TOO_LARGE,
                f"the archive unpacks to more than {self.config.largest_ratio} times its size",
            )
