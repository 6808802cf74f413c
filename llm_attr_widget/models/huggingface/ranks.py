"""Models whose weights lie on several ranks (tensor parallel, FSDP): all ranks must call them alike.

Every pass is a collective operation: a rank that cuts its passes otherwise, by its own clock, waits for the others for
ever or fails with "collective mismatch". So sizes are not learned from time, and what else depends on time goes by the
first rank's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Ranks:
    """The processes that hold one model together. group: theirs, None for all processes there are."""

    group: Any

    def clock(self) -> float:
        """Seconds by the first rank's clock. Every rank must ask for it as often as the others."""
        on_gpu = dist.get_backend(self.group) == "nccl"
        now = torch.tensor([perf_counter()], dtype=torch.float64, device="cuda" if on_gpu else "cpu")
        first = 0 if self.group is None else dist.get_global_rank(self.group, 0)
        dist.broadcast(now, src=first, group=self.group)
        return float(now)


def ranks_of(model: nn.Module) -> Ranks | None:
    """The ranks that share a model's weights, None for a model that lies in one process."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return None
    if type(model).__name__ == "FullyShardedDataParallel":
        return Ranks(getattr(model, "process_group", None))
    meshes = (getattr(parameter, "device_mesh", None) for parameter in model.parameters())
    mesh: Any = next((mesh for mesh in meshes if mesh is not None), None)
    if mesh is None:
        return None
    cut = [axis for axis in range(mesh.ndim) if mesh.size(axis) > 1]
    # Cut along two axes (FSDP and tensor parallel), a model lies on all processes of the mesh.
    return Ranks(mesh.get_group(cut[0]) if len(cut) == 1 else None)
