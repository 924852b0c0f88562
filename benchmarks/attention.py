"""Attention in blocks beside torch's fused kernel, forwards and backwards on one thread: ``attention.py``, no options.

The two take turns at the shapes of a training step; the least processor time of each counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch  # noqa: TID251 - measured against
from torch.nn import functional  # noqa: TID251

from cocreate.model.attention import blocked_causal

TOKENS, HEADS, HEAD_DIM = 4096, 4, 64  # a training step of preset "small"
LENGTHS = (384, 512, 1024, 2048)
REPEATS = 4
Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def blocked(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """As the training calls it."""
    return blocked_causal(None, query, key, value, scaling=HEAD_DIM**-0.5)[0]


def fused(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """As transformers calls it."""
    return functional.scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2)


def best_seconds(attend: Attention, length: int) -> float:
    """Least processor time of a few runs."""
    found = float("inf")
    for _ in range(REPEATS):
        shape = (TOKENS // length, HEADS, length, HEAD_DIM)
        query, key, value = (torch.randn(shape, dtype=torch.bfloat16, requires_grad=True) for _ in range(3))
        began = time.process_time()
        attend(query, key, value).sum().backward()  # type: ignore[no-untyped-call]
        found = min(found, time.process_time() - began)
    return found


def main() -> None:
    """Print a line for each length."""
    torch.set_num_threads(1)
    for length in LENGTHS:
        ours, theirs = best_seconds(blocked, length), best_seconds(fused, length)
        times = f"blocks {ours * 1e3:6.0f} ms, fused {theirs * 1e3:6.0f} ms"
        print(f"{length:>5} tokens: {times}, ratio {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
