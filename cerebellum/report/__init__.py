"""Pages about runs: one file that opens without a network, from a jinja2 template, with charts that zoom (plotly)."""

from cerebellum.report.write import write_comparison, write_report

__all__ = ["write_comparison", "write_report"]
