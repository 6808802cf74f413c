"""Numbers as something to read: text for other programs, a drawing, a page, a figure; one style for all of them.

These take arrays and texts. Of a result, ask its own methods: `to_csv()`, `to_svg()`, `plot_token_attr()`, ….
"""

from __future__ import annotations

from llm_attr_widget.export.figures import sequence_figure, token_figure
from llm_attr_widget.export.heatmap import image_figure
from llm_attr_widget.export.html import html_picture
from llm_attr_widget.export.matrix import to_png, to_svg
from llm_attr_widget.export.tables import Content, to_csv, to_json, to_latex

__all__ = [
    "Content",
    "html_picture",
    "image_figure",
    "sequence_figure",
    "to_csv",
    "to_json",
    "to_latex",
    "to_png",
    "to_svg",
    "token_figure",
]
