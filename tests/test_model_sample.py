"""Drawing ids: chance, batches, and a context that is too small."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cocreate.errors import InputError
from cocreate.generate.melody import write_melodies
from cocreate.generate.request import MelodyRequest
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.model.rules import Form, Scribe
from cocreate.model.sample import Row, Sampling, decode, draw
from cocreate.music.song import Meter
from cocreate.music.theory import SCALES, parse_progression

FORM = Form(4, Meter(0, 4, 4), "4/4", 60, 79, frozenset(SCALES["major"]), 0.1)


def drawn(net: Decoder, n: int, seed: int, *, sampling: Sampling | None = None) -> list[list[list[int]]]:
    words = net.words
    prompts = [[words.id("BOS"), words.id("Task", "melody"), *[words.id("Style", "jazz")] * (n % 2)] for n in range(n)]
    rows = [Row(prompt, Scribe(FORM, words)) for prompt in prompts]
    decode(net, rows, seed=seed, sampling=sampling)
    assert all(row.nats > 0 for row in rows)
    return [row.scribe.ids for row in rows]


@pytest.fixture(scope="module")
def net(tiny_checkpoint: Path) -> Decoder:
    return Decoder(open_checkpoint(tiny_checkpoint))


def test_the_first_rows_are_the_same_however_many_are_drawn(net: Decoder) -> None:
    assert drawn(net, 6, 11)[:3] == drawn(net, 3, 11)


def test_the_same_seed_gives_the_same_ids_and_another_seed_others(net: Decoder) -> None:
    assert drawn(net, 2, 5) == drawn(net, 2, 5)
    assert drawn(net, 2, 5) != drawn(net, 2, 6)


def counted(logits: list[float], sampling: Sampling, *, allowed: list[bool] | None = None) -> list[int]:
    mask = np.array(allowed or [True] * len(logits))
    rng = np.random.default_rng(0)
    values = np.array(logits, dtype=np.float32)
    return np.bincount([draw(values, mask, rng, sampling)[0] for _ in range(1000)], minlength=len(logits)).tolist()


def test_min_p_drops_what_is_far_less_likely_than_the_best() -> None:
    logits = [float(np.log(p)) for p in (0.6, 0.3, 0.09, 0.01)]
    assert counted(logits, Sampling(min_p=0.05))[3] == 0
    assert counted(logits, Sampling(min_p=0.05))[2] > 0
    assert counted(logits, Sampling(min_p=1.0)) == [1000, 0, 0, 0]
    assert counted(logits, Sampling(min_p=0.0))[3] > 0


def test_top_p_keeps_the_smallest_set_that_holds_it() -> None:
    logits = [float(np.log(p)) for p in (0.5, 0.3, 0.15, 0.05)]
    assert counted(logits, Sampling(min_p=0, top_p=0.6))[2:] == [0, 0]
    assert counted(logits, Sampling(min_p=0, top_p=0.6))[1] > 0
    assert counted(logits, Sampling(min_p=0, top_p=0.0)) == [1000, 0, 0, 0]


def test_a_low_temperature_takes_the_best_and_never_breaks() -> None:
    logits = [0.0, 0.01, -30.0]
    for temperature in (1e-6, 1e-3):
        assert counted(logits, Sampling(temperature=temperature, min_p=0)) == [0, 1000, 0]
    assert min(counted(logits, Sampling(temperature=1e6, min_p=0))) > 250


def test_only_allowed_ids_are_drawn_and_their_nats_are_under_the_plain_network() -> None:
    assert counted([9.0, 0.0, 0.0], Sampling(), allowed=[False, True, True])[0] == 0
    token, nats = draw(
        np.array([9, 0, 0], dtype=np.float32), np.array([False, True, True]), np.random.default_rng(0), Sampling()
    )
    assert token in (1, 2)
    assert nats == pytest.approx(np.log(2))


@pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": float("inf")}, {"min_p": 2}, {"top_p": -0.1}])
def test_an_impossible_taste_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        Sampling(**options)


@pytest.fixture(scope="module")
def small(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    """The same network with room for 128 ids only."""
    folder = tmp_path_factory.mktemp("small") / "music"
    shutil.copytree(tiny_checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 128}))
    return Decoder(open_checkpoint(folder))


@pytest.mark.parametrize("chords", [None, "C | Am7 | F/A | G7"])
def test_a_long_idea_outgrows_the_context_and_goes_on(
    small: Decoder, tiny_checkpoint: Path, chords: str | None
) -> None:
    table = json.loads((tiny_checkpoint / "styles.json").read_text())["styles"]
    meter = Meter(0, 4, 4)
    under = parse_progression(chords, meter=meter, bars=48) if chords else ()

    def ideas(n: int) -> list[object]:
        request = MelodyRequest(bars=48, n=n, seed=3, chords=under, meter=meter)
        return [draft.song for draft in write_melodies(small, table, request)]

    four = ideas(4)
    assert [len(song.bars()) for song in four] == [48] * 4  # type: ignore[attr-defined]
    assert min(len(song.melody.notes) for song in four) * 3 > 128  # type: ignore[attr-defined]
    assert ideas(2) == four[:2]


def test_guidance_of_one_is_the_network_itself_and_zero_forgets_the_style(net: Decoder) -> None:
    words = net.words

    def written(style: str, guidance: float) -> list[list[int]]:
        prompt = [words.id("BOS"), words.id("Task", "melody"), words.id("Style", style), words.id("Bars", 4)]
        row = Row(prompt, Scribe(FORM, words))
        decode(net, [row], seed=3, sampling=Sampling(guidance=guidance))
        return row.scribe.ids

    assert written("jazz", 0.0) == written("hymn", 0.0)
    assert written("jazz", 1.0) != written("jazz", 5.0)


def test_a_taste_steers_and_only_its_own_row(net: Decoder) -> None:
    words = net.words
    vector = np.random.default_rng(0).normal(0, 30, net.features).astype(np.float32)

    def written(*tastes: np.ndarray) -> list[list[list[int]]]:
        prompt = [words.id("BOS"), *net.taste_ids, words.id("Task", "melody")]
        rows = [Row(prompt, Scribe(FORM, words), taste=taste) for taste in tastes]
        decode(net, rows, seed=3, sampling=Sampling(guidance=2.0))
        return [row.scribe.ids for row in rows]

    one, two = written(vector, vector), written(vector, -vector)
    assert one[0] == two[0]
    assert one[1] != two[1]
