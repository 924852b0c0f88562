"""The processes of one training run: one alone, or several that ``torchrun`` or ``accelerate launch`` started.

Conventions:
    A launcher says who is who by RANK, WORLD_SIZE, LOCAL_RANK and MASTER_*; without them a process is alone. Ranks talk
    over nccl between GPUs and gloo between CPUs, and read one file system. Rank 0 is the one that writes and speaks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

from cocreate.errors import InputError

PATIENCE = timedelta(hours=6)  # the others wait while rank 0 reads a large corpus


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of ``world`` processes this is, and the device it trains on; ``here`` of them share this machine."""

    device: torch.device
    rank: int = 0
    world: int = 1
    here: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def wait(self) -> None:
        """Go on when all are here."""
        if self.world > 1:
            distributed.barrier()

    def sums(self, values: Sequence[float]) -> list[float]:
        """Each value summed over the ranks, in double precision."""
        if self.world == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return [float(value) for value in total.tolist()]

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by its mean over the ranks; one that is missing here counts as zero."""
        owned = list(parameters)
        for parameter in owned:
            if parameter.grad is None:  # no lesson of these batches was told a taste
                parameter.grad = torch.zeros_like(parameter)
        if self.world == 1:
            return
        gradients = [parameter.grad for parameter in owned if parameter.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])  # one message, not one a tensor
        distributed.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def alone() -> Ranks:
    """One process, on the first GPU where there is one."""
    return Ranks(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


@contextmanager
def joined() -> Iterator[Ranks]:
    """Take a place among the processes that the launcher started; they part at the end of the block."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield alone()
        return
    local, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if gpus and local >= gpus:
        raise InputError(f"a run must have at most one process for each of the {gpus} GPUs here, got {local + 1}")
    if gpus:
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
        distributed.init_process_group("nccl", timeout=PATIENCE, device_id=device)
    else:
        device = torch.device("cpu")
        distributed.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Ranks(device, distributed.get_rank(), world, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    finally:
        distributed.destroy_process_group()
