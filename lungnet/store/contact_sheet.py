"""All pictures of a store on pages for people who check by eye; what is doubtful comes first."""

from html import escape
from pathlib import Path
from typing import Any

from lungnet.files import remove, write_text
from lungnet.preprocessing.warning_codes import WARNINGS
from lungnet.store.layout import PICTURES

EACH_PAGE = 200
"""Scans on a page: a browser shows some, and a store may hold a hundred thousand."""

_STYLE = (
    "body{font:14px sans-serif;margin:1em;background:#fff;color:#111}"
    "figure{display:inline-block;margin:4px;max-width:100%;vertical-align:top}"
    "img{max-width:100%;display:block}b{color:#a40000}nav a{margin-right:.6em}"
)


def write_contact_sheet(store: Path, rows: list[dict[str, Any]]) -> None:
    """Write `pictures/index.html` and the pages after it, from rows of the manifest.

    Scans with a warning of preparation stand first. The same rows give the same bytes.
    """
    folder = store / PICTURES
    for path in folder.glob("index*.html"):
        remove(path)
    ordered = sorted(rows, key=lambda row: (-len(_doubts(row)), row["patient_id"], row["key"]))
    starts = range(0, max(len(ordered), 1), EACH_PAGE)
    names = ["index.html", *(f"index-{number}.html" for number in range(2, len(starts) + 1))]
    links = "".join(f'<a href="{name}">{i}</a>' for i, name in enumerate(names, 1))
    doubtful = sum(bool(_doubts(row)) for row in ordered)
    summary = f"{doubtful} of them doubtful, these first" if doubtful else "none of them doubtful"
    head = f"{len(ordered)} scans, {summary}"
    for name, start in zip(names, starts, strict=True):
        figures = "".join(map(_figure, ordered[start : start + EACH_PAGE]))
        write_text(
            folder / name,
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>{head}</title><style>{_STYLE}</style><h1>{head}</h1><nav>{links}</nav>"
            f"{figures}</html>\n",
        )


def _doubts(row: dict[str, Any]) -> list[str]:
    return [code for code in row["warnings"] if code in WARNINGS]


def _figure(row: dict[str, Any]) -> str:
    doubts = "".join(f" <b>{escape(code)}</b>" for code in _doubts(row))
    names = " ".join(filter(None, [row["patient_id"], row["series_uid"][-12:], row["stack"]]))
    return (
        f'<figure><img loading="lazy" src="{row["key"]}.png" alt="">'
        f"<figcaption>{escape(names)}{doubts}</figcaption></figure>"
    )
