"""The baselines that taste is measured beside: they find what is right, and are left out where they cannot be had."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from cocreate.evaluate.taste import evaluate_taste
from cocreate.evaluate.taste_baselines import AWARE, BPR, RIDGED, WARP, cold_baselines, missing, warm_baselines
from cocreate.evaluate.taste_hetrec import Tags

MANY, FEW, EACH, COLD = 60, 40, 20, 4  # listeners of two kinds; artists of each kind, heard and not
LIBRARIES = {BPR: "implicit", AWARE: "irspack", WARP: "lightfm"}
COLD_ROWS = [RIDGED, AWARE, WARP]
KIND = np.repeat([0, 1], [MANY, FEW])  # of listeners; the first kind's artists are the popular ones
ARTIST_KIND = np.concatenate([np.arange(2 * EACH) % 2, np.arange(2 * COLD) % 2, [0, 0]])
HELD = np.arange(2 * EACH, len(ARTIST_KIND))  # cold; the last has no tag, the one before it only that of listener 0
OWN_ONLY, BARE = HELD[-2], HELD[-1]


def world() -> tuple[sp.csr_matrix, Tags]:
    """Everybody has three quarters of the heard artists of their kind; tags tell the kinds apart."""
    rng = np.random.default_rng(0)
    plays = (KIND[:, None] == ARTIST_KIND[None, :]) & (rng.random((len(KIND), len(ARTIST_KIND))) < 0.75)
    plays[:, HELD] = False
    taggers = np.arange(1, 6)
    artists = np.repeat(np.arange(len(ARTIST_KIND) - 2), 2)
    tags = [2 * ARTIST_KIND[artist] + place % 2 for place, artist in enumerate(artists)]
    rows = [(taggers[place % 5], artist, tag) for place, (artist, tag) in enumerate(zip(artists, tags, strict=True))]
    listener, artist, tag = np.array([*rows, (0, OWN_ONLY, 0)], dtype=np.int64).T
    return sp.csr_matrix(plays.astype(np.float32)), Tags(listener, artist, tag, len(ARTIST_KIND), 4)


def cold_scores(name: str) -> np.ndarray:
    plays, tags = world()
    listeners, artists, less = tags.without(HELD)
    own = (listeners, np.searchsorted(HELD, artists), less)
    return dict(cold_baselines(plays, tags.counts(), HELD, own, 0))[name]


@pytest.mark.parametrize("name", COLD_ROWS)
def test_cold_artists_whose_tags_are_those_of_what_was_heard_come_first(name):
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name])
    first = np.argsort(-cold_scores(name)[:, : 2 * COLD], axis=1)[:, :COLD]
    assert (ARTIST_KIND[HELD[first]] == KIND[:, None]).all()  # popularity is wrong for every listener of the few


@pytest.mark.parametrize("name", COLD_ROWS)
def test_ones_own_tags_on_a_cold_artist_help_the_others_only(name):
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name])
    found = cold_scores(name)
    assert found[0, -2] == pytest.approx(found[0, -1], abs=1e-6)
    assert (found[1:MANY, -2] > found[1:MANY, -1]).all()


def test_bpr_puts_the_unheard_artists_of_ones_kind_first_and_a_seed_says_all():
    pytest.importorskip("implicit")
    plays, _ = world()
    ones = plays[:, : 2 * EACH]
    ((name, scores),) = warm_baselines(ones, 3)
    assert name == BPR
    for listener in range(len(KIND)):
        unheard = np.setdiff1d(np.arange(2 * EACH), ones[listener].indices)
        assert ARTIST_KIND[unheard[scores[listener, unheard].argmax()]] == KIND[listener]
    assert np.array_equal(scores, dict(warm_baselines(ones, 3))[BPR])


def test_a_baseline_whose_library_is_missing_is_one_line_and_no_row(monkeypatch, tmp_path):
    for library in LIBRARIES.values():
        monkeypatch.setitem(sys.modules, library, None)
    written(tmp_path)
    lines: list[str] = []
    found = evaluate_taste(tmp_path, parts=["warm", "cold"], splits=1, watch=lines.append)
    for name in LIBRARIES:
        assert [line for line in lines if name in line] == [
            f"left out: {name} needs `pip install 'cocreate[baselines]'`"
        ]
        assert all(name not in rows for rows in found.cases.values())
    assert RIDGED in found.cases["cold"]
    assert f"{RIDGED}" in found.text()
    assert "0.382, 0.426" in next(line for line in found.text().splitlines() if line.startswith(RIDGED))


def test_only_what_is_asked_for_is_missing(monkeypatch):
    for library in LIBRARIES.values():
        monkeypatch.setitem(sys.modules, library, None)
    assert len(missing(["warm"])) == 1
    assert len(missing(["cold"])) == 2
    assert missing(["unseen"]) == []


def written(folder: Path) -> None:
    """The world as the files of HetRec."""
    plays, tags = world()
    listeners, artists = plays.nonzero()
    rows = [f"{u}\t{i}\t1" for u, i in zip(listeners, artists, strict=True)]
    folder.joinpath("user_artists.dat").write_text("\n".join(["userID\tartistID\tweight", *rows]), encoding="latin-1")
    given = [f"{u}\t{i}\t{t}" for u, i, t in zip(tags.listener, tags.artist, tags.tag, strict=True)]
    folder.joinpath("user_taggedartists.dat").write_text("\n".join(["userID\tartistID\ttagID", *given]))
