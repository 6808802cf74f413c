"""Which of two ways is faster here: found by trying, since it hangs on the server, its cache and the prompts."""

from __future__ import annotations

from dataclasses import dataclass, field

TRIES = ("other", "usual", "other", "usual")
"""After the first block, which the other way reads to fill the server's cache and to be compared."""


@dataclass
class Faster:
    """The usual way or the other one. Each is timed on two blocks, and its faster time counts.

    After `choice` comes `took`, until `settled`. `refuse` is for another way that does not work.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"usual": [], "other": []})
    warm: bool = False
    refused: bool = False
    _tries: list[str] = field(default_factory=lambda: list(TRIES))

    @property
    def settled(self) -> bool:
        return self.refused or (self.warm and not self._tries)

    @property
    def choice(self) -> str:
        """The way for the next block."""
        if self.refused:
            return "usual"
        if not self.warm:
            return "other"
        if self._tries:
            return self._tries[0]
        return min(("usual", "other"), key=lambda way: min(self.seconds[way]))

    def took(self, seconds: float) -> None:
        """How long the block of this choice took, for each of its prompts."""
        if self.warm and self._tries:
            self.seconds[self._tries.pop(0)].append(seconds)
        self.warm = True

    def refuse(self) -> None:
        """The other way is out of the question."""
        self.refused = True
