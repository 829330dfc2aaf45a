"""The page: one file, nothing from elsewhere, nothing unescaped, the same bytes each time."""

import csv
import html.parser
import json
import re

import cv2
import numpy as np
import pandas as pd
import pytest

from lungnet.evaluation.metrics import evaluate_table
from lungnet.evaluation.scoring_config import ScoringConfig
from lungnet.reporting import ReportContext, write_report
from lungnet.reporting.case_table import MISS, case_table

QUICK = ScoringConfig(replicates=100)
EVIL = "<script>alert('x')</script>"
VOID = {"meta", "img", "input", "br"}


def table_of(n=60, **more):
    rng = np.random.default_rng(2)
    label = np.arange(n) % 3 == 0
    probability = 1 / (1 + np.exp(-rng.normal(label * 2 - 1, 1)))
    table = pd.DataFrame(
        {
            "patient_id": [f"p{i:03d}" for i in range(n)],
            "series_uid": [f"1.2.{i}" for i in range(n)],
            "label": label.astype(int),
        }
    )
    return table.assign(probability=probability, **more)


def png(value=100, size=32):
    return bytes(cv2.imencode(".png", np.full((size, size), value, np.uint8))[1])


def page_of(tmp_path, table, context=None, options=QUICK):
    return write_report(
        tmp_path / "report", table, evaluate_table(table, options), context
    ).read_text(encoding="utf-8")


class Outline(html.parser.HTMLParser):
    """Tags in order; unclosed or crossed ones are an error."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def outline(page):
    found = Outline()
    found.feed(page)
    assert not found.open
    return found


def full_context():
    history = pd.DataFrame(
        {
            "network": ["a", "a", "b", "b"],
            "epoch": [1, 2, 1, 2],
            "loss": [0.7, 0.5, 0.6, np.nan],
            "val_loss": [0.8, 0.6, np.nan, np.nan],
        }
    )
    return ReportContext(
        title=EVIL,
        split_made=EVIL,
        limits=[EVIL],
        config_text=f"seed: 7 # {EVIL}",
        environment={EVIL: EVIL},
        history=history.rename(columns={"loss": f"l{EVIL}", "val_loss": f"val_l{EVIL}"}),
        pictures={f"p{i:03d}": [png(i), b"<svg onload=alert(1)>"] for i in range(60)},
    )


def test_every_text_from_outside_is_escaped(tmp_path):
    table = table_of(split=EVIL)
    table.loc[3, "patient_id"] = EVIL
    table.loc[4, "series_uid"] = "\"><img src=x onerror=alert('x')>"
    page = page_of(tmp_path, table, full_context())
    found = outline(page)
    assert found.tags.count("script") == 1
    assert "<script>alert" not in page
    assert "alert('x')" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not any(
        name.startswith("on") for _, attributes in found.attributes for name in attributes
    )
    assert any(EVIL in text for text in found.text)


def test_the_page_asks_nobody_for_anything(tmp_path):
    page = page_of(tmp_path, table_of(), full_context())
    for _, attributes in outline(page).attributes:
        for name in ("src", "href", "action", "data", "srcset", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    assert "url(" not in page
    assert "@import" not in page
    assert any("default-src 'none'" in a.get("content", "") for _, a in outline(page).attributes)


def test_the_policy_lets_exactly_our_style_and_script_run(tmp_path):
    import base64
    import hashlib

    page = page_of(tmp_path, table_of())
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        body = re.search(f"<{tag}>(.*?)</{tag}>", page, flags=re.S)[1]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        policy = next(
            a["content"] for t, a in outline(page).attributes if t == "meta" and a.get("http-equiv")
        )
        assert f"{rule} 'sha256-{digest}'" in policy


def test_the_same_input_gives_the_same_bytes(tmp_path):
    table = table_of(diameter_mm=np.linspace(4, 30, 60))
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        write_report(folder, table, evaluate_table(table, QUICK), full_context())
    for name in ("report.html", "metrics.json", "cases.csv"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_synthetic_data_say_so(tmp_path):
    assert "Synthetic data." in page_of(tmp_path, table_of(synthetic=True))
    assert "Synthetic data." in page_of(
        tmp_path, table_of(), options=ScoringConfig(replicates=100, synthetic=True)
    )
    assert "Synthetic data." not in page_of(tmp_path, table_of())


def test_the_verdict_stands_first_and_no_skill_is_said(tmp_path):
    table = table_of()
    assert '<h2 id="verdict-h">Skill</h2>' in page_of(tmp_path, table)
    page = page_of(tmp_path, table.assign(probability=0.5))
    assert page.index("No skill") < page.index("<table")
    assert "Not a medical device" in page


def nodules(noise=1.0, **more):
    """A model beside a baseline that is the model with so much noise."""
    table = table_of(readers=np.arange(60) % 4 + 1, **more)
    logit = np.log(table["probability"] / (1 - table["probability"]))
    shaken = logit + noise * np.random.default_rng(5).normal(size=60)
    return table.assign(diameter_and_brightness=1 / (1 + np.exp(-shaken)))


def test_no_skill_beyond_size_and_calcium_is_said_with_the_verdict(tmp_path):
    page = page_of(tmp_path, nodules(noise=0.0))
    assert '<h2 id="verdict-h">Skill</h2>' in page
    assert page.index("No skill beyond size and calcium:") < page.index("<table")
    page = page_of(tmp_path, nodules(noise=8.0))
    assert "No skill beyond" not in page
    assert page.index("Beyond size and calcium: the model ranks better") < page.index("<table")
    assert "size and calcium" not in page_of(tmp_path, table_of())


@pytest.mark.parametrize("diameter", [{}, {"diameter_mm": 8.0}])
def test_each_baseline_has_a_column_of_the_key_figures(tmp_path, diameter):
    page = page_of(tmp_path, nodules(**diameter))
    heads = re.search(r'<table class="key">.*?</thead>', page, flags=re.S)[0].count("<th ")
    assert heads == 4 + len(diameter)
    assert set(re.findall(r'colspan="(\d)"', page)) == {str(heads)}
    key_figures = re.search(r'<table class="key">.*?</table>', page, flags=re.S)[0]
    named = re.findall(r'<tr class="named">.*?</tr>', key_figures, flags=re.S)
    assert {row.count("<t") - 1 for row in named} == {heads}


def test_figures_by_number_of_readers_stand_beside_the_labels_noise(tmp_path):
    options = ScoringConfig(replicates=100, label_noise=f"One in six differs. {EVIL}")
    page = page_of(tmp_path, nodules(), options=options)
    assert "<p>One in six differs. &lt;script&gt;" in page
    part = page[page.index("<h3>Readers</h3>") : page.index('<section id="curves"')]
    assert re.findall(r'<th scope="row">(\w+)</th><td class="num">(\d+)</td>', part) == [
        (str(readers), "15") for readers in (1, 2, 3, 4)
    ]
    assert "<h3>Readers</h3>" not in page_of(tmp_path, table_of())


def test_figures_and_pictures_are_described_and_tables_have_heads(tmp_path):
    found = outline(page_of(tmp_path, table_of(diameter_mm=8.0), full_context()))
    charts = [a for tag, a in found.attributes if tag == "svg" and a.get("role") == "img"]
    assert len(charts) == 5
    ids = {a["id"] for _, a in found.attributes if "id" in a}
    assert all(part in ids for a in charts for part in a["aria-labelledby"].split())
    images = [a for tag, a in found.attributes if tag == "img"]
    assert images
    assert all(a["alt"] for a in images)
    assert found.tags.count("caption") == found.tags.count("table")
    assert all(a.get("scope") for tag, a in found.attributes if tag == "th")
    identifiers = [a["id"] for _, a in found.attributes if "id" in a]
    assert len(identifiers) == len(set(identifiers))


def test_what_is_no_png_is_not_embedded(tmp_path):
    page = page_of(
        tmp_path, table_of(), ReportContext(pictures={"p000": [b"GIF89a"], "p001": [b"<svg/>"]})
    )
    assert "<img" not in page


def test_heavy_pictures_do_not_make_a_heavy_page(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (700, 700), np.uint8)
    heavy = bytes(cv2.imencode(".png", noise)[1])
    page = page_of(
        tmp_path, table_of(), ReportContext(pictures={f"p{i:03d}": [heavy] * 3 for i in range(60)})
    )
    assert 1e6 < len(page.encode()) < 5e6


def test_a_large_cohort_stays_a_small_page(tmp_path):
    table = table_of(20_000)
    page = page_of(tmp_path, table)
    assert len(page.encode()) < 2e6
    assert "first 2,000 of 20,000" in page
    assert len((tmp_path / "report/cases.csv").read_text().splitlines()) == 20_001


def test_worst_errors_come_first():
    table = table_of()
    cases = case_table(evaluate_table(table, QUICK))
    assert len(cases) == 60
    wrong = cases["outcome"] != "right"
    assert wrong.is_monotonic_decreasing
    assert cases.loc[wrong, "off"].is_monotonic_decreasing
    misses = cases[cases["outcome"] == MISS]
    assert ((misses["label"] == 1) & (misses["probability"] < 0.5)).all()


def test_the_csv_of_cases_is_defused_and_complete(tmp_path):
    table = table_of()
    table.loc[0, "patient_id"], table.loc[1, "patient_id"] = "=cmd|' /C calc'!A0", 'quo"te,\nline'
    page_of(tmp_path, table)
    rows = list(csv.DictReader((tmp_path / "report/cases.csv").open(newline="")))
    assert len(rows) == 60
    found = {row["patient_id"] for row in rows}
    assert "'=cmd|' /C calc'!A0" in found
    assert 'quo"te,\nline' in found
    assert {float(row["probability"]) for row in rows} == set(table["probability"])


def test_the_metrics_beside_the_page_are_the_metrics(tmp_path):
    table = table_of()
    page_of(tmp_path, table)
    written = json.loads((tmp_path / "report/metrics.json").read_text())
    assert written == json.loads(json.dumps(evaluate_table(table, QUICK).to_json()))
    for key in (
        "n",
        "positives",
        "split",
        "verdict",
        "roc_auc",
        "pr_auc",
        "log_loss",
        "brier",
        "ece",
        "accuracy",
        "baselines",
        "synthetic",
    ):
        assert key in written


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_a_constant_model_still_gets_a_page(tmp_path, probability):
    assert "No skill" in page_of(tmp_path, table_of().assign(probability=probability))


def test_four_patients_still_get_a_page(tmp_path):
    table = pd.DataFrame(
        {"patient_id": list("abcd"), "label": [0, 1, 0, 1], "probability": [0.1, 0.9, 0.2, 0.8]}
    )
    outline(page_of(tmp_path, table))
