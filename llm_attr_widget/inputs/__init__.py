"""Prompts that know their features. To add a kind: one file here, and its name in this face.

An input of your own needs no entry anywhere: whatever has the five members of `types.Input` works in `attribute` and in
the widget. What more it can do it says by further members; `inputs.members` lists them, with what is done without.
"""

from __future__ import annotations

from llm_attr_widget.inputs.changed.locked import locked_in, locked_segments
from llm_attr_widget.inputs.changed.rebased import rebased
from llm_attr_widget.inputs.changed.rewritten import rewritten
from llm_attr_widget.inputs.image.prompt import ImageInput
from llm_attr_widget.inputs.image.segmentation import Boxes, Grid, Labels, Masks, Slic
from llm_attr_widget.inputs.making import PromptLike, make_input
from llm_attr_widget.inputs.text.chat import ChatInput
from llm_attr_widget.inputs.text.spans import TextInput
from llm_attr_widget.inputs.text.template import ProductBaselines, SampledBaselines, TemplateInput
from llm_attr_widget.inputs.text.tokens import TokenInput

__all__ = [
    "Boxes",
    "ChatInput",
    "Grid",
    "ImageInput",
    "Labels",
    "Masks",
    "ProductBaselines",
    "PromptLike",
    "SampledBaselines",
    "Slic",
    "TemplateInput",
    "TextInput",
    "TokenInput",
    "locked_in",
    "locked_segments",
    "make_input",
    "rebased",
    "rewritten",
]
