"""The chord network: numpy and torch agree, it learns, keeps to its budget and goes on where it was stopped."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from cocreate.errors import CheckpointError, InputError
from cocreate.model.chord_clues import HOLD, PRESENT, clues_of
from cocreate.model.chord_net import ChordPlan, load, save
from cocreate.model.chord_train import ChordPiece, batch_of, lesson_of, nats, train_chord_net
from cocreate.model.chord_writer import WEIGHTS, Writing, open_writer
from cocreate.model.train import Progress
from cocreate.music.song import Chord, Key, Note, Part, Song

BAR = 1920
PLAN = ChordPlan(width=32, heads=2, encoder=1, decoder=1, features=3, dropout=0.0)


def piece(number: int) -> ChordPiece:
    """A tune that spells its chords, with a bass that plays their roots."""
    roots = [(0, 5, 7, 9)[(number * bar + bar // 2) % 4] for bar in range(8)]
    chords = tuple(
        Chord(BAR * bar, BAR, root, "m" if root == 9 else "maj", (root + 4) % 12 if number % 2 else None)
        for bar, root in enumerate(roots)
    )
    tune = tuple(
        Note(BAR * bar + 480 * place, 60 + root + step, 480)
        for bar, root in enumerate(roots)
        for place, step in enumerate((0, 7, 3 if root == 9 else 4, 0))
    )
    low = tuple(Note(BAR * bar, 36 + root, BAR) for bar, root in enumerate(roots))
    song = Song((Part(tune), Part(low, role="bass")), keys=(Key(0, 0),), chords=chords)
    return ChordPiece(clues_of(song, styles=("folk", "reel")), "toys", (0.5, -0.5, 1.0))


PIECES = [piece(number) for number in range(12)]


def test_numpy_scores_as_torch_does(tiny_harmony: Path) -> None:
    torch_net, numpy_net = load(tiny_harmony / WEIGHTS), open_writer(tiny_harmony)
    lesson = lesson_of(PIECES[3], features=torch_net.plan.features, rng=None, is_told=False)
    batch, targets, _ = batch_of([lesson])
    with torch.no_grad():
        scores, known = torch_net(batch)
        low = torch_net.bass_scores(known, targets.clamp(min=0), batch.tones)
    told = lesson.told
    writing = Writing(numpy_net, numpy_net.hear(told)[None], told.heard()[None])
    chord, bass, age = told.clues.state()
    for place in range(len(chord)):
        row = slice(place, place + 1)
        assert np.abs(writing.scores(chord[row], bass[row], age[row]) - scores[0, place].numpy()).max() < 1e-4
        asked = targets[0, row].clamp(min=0).numpy()
        assert np.abs(writing.bass_scores(asked) - low[0, place].numpy()).max() < 1e-4


def test_it_learns_to_hear_chords_and_its_bass() -> None:
    news: list[Progress] = []
    fresh = nats(load_fresh(), PIECES[10:])
    net = train_chord_net(PIECES[:10], PIECES[10:], PLAN, minutes=0.1, rate=3e-3, watch=news.append)
    assert nats(net, PIECES[10:]) < 0.6 * fresh
    assert news[-1].share == 1
    assert news[-1].check == pytest.approx(nats(net, PIECES[10:]))


def load_fresh():
    from cocreate.model.chord_net import build

    return build(PLAN, seed=0)


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "run.safetensors"
    news: list[Progress] = []
    began = time.monotonic()
    train_chord_net(PIECES, [], PLAN, minutes=0.01, state=state, watch=news.append)
    first, took = news[-1].step, time.monotonic() - began
    train_chord_net(PIECES, [], PLAN, minutes=took / 60 + 0.01, state=state, watch=news.append)
    assert news[first].step == first + 1
    with pytest.raises(CheckpointError, match="same plan"):
        train_chord_net(PIECES, [], ChordPlan(width=16, heads=2, encoder=1, decoder=1), minutes=1, state=state)


def test_what_is_told_is_not_asked() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        lesson = lesson_of(PIECES[1], features=3, rng=rng)
        told = lesson.told
        stays = told.kept != HOLD
        assert (lesson.targets[stays] == -100).all()
        assert (told.kept[stays] == told.clues.chord[stays]).all()
        asked = lesson.targets != -100
        assert (lesson.targets[asked] == told.clues.chord[asked]).all()
        assert (told.clues.symbol[(told.symbol == PRESENT)] == PRESENT).all()


def test_weights_survive_a_file_and_no_pieces_are_refused(tmp_path: Path) -> None:
    net = load_fresh()
    save(net.state_dict(), PLAN, tmp_path / WEIGHTS)
    again = load(tmp_path / WEIGHTS)
    assert again.plan == PLAN
    assert nats(again, PIECES) == pytest.approx(nats(net, PIECES), abs=0.01)
    with pytest.raises(InputError, match="pieces with chords"):
        train_chord_net([], [], PLAN, minutes=1)
    with pytest.raises(InputError, match="multiple of heads"):
        ChordPlan(width=30, heads=4)
