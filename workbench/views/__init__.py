"""Tables to pictures: Plotly figures, one theme, the HTML report. Never sees a model.

`curves.figures` and `curves.task_figure` draw one task, `comparison.comparison_figure` and `forest.recognition_figure` all of
them; `tables` has them in words; `report.write_report` puts everything on a page.
"""

from workbench.views.comparison import comparison_figure
from workbench.views.curves import figures, task_figure
from workbench.views.findings import Finding, findings
from workbench.views.forest import recognition_figure
from workbench.views.report import Picture, Table, write_report
from workbench.views.tables import completions_by_layer, recognition_table
from workbench.views.theme import darkened

__all__ = [
    "Finding",
    "Picture",
    "Table",
    "comparison_figure",
    "completions_by_layer",
    "darkened",
    "figures",
    "findings",
    "recognition_figure",
    "recognition_table",
    "task_figure",
    "write_report",
]
