"""What a run is called until someone calls it something else: how it was made, and what is new in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from llm_attr_widget.export.style import shorten
from llm_attr_widget.widget.protocol import Settings

LONGEST = 24
"""Characters of a text that is cited in a name."""
MOST = 2
"""Places in which two prompts differ that are named one by one."""


def name_of(settings: Settings, before: Settings | None, method: str, level: str) -> str:
    """Such as "kernel shap, word, without “lawyer”" or "contrast golf / chess".

    before: of the run before it; None for the first. method: as it was chosen; level: what one feature is.
    """
    made = [method.replace("_", " "), level]
    if settings.against is not None:
        one, other = apart(settings.target or "", settings.against)
        contrast = f"contrast {_cited(one)} / {_cited(other)}"
        made = [contrast] if before is None or before.method == settings.method else [contrast, *made[:1]]
    if before is not None:
        made += _changes(settings, before)
    return ", ".join(made)


def apart(one: str, other: str) -> tuple[str, str]:
    """Two answers without the words that both begin with; as they are where one has no other word."""
    words = [re.findall(r"\S+", text) for text in (one, other)]
    same = next((at for at, (a, b) in enumerate(zip(*words, strict=False)) if a != b), min(map(len, words)))
    first, second = (" ".join(part[same:]) for part in words)
    return (first, second) if first and second else (one.strip(), other.strip())


def _changes(settings: Settings, before: Settings) -> Iterator[str]:
    yield from _prompt_changes(settings.prompt, before.prompt)
    if settings.against is None and before.against is None and settings.target not in (before.target, None):
        yield f"of “{_cited(settings.target or '')}”"
    locked, known = settings.locked_stretches[1::2], before.locked_stretches[1::2]
    if locked and locked != known:
        yield f"{', '.join(f'“{_cited(part)}”' for part in locked[:MOST])} locked"
    if settings.value != before.value and settings.against is None:
        yield settings.value.replace("_", " ")
    for name in ("budget", "trials", "seed"):
        value = getattr(settings, name)
        if value is not None and value != getattr(before, name):
            yield f"{name} {value:,}"


def _prompt_changes(now: str, before: str) -> Iterator[str]:
    if now == before:
        return
    old, new = (re.findall(r"\w+|[^\w\s]", text) for text in (before, now))
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    edits = [edit for edit in matcher.get_opcodes() if edit[0] != "equal"]
    if not 0 < len(edits) <= MOST or matcher.ratio() < 0.5:
        yield "another prompt"
        return
    for _, a, b, c, d in edits:
        gone, come = (_cited(" ".join(words)) for words in (old[a:b], new[c:d]))
        yield f"“{gone}” → “{come}”" if gone and come else f"without “{gone}”" if gone else f"with “{come}”"


def _cited(text: str) -> str:
    return shorten(text.strip(), LONGEST)
