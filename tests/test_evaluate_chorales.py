"""The chorale protocol: what is measured, that it is a probability, and that nothing leaks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from cocreate.errors import CheckpointError, FileError, InputError
from cocreate.evaluate.chorales import (
    Blend,
    CachedGrid,
    HoldBigram,
    NetworkGrid,
    UniformGrid,
    changes,
    clean_tunes,
    losses,
    read_grids,
    row_of,
)
from cocreate.model.grid import GridPlan, build, load, log_chances, save
from cocreate.model.grid_clues import IDS, clues, echoes, to_ids
from cocreate.model.grid_train import train_grid

DATA = Path(os.environ.get("COCREATE_DATA", Path(__file__).parents[1] / ".data")) / "jsb_chorales"
TINY = GridPlan(width=16, layers=1, blocks=1, epochs=3, pieces=2, rate=1e-2)


def chorale(seed: int, steps: int = 24) -> np.ndarray:
    """Four voices that wander in their ranges, each changing now and then, with a rest and a repeat."""
    rng = np.random.default_rng(seed)
    centre = np.array([72, 48, 65, 57]) - 35
    moves = rng.integers(-2, 3, (steps, 4)) * (rng.random((steps, 4)) < 0.3)
    grid = centre + np.clip(moves.cumsum(axis=0), -7, 7)
    grid[steps // 2 :] = grid[: steps - steps // 2]
    grid[3, 2] = 0
    return grid


def opinionated(seed: int = 0):
    """An untrained network whose answers depend on everything that it sees."""
    net = build(TINY)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in net.parameters():
            weights.add_(0.3 * torch.randn(weights.shape, generator=generator))
    return net


def models():
    training = [chorale(seed) for seed in range(3)]
    return {
        "uniform": UniformGrid(),
        "bigram": HoldBigram(training),
        "cache": CachedGrid(training, training[:1]),
        "network": NetworkGrid(opinionated()),
    }


def test_uniform_costs_the_logarithm_of_the_number_of_ids():
    grid = chorale(0)
    grids = {"valid": [grid], "test": [grid]}
    row = row_of("uniform", losses(UniformGrid(), grids), grids, [True])
    assert [row.test, row.validation, row.changing, row.held, row.clean] == pytest.approx([np.log(47)] * 5)
    assert row.five_tokens == pytest.approx(0.8 * np.log(47))


def test_hold_and_bigram_by_hand():
    """One chorale of four steps; all its voices change on the third. Holds are counted for each step of a beat."""
    grid = np.array([[37, 13, 30, 22]] * 2 + [[38, 14, 31, 23]] * 2)
    chances = HoldBigram([grid]).chances(grid)
    assert chances[1, :, grid[1]].diagonal() == pytest.approx([2 / 3] * 4)  # one hold, and one of each beforehand
    assert chances[2, 0, 38] == pytest.approx(2 / 3 * 1.05 / (1 + 46 * 0.05))


def test_changing_cells_are_those_that_differ_and_the_first_frame():
    grid = np.array([[1, 2, 3, 4], [1, 2, 3, 5], [1, 0, 3, 5]])
    expected = [[True] * 4, [False, False, False, True], [False, True, False, False]]
    assert changes(grid).tolist() == expected


def test_probabilities_sum_to_one():
    logs = log_chances(opinionated(), clues(chorale(1)))
    assert np.exp(logs).sum(axis=-1) == pytest.approx(np.ones(logs.shape[:2]), abs=1e-5)
    assert HoldBigram([chorale(2)]).chances(chorale(1)).sum(axis=-1) == pytest.approx(np.ones((24, 4)))


def test_no_model_sees_the_cell_or_what_comes_after():
    grid = chorale(5)
    everyone = models()
    before = {name: model.nats(grid) for name, model in everyone.items()}
    for step, voice in ((6, 0), (13, 2), (18, 3)):
        other = grid.copy()
        other[step, voice] += 1
        other[step, voice + 1 :] = 0
        other[step + 1 :] = chorale(9)[step + 1 :]
        earlier = np.arange(24 * 4).reshape(24, 4) < step * 4 + voice
        for name, model in everyone.items():
            assert model.nats(other)[earlier] == pytest.approx(before[name][earlier], abs=1e-5), name
    logs = log_chances(opinionated(), clues(grid))
    other = grid.copy()
    other[13, 1] += 1
    assert log_chances(opinionated(), clues(other))[13, 1] == pytest.approx(logs[13, 1], abs=1e-5)
    assert log_chances(opinionated(), clues(other))[13, 2] != pytest.approx(logs[13, 2], abs=1e-3)


def test_clues_of_a_transposed_piece_are_the_transposed_clues():
    grid = chorale(3)
    moved, expected = clues(grid).moved(2), clues(np.where(grid > 0, grid + 2, 0))
    for name in ("grid", "cells", "frames", "guesses", "around"):
        assert np.array_equal(getattr(moved, name), getattr(expected, name)), name


def test_a_blend_gives_its_trust_to_the_model_that_is_right():
    grid = chorale(1)
    good, bad = np.full(grid.shape, 0.1), np.full(grid.shape, 4.0)
    blended = Blend([[bad], [good]], [grid]).nats([bad, good], grid)
    assert blended.max() < 0.25
    assert Blend([[good], [good]], [grid]).nats([good, good], grid) == pytest.approx(good)


def test_a_repeat_is_guessed_and_a_beginning_is_not():
    grid = np.concatenate([chorale(4), chorale(4)])
    guesses, sure = echoes(grid)
    assert (guesses[0] == -1).all()
    assert (guesses[28:, :, 0] == grid[28:]).all()
    assert sure[40, 3, 0] > sure[30, 3, 0] > 0


def test_the_clean_subset_has_no_tune_of_the_training_set_in_any_key():
    known, new = chorale(0, steps=120), chorale(7, steps=120)
    transposed = np.where(known > 0, known - 3, 0)
    assert clean_tunes([transposed, new], [known]) == [False, True]


def test_training_learns_and_the_same_seed_gives_the_same_weights():
    pieces = [clues(chorale(seed)) for seed in range(4)]
    seen = []
    one = train_grid(pieces, pieces, TINY, check_every=1, watch=seen.append)
    two = train_grid(pieces, pieces, TINY, check_every=1)
    assert seen[-1].validation < seen[0].validation < np.log(IDS)
    # several threads sum in no fixed order
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path):
    pieces = [clues(chorale(seed)) for seed in range(4)]
    state = tmp_path / "run.state"

    class StopError(Exception):
        pass

    def stop(progress):
        if progress.epoch == 2:
            raise StopError

    whole = train_grid(pieces, pieces, TINY, check_every=1)
    with pytest.raises(StopError):
        train_grid(pieces, pieces, TINY, state, check_every=1, watch=stop)
    resumed = train_grid(pieces, pieces, TINY, state, check_every=1)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_saving_and_loading_keeps_the_answers(tmp_path):
    net, piece = opinionated(), clues(chorale(1))
    save(net, tmp_path / "grid.safetensors")
    again = load(tmp_path / "grid.safetensors")
    assert again.plan == net.plan
    assert np.exp(log_chances(again, piece)) == pytest.approx(np.exp(log_chances(net, piece)), abs=0.02)
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="grid network"):
        load(tmp_path / "broken.safetensors")


def test_faults_of_the_data_are_named(tmp_path):
    with pytest.raises(FileError, match="JSB Chorales"):
        read_grids(tmp_path)
    with pytest.raises(InputError, match="4 voices"):
        to_ids([[60, 55, 50]])
    with pytest.raises(InputError, match="pitch"):
        to_ids([[60, 55, 50, 20]])


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the JSB Chorales")
def test_the_floor_of_the_standard_split_is_the_known_one():
    grids = read_grids(DATA)
    assert [len(grids[name]) for name in ("train", "valid", "test")] == [229, 76, 77]
    floor = HoldBigram(grids["train"])
    valid = np.concatenate([floor.nats(grid) for grid in grids["valid"]])
    assert valid.mean() == pytest.approx(0.711, abs=1e-3)
