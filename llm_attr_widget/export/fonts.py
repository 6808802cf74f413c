"""Fonts of figures: the one the other drawings ask for, too, and what shows a character that it lacks."""

from __future__ import annotations

FIRST, LAST = "DejaVu Sans", "Last Resort High-Efficiency"  # both come with matplotlib; LAST from 3.11 on
OTHERS = (
    *("Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic"),
    *("WenQuanYi Micro Hei", "Noto Sans Thai", "Thonburi", "Leelawadee UI", "Noto Sans Devanagari", "Nirmala UI"),
    *("Noto Sans Arabic", "Noto Sans Hebrew", "Segoe UI Symbol", "Arial Unicode MS"),
)
"""Of scripts that FIRST lacks, on the systems that there are."""


def families() -> list[str]:
    """Font families for a figure's texts, as far as this machine has them: a character is taken from the first with it.

    LAST has a box for each script: a text that no font can write is seen not to be written, without a warning.
    """
    from matplotlib.font_manager import fontManager

    known = set(fontManager.get_font_names())
    return [FIRST, *(name for name in (*OTHERS, LAST) if name in known)]
