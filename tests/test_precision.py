"""Training in the numbers that the processor is fast with."""

from __future__ import annotations

import torch

from cocreate.model.precision import Fp32Muon, has_bf16, mixed


def _train(kind: type[torch.optim.Optimizer]) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    tall, wide = torch.nn.Parameter(torch.randn(24, 8)), torch.nn.Parameter(torch.randn(8, 40))
    wanted = torch.randn(24, 40)
    optimiser = kind([tall, wide], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")  # type: ignore[call-arg]
    for _ in range(10):
        optimiser.zero_grad()
        (tall @ wide - wanted).square().mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return tall.detach(), wide.detach()


def test_muon_in_fp32_walks_where_the_one_of_torch_does() -> None:
    for ours, theirs in zip(_train(Fp32Muon), _train(torch.optim.Muon), strict=True):
        assert float((ours - theirs).abs().max()) < 0.02  # bf16 has eight bits


def test_a_saved_state_of_either_muon_is_read_by_the_other() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 6))
    first = Fp32Muon([weight], lr=0.1, adjust_lr_fn="match_rms_adamw")
    weight.grad = torch.ones(4, 6)
    first.step()
    second = torch.optim.Muon([weight], lr=0.1, adjust_lr_fn="match_rms_adamw")
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.state[weight]["momentum_buffer"], first.state[weight]["momentum_buffer"])


def test_matrices_are_bf16_only_where_the_processor_has_it() -> None:
    with mixed("cpu"):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if has_bf16("cpu") else torch.float32)
