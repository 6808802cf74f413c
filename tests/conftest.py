"""What every test has: one thread for torch, and browser tests marked and kept together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

BROWSER_TESTS = Path(__file__).parent / "browser"

# Small models are three times as fast on one thread, and workers do not take each other's cores. Before torch is
# imported, and in the environment, so that kernels and servers of the tests have it too.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser. Workers begin with it, since it takes longest; a run in one process ends with it."""
    for item in items:
        if BROWSER_TESTS in item.path.parents:
            item.add_marker(pytest.mark.browser)
    first = "PYTEST_XDIST_WORKER" in os.environ
    items.sort(key=lambda item: (item.get_closest_marker("browser") is not None) != first)


@pytest.fixture(autouse=True, scope="session")
def jitter() -> Iterator[None]:
    """With LAW_JITTER=1 no two calls of a model agree in their last digits, as on processors other than this one.

    Logits of every forward pass, also of those made by hand, move by up to 2e-6, those of a model in double precision
    by as much less as its numbers are finer. What fails asks for bit-equal floats from two model calls: no test may.
    """
    if not os.environ.get("LAW_JITTER"):
        yield
        return
    import torch
    from torch.nn.modules.module import register_module_forward_hook

    generator = torch.Generator().manual_seed(0)

    def moved(module: object, arguments: object, output: object) -> None:
        logits = getattr(output, "logits", None)
        if isinstance(logits, torch.Tensor) and logits.is_floating_point():
            most = min(2e-6, 16 * torch.finfo(logits.dtype).eps)
            noise = most * (2 * torch.rand(logits.shape, generator=generator, dtype=torch.float64) - 1)
            output.logits = logits + noise.to(logits)  # pyright: ignore[reportAttributeAccessIssue]

    hook = register_module_forward_hook(moved)
    yield
    hook.remove()
