"""Metrics, predictions and context come in.

A folder with `report.html`, `metrics.json` and `cases.csv` goes out.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lungnet.evaluation.metrics import METHODS, Metrics
from lungnet.evaluation.predictions import check_predictions
from lungnet.files import write_json, write_text
from lungnet.reporting import sentences as words
from lungnet.reporting.case_table import (
    MOST_ROWS,
    case_table,
    cases_csv,
    pictured_cases,
    shown_columns,
)
from lungnet.reporting.figures import figures, training_curves
from lungnet.reporting.report_context import ReportContext
from lungnet.version import __version__

POLICY = (
    "default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; base-uri "
    "'none'; form-action 'none'"
)
TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    out: Path, table: pd.DataFrame, metrics: Metrics, context: ReportContext | None = None
) -> Path:
    """Write the report of scored predictions; the same input gives the same bytes.

    The page is one file that asks nobody for anything: styles, the few lines of script and all
    pictures are in it, and a content security policy forbids whatever else. Every text from outside
    is escaped.

    Args:
        out: folder for `report.html`, `metrics.json` and `cases.csv`; made if absent.
        table: all predictions, also those not scored; they are counted by split.
        metrics: as `evaluate_table` gave them for this table.
        context: where the predictions come from.

    Returns:
        The path of the page.

    Raises:
        PredictionsError: a table that does not hold.
        MachineError: the folder cannot be written.
    """
    context = context or ReportContext()
    cases = case_table(metrics)
    page = render(check_predictions(table), metrics, context, cases)
    write_json(out / "metrics.json", metrics.to_json())
    write_text(out / "cases.csv", cases_csv(cases))
    write_text(out / "report.html", page)
    return out / "report.html"


def render(
    table: pd.DataFrame, metrics: Metrics, context: ReportContext, cases: pd.DataFrame
) -> str:
    """The page as text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (
        (TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js")
    )
    values: dict[str, Any] = {
        "metrics": metrics,
        "context": context,
        "words": words,
        "version": __version__,
        "style": style,
        "script": script,
        "policy": POLICY.format(style=_digest(style), script=_digest(script)),
        "figures": figures(metrics),
        "training": [] if context.history is None else training_curves(context.history),
        "columns": shown_columns(cases),
        "cases": cases.head(MOST_ROWS).to_dict("records"),
        "outcomes": cases["outcome"].value_counts().to_dict(),
        "pictured": pictured_cases(cases, context.pictures),
        "parts": words.parts(table),
        "methods": METHODS,
    }
    return environment.get_template("report.html.j2").render(values)


def _digest(text: str) -> str:
    """What a content security policy calls an inline style or script (CSP level 3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
