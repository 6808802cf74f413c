"""The widget as a page of its own: `static/page.html`, written by the front end's build, with its state put in."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any


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


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"base64": b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
