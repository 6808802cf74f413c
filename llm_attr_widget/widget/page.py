"""The widget as a page of its own, and as a still picture for where no widget can be shown.

The page is `static/page.html` (written by the front end's build) with its state put in.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from llm_attr_widget.export.figures import png
from llm_attr_widget.export.html import img
from llm_attr_widget.export.style import visible
from llm_attr_widget.result.attribution import Attribution


def page(title: str, static: Path, state: Mapping[str, Any]) -> str:
    """HTML that shows this state with no kernel and no network, as the Export menu writes it.

    static: where the bundle is. state: traits by name, as protocol.State lists them; bytes become base64.
    """
    content = {
        "esm": (static / "widget.js").read_text(encoding="utf-8"),
        "css": (static / "widget.css").read_text(encoding="utf-8"),
        "state": {**_plain(state), "has_model": False},
    }
    # A "<" in the text could end the script element it stands in.
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    before, after = (static / "page.html").read_text(encoding="utf-8").split("{{content}}")
    return before.replace("{{title}}", escape(title, quote=False)) + text + after


def still(result: Attribution) -> str:
    """HTML of the result as pictures, and how far it is to be trusted below them."""
    figures = [result.plot_token_attr(), *([] if result.picture is None else [result.plot_image_heatmap()])]
    images = "".join(img(png(figure), alt=repr(result)) for figure in figures)
    return f"{images}<div>{escape(visible(str(result.status)))}</div>"


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"base64": b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
