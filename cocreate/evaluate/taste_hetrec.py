"""HetRec 2011 Last.fm: who listened to which artist, which tags they gave; and how it is split for measuring.

Conventions:
    Listeners, artists and tags are numbered from 0 in the order of their ids. A split is drawn by a seed. Tag counts
    are *leak-free*: what listener u tagged an artist with never helps to rank that artist for u; where that is asked of
    every listener at once, `Tags.without` describes the artist anew.

Source:
    Cantador, Brusilovsky, Kuflik, HetRec 2011. Evaluation only: the licence is for non-commercial research.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cocreate.errors import FileError
from cocreate.taste.neural import hold_out

FOLDER = "eval/hetrec-lastfm-2k"
TEST_SHARE = 0.2

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tags:
    """Who gave which tag to which artist: three columns of places."""

    listener: Places
    artist: Places
    tag: Places
    artists: int
    tags: int

    def counts(self, keep: npt.NDArray[np.bool_] | None = None) -> sp.csr_matrix:
        """How often each artist was given each tag, of some assignments. Shape (artists, tags)."""
        chosen = np.ones(len(self.tag), dtype=bool) if keep is None else keep
        values = np.ones(int(chosen.sum()), dtype=np.float32)
        return sp.csr_matrix((values, (self.artist[chosen], self.tag[chosen])), shape=(self.artists, self.tags))

    def not_of(self, pairs: Sequence[Places]) -> npt.NDArray[np.bool_]:
        """True for assignments outside ``pairs``: for each listener the artists that are held out."""
        held = np.zeros((len(pairs), self.artists), dtype=bool)
        for listener, artists in enumerate(pairs):
            held[listener, artists] = True
        found: npt.NDArray[np.bool_] = ~held[self.listener, self.artist]
        return found

    def without(self, artists: Places) -> tuple[Places, Places, sp.csr_matrix]:
        """Of each listener and artist of ``artists`` that the listener tagged: both, and the counts less their own."""
        own = np.isin(self.artist, artists)
        pairs, place = np.unique(self.listener[own] * self.artists + self.artist[own], return_inverse=True)
        shape = (len(pairs), self.tags)
        mine = sp.csr_matrix((np.ones(len(place), np.float32), (place, self.tag[own])), shape=shape)
        listeners, tagged = pairs // self.artists, pairs % self.artists
        left = sp.csr_matrix(self.counts()[tagged] - mine)
        left.eliminate_zeros()
        return listeners, tagged, left


@dataclass(frozen=True, slots=True)
class HetRec:
    """Plays, listeners x artists, and tags."""

    plays: sp.csr_matrix
    tags: Tags


def read_hetrec(data: Path) -> HetRec:
    """Read the set from the data folder, or from its own folder.

    Raises:
        FileError: if a file is missing or broken.
    """
    folder = data / FOLDER if (data / FOLDER).is_dir() else data
    plays, given = (_table(folder / name) for name in ("user_artists.dat", "user_taggedartists.dat"))
    listeners, artists = np.unique(plays[:, 0]), np.unique(plays[:, 1])
    given = given[np.isin(given[:, 0], listeners) & np.isin(given[:, 1], artists)]
    tags = np.unique(given[:, 2])
    shape = (len(listeners), len(artists))
    places = (np.searchsorted(listeners, plays[:, 0]), np.searchsorted(artists, plays[:, 1]))
    return HetRec(
        sp.csr_matrix((plays[:, 2].astype(np.float32), places), shape=shape),
        Tags(
            np.searchsorted(listeners, given[:, 0]), np.searchsorted(artists, given[:, 1]),
            np.searchsorted(tags, given[:, 2]), len(artists), len(tags),
        ),
    )  # fmt: skip


def split_histories(plays: sp.csr_matrix, seed: int, share: float = TEST_SHARE) -> tuple[sp.csr_matrix, list[Places]]:
    """A fifth of each listener's artists held out. Returns what is left and, by listener, what is held out."""
    return hold_out(plays, share=share, seed=seed)


def split_items(plays: sp.csr_matrix, seed: int, share: float = TEST_SHARE, *, fewest: int = 0) -> Places:
    """A fifth of the artists who have at least ``fewest`` listeners, held out whole, in order."""
    known = np.flatnonzero(np.asarray((plays > 0).sum(axis=0)).ravel() >= fewest)
    return np.sort(np.random.default_rng(seed).permutation(known)[: int(len(known) * share)])


def _table(path: Path) -> npt.NDArray[np.int64]:
    try:
        return np.loadtxt(path, dtype=np.int64, skiprows=1, delimiter="\t", ndmin=2, encoding="latin-1")
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as a table of HetRec Last.fm-2k: {error}") from error
