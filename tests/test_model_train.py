"""Training: it learns, it keeps its budget, and it goes on exactly after a kill."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cocreate.errors import CheckpointError, InputError
from cocreate.evaluate.make import finish
from cocreate.model import weights
from cocreate.model.attention import use_blocks
from cocreate.model.batches import Exercise, Lessons, batch_of, lesson_of
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.corpus.pack import Entry, entry_of, load, save
from cocreate.model.corpus.piece import Piece
from cocreate.model.decoder import read_safetensors
from cocreate.model.logbook import Logbook
from cocreate.model.network import build, network_config
from cocreate.model.train import MUON_RATE, WARMUP_STEPS, Plan, Progress, train
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Chord, Key, Note, Part, Song

WORDS = Vocabulary()


def scale_tune(seed: int, *, bars: int = 8) -> Song:
    """Quarter notes that walk up and down a scale, with two chords."""
    rng = np.random.default_rng(seed)
    places = np.abs(np.cumsum(rng.choice([-1, 1], size=4 * bars))) % 8
    scale = (60, 62, 64, 65, 67, 69, 71, 72)
    notes = tuple(Note(480 * i, scale[place], 480) for i, place in enumerate(places))
    chords = tuple(Chord(1920 * bar, 1920, (0, 7)[bar % 2], ("maj", "7")[bar % 2]) for bar in range(bars))
    return Song(parts=(Part(notes),), keys=(Key(0, 0),), chords=chords, title=f"Walk {seed}")


def entries(count: int, *, first: int = 0, split: str = "train") -> list[Entry]:
    made = (
        Piece(scale_tune(n), "toy", f"walk {n}", f"Toy: Walk {n}", "CC0", "A", ("folk", "reel"), split)
        for n in range(first, first + count)
    )
    return [entry_of(piece, WORDS) for piece in made]


PLAN = Plan(preset="tiny", steps=8, batch_tokens=1024, seed=3, check_every=4, save_every_s=0.0, threads=1)


def run(out: Path, plan: Plan, *, resume: bool = False, watch: Callable[[Progress], None] = lambda _: None):  # type: ignore[no-untyped-def]
    return train(
        entries(12), entries(4, first=100, split="validation"), out, plan, words=WORDS, resume=resume, watch=watch
    )


def test_loss_falls_and_the_folder_is_a_checkpoint(tmp_path: Path) -> None:
    training, validation = entries(12), entries(4, first=100, split="validation")
    plan = replace(PLAN, steps=40)
    state = train(training, validation, tmp_path, plan, words=WORDS)
    assert np.mean([loss for _, loss in state.curve[-5:]]) < state.curve[0][1] - 2
    card = finish(tmp_path, training, validation, plan, state, words=WORDS, tier="A")
    opened = open_checkpoint(tmp_path)
    assert opened.card == card
    assert card["sets"]["toy"] == {"licence": "CC0", "tier": "A", "pieces": 12, "ids": 12 * (3 * 32 + 3 * 8)}
    assert "CC0" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert opened.extra("styles.json")["styles"]["reel"]["meters"] == [["4/4", 12]]


SHORT = replace(PLAN, steps=5, batch_tokens=256, check_every=2)


def test_a_stopped_run_goes_on_exactly(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", PLAN)

    def stop(news: Progress) -> None:
        if news.step == 5:
            raise KeyboardInterrupt  # after the save at step 4

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", PLAN, watch=stop)
    resumed = run(tmp_path / "stopped", PLAN, resume=True)
    assert (resumed.curve, resumed.checks, resumed.tokens) == (whole.curve, whole.checks, whole.tokens)
    names = ("model.safetensors", "taste.safetensors")
    for name in names:
        one, other = (read_safetensors(tmp_path / folder / name) for folder in ("whole", "stopped"))
        assert all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("file", range(3))
def test_a_kill_between_the_files_of_a_save_mixes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: int
) -> None:
    """The third save breaks off in the middle of its first, second or third file of tensors."""
    whole, calls = run(tmp_path / "whole", SHORT), 0

    def broken(tensors: dict[str, Any], path: Path, **options: Any) -> None:
        nonlocal calls
        calls += 1
        save_file(tensors, path, **options)
        if calls == 3 * 2 + file + 1:
            path.write_bytes(path.read_bytes()[:1000])
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(weights, "save_file", broken)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed", SHORT)
    assert run(tmp_path / "killed", SHORT, resume=True).curve == whole.curve


def test_a_resumed_run_has_the_rate_of_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: dict[int, float] = {}

    def note(_: Logbook, step: int, **values: float | None) -> None:
        if values.get("rate"):
            rates[step] = values["rate"]

    monkeypatch.setattr(Logbook, "note", note)
    run(tmp_path, SHORT)
    run(tmp_path, replace(SHORT, steps=7), resume=True)
    assert rates[6] == pytest.approx(MUON_RATE * 6 / WARMUP_STEPS)
    assert list(rates) == [1, 2, 3, 4, 5, 6, 7]


def test_a_fresh_run_leaves_nothing_of_the_one_before_to_resume(tmp_path: Path) -> None:
    run(tmp_path, SHORT)

    def stop(news: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, replace(SHORT, seed=4), watch=stop)
    with pytest.raises(CheckpointError, match="nothing to resume"):
        run(tmp_path, SHORT, resume=True)


def test_minutes_are_kept(tmp_path: Path) -> None:
    state = run(tmp_path, replace(PLAN, steps=None, minutes=0.03))
    assert 1.8 <= state.elapsed_s < 6


def test_resuming_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing to resume"):
        run(tmp_path, PLAN, resume=True)


def test_a_budget_must_be_named_once() -> None:
    with pytest.raises(InputError, match="minutes"):
        Plan(minutes=1, steps=1)
    with pytest.raises(InputError, match="budget"):
        Plan(minutes=-1)


def test_counts_must_make_sense() -> None:
    with pytest.raises(InputError, match="accumulate must be at least 1 batch, got 0"):
        Plan(steps=1, accumulate=0)
    with pytest.raises(InputError, match="workers must be 0 or more, got -1"):
        Plan(steps=1, workers=-1)


def test_pools_depend_on_seed_and_number_alone() -> None:
    one, other = Lessons(entries(6), WORDS, seed=1), Lessons(entries(6), WORDS, seed=1)
    one.pool(0, tokens=512)
    first, second = one.pool(3, tokens=512), other.pool(3, tokens=512)
    assert all(np.array_equal(a.ids, b.ids) for a, b in zip(first, second, strict=True))
    assert max(batch.ids.size for batch in first) <= 1024


def test_given_material_is_no_target() -> None:
    lesson = lesson_of(entries(1)[0], Exercise("over"), 0, 8, WORDS)
    kinds = np.array(WORDS.types)[lesson.ids]
    assert not lesson.targets[kinds == "ChordRoot"].any()
    assert lesson.targets[kinds == "Pitch"].all()
    assert lesson.notes == 32
    batch = batch_of([lesson])
    assert (batch.labels[0] != -100).sum() == lesson.targets[1:].sum()


def test_a_packed_corpus_reads_back_the_same(tmp_path: Path) -> None:
    made = entries(3)
    save(made, tmp_path / "corpus.npz")
    assert load(tmp_path / "corpus.npz") == made


@pytest.mark.parametrize("length", [5, 256, 600])
def test_attention_in_blocks_is_attention(length: int) -> None:
    net = build(network_config("tiny", vocab_size=64), seed=0).eval()
    ids = torch.randint(0, 64, (2, length), generator=torch.Generator().manual_seed(length))
    with torch.inference_mode():
        wanted = net(input_ids=ids, use_cache=False).logits
        use_blocks(net)
        found = net(input_ids=ids, use_cache=False).logits
    assert torch.allclose(found, wanted, atol=1e-5)
