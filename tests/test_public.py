"""The public names, pinned: adding or losing one is a decision, and a line in CHANGELOG.md."""

from __future__ import annotations

from importlib.metadata import version

import llm_attr_widget

NAMES = """
    AttrWidget Attribution AttributionError CapabilityError InputError Interrupted Ledger LedgerError MethodError
    ProtocolError ScoreError Separated Target TargetError Update attribute compare load_ledger run
"""


def test_the_public_names_are_these_and_all_are_there() -> None:
    assert sorted(llm_attr_widget.__all__) == sorted(NAMES.split())
    assert all(getattr(llm_attr_widget, name) is not None for name in NAMES.split())


def test_the_version_is_the_same_everywhere() -> None:
    assert llm_attr_widget.__version__ == version("llm_attr_widget")
