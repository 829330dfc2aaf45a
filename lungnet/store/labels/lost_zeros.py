"""Ids that a spreadsheet or a program took for numbers, told beside the scans' own."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from lungnet.errors import LabelsError

ROUNDED = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)
"""What a spreadsheet makes of an id of many digits: those behind the first few are lost."""


def check_zeros(path: Path, lines: Mapping[str, int], patients: Collection[str]) -> None:
    """Refuse labels whose ids are those of the scans but for zeros in front, or `.0` behind.

    Args:
        path: the labels file.
        lines: where each of its ids stands.
        patients: ids of the scans.

    Raises:
        LabelsError: naming the first such id, and how many there are.
    """
    unlabeled = {_number(patient): patient for patient in sorted(set(patients) - lines.keys())}
    unlabeled.pop("", None)
    changed = [
        (line, label_id, unlabeled[_number(label_id)])
        for label_id, line in lines.items()
        if label_id not in patients and _number(label_id) in unlabeled
    ]
    if changed:
        line, label_id, patient = min(changed)
        more = f" ({len(changed)} ids differ so)" if len(changed) > 1 else ""
        raise LabelsError(
            f"{path}:{line}: the id {label_id!r} is {patient!r} in the scans{more}: a spreadsheet "
            "or program took ids for numbers; write them as the scans have them, in a column of "
            "the type text"
        )


def _number(patient_id: str) -> str:
    """What is left of an id that was taken for a number; empty where it is none."""
    text = re.sub(r"[.,]0$", "", patient_id)
    return (text.lstrip("0") or "0") if text.isdigit() else ""
