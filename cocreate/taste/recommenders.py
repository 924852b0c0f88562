"""Recommenders under one interface: who heard what in, a score for every item out; all take listeners they never met.

Conventions:
    Histories are sparse rows, listeners x items, of strengths above 0 (1 is an ordinary play history's item). Content
    is a sparse matrix, items x facts. `fit` learns; `score` takes rows of histories, of anybody, so that a listener is
    folded in by asking. A score is linear in the history once the model and the neighbours are chosen: `explain` gives
    what each heard item adds, and it adds up to the score. Saved as one ``.npz``, never a pickle.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cocreate.errors import FileError, InputError
from cocreate.taste.table import Singles

Sparse: TypeAlias = sp.csr_matrix
Places: TypeAlias = npt.NDArray[np.int64]


class Recommender(ABC):
    """One way to recommend; see the module."""

    name: ClassVar[str]
    needs_content: ClassVar[bool] = False

    def __init__(self) -> None:
        self.state: dict[str, npt.NDArray[Any]] = {}

    def fit(self, plays: Sparse, content: Sparse | None = None) -> Recommender:
        """Learn from histories (and content, where the model needs it). Returns itself.

        Raises:
            InputError: if there is no history, or content is missing or of another length.
        """
        if plays.shape[0] == 0 or plays.nnz == 0:
            raise InputError("a recommender needs at least one listener with one item, got none")
        if self.needs_content and content is None:
            raise InputError(f"{self.name} needs the content of the items, got none")
        if content is not None and content.shape[0] != plays.shape[1]:
            raise InputError(f"content must have a row an item ({plays.shape[1]}), got {content.shape[0]}")
        self.state = self._learned(sp.csr_matrix(plays, dtype=np.float32), content)
        return self

    def score(self, histories: Sparse) -> Singles:
        """A score for each item. Shape (histories, items)."""
        if not self.state:
            raise InputError(f"{self.name} must be fitted before it scores")
        if histories.shape[1] != self.items:
            raise InputError(f"a history must have {self.items} columns, got {histories.shape[1]}")
        return self._scores(sp.csr_matrix(histories, dtype=np.float32)).astype(np.float32)

    def recommend(self, histories: Sparse, n: int) -> Places:
        """The ``n`` best items that are not in each history, best first. Shape (histories, n)."""
        scores = self.score(histories)
        rows, columns = histories.nonzero()
        scores[rows, columns] = -np.inf
        return best(scores, n)

    def similar(self, item: int, n: int) -> Places:
        """The ``n`` items that a listener who heard ``item`` alone is most likely to hear too."""
        alone = sp.csr_matrix((np.ones(1, np.float32), ([0], [item])), shape=(1, self.items))
        found: Places = self.recommend(alone, n)[0]
        return found

    def explain(self, history: Sparse, item: int) -> dict[int, float]:
        """What each heard item adds to the score of ``item``; with -1, what is added whoever asks. Adds up."""
        whole = float(self.score(history)[0, item])
        shares = self._contributions(sp.csr_matrix(history, dtype=np.float32), item)
        rest = whole - sum(shares.values())
        return shares | ({-1: rest} if abs(rest) > 1e-6 * max(1.0, abs(whole)) else {})

    def save(self, path: Path) -> None:
        """Write everything that was learned."""
        with path.open("wb") as file:
            everything: dict[str, Any] = {"name": np.array(self.name), **self.state}
            np.savez_compressed(file, **everything)

    def load(self, path: Path) -> Recommender:
        """Read what `save` wrote. Returns itself.

        Raises:
            FileError: if the file is missing, broken or of another recommender.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                found = {name: saved[name] for name in saved.files}
        except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
            raise FileError(f"{path} cannot be read as a recommender: {error}") from error
        if str(found.pop("name", "")) != self.name:
            raise FileError(f"{path} must hold {self.name}; it holds another recommender")
        self.state = found
        return self

    @property
    def items(self) -> int:
        """How many items it knows."""
        return int(self.state["items"])

    @abstractmethod
    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        """What `fit` keeps; ``items`` is among it."""

    @abstractmethod
    def _scores(self, histories: Sparse) -> Singles: ...

    def _contributions(self, history: Sparse, item: int) -> dict[int, float]:
        """By leaving the linear map alone with one heard item at a time."""
        columns = history.indices
        each = sp.csr_matrix((history.data, (np.arange(len(columns)), columns)), shape=(len(columns), history.shape[1]))
        values = self._scores(each)[:, item]
        return {int(column): float(value) for column, value in zip(columns, values, strict=True)}


class Popularity(Recommender):
    """Everybody gets what most listeners have."""

    name = "popularity"

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        return {"items": np.array(plays.shape[1]), "listeners": np.asarray((plays > 0).sum(axis=0)).ravel()}

    def _scores(self, histories: Sparse) -> Singles:
        return np.tile(self.state["listeners"].astype(np.float32), (histories.shape[0], 1))

    def _contributions(self, history: Sparse, item: int) -> dict[int, float]:
        return {}


class ContentCosine(Recommender):
    """Items whose facts are like those of what was heard."""

    name = "content cosine"
    needs_content = True

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        assert content is not None
        return {"items": np.array(plays.shape[1]), **_packed("content", unit_rows(content))}

    def _scores(self, histories: Sparse) -> Singles:
        facts = _unpacked("content", self.state)
        found: Singles = np.asarray(((histories @ facts) @ facts.T).todense())
        return found


class ItemNeighbours(Recommender):
    """Items that were heard by the same listeners; cosine, or Pearson (cosine around each item's mean)."""

    name = "item-kNN"

    def __init__(self, *, neighbours: int = 100, shrink: float = 10.0, pearson: bool = False) -> None:
        super().__init__()
        self.neighbours, self.shrink, self.pearson = neighbours, shrink, pearson

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        count, items = plays.shape
        together = (plays.T @ plays).tocsr()
        squares = together.diagonal()
        if self.pearson:  # covariance of sparse columns, on the pairs that were heard together
            means = np.asarray(plays.sum(axis=0)).ravel() / count
            coo = together.tocoo()
            coo.data = coo.data - count * means[coo.row] * means[coo.col]
            together, squares = coo.tocsr(), squares - count * means**2
        lengths = np.sqrt(np.maximum(squares, 0.0))
        coo = together.tocoo()
        values = coo.data / (lengths[coo.row] * lengths[coo.col] + self.shrink)
        values[coo.row == coo.col] = 0.0
        similar = sp.csr_matrix((values.astype(np.float32), (coo.row, coo.col)), shape=(items, items))
        return {"items": np.array(items), **_packed("similar", strongest(similar, self.neighbours))}

    def _scores(self, histories: Sparse) -> Singles:
        found: Singles = np.asarray((histories @ _unpacked("similar", self.state)).todense())
        return found


class UserNeighbours(Recommender):
    """What the listeners with the most similar histories heard; cosine with rare items weighing more, or Pearson."""

    name = "user-kNN"

    def __init__(self, *, neighbours: int = 100, power: float = 1.5, pearson: bool = False) -> None:
        super().__init__()
        self.neighbours, self.power, self.pearson = neighbours, power, pearson

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        counts = np.asarray((plays > 0).sum(axis=0)).ravel()
        rare = np.log(plays.shape[0] / np.maximum(1, counts)) if not self.pearson else np.ones(plays.shape[1])
        return {
            "items": np.array(plays.shape[1]), "rare": rare.astype(np.float32),
            "means": np.asarray(plays.mean(axis=0), dtype=np.float32).ravel(), **_packed("plays", plays),
        }  # fmt: skip

    def _alike(self, histories: Sparse) -> Singles:
        """Weights of the training listeners for each history, all but the nearest 0."""
        plays, rare = _unpacked("plays", self.state), sp.diags(self.state["rare"])
        known, asked = plays @ rare, histories @ rare
        found: Singles = np.asarray((asked @ known.T).todense(), dtype=np.float32)
        own, others = _square_rows(asked), _square_rows(known)
        if self.pearson:
            means = self.state["means"]
            found = (found - (asked @ means)[:, None] - (known @ means)[None, :] + float(means @ means)).astype(
                np.float32
            )
            own = own - 2 * (asked @ means) + float(means @ means)
            others = others - 2 * (known @ means) + float(means @ means)
        lengths = np.sqrt(np.maximum(1e-9, own))[:, None] * np.sqrt(np.maximum(1e-9, others))[None, :]
        found = (found / lengths).astype(np.float32)
        found[found > 1 - 1e-6] = 0.0
        found = (np.maximum(found, 0.0) ** self.power).astype(np.float32)
        if found.shape[1] > self.neighbours:
            edge = np.partition(found, -self.neighbours, axis=1)[:, -self.neighbours][:, None]
            found[found < edge] = 0.0
        return found

    def _scores(self, histories: Sparse) -> Singles:
        found: Singles = np.asarray(self._alike(histories) @ _unpacked("plays", self.state))
        return found

    def _contributions(self, history: Sparse, item: int) -> dict[int, float]:
        """The neighbours' say, shared among the heard items by what each adds to the likeness."""
        plays, weights = _unpacked("plays", self.state), self._alike(history)[0]
        voices = weights * np.asarray(plays[:, item].todense()).ravel()
        shared = plays[:, history.indices].multiply(self.state["rare"][history.indices] ** 2 * history.data).tocsr()
        shared = np.asarray(shared.todense())
        whole = shared.sum(axis=1)
        each = (voices[:, None] * shared / np.where(whole > 0, whole, 1.0)[:, None]).sum(axis=0)
        return {int(column): float(value) for column, value in zip(history.indices, each, strict=True)}


class Ease(Recommender):
    """EASE with items scaled by a power of their listeners, solved in the space of listeners (the dual).

    Args:
        ridge: added to the diagonal.
        damping: power of an item's listeners that its column is divided by.

    Source:
        Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019. We differ: the dual form, which is exact
        and fast where there are fewer listeners than items, and the scaling.
    """

    name = "EASE"

    def __init__(self, *, ridge: float = 30.0, damping: float = 0.25) -> None:
        super().__init__()
        self.ridge, self.damping = ridge, damping

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        listeners = np.maximum(1, np.asarray((plays > 0).sum(axis=0)).ravel()).astype(np.float32)
        scale = listeners**self.damping
        rows = np.asarray((plays @ sp.diags(1 / scale)).todense(), dtype=np.float32)  # (U, I)
        gram = rows @ rows.T
        inverse = np.linalg.inv(gram + self.ridge * np.eye(len(gram), dtype=np.float32)).astype(np.float32)
        half = inverse @ rows  # (U, I)
        diagonal = (1 - np.einsum("ui,ui->i", rows, half)) / self.ridge
        return {
            "items": np.array(plays.shape[1]), "scale": scale.astype(np.float32), "half": half,
            "diagonal": diagonal.astype(np.float32), "ridge": np.array(self.ridge), **_packed("plays", plays),
        }  # fmt: skip

    def _scores(self, histories: Sparse) -> Singles:
        scale = self.state["scale"]
        asked = (histories @ sp.diags(1 / scale)).tocsr()
        known = _unpacked("plays", self.state) @ sp.diags(1 / scale)
        through = np.asarray((asked @ known.T).todense(), dtype=np.float32) @ self.state["half"]  # (n, I)
        dense = np.asarray(asked.todense(), dtype=np.float32)
        inverse = (dense - through) / float(self.state["ridge"])  # rows of the history times (A'A + ridge)^-1
        found: Singles = (dense - inverse / self.state["diagonal"]) * scale
        return found


def best(scores: Singles, n: int) -> Places:
    """The places of the ``n`` largest of each row, largest first; ties by place."""
    n = min(n, scores.shape[1])
    some = np.argpartition(-scores, n - 1, axis=1)[:, :n]
    some = np.sort(some, axis=1)
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
    found: Places = np.take_along_axis(some, order, axis=1)
    return found


def by_rank(plays: Sparse, strength: float) -> Sparse:
    """Play counts as strengths around 1: by each listener's own order, the most played 1 + strength / 2; ties share."""
    found = plays.tocsr().astype(np.float32).copy()
    if not found.nnz:
        return found
    sizes = np.diff(found.indptr)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((found.data, owners))
    opens = np.append(True, (np.diff(owners[order]) != 0) | (np.diff(found.data[order]) != 0))
    firsts = np.flatnonzero(opens)
    lasts = np.append(firsts[1:], len(order)) - 1
    middles = ((firsts + lasts) / 2)[np.cumsum(opens) - 1]
    shares = (middles - found.indptr[owners[order]] + 0.5) / sizes[owners[order]]
    found.data[order] = 1 + strength * (shares - 0.5)
    return found


def unit_rows(matrix: Sparse) -> Sparse:
    """Rows scaled to length 1; empty rows stay empty."""
    lengths = np.sqrt(_square_rows(matrix))
    return sp.csr_matrix(sp.diags(1 / np.maximum(lengths, 1e-9)) @ matrix, dtype=np.float32)


def strongest(matrix: Sparse, most: int) -> Sparse:
    """The ``most`` largest of each column alone, which is where a history looks."""
    columns = matrix.tocsc()
    keep = np.zeros(columns.nnz, dtype=bool)
    for column in range(columns.shape[1]):
        first, stop = columns.indptr[column], columns.indptr[column + 1]
        if stop - first <= most:
            keep[first:stop] = True
        else:
            keep[first + np.argpartition(-columns.data[first:stop], most)[:most]] = True
    coo = columns.tocoo()
    return sp.csr_matrix((coo.data[keep], (coo.row[keep], coo.col[keep])), shape=matrix.shape)


def _square_rows(matrix: Sparse) -> Singles:
    found: Singles = np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel().astype(np.float32)
    return found


def _packed(name: str, matrix: Sparse) -> dict[str, npt.NDArray[Any]]:
    csr = sp.csr_matrix(matrix)
    return {
        f"{name}_data": csr.data, f"{name}_indices": csr.indices, f"{name}_indptr": csr.indptr,
        f"{name}_shape": np.array(csr.shape),
    }  # fmt: skip


def _unpacked(name: str, state: dict[str, npt.NDArray[Any]]) -> Sparse:
    parts = (state[f"{name}_data"], state[f"{name}_indices"], state[f"{name}_indptr"])
    return sp.csr_matrix(parts, shape=tuple(state[f"{name}_shape"]))


pack, unpack = _packed, _unpacked  # for the recommenders in other files
