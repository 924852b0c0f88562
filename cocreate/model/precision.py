"""The numbers that training multiplies: bf16 where the device is faster with them, else fp32.

Conventions:
    On a CPU without bf16 a product of bf16 matrices takes 20 to 40 times as long as one of fp32 (AVX2, torch 2.13).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch


@lru_cache
def has_bf16(kind: str) -> bool:
    """Whether a device of ``kind`` (cpu, cuda) multiplies bf16 in hardware."""
    if kind != "cpu":
        return True
    return any(there is True for name, there in torch.cpu.get_capabilities().items() if "bf16" in name)


def mixed(kind: str) -> torch.autocast:
    """The context in which a training step runs on a device of ``kind``."""
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=has_bf16(kind))


class Fp32Muon(torch.optim.Muon):
    """Muon (Jordan et al., 2024) in fp32: torch's own orthogonalises in bf16, whatever the processor.

    It wants ``adjust_lr_fn="match_rms_adamw"``, and keeps its state under the names of torch's.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of all parameters that have a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(weight.grad)
                buffer = state["momentum_buffer"]
                buffer.lerp_(weight.grad, 1 - group["momentum"])
                update = _orthogonal(weight.grad.lerp(buffer, group["momentum"]), group)
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update, alpha=-0.2 * group["lr"] * max(weight.shape) ** 0.5)
        return loss


def _orthogonal(matrix: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
    """The nearest matrix whose singular values are about one, by Newton-Schulz steps."""
    a, b, c = group["ns_coefficients"]
    is_tall = matrix.shape[0] > matrix.shape[1]
    flat = matrix.T if is_tall else matrix
    flat = flat / flat.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = flat @ flat.T
        flat = torch.addmm(flat, torch.addmm(gram, gram, gram, beta=b, alpha=c), flat, beta=a)
    return flat.T if is_tall else flat
