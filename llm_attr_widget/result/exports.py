"""What other programs read of a result: each form as text or bytes, or written to a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import overload

from llm_attr_widget.export import matrix, tables
from llm_attr_widget.export.html import still_page
from llm_attr_widget.export.style import Theme
from llm_attr_widget.export.tables import Formulas
from llm_attr_widget.game.atomic import given_or_written


class Exports(ABC):
    """The exporters of a result. Each returns its text (its bytes, for PNG); with a path it writes them there instead,
    text as UTF-8, and returns None. A file is whole or as it was. Raises OSError as `open` does.
    """

    @abstractmethod
    def _content(self) -> tables.Content:
        """What is written."""

    @abstractmethod
    def _repr_html_(self) -> str:
        """The matrix as a part of a page."""

    @overload
    def to_csv(self, path: None = None, *, formulas: Formulas = "quoted") -> str: ...
    @overload
    def to_csv(self, path: str | Path, *, formulas: Formulas = "quoted") -> None: ...
    def to_csv(self, path: str | Path | None = None, *, formulas: Formulas = "quoted") -> str | None:
        """One line a cell, as `to_dataframe()`; numbers as float32. The widget's Export menu writes the same.

        formulas: texts that a spreadsheet would compute (they begin with = + - @) have an
            apostrophe before them where "quoted", and are as they are where "kept", for programs that read them again.

        Returns the text, or writes it to `path`. Raises InputError for other `formulas`.
        """
        return given_or_written(tables.to_csv(self._content(), formulas), path)

    @overload
    def to_json(self, path: None = None) -> str: ...
    @overload
    def to_json(self, path: str | Path) -> None: ...
    def to_json(self, path: str | Path | None = None) -> str | None:
        """The numbers with what they are. The widget's Export menu writes the same.

        Returns the text, or writes it to `path`.
        """
        return given_or_written(tables.to_json(self._content()), path)

    @overload
    def to_latex(self, path: None = None) -> str: ...
    @overload
    def to_latex(self, path: str | Path) -> None: ...
    def to_latex(self, path: str | Path | None = None) -> str | None:
        """A coloured tabular (packages xcolor, graphicx). The widget's Export menu writes the same.

        Returns the text, or writes it to `path`.
        """
        return given_or_written(tables.to_latex(self._content()), path)

    @overload
    def to_html(self, path: None = None) -> str: ...
    @overload
    def to_html(self, path: str | Path) -> None: ...
    def to_html(self, path: str | Path | None = None) -> str | None:
        """A page with the matrix as a table, no script in it. `AttrWidget.from_result(…).to_html()` is interactive.

        Returns the text, or writes it to `path`.
        """
        return given_or_written(still_page(str(self._content().about["label"]), self._repr_html_()), path)

    @overload
    def to_svg(self, path: None = None, *, theme: Theme = "light") -> str: ...
    @overload
    def to_svg(self, path: str | Path, *, theme: Theme = "light") -> None: ...
    def to_svg(self, path: str | Path | None = None, *, theme: Theme = "light") -> str | None:
        """The matrix as a drawing that stands alone. The widget's Export menu writes the same.

        Returns the text, or writes it to `path`.
        """
        return given_or_written(matrix.to_svg(self._content(), theme), path)

    @overload
    def to_png(self, path: None = None, *, theme: Theme = "light") -> bytes: ...
    @overload
    def to_png(self, path: str | Path, *, theme: Theme = "light") -> None: ...
    def to_png(self, path: str | Path | None = None, *, theme: Theme = "light") -> bytes | None:
        """The same drawing as a PNG file, two dots to a pixel.

        Returns the bytes, or writes them to `path`.
        """
        return given_or_written(matrix.to_png(self._content(), theme), path)
