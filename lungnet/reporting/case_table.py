"""Scored rows come in.

The case table, the cases worth a picture, and a CSV that no spreadsheet will execute go out.
"""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lungnet.evaluation.metrics import Metrics
from lungnet.evaluation.predictions import KEY, NO_FOLD
from lungnet.files import harmless

MOST_ROWS = 2000
"""Rows in the page's table; the CSV beside it holds all."""

MISS, FALSE_ALARM, RIGHT = "miss", "false alarm", "right"
PICTURED = {MISS: 6, FALSE_ALARM: 6, RIGHT: 4}
PICTURES_EACH = 3
PICTURE_BUDGET_BYTES = 2_700_000
"""Of PNG on one page: a third more as base64, which leaves a page of 5 MB over a megabyte for the
rest."""

PNG = b"\x89PNG\r\n\x1a\n"
TEXT_COLUMNS = ("patient_id", "series_uid", "sample", "split")


def case_table(metrics: Metrics) -> pd.DataFrame:
    """The scored rows with `outcome` and `off`, the worst errors first.

    `outcome` is miss, false alarm or right, `off` is |probability - label|.
    """
    rows = metrics.rows
    label, called = rows["label"].to_numpy(), rows["called"].to_numpy(bool)
    outcome = np.select([(label == 1) & ~called, (label == 0) & called], [MISS, FALSE_ALARM], RIGHT)
    cases = rows.assign(
        outcome=outcome, off=np.abs(rows["probability"] - label), wrong=outcome != RIGHT
    )
    return (
        cases.sort_values(["wrong", "off"], ascending=False, kind="stable")
        .drop(columns="wrong")
        .reset_index(drop=True)
    )


def shown_columns(cases: pd.DataFrame) -> list[tuple[str, str]]:
    """(column, heading) of those columns that hold something, in the page's order."""
    filled = {
        "series_uid": (cases["series_uid"] != "").any(),
        "sample": (cases["sample"] != "").any(),
        "fold": (cases["fold"] != NO_FOLD).any(),
        "diameter_mm": cases["diameter_mm"].notna().any(),
    }
    headings = {
        "outcome": "Outcome",
        "patient_id": "Patient",
        "label": "Label",
        "probability": "Probability",
        "off": "Off by",
        "diameter_mm": "Largest diameter, mm",
        "fold": "Fold",
        "sample": "Sample",
        "series_uid": "Series",
    }
    return [(column, heading) for column, heading in headings.items() if filled.get(column, True)]


def cases_csv(cases: pd.DataFrame) -> str:
    """All cases as CSV.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    columns = [
        "patient_id",
        "series_uid",
        "sample",
        "split",
        "fold",
        "label",
        "probability",
        "called",
        "outcome",
        "diameter_mm",
    ]
    table = cases[columns].copy()
    for column in TEXT_COLUMNS:
        table[column] = table[column].map(harmless)
    table["called"] = table["called"].astype(int)
    text = io.StringIO()
    table.to_csv(text, index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    return text.getvalue()


@dataclass(frozen=True)
class PicturedCase:
    """One case with its pictures as data URIs."""

    outcome: str
    patient_id: str
    series_uid: str
    label: int
    probability: float
    pictures: tuple[str, ...]


def worth_a_picture(cases: pd.DataFrame) -> pd.DataFrame:
    """The worst misses and false alarms, and the surest right answers of both labels.

    `cases` as `case_table` gives them; with repeats, each sample once, at its worst.
    """
    cases = cases.drop_duplicates(list(KEY))
    chosen = [
        cases[cases["outcome"] == outcome].head(most)
        for outcome, most in PICTURED.items()
        if outcome != RIGHT
    ]
    right = cases[cases["outcome"] == RIGHT]
    chosen += [right[right["label"] == label].tail(PICTURED[RIGHT] // 2) for label in (1, 0)]
    return pd.concat(chosen)


def pictured_cases(
    cases: pd.DataFrame, pictures: Mapping[str, Sequence[bytes]]
) -> list[PicturedCase]:
    """Those worth a picture among the cases of which there is one, by series or patient.

    What is no PNG, or too heavy, is left out.
    """
    budget = PICTURE_BUDGET_BYTES
    pictured: list[PicturedCase] = []
    having = cases[
        cases["series_uid"].isin(list(pictures)) | cases["patient_id"].isin(list(pictures))
    ]
    for case in worth_a_picture(having).to_dict("records"):
        uris = []
        for png in list(pictures.get(case["series_uid"]) or pictures[case["patient_id"]])[
            :PICTURES_EACH
        ]:
            if png.startswith(PNG) and len(png) <= budget:
                budget -= len(png)
                uris.append("data:image/png;base64," + base64.b64encode(png).decode("ascii"))
        if uris:
            pictured.append(
                PicturedCase(
                    case["outcome"],
                    case["patient_id"],
                    case["series_uid"],
                    case["label"],
                    case["probability"],
                    tuple(uris),
                )
            )
    return pictured
