"""Metrics, predictions and pictures come in.

One self-contained page, its figures and tables go out.
"""

from lungnet.reporting.context import ReportContext
from lungnet.reporting.page import write_report

__all__ = ["ReportContext", "write_report"]
