"""Trains the vision-language model that ships: `python -m training.vision`. CPU, seeded, see --help.

Colours are learnt at once; finding a shape by its form is what takes time. So the vision tower first learns what each
cell holds (`learn_to_see`), which is quick, and the whole model then learns to answer (`learn_to_answer`), on pictures
and questions of `vision_batches`.

The weights follow from the seed, the number of threads, and the kernels of torch and BLAS on the machine: another CPU
or version sums in another order, and after thousands of steps its weights differ, though what they can do does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from llm_attr_widget.demo import VISION_FOLDER, load_vision
from llm_attr_widget.demo.vision_world import COLOURS, GRID, SHAPES, Kind, VisionExample, chat, draw_scene, examples
from training.recipe import options_of, report, reproducible, write_for_all_versions
from training.vision_batches import IGNORED, Batch, ask, batch, view

log = logging.getLogger(__name__)

PAD, END, USER, ASSISTANT, SYSTEM, IMAGE = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<image>"
SPECIAL = (PAD, END, USER, ASSISTANT, SYSTEM, IMAGE)
"""Special tokens in the order of their ids. `END` closes every turn: it is the model's eos."""
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['content'] is string %}{{ message['content'] | trim }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '" + IMAGE + "' }}{% else %}{{ part['text'] | trim }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{{ '" + END + "' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '" + ASSISTANT + "' }}{% endif %}"
)
VOCABULARY = 400
SIDE, PATCH = 96, 32
"""The model's own picture size, and its patches'; any picture is resized to it."""
WIDTH, INNER, LAYERS, HEADS = 128, 384, (3, 3), 4
"""LAYERS: of the vision tower and of the language model."""
SPREAD = 0.06
"""Standard deviation of the language model's first weights: with the usual 0.02 so narrow a model starts slowly."""


@dataclass(frozen=True, slots=True)
class Stage:
    """pictures: in each step; rate: the peak of AdamW's learning rate."""

    steps: int
    pictures: int
    rate: float


SEEING = Stage(steps=600, pictures=64, rate=1.5e-3)
ANSWERING = Stage(steps=5000, pictures=16, rate=1.5e-3)
WARM_UP = 100
STILL_SEEING = 0.3
"""Weight of what the vision tower sees in the loss while the whole model learns to answer."""
LOGGED = 250
"""Steps between two entries in the log, and two checkpoints."""


def build_processor(rng: np.random.Generator) -> LlavaProcessor:
    """PIL and numpy alone for pictures; for text a byte-level BPE that gives back any UTF-8 text as it was."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    asked = [pair for _ in range(500) for pair in ask(view(draw_scene(rng, held_out=False), rng), rng)]
    tokenizer.train_from_iterator([text for pair in asked for text in pair], trainer)
    images = CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    text = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT, SYSTEM, IMAGE],
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
    # "default" drops the vision tower's class token, which `num_additional_image_tokens` counts.
    return LlavaProcessor(
        images,
        text,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=CHAT_TEMPLATE,
    )


def build_model(processor: LlavaProcessor, seed: int) -> LlavaForConditionalGeneration:
    """A LLaVA of about 1.5 million parameters with random weights that depend on the seed alone."""
    ids = {token: processor.tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS[0],
        num_attention_heads=HEADS,
        image_size=SIDE,
        patch_size=PATCH,
    )
    text = LlamaConfig(
        vocab_size=len(processor.tokenizer),
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS[1],
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=1024,
        initializer_range=SPREAD,
        tie_word_embeddings=True,
        pad_token_id=ids[PAD],
        bos_token_id=None,
        eos_token_id=ids[END],
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=ids[IMAGE],
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        image_seq_length=(SIDE // PATCH) ** 2,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids[END]
    model.generation_config.pad_token_id = ids[PAD]
    # Room for the longest caption, so that `model.generate` stops at the eos and not at a limit.
    model.generation_config.max_new_tokens = 64
    return model


class Glance(torch.nn.Module):
    """What each cell holds, read off each image token as the language model gets it.

    The token is normed first, as the language model norms it: what is small beside the rest of it would not be noticed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shape = torch.nn.Linear(WIDTH, len(SHAPES) + 1)
        self.colour = torch.nn.Linear(WIDTH, len(COLOURS) + 1)

    def loss(self, seen: torch.Tensor, batch: Batch) -> torch.Tensor:
        """seen: image tokens (pictures, patches, width), row-major."""
        seen = torch.nn.functional.rms_norm(seen, (WIDTH,))
        side = SIDE // PATCH
        row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        cell = (row * GRID // side * GRID + column * GRID // side).flatten()
        shape = torch.nn.functional.cross_entropy(
            self.shape(seen).flatten(0, 1), batch.shapes[:, cell].flatten(), ignore_index=IGNORED
        )
        colour = torch.nn.functional.cross_entropy(
            self.colour(seen).flatten(0, 1), batch.colours[:, cell].flatten(), ignore_index=IGNORED
        )
        return shape + colour


def train(
    model: LlavaForConditionalGeneration,
    processor: LlavaProcessor,
    stages: tuple[Stage, Stage],
    rng: np.random.Generator,
    out: Path,
) -> None:
    """Trains `model` in place, first what it sees with alone, then all of it, and saves checkpoints to `out`."""
    glance = Glance()
    tower, projector = model.model.vision_tower, model.model.multi_modal_projector
    model.train()

    def seeing(batch: Batch) -> torch.Tensor:
        seen = tower(batch.pixels, output_hidden_states=True).hidden_states[-1]
        return glance.loss(projector(seen[:, 1:]), batch)

    def answering(batch: Batch) -> torch.Tensor:
        logits = model(
            input_ids=batch.ids, pixel_values=batch.pixels, attention_mask=batch.mask, position_ids=batch.positions
        ).logits
        told = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), batch.labels[:, 1:].flatten(), ignore_index=IGNORED
        )
        return told + STILL_SEEING * seeing(batch)

    for stage, loss, parts in zip(
        stages, (seeing, answering), ((tower, projector, glance), (model, glance)), strict=True
    ):
        weights = [weight for part in parts for weight in part.parameters()]
        for step in descend(loss, weights, (batch(processor, rng, stage.pictures) for _ in range(stage.steps)), stage):
            if step % LOGGED == 0:
                save(model, processor, out)
    model.eval()


def descend(
    loss: Callable[[Batch], torch.Tensor], weights: list[torch.nn.Parameter], batches: Iterable[Batch], stage: Stage
) -> Iterator[int]:
    """One AdamW step for each batch, the rate warmed up and brought down along a cosine. Yields steps done."""
    optimizer = torch.optim.AdamW(weights, lr=stage.rate, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / WARM_UP, 0.5 * (1 + np.cos(np.pi * step / stage.steps)))
    )
    recent: list[float] = []
    for step, one in enumerate(batches, start=1):
        now = loss(one)
        optimizer.zero_grad()
        now.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        recent.append(now.item())
        if step % LOGGED == 0:
            log.info("step %d of %d: loss %.3f", step, stage.steps, np.mean(recent))
            recent.clear()
        yield step


def save(model: LlavaForConditionalGeneration, processor: LlavaProcessor, folder: Path) -> None:
    """Writes what `from_pretrained` reads, weights as float16."""
    copy = LlavaForConditionalGeneration(model.config)
    copy.load_state_dict(model.state_dict())
    copy.generation_config = model.generation_config
    copy.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    write_for_all_versions(folder)


def answer(model: LlavaForConditionalGeneration, processor: LlavaProcessor, image: Image.Image, question: str) -> str:
    """What the model says about a picture, greedily, up to its eos."""
    text = processor.apply_chat_template(chat(question), add_generation_prompt=True)
    inputs = processor(images=image, text=text, return_tensors="pt")
    # transformers declares `self` as a protocol that none of its own models meets.
    said = model.generate(**inputs, do_sample=False)  # pyright: ignore[reportAttributeAccessIssue]
    return str(processor.decode(said[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


def accuracy(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor, held_out: Sequence[VisionExample]
) -> dict[Kind, float]:
    """Share of right greedy answers for each kind: every token of the answer is the likeliest, and the eos after it."""
    right: dict[Kind, list[bool]] = {}
    for example in held_out:
        text = processor.apply_chat_template(example.messages, add_generation_prompt=True)
        inputs = processor(images=example.image, text=text, return_tensors="pt")
        told = [*processor.tokenizer.encode(example.answer, add_special_tokens=False), processor.tokenizer.eos_token_id]
        ids = torch.cat([inputs["input_ids"], torch.tensor([told])], dim=1)
        with torch.inference_mode():
            logits = model(input_ids=ids, pixel_values=inputs["pixel_values"]).logits[0]
        right.setdefault(example.kind, []).append(logits[-len(told) - 1 : -1].argmax(dim=-1).tolist() == told)
    return {kind: float(np.mean(hits)) for kind, hits in right.items()}


def main(argv: Sequence[str] | None = None) -> None:
    parser = options_of("Trains the vision-language model that ships.", VISION_FOLDER)
    parser.add_argument("--seeing", type=int, default=SEEING.steps, help="steps of the vision tower alone")
    parser.add_argument("--answering", type=int, default=ANSWERING.steps, help="steps of the whole model")
    parser.add_argument("--asked", type=int, default=500, help="held-out pictures to try the result on")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    world, training, testing = np.random.default_rng(options.seed).spawn(3)
    with reproducible(options.threads):
        processor = build_processor(world)
        model = build_model(processor, options.seed)
        log.info("%d parameters, %d tokens", model.num_parameters(), len(processor.tokenizer))
        stages = replace(SEEING, steps=options.seeing), replace(ANSWERING, steps=options.answering)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            train(model, processor, stages, training, options.out)
            save(model, processor, options.out)

    shipped, its_processor = load_vision(options.out)
    print(
        report(accuracy(shipped, its_processor, examples(testing, options.asked)), "questions about held-out pictures")
    )


if __name__ == "__main__":
    main()
