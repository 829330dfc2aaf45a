"""Metrics, predictions and pictures come in.

One self-contained page, its figures and tables go out.
"""

from lungnet.reporting.page import write_report
from lungnet.reporting.report_context import ReportContext

__all__ = ["ReportContext", "write_report"]
