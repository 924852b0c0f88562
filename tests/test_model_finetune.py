"""Fine-tuning: what is learned, what stays, and what a network is after it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cocreate.errors import InputError
from cocreate.model.batches import Exercise, batch_of, lesson_of
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.conditioning import TasteNetwork, read_taste_network
from cocreate.model.corpus.pack import Entry, entry_of
from cocreate.model.corpus.piece import Piece
from cocreate.model.decoder import Decoder
from cocreate.model.finetune import (
    Learner,
    between,
    drift,
    fine_tune,
    melody_lessons,
    nats_a_note,
    target_logits,
    widened,
    write_network,
)
from cocreate.model.preference import FEWEST, MOST_DRIFT, margins, prefer
from cocreate.model.train import Plan
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Key, Note, Part, Song

OLD = Vocabulary()
WORDS = Vocabulary((*OLD.words, "Style_my style"))
PLAN = Plan(steps=12, batch_tokens=256, check_every=4, threads=1)


def piece(seed: int, *, pitches: tuple[int, ...] = (60, 62, 64, 65, 67), style: str = "my style") -> Entry:
    """Eight bars of quarters on a few pitches."""
    rng = np.random.default_rng(seed)
    notes = tuple(Note(480 * place, int(rng.choice(pitches)), 480) for place in range(32))
    song = Song(parts=(Part(notes),), keys=(Key(0, 0),))
    return entry_of(Piece(song, "own", str(seed), str(seed), "yours", "A", (style,), "train"), WORDS)


@pytest.fixture
def net(tiny_checkpoint: Path) -> TasteNetwork:
    return widened(read_taste_network(tiny_checkpoint, OLD), OLD, WORDS)


def test_a_new_style_begins_at_the_mean_of_the_styles(tiny_checkpoint: Path, net: TasteNetwork) -> None:
    before = read_taste_network(tiny_checkpoint, OLD).net.get_input_embeddings().weight.detach()
    after = net.net.get_input_embeddings().weight.detach()
    assert torch.equal(after[: len(OLD)], before)
    assert torch.allclose(after[-1], before[torch.from_numpy(OLD.type_ids["Style"])].mean(dim=0))


def test_words_keep_their_rows_in_another_order(tiny_checkpoint: Path) -> None:
    turned = Vocabulary((*OLD.words[:3], *OLD.words[90:], *OLD.words[3:90]))
    net = widened(read_taste_network(tiny_checkpoint, OLD), OLD, turned)
    before = read_taste_network(tiny_checkpoint, OLD).net.get_input_embeddings().weight
    after = net.net.get_input_embeddings().weight
    assert torch.equal(after[turned.ids["Pitch_60"]], before[OLD.ids["Pitch_60"]])
    assert net.places == [turned.ids["Taste_0"], turned.ids["Taste_1"]]


def test_own_pieces_are_learned_and_the_reader_without_torch_agrees(
    net: TasteNetwork, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    held_out = [piece(100)]
    before = nats_a_note(net, melody_lessons(held_out, WORDS))
    tuned, state = fine_tune(
        net, WORDS, [piece(n) for n in range(4)], held_out, PLAN, fresh=[len(OLD)],
        rehearsal=[piece(7, style="folk")],
    )  # fmt: skip
    assert state.step == PLAN.steps
    assert nats_a_note(tuned, melody_lessons(held_out, WORDS)) < before - 0.05
    write_network(tuned, WORDS, tmp_path)
    (tmp_path / "card.json").write_text("{}")
    lesson = melody_lessons(held_out, WORDS)[0]
    seen = Decoder(open_checkpoint(tmp_path)).start(1).feed(lesson.ids[None, :-1])
    with torch.no_grad():
        wanted = tuned(torch.from_numpy(lesson.ids[None, :-1]), torch.zeros(1, 0))[0, -1]
    assert np.abs(seen[0] - wanted.numpy()).max() < 0.02  # bf16 on disk


def test_adapters_leave_everything_else_where_it_was(net: TasteNetwork) -> None:
    learner = Learner(net, fresh=[len(OLD)])
    batch = batch_of([lesson_of(piece(1), Exercise("melody"), 0, 8, WORDS)])
    for _ in range(3):
        logits, wanted = target_logits(net, batch)
        learner.update(torch.nn.functional.cross_entropy(logits, wanted), rate=1.0)
    tuned, reference = learner.merged().state_dict(), learner.reference.state_dict()
    assert tuned.keys() == reference.keys()
    moved = {name for name, value in tuned.items() if not torch.equal(value, reference[name])}
    assert all("_proj" in name or "embed" in name or "lm_head" in name for name in moved)
    rows = tuned["net.model.embed_tokens.weight"] - reference["net.model.embed_tokens.weight"]
    assert rows.abs().sum(dim=1).nonzero().flatten().tolist() == [len(OLD)]


def test_rehearsal_leads_back_to_what_the_network_was(net: TasteNetwork) -> None:
    learner = Learner(net, seed=1)
    memory = batch_of([lesson_of(piece(9, style="folk"), Exercise("melody"), 0, 8, WORDS)])
    with torch.no_grad():
        assert float(drift(net, learner.reference, memory)) == 0.0
        for weight in learner.weights:
            weight.add_(0.05)
    far = float(drift(net, learner.reference, memory).detach())
    for _ in range(10):
        learner.update(drift(net, learner.reference, memory), rate=5.0)
    assert 0 < float(drift(net, learner.reference, memory).detach()) < 0.97 * far


def test_half_the_way_is_half_the_adapters(net: TasteNetwork, tiny_checkpoint: Path) -> None:
    other = widened(read_taste_network(tiny_checkpoint, OLD), OLD, WORDS)
    with torch.no_grad():
        for weight in other.parameters():
            weight.add_(1.0)
    half = between(net, other, 0.5)
    weights = zip(half.parameters(), net.parameters(), strict=True)
    assert all(torch.allclose(now - before, torch.tensor(0.5), atol=1e-6) for now, before in weights)


def test_nothing_held_out_is_refused(net: TasteNetwork) -> None:
    with pytest.raises(InputError, match="held-out"):
        fine_tune(net, WORDS, [piece(0)], [], PLAN)


def items(count: int, pitches: tuple[int, ...], *, first: int) -> list[list[object]]:
    made = (piece(n, pitches=pitches, style="folk") for n in range(first, first + count))
    return [[lesson_of(entry, Exercise("melody"), 0, 8, WORDS)] for entry in made]


def test_what_was_kept_grows_likelier_than_what_was_skipped(net: TasteNetwork) -> None:
    kept, skipped = items(5, (60, 64, 67), first=0), items(5, (61, 63, 66), first=20)
    written = [lesson for [lesson] in items(4, (60, 62, 64, 65), first=40)]
    found = prefer(net, kept, skipped, written, replace(PLAN, steps=20, check_every=5))
    assert found.drift <= MOST_DRIFT
    assert [len(side) for side in found.held_out] == [1, 1]
    assert margins(found.reference, found.reference, *found.held_out).mean == 0.0
    held = margins(found.net, found.reference, *found.held_out)
    assert held.mean > 0
    assert held.right == 1.0


def test_too_few_verdicts_are_refused(net: TasteNetwork) -> None:
    few, enough = items(FEWEST - 1, (60, 64), first=0), items(FEWEST, (61, 66), first=20)
    with pytest.raises(InputError, match="at least 3 pieces that were kept, got 2"):
        prefer(net, few, enough, [enough[0][0], enough[1][0]], PLAN)
