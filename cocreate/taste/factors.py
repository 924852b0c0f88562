"""Matrix factorisations: implicit ALS for plays, stochastic gradient descent for ratings; both fold listeners in.

Conventions:
    As in `recommenders`. A listener is not kept: their factors are solved from the history that is asked about, in
    milliseconds, which is how a keep counts at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cocreate.taste.recommenders import Recommender, Sparse, by_rank
from cocreate.taste.table import Singles

_ROWS, _CELLS = 1_024, 8_192  # rows, and entries in them, that are solved in one stroke


class ImplicitALS(Recommender):
    """Alternating least squares on plays; every item that was not heard counts a little as not wanted.

    Source:
        Hu, Koren, Volinsky, ICDM 2008; the ridge that grows with an item's listeners is that of Rendle et al.,
        Revisiting the Performance of iALS, RecSys 2022. We differ: strengths are by rank within a listener.
    """

    name = "iALS"

    def __init__(
        self,
        *,
        factors: int = 128,
        unheard: float = 0.06,
        ridge: float = 0.012,
        rounds: int = 8,
        strength: float = 1.5,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.factors, self.unheard, self.ridge = factors, unheard, ridge
        self.rounds, self.strength, self.seed = rounds, strength, seed

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        weights = by_rank(plays, self.strength)
        rng = np.random.default_rng(self.seed)
        size = min(self.factors, *plays.shape)
        items = (rng.normal(0, 0.1 / np.sqrt(size), (plays.shape[1], size))).astype(np.float32)
        turned = sp.csr_matrix(weights.T)
        for _ in range(self.rounds):
            listeners = self._solved(weights, items)
            items = self._solved(turned, listeners)
        return {"items": np.array(plays.shape[1]), "factors": items}

    def _scores(self, histories: Sparse) -> Singles:
        found: Singles = self.listeners(histories) @ self.state["factors"].T
        return found

    def listeners(self, histories: Sparse) -> Singles:
        """The factors of those who have these histories. Shape (histories, factors)."""
        return self._solved(by_rank(histories, self.strength), self.state["factors"])

    def _solved(self, weights: Sparse, other: Singles) -> Singles:
        """Factors of the rows of ``weights``, the other side's being given.

        In the basis in which the part that all rows share is diagonal, a row with k entries is a system of k unknowns
        (Woodbury), so that the many items of few listeners cost next to nothing.
        """
        spread, turn = np.linalg.eigh(self.unheard * (other.T @ other))
        turned = other @ turn
        found = np.zeros((weights.shape[0], other.shape[1]), dtype=np.float32)
        counts = np.diff(weights.indptr)
        order = np.argsort(counts, kind="stable")
        order = order[np.searchsorted(counts[order], 1) :]
        first = 0
        while first < len(order):
            size = max(1, min(_ROWS, _CELLS // int(counts[order[min(first + _ROWS, len(order)) - 1]])))
            rows = order[first : first + size]
            first += size
            most = int(counts[rows].max())
            taken = np.arange(most) < counts[rows][:, None]
            entries = np.where(taken, weights.indptr[rows][:, None] + np.arange(most), 0)
            values = np.where(taken, weights.data[entries], 1.0).astype(np.float32)
            heard = turned[weights.indices[entries]] * taken[..., None]  # (rows, most, F)
            steady = self.ridge * (counts[rows] + self.unheard * len(other))
            inverse = (1.0 / (np.maximum(spread, 0.0) + steady[:, None])).astype(np.float32)
            roots = np.sqrt(values)
            scaled = heard * roots[..., None]
            wanted = np.where(taken, (values + self.unheard) / roots, 0.0).astype(np.float32)
            if most < other.shape[1]:
                left = np.matmul(scaled * inverse[:, None, :], scaled.transpose(0, 2, 1))
                left[:, np.arange(most), np.arange(most)] += 1.0
                each = np.linalg.solve(left, wanted[..., None])
                found[rows] = inverse * np.matmul(each.transpose(0, 2, 1), scaled)[:, 0]
            else:
                left = np.matmul(scaled.transpose(0, 2, 1), scaled)
                left[:, np.arange(len(spread)), np.arange(len(spread))] += 1.0 / inverse
                found[rows] = np.linalg.solve(left, (scaled * wanted[..., None]).sum(axis=1)[..., None])[..., 0]
        turned_back: Singles = found @ turn.T
        return turned_back

    def _contributions(self, history: Sparse, item: int) -> dict[int, float]:
        """Hu, Koren and Volinsky's own: the solved system is a sum over the heard items."""
        items = self.state["factors"]
        weights = by_rank(history, self.strength)
        heard, values = items[weights.indices], weights.data
        size = items.shape[1]
        left = self.unheard * (items.T @ items) + heard.T @ (heard * values[:, None])
        left += self.ridge * (len(values) + self.unheard * len(items)) * np.eye(size, dtype=np.float32)
        asked = np.linalg.solve(left, items[item])
        return {
            int(column): float((value + self.unheard) * (row @ asked))
            for column, value, row in zip(weights.indices, values, heard, strict=True)
        }


class RatingFactors(Recommender):
    """Ratings as mean + biases + factors, by stochastic gradient descent; scores are expected ratings.

    Source:
        Koren, Bell, Volinsky, Matrix Factorization Techniques for Recommender Systems, 2009. A new listener's factors
        are solved by ridge regression instead of more descent.
    """

    name = "SGD ratings"

    def __init__(
        self, *, factors: int = 32, rate: float = 0.02, ridge: float = 0.05, epochs: int = 30, seed: int = 0
    ) -> None:
        super().__init__()
        self.factors, self.rate, self.ridge, self.epochs, self.seed = factors, rate, ridge, epochs, seed

    def _learned(self, plays: Sparse, content: Sparse | None) -> dict[str, npt.NDArray[Any]]:
        rng = np.random.default_rng(self.seed)
        coo = plays.tocoo()
        mean = float(coo.data.mean())
        people, items = (rng.normal(0, 0.05, (count, self.factors)) for count in plays.shape)
        own, common = np.zeros(plays.shape[0]), np.zeros(plays.shape[1])
        batch = 64
        for _ in range(self.epochs):
            order = rng.permutation(coo.nnz)
            for first in range(0, coo.nnz, batch):
                some = order[first : first + batch]
                u, i = coo.row[some], coo.col[some]
                gap = coo.data[some] - (mean + own[u] + common[i] + (people[u] * items[i]).sum(axis=1))
                before = people[u]
                np.add.at(people, u, self.rate * (gap[:, None] * items[i] - self.ridge * before))
                np.add.at(items, i, self.rate * (gap[:, None] * before - self.ridge * items[i]))
                np.add.at(own, u, self.rate * (gap - self.ridge * own[u]))
                np.add.at(common, i, self.rate * (gap - self.ridge * common[i]))
        return {
            "items": np.array(plays.shape[1]), "mean": np.array(mean), "common": common.astype(np.float32),
            "factors": items.astype(np.float32),
        }  # fmt: skip

    def _scores(self, histories: Sparse) -> Singles:
        base = float(self.state["mean"]) + self.state["common"]
        found = np.zeros(histories.shape, dtype=np.float32)
        for row in range(histories.shape[0]):
            weights = self._map(histories[row])
            gaps = histories[row].data - base[histories[row].indices]
            found[row] = base + self._reach() @ (weights @ gaps)
        return found

    def _reach(self) -> Singles:
        """Item factors and a column of ones, for the listener's own bias."""
        factors = self.state["factors"]
        found: Singles = np.concatenate([factors, np.ones((len(factors), 1), np.float32)], axis=1)
        return found

    def _map(self, history: Sparse) -> Singles:
        """From the gaps of a history's ratings to the listener's factors and bias. (F + 1, n)."""
        rows = self._reach()[history.indices]
        left = rows.T @ rows + max(1.0, len(rows)) * self.ridge * np.eye(rows.shape[1], dtype=np.float32)
        found: Singles = np.linalg.solve(left, rows.T)
        return found

    def _contributions(self, history: Sparse, item: int) -> dict[int, float]:
        base = float(self.state["mean"]) + self.state["common"]
        each = self._reach()[item] @ self._map(history) * (history.data - base[history.indices])
        return {int(column): float(value) for column, value in zip(history.indices, each, strict=True)}
