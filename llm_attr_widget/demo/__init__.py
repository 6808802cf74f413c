"""The small models that ship with the package, for demos and tests without a download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast

TEXT_FOLDER = Path(__file__).parent / "text"
"""Where the text model lies, as `from_pretrained` reads it."""

VISION_FOLDER = Path(__file__).parent / "vision"
"""Where the vision-language model lies, as `from_pretrained` reads it."""


def load_text(folder: Path = TEXT_FOLDER) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The text model that ships and its tokenizer, in evaluation mode and float32 on the CPU.

    About one million parameters, trained by `training.text` on the texts of
    `llm_attr_widget.demo.text_world`, which also has held-out examples with their known causes.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder).float().eval()
    return cast("LlamaForCausalLM", model), cast("PreTrainedTokenizerFast", AutoTokenizer.from_pretrained(folder))


def load_vision(folder: Path = VISION_FOLDER) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """The vision-language model that ships and its processor, in evaluation mode and float32 on the CPU.

    A LLaVA of about 1.5 million parameters, trained by `training.vision` on the pictures of
    `llm_attr_widget.demo.vision_world`, which also has held-out examples with their known causes.
    """
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(folder).float().eval()
    return cast("LlavaForConditionalGeneration", model), cast("LlavaProcessor", AutoProcessor.from_pretrained(folder))
