"""Reports: one page about a model and a table, and what a model holds in words."""

from eigcore.report.describe import describe
from eigcore.report.page import report

__all__ = ["describe", "report"]
