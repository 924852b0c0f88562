"""How well models know Bach: nats a note on the JSB Chorales, all four voices jointly, beside baselines.

Conventions:
    The standard split (229 / 76 / 77 chorales) on a grid of 16ths. A *note* is a cell: one voice at one step, held or
    not, silence too; four cells a frame. Cells are predicted in the order of ``model.grid_clues``, each from every
    cell before it in its piece and nothing else, among ``IDS`` ids; the length of a piece is given to everybody.
    A loss is the mean over all cells of a split of minus the natural logarithm of the probability of what came.
    Models are fitted on the training split, tuned on the validation split, and measured once on the test split.

Metrics:
    *Changing*: the cells that differ from the step before in their voice, and those of the first frame; *held*: the
    others. *Clean*: test chorales whose soprano is no training chorale's tune, by the measure of
    ``model.corpus.clean``. *Five tokens*: validation nats a frame divided by five. That is TonicNet's protocol, which
    predicts a chord and four notes a frame: its chord follows from the notes, so the sum over a frame is the same
    quantity as ours (TonicNet: 0.317, which is 0.396 a note).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from cocreate.errors import FileError
from cocreate.model.baselines import CachedNgram
from cocreate.model.corpus.clean import SAME_TUNE, shingles
from cocreate.model.grid_clues import IDS, SURENESS, VOICES, clues, echoes, to_ids
from cocreate.music.song import TICKS_PER_QUARTER, Note

if TYPE_CHECKING:
    from cocreate.model.grid import GridNet, GridPlan
    from cocreate.model.grid_train import GridProgress

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

HELD_OUT = ("valid", "test")
SPLITS = ("train", *HELD_OUT)
_FILE = "Jsb16thSeparated.json"
_STEP_TICKS = TICKS_PER_QUARTER // 4
_STEPS_A_BEAT = 4
_FIVE_TOKENS = 5
_NGRAM = "n-gram with in-piece cache"
_KINDS = VOICES * SURENESS
_EM_ROUNDS = 40
_EM_PRIOR = 20.0  # pseudo-cells that hold a rarely met kind at the shares of all
_PRIOR = 0.05  # pseudo-count of each id in the bigram


@dataclass(frozen=True, slots=True)
class ChoraleRow:
    """One model's losses in nats a note (see the module); ``parameters`` is 0 where there is no network."""

    model: str
    parameters: int
    validation: float
    test: float
    changing: float
    held: float
    clean: float
    five_tokens: float


class GridModel(Protocol):
    """What can be measured."""

    def nats(self, grid: IntArray) -> FloatArray:
        """Loss of every cell of a piece, (T, 4), each from the cells before it only."""


def read_grids(folder: Path) -> dict[str, list[IntArray]]:
    """The grids of each of ``SPLITS`` as ids (T, 4) in the order of prediction.

    Raises:
        FileError: if the file is missing or broken.
    """
    path = folder / _FILE
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))
        return {name: [to_ids(grid) for grid in groups[name]] for name in SPLITS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path} must hold the JSB Chorales as JSON: {error!r}") from None


def changes(grid: IntArray) -> npt.NDArray[np.bool_]:
    """Which cells (T, 4) differ from the step before; those of the first frame do."""
    return np.concatenate([np.ones((1, VOICES), dtype=bool), grid[1:] != grid[:-1]])


def clean_tunes(test: Sequence[IntArray], training: Sequence[IntArray]) -> list[bool]:
    """Which of the ``test`` pieces have a soprano that is the tune of no ``training`` piece, in any key."""
    known = [_tune(grid) for grid in training]

    def is_known(tune: set[int]) -> bool:
        return any(len(tune & other) >= SAME_TUNE * max(1, min(len(tune), len(other))) for other in known)

    return [not is_known(_tune(grid)) for grid in test]


def _tune(grid: IntArray) -> set[int]:
    soprano = grid[:, 0]
    begins = np.flatnonzero(changes(grid)[:, 0] & (soprano > 0))
    return shingles([Note(int(t) * _STEP_TICKS, int(soprano[t]), _STEP_TICKS) for t in begins])


class UniformGrid:
    """Every id alike."""

    def nats(self, grid: IntArray) -> FloatArray:
        """Loss of every cell, (T, 4)."""
        return np.full(grid.shape, np.log(IDS))


class HoldBigram:
    """Holds or changes as often as the place in the beat does, and changes by the voice's bigram."""

    def __init__(self, training: Sequence[IntArray]) -> None:
        hold = np.ones((_STEPS_A_BEAT, VOICES, 2))  # changes, holds
        pairs = np.full((VOICES, IDS, IDS), _PRIOR)
        first = np.full((VOICES, IDS), _PRIOR)
        voices = np.arange(VOICES)
        for grid in training:
            held = ~changes(grid)[1:]
            np.add.at(hold, (_beats(len(grid))[1:, None], voices, held.astype(np.int64)), 1)
            for k in range(VOICES):
                np.add.at(pairs[k], (grid[:-1, k][~held[:, k]], grid[1:, k][~held[:, k]]), 1)
            first[voices, grid[0]] += 1
        pairs[:, np.arange(IDS), np.arange(IDS)] = 0  # a change is never to the same
        self._hold = hold / hold.sum(-1, keepdims=True)
        self._pairs = pairs / pairs.sum(-1, keepdims=True)
        self._first = first / first.sum(-1, keepdims=True)

    def chances(self, grid: IntArray) -> FloatArray:
        """Probabilities (T, 4, V)."""
        voices = np.arange(VOICES)
        out = np.empty((*grid.shape, IDS))
        out[0] = self._first
        if len(grid) > 1:
            hold = self._hold[_beats(len(grid))[1:]]  # (T - 1, 4, 2)
            out[1:] = hold[..., :1] * self._pairs[voices, grid[:-1]]
            np.put_along_axis(out[1:], grid[:-1, :, None], hold[..., 1:], -1)
        return out

    def nats(self, grid: IntArray) -> FloatArray:
        """Loss of every cell, (T, 4)."""
        return -np.log(np.take_along_axis(self.chances(grid), grid[..., None], -1)[..., 0])


def _beats(steps: int) -> IntArray:
    return np.arange(steps) % _STEPS_A_BEAT


class CachedGrid:
    """The n-gram with an in-piece cache of ``model.baselines`` over the cells; it is told the place in the beat."""

    def __init__(self, training: Sequence[IntArray], validation: Sequence[IntArray]) -> None:
        size = _STEPS_A_BEAT * VOICES * IDS
        voices = np.arange(size) // IDS % VOICES
        self._ngram = CachedNgram.fit([self._row(grid) for grid in training], size, types=voices)
        self._ngram.tune([self._row(grid) for grid in validation])

    @staticmethod
    def _row(grid: IntArray) -> IntArray:
        cells: IntArray = (_beats(len(grid))[:, None] * VOICES + np.arange(VOICES)) * IDS + grid
        return cells.ravel()

    def nats(self, grid: IntArray) -> FloatArray:
        """Loss of every cell, (T, 4)."""
        return self._ngram.nats_each(self._row(grid)).reshape(grid.shape)


class NetworkGrid:
    """A grid network."""

    def __init__(self, net: GridNet) -> None:
        self._net = net

    def nats(self, grid: IntArray) -> FloatArray:
        """Loss of every cell, (T, 4)."""
        from cocreate.model.grid import nats_each

        return nats_each(self._net, clues(grid))


class Blend:
    """Several models, each with a share of the probability of a cell; the shares depend on its voice and its echo.

    Works on losses that were measured already: ``parts`` holds, for each model, a piece's loss of every cell.
    """

    def __init__(self, parts: Sequence[Sequence[FloatArray]], grids: Sequence[IntArray]) -> None:
        """Learn the shares from validation pieces by expectation-maximisation.

        Args:
            parts: for each model, the losses of each of ``grids``.
        """
        likely = np.exp(-np.stack([np.concatenate(pieces) for pieces in parts], axis=-1))  # (cells / 4, 4, models)
        kinds = np.concatenate([_kinds(grid) for grid in grids])
        alike = self._fit(likely, np.zeros_like(kinds), np.full((1, len(parts)), 1 / len(parts)))
        self._shares = self._fit(likely, kinds, np.tile(alike, (_KINDS, 1)))

    @staticmethod
    def _fit(likely: FloatArray, kinds: IntArray, start: FloatArray) -> FloatArray:
        shares = start
        for _ in range(_EM_ROUNDS):
            taken = shares[kinds] * likely
            taken /= taken.sum(axis=-1, keepdims=True)
            counts = _EM_PRIOR * start
            np.add.at(counts, kinds, taken)
            shares = counts / counts.sum(axis=-1, keepdims=True)
        return shares

    def nats(self, parts: Sequence[FloatArray], grid: IntArray) -> FloatArray:
        """Loss of every cell of a piece, (T, 4), from that of each model."""
        likely = np.exp(-np.stack(parts, axis=-1))
        mixed: FloatArray = (self._shares[_kinds(grid)] * likely).sum(axis=-1)
        return -np.log(mixed)


def _kinds(grid: IntArray) -> IntArray:
    _, sure = echoes(grid)
    return sure[..., 0] + SURENESS * np.arange(VOICES)


def losses(model: GridModel, grids: Mapping[str, Sequence[IntArray]]) -> dict[str, list[FloatArray]]:
    """The loss of every cell of every held-out piece, (T, 4) each, by split."""
    return {split: [model.nats(grid) for grid in grids[split]] for split in HELD_OUT}


def row_of(
    name: str,
    nats: Mapping[str, Sequence[FloatArray]],
    grids: Mapping[str, Sequence[IntArray]],
    clean: Sequence[bool],
    *,
    parameters: int = 0,
) -> ChoraleRow:
    """The means of ``losses``; ``clean`` says which test pieces are."""
    test = nats["test"]
    changing = [changes(grid) for grid in grids["test"]]
    validation = _mean(nats["valid"])
    return ChoraleRow(
        name,
        parameters,
        validation=validation,
        test=_mean(test),
        changing=_mean([cells[new] for cells, new in zip(test, changing, strict=True)]),
        held=_mean([cells[~new] for cells, new in zip(test, changing, strict=True)]),
        clean=_mean([cells for cells, is_clean in zip(test, clean, strict=True) if is_clean]),
        five_tokens=validation * VOICES / _FIVE_TOKENS,
    )


def _mean(nats: Sequence[FloatArray]) -> float:
    flat = [cells.ravel() for cells in nats]
    return float(np.concatenate(flat).mean()) if flat else float("nan")


def train_chorales(
    data: Path, out: Path, plan: GridPlan, *, watch: Callable[[GridProgress], None] = lambda _: None
) -> GridNet:
    """Train a grid network on the training chorales in ``data`` and write its weights to ``out``.

    A stopped run goes on from ``out`` with the suffix ".state".

    Raises:
        FileError: if the chorales cannot be read.
        CheckpointError: if the stopped run is of another plan.
    """
    from cocreate.model.grid import save
    from cocreate.model.grid_train import train_grid

    grids = read_grids(data)
    training, validation = ([clues(grid) for grid in grids[split]] for split in ("train", "valid"))
    net = train_grid(training, validation, plan, out.with_suffix(".state"), watch=watch)
    save(net, out)
    return net


def evaluate_chorales(
    data: Path, weights: Sequence[Path], *, watch: Callable[[str], None] = lambda _: None
) -> tuple[ChoraleRow, ...]:
    """Measure the baselines, each network in ``weights``, and all of them blended with the n-gram.

    The n-gram is tuned on the first half of the validation pieces and the blend on the second, so the validation
    figures of the two are a little too good; nothing but its own past is used of a test piece. About three minutes.

    Raises:
        FileError: if the chorales cannot be read.
        CheckpointError: if ``weights`` are of another kind.
    """
    from cocreate.model.grid import load, parameters

    grids = read_grids(data)
    clean = clean_tunes(grids["test"], grids["train"])
    half = len(grids["valid"]) // 2
    nets = {path.stem: load(path) for path in weights}
    sizes = {name: parameters(net) for name, net in nets.items()}
    watch("counting n-grams")
    models: dict[str, GridModel] = {
        "uniform": UniformGrid(),
        "hold + bigram": HoldBigram(grids["train"]),
        _NGRAM: CachedGrid(grids["train"], grids["valid"][:half]),
        **{name: NetworkGrid(net) for name, net in nets.items()},
    }
    found, rows = {}, []
    for name, model in models.items():
        watch(name)
        found[name] = losses(model, grids)
        rows.append(row_of(name, found[name], grids, clean, parameters=sizes.get(name, 0)))
    blends = {"networks blended": [*nets], "networks and n-gram blended": [*nets, _NGRAM]}
    for name, parts in blends.items():
        if len(parts) > 1:
            blend = Blend([found[part]["valid"][half:] for part in parts], grids["valid"][half:])
            nats = {
                split: [
                    blend.nats([found[part][split][place] for part in parts], grid)
                    for place, grid in enumerate(grids[split])
                ]
                for split in HELD_OUT
            }
            rows.append(row_of(name, nats, grids, clean, parameters=sum(sizes.values())))
    return tuple(rows)


def format_chorales(rows: Sequence[ChoraleRow]) -> str:
    """The rows as plain text."""
    heads = ("validation", "test", "changing", "held", "clean", "five tokens")
    lines = [f"{'JSB Chorales, joint, nats a note':<34}{'weights':>10}" + "".join(f"{head:>12}" for head in heads)]
    for row in rows:
        values = (row.validation, row.test, row.changing, row.held, row.clean, row.five_tokens)
        lines.append(f"{row.model:<34}{row.parameters or '-':>10}" + "".join(f"{value:>12.3f}" for value in values))
    return "\n".join(lines)
