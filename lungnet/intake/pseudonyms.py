"""Keys for file names, and salted pseudonyms in place of ids that must stay confidential.

Names, birth dates and the like are never read, so they cannot leak; ids are, because cohorts are
matched by them.
"""

import hashlib
import hmac
from dataclasses import dataclass, replace
from pathlib import Path

from lungnet.errors import UsageError
from lungnet.files import read_bounded
from lungnet.intake.series import Series

_SHORTEST_SALT = 8
LARGEST_SALT_BYTES = 1 << 20


def series_key(patient_id: str, series_uid: str, stack: str = "") -> str:
    """The name of a series in stores and folders: 16 hexadecimal digits that tell neither id."""
    text = "\x1f".join([patient_id, series_uid, *([stack] if stack else [])])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@dataclass(frozen=True)
class Pseudonyms:
    """Replaces ids by keyed hashes (HMAC-SHA256).

    The same salt gives the same pseudonym, no salt gives none back.

    Attributes:
        salt: secret bytes; keep them as long as the pseudonyms shall match, and apart from the
            data.
    """

    salt: bytes

    @classmethod
    def from_file(cls, path: Path) -> "Pseudonyms":
        """Read the salt from a file.

        Raises:
            UsageError: there is none, or it is too short to be a secret.
        """
        try:
            salt = read_bounded(path, LARGEST_SALT_BYTES).strip()
        except OSError as error:
            raise UsageError(
                f"{path}: the salt cannot be read ({error.strerror}); write at least "
                f"{_SHORTEST_SALT} random bytes there"
            ) from error
        if len(salt) < _SHORTEST_SALT:
            raise UsageError(
                f"{path}: the salt has {len(salt)} bytes; at least {_SHORTEST_SALT} are needed, "
                "e.g. from `openssl rand -hex 32`"
            )
        return cls(salt)

    def series(self, series: Series) -> Series:
        """A series with pseudonyms in place of its ids and of its path, which may hold an id."""
        return replace(
            series,
            path=Path("path-" + self._digest("path", str(series.path))[:16]),
            patient_id=self.patient(series.patient_id),
            study_uid=self.uid(series.study_uid),
            series_uid=self.uid(series.series_uid),
            study_date=self.date(series.study_date),
        )

    def patient(self, patient_id: str) -> str:
        """A pseudonym for a Patient ID; an empty one stays empty."""
        return "P" + self._digest("patient", patient_id)[:16] if patient_id else ""

    def date(self, study_date: str) -> str:
        """A pseudonym for a date; an empty one stays empty."""
        return "D" + self._digest("date", study_date)[:16] if study_date else ""

    def uid(self, uid: str) -> str:
        """A valid DICOM UID in place of another (PS3.5 annex B.2: 2.25 and a number).

        An empty one stays empty.
        """
        return f"2.25.{int(self._digest('uid', uid)[:32], 16)}" if uid else ""

    def _digest(self, purpose: str, text: str) -> str:
        return hmac.new(
            self.salt, f"{purpose}\x1f{text}".encode("utf-8", "surrogateescape"), hashlib.sha256
        ).hexdigest()
