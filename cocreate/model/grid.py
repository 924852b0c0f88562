"""A small network over a chorale's grid: cell by cell, every voice at every 16th, holds included.

Conventions:
    Ids, the order of prediction and what a cell may know are those of ``grid_clues``. An LSTM reads the frames before;
    for each of the four cells of a frame a residual network joins what it remembers with the cell's clues. The answer
    is a sum of four opinions in log space: on pitches, on intervals from the voice's last pitch, on interval classes
    above each other voice, and on the pitches that the piece's own echoes guess.
    A loss is in nats a cell. B is pieces, T frames, 4 voices, V ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cocreate.errors import CheckpointError, InputError
from cocreate.model.grid_clues import ECHOES, IDS, VOICES, Clues, FloatArray, sizes

SingleArray = npt.NDArray[np.float32]

_STEPS = 24  # widest interval from a voice's last pitch that has an opinion of its own
_CLASSES = 12
_BYTE, _SCALE, _LEAST_SCALE = 127, ".scale", 1e-8
PAD = -100  # target where a piece has ended


@dataclass(frozen=True, slots=True)
class GridPlan:
    """How a grid network is built and trained; the defaults are the shipped ones.

    ``rate`` falls from its value to nothing as a cosine over ``epochs``, or over ``minutes`` where that is shorter.
    ``average`` is the share of the running average of the weights that each update keeps. ``pieces`` are heard
    together in an update; ``clue_dropout`` is the share of clues, and of frames' memories, withheld in training.
    """

    width: int = 192
    layers: int = 2
    blocks: int = 2
    epochs: int = 26
    minutes: float = 60.0
    pieces: int = 6
    rate: float = 2e-3
    decay: float = 0.1
    average: float = 0.995
    dropout: float = 0.4
    clue_dropout: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.minutes <= 0:
            raise InputError(f"training needs epochs >= 1 and minutes > 0, got {self.epochs} and {self.minutes}")


class _Drop(nn.Module):
    """Dropout with a generator of its own, a byte a draw: ten times as fast on a CPU as PyTorch's."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self._least = round(256 * chance)
        self.rng = np.random.default_rng(0)

    def mask(self, shape: torch.Size) -> torch.Tensor:
        """1 / (share kept) where something stays, 0 elsewhere."""
        draws = self.rng.integers(0, 256, shape, dtype=np.uint8)
        return torch.from_numpy(draws >= self._least) * (256 / (256 - self._least))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.mask(x.shape).to(x.dtype) if self.training else x


class _Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 3 * width)
        self.back = nn.Linear(3 * width, width)
        self.drop = _Drop(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.back(self.drop(nn.functional.silu(self.wide(self.norm(x)))))
        return out


class GridNet(nn.Module):
    """Clues to logits; see the module."""

    def __init__(self, plan: GridPlan) -> None:
        super().__init__()
        cells, frames = sizes()
        width = plan.width
        self.plan = plan
        self.cell_table = nn.Embedding(cells, width)
        self.frame_table = nn.Embedding(frames, width)
        nn.init.normal_(self.cell_table.weight, std=0.1)
        nn.init.normal_(self.frame_table.weight, std=0.1)
        self.frame_norm = nn.LayerNorm(width)
        self.memory = nn.LSTM(width, width, plan.layers, batch_first=True)
        self.recall = nn.Linear(width, width)
        self.blocks = nn.ModuleList(_Block(width, plan.dropout) for _ in range(plan.blocks))
        self.norm = nn.LayerNorm(width)
        self.drop = _Drop(plan.dropout)
        self.clue_drop = _Drop(plan.clue_dropout)
        self.opinions = nn.Linear(width, IDS + 2 * _STEPS + 2 + 3 * _CLASSES + ECHOES)
        nn.init.zeros_(self.opinions.weight)
        nn.init.zeros_(self.opinions.bias)

    def reseed(self, *seed: int) -> None:
        """Begin what is withheld in training anew from ``seed``."""
        for place, module in enumerate(m for m in self.modules() if isinstance(m, _Drop)):
            module.rng = np.random.default_rng((*seed, place))

    def _bag(self, rows: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """Sum of the table's rows; in training some clues of each cell are withheld."""
        flat = rows.reshape(-1, rows.shape[-1])
        weights = self.clue_drop.mask(flat.shape) if self.training else None
        bag = nn.functional.embedding_bag(flat, table, per_sample_weights=weights, mode="sum")
        return bag.reshape(*rows.shape[:-1], -1)

    def forward(
        self, cells: torch.Tensor, frames: torch.Tensor, guesses: torch.Tensor, around: torch.Tensor
    ) -> torch.Tensor:
        """Logits (B, T, 4, V) of the ids."""
        heard, _ = self.memory(self.drop(self.frame_norm(self._bag(frames, self.frame_table.weight))))  # (B, T, D)
        recalled = self.recall(self.drop(heard)).unsqueeze(2)
        if self.training:  # some frames must do with their clues
            recalled = recalled * self.clue_drop.mask(recalled.shape[:2])[..., None, None]
        x = self._bag(cells, self.cell_table.weight) + recalled  # (B, T, 4, D)
        for block in self.blocks:
            x = block(x)
        out = self.opinions(self.drop(self.norm(x))).float()
        pitch, step, above, echo = out.split([IDS, 2 * _STEPS + 2, 3 * _CLASSES, ECHOES], dim=-1)
        ids = torch.arange(IDS)
        last = around[..., :1]  # (B, T, 4, 1)
        far = (ids - last).clamp(-_STEPS, _STEPS) + _STEPS
        sounding = (last > 0) & (last < IDS)
        logits = pitch + step.gather(-1, torch.where(sounding & (ids > 0), far, 2 * _STEPS + 1))
        for i in range(VOICES - 1):
            other = around[..., i + 1 : i + 2]
            opinion = above[..., _CLASSES * i : _CLASSES * (i + 1)].gather(-1, (ids - other) % _CLASSES)
            logits = logits + opinion * ((other > 0) & (other < IDS) & (ids > 0))
        known = guesses >= 0
        answer: torch.Tensor = logits.scatter_add(-1, guesses.clamp(min=0), echo * known)
        return answer


def build(plan: GridPlan) -> GridNet:
    """A fresh network; the same for the same seed."""
    state = torch.random.get_rng_state()
    torch.manual_seed(plan.seed)
    net = GridNet(plan)
    torch.random.set_rng_state(state)
    return net


def parameters(net: nn.Module) -> int:
    """Number of weights."""
    return sum(p.numel() for p in net.parameters())


def batch(pieces: Sequence[Clues]) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Pieces padded to one length: the network's inputs, and the ids (B, T, 4) that it is to predict."""
    steps = max(len(piece.grid) for piece in pieces)

    def stack(arrays: Sequence[npt.NDArray[np.int64]], fill: int) -> torch.Tensor:
        out = np.full((len(arrays), steps, *arrays[0].shape[1:]), fill, dtype=np.int64)
        for row, array in enumerate(arrays):
            out[row, : len(array)] = array
        return torch.from_numpy(out)

    inputs = (
        stack([p.cells for p in pieces], 0),
        stack([p.frames for p in pieces], 0),
        stack([p.guesses for p in pieces], -1),
        stack([p.around for p in pieces], 0),
    )
    return inputs, stack([p.grid for p in pieces], PAD)


def log_chances(net: GridNet, piece: Clues) -> SingleArray:
    """Log probabilities (T, 4, V) of the piece's cells."""
    net.eval()
    inputs, _ = batch([piece])
    with torch.no_grad():
        logs: SingleArray = net(*inputs)[0].log_softmax(-1).numpy()
    return logs


def nats_each(net: GridNet, piece: Clues) -> FloatArray:
    """Nats of every cell, (T, 4)."""
    return -np.take_along_axis(log_chances(net, piece), piece.grid[..., None], -1)[..., 0].astype(np.float64)


def save(net: GridNet, path: Path, *, about: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write the weights, a byte each, with their plan and ``about`` as metadata, through a temporary file.

    A row of a matrix shares one scale; vectors are kept in half precision.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, value in net.state_dict().items():
        if value.ndim > 1:
            scale = (value.abs().amax(dim=1, keepdim=True) / _BYTE).clamp(min=_LEAST_SCALE)
            tensors[name] = (value / scale).round().to(torch.int8)
            tensors[name + _SCALE] = scale
        else:
            tensors[name] = value.to(torch.float16)
    scratch = path.with_suffix(".tmp")
    save_file(tensors, scratch, metadata={"plan": json.dumps(asdict(net.plan)), **about})
    scratch.replace(path)


def load(path: Path) -> GridNet:
    """Read what :func:`save` wrote.

    Raises:
        CheckpointError: if the file is missing, broken, or of another version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            plan = GridPlan(**json.loads((file.metadata() or {})["plan"]))
        tensors = load_file(path)
        net = GridNet(plan)
        net.load_state_dict(
            {
                name: value.float() * tensors[name + _SCALE] if value.ndim > 1 else value.float()
                for name, value in tensors.items()
                if not name.endswith(_SCALE)
            }
        )
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} must hold a grid network: {error}") from None
    return net.eval()
