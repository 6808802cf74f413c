"""`attribute MODEL`: one run, printed to stdout and written to files."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llm_attr_widget.cli import asked, loading
from llm_attr_widget.engine.run import attribute
from llm_attr_widget.engine.update import Interrupted
from llm_attr_widget.errors import InputError, ScoreError
from llm_attr_widget.game.values import VALUES
from llm_attr_widget.inputs import ImageInput
from llm_attr_widget.methods.registry import METHODS, make_method
from llm_attr_widget.result.attribution import Attribution
from llm_attr_widget.types import GRANULARITIES

_log = logging.getLogger(__name__)


def _interactive(result: Attribution, path: Path) -> None:
    from llm_attr_widget.widget.widget import AttrWidget

    AttrWidget.from_result(result).to_html(path)


FILES: Mapping[str, tuple[str, Callable[[Attribution, Path], None]]] = MappingProxyType(
    {
        "html": ("a page that stays interactive, without kernel or network", _interactive),
        "json": ("the numbers with what they are", Attribution.to_json),
        "csv": ("one line a cell", Attribution.to_csv),
        "latex": ("a coloured tabular", Attribution.to_latex),
        "svg": ("the matrix as a drawing", Attribution.to_svg),
        "png": ("the same drawing as a picture", Attribution.to_png),
        "npz": ("all of it, for Attribution.load", Attribution.save),
    }
)
"""What can be written: the option's name, what the file is, and how it is written."""

EXAMPLE = 'example: llm-attr-widget attribute gpt2 --prompt "Dave is a lawyer. He plays" --html out.html'


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Its words."""
    said = "which parts of the prompt made the model say this"
    made = commands.add_parser("attribute", parents=[shared], help=said, description=f"{said}?", epilog=EXAMPLE)
    loading.add(made)
    made.add_argument("--server", metavar="URL", help="an OpenAI-compatible server (vLLM) that has MODEL loaded")
    asked.add(made)
    how = made.add_argument_group("what is explained, and how")
    how.add_argument("--target", metavar="TEXT", help="the answer to explain (default: the model writes it)")
    how.add_argument("--against", metavar="TEXT", help="a second answer: why the target rather than this one")
    how.add_argument("--method", default="shapley", help=f"(default: shapley) {', '.join(METHODS)}")
    how.add_argument("--granularity", choices=GRANULARITIES, default="word", help="one feature is … (default: word)")
    how.add_argument(
        "--value", choices=[name for name, _ in VALUES], default="log_prob", help="(default: log_prob, in nats)"
    )
    how.add_argument("--budget", metavar="N", type=int, help="model calls a trial (default: the method's own)")
    how.add_argument("--trials", metavar="N", type=int, default=1, help="independent repetitions (default: 1)")
    how.add_argument("--seed", metavar="N", type=int, default=0, help="(default: 0)")
    how.add_argument("--max-new-tokens", metavar="N", type=int, default=32, help="of a target it writes (default: 32)")
    files = made.add_argument_group("files to write")
    for name, (what, _) in FILES.items():
        files.add_argument(f"--{name}", metavar="FILE", type=Path, help=what)
    files.add_argument(
        "--ledger",
        metavar="FILE",
        help="what was played, written every few seconds; gone on from where it is there",
    )
    made.add_argument("-q", "--quiet", action="store_true", help="no progress bar on stderr")
    made.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Attribute, write the files, and print the result: 0, or 130 where it was interrupted and is what there was.

    What can be known to be wrong without the model is refused before it is loaded. Where the model fails in the middle,
    files hold what there was, and a ScoreError says so.
    """
    paths = {name: path for name in FILES if (path := getattr(options, name)) is not None}
    for name, path in paths.items():
        _check_writable(name, path)
    make_method(options.method, budget=options.budget)
    model, tokenizer, prompt = _loaded(options, asked.prompt_of(options))
    try:
        result = attribute(
            model,
            tokenizer,
            prompt,
            options.target,
            against=options.against,
            method=options.method,
            granularity=options.granularity,
            value=options.value,
            budget=options.budget,
            trials=options.trials,
            seed=options.seed,
            max_new_tokens=options.max_new_tokens,
            resume=options.ledger if options.ledger is not None and Path(options.ledger).exists() else None,
            autosave=options.ledger,
            progress=not options.quiet,
        )
    except Interrupted as error:
        _write(error.attribution, paths)
        raise ScoreError(_failed(error, paths)) from error
    _write(result, paths)
    sys.stdout.write(f"{result}\n")
    return 130 if result.phase == "stopped" else 0


def _loaded(options: argparse.Namespace, prompt: asked.Told) -> tuple[Any, Any, asked.Told | ImageInput]:
    """Model, tokenizer, and the prompt with its image where it has one."""
    if options.server is not None:
        if options.image is not None:
            raise InputError("Expected a prompt of words alone with --server, which sends tokens: leave --image out.")
        from llm_attr_widget.models.openai import OpenAIModel

        words = loading.tokenizer(options.model)
        return OpenAIModel(options.server, tokenizer=words), words, prompt
    if options.image is None:
        return *loading.text_model(options), prompt
    model, processor = loading.vision_model(options)
    return model, processor, asked.about(options.image, prompt, processor, options)


def _failed(error: Interrupted, paths: Mapping[str, Path]) -> str:
    about = error.attribution.provenance
    kept = f" What there was is in {', '.join(map(str, paths.values()))}." if paths else ""
    return f"The model failed after {about.calls} of {about.planned} calls: {error.__cause__}.{kept}"


def _check_writable(name: str, path: Path) -> None:
    """Raises InputError where a file cannot be written: better now than after the run."""
    if not path.parent.is_dir():
        raise InputError(f"Expected --{name} FILE in a folder that is there, but {path.parent} is none. Make it first.")
    if path.is_dir():
        raise InputError(f"Expected --{name} FILE, but {path} is a folder. Add a file's name.")


def _write(result: Attribution, paths: Mapping[str, Path]) -> None:
    for name, path in paths.items():
        FILES[name][1](result, path)
        _log.info("Wrote %s", path)
