"""What the widget's menus offer."""

from __future__ import annotations

from llm_attr_widget.methods import METHODS
from llm_attr_widget.widget.protocol import Choice, Choices

CHOICES = Choices(
    methods=tuple(Choice(entry.name, entry.name.replace("_", " "), entry.about) for entry in METHODS),
    granularities=(
        Choice("token", "token", "Every token of the prompt is a feature."),
        Choice("word", "word", "Every word and punctuation mark is a feature."),
        Choice("sentence", "sentence", "Every sentence is a feature."),
        Choice("paragraph", "paragraph", "Every paragraph is a feature."),
    ),
    values=(
        Choice("log_prob", "log-prob", "Natural log of each token's probability, in nats."),
        Choice("prob", "probability", "Each token's probability."),
    ),
)
