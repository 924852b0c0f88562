"""More baselines of ``cocreate evaluate taste``: BPR, ALS then ridge, feature-aware iALS, and LightFM by WARP.

Conventions:
    Histories are 0 or 1, listeners x artists. A row that needs a library of the extra ``baselines`` is left out where
    that is not installed; `missing` says so. Of a cold artist only facts are known: tags that two heard artists have,
    damped, rare ones more, of unit length. Every cold baseline is a map from facts to factors beside factors of
    listeners, so that a listener's own tags on a held-out artist are taken from what describes it to them. Artists that
    nobody heard take no part in learning. One thread, so that a seed says all.
    What is fixed here was chosen on validation parts of the training part of split 0; for cold, of artists of any
    number of listeners.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import scipy.linalg as sl
import scipy.sparse as sp

from cocreate.evaluate.taste_hetrec import Places
from cocreate.taste.factors import ImplicitALS
from cocreate.taste.recommenders import unit_rows
from cocreate.taste.table import Singles

BPR, RIDGED, AWARE, WARP = "BPR-MF", "ALS, ridge from tags to factors", "feature-aware iALS", "LightFM WARP with tags"
_NEEDS = {"warm": {BPR: "implicit"}, "cold": {AWARE: "irspack", WARP: "lightfm"}}
_RARE = 0.25  # power of the inverse frequency of a tag

Told: TypeAlias = tuple[Singles, Callable[[sp.csr_matrix], Singles]]  # listeners' factors, and from facts to factors
Own: TypeAlias = tuple[Places, Places, sp.csr_matrix]  # listener, place among the cold, and the counts less their own


def missing(parts: Sequence[str]) -> list[str]:
    """A line for each baseline of ``parts`` whose library is not installed."""
    wanted = [row for part in parts for row in _NEEDS.get(part, {}).items()]
    return [
        f"left out: {name} needs `pip install 'cocreate[baselines]'`" for name, library in wanted if not _has(library)
    ]


def warm_baselines(plays: sp.csr_matrix, seed: int) -> Iterator[tuple[str, Singles]]:
    """Name and scores, (listeners, artists), of each baseline for artists that somebody heard."""
    if _has("implicit"):
        yield BPR, bpr(_ones(plays), seed)


def cold_baselines(
    plays: sp.csr_matrix, content: sp.csr_matrix, cold: Places, own: Own, seed: int
) -> Iterator[tuple[str, Singles]]:
    """Name and scores, (listeners, cold artists), of each baseline for artists that nobody heard.

    Args:
        plays: histories without the cold artists.
        content: counts of tags, (artists, tags).
        cold: the places of the cold artists, in order.
        own: pairs to score by another description, one without the listener's own tags.
    """
    heard = np.flatnonzero(np.asarray((plays > 0).sum(axis=0)).ravel())
    ones, facts_of = _ones(plays[:, heard]), described(content[heard])
    facts = facts_of(content[heard])
    for name, learn in ((RIDGED, ridged_als), (AWARE, aware_ials), (WARP, warp)):
        if _has(_NEEDS["cold"].get(name)):
            yield name, reached(learn(ones, facts, seed), facts_of(content[cold]), own, facts_of(own[2]))


def reached(told: Told, cold: sp.csr_matrix, own: Own, less: sp.csr_matrix) -> Singles:
    """Scores of the cold artists, each as its facts tell; of ``own`` pairs by what others say, ``less``."""
    factors, to_factors = told
    found: Singles = np.asarray(factors @ to_factors(cold).T, dtype=np.float32)
    listeners, where, _ = own
    found[listeners, where] = np.einsum("kf,kf->k", factors[listeners], to_factors(less))
    return found


def described(heard: sp.csr_matrix) -> Callable[[sp.csr_matrix], sp.csr_matrix]:
    """From counts of tags to facts; which tags tell anything, and how much, is learned from heard artists."""
    counts = np.asarray((heard > 0).sum(axis=0)).ravel()
    useful = np.flatnonzero(counts >= min(2, heard.shape[0]))
    rare = sp.diags(np.log(1 + heard.shape[0] / counts[useful]) ** _RARE)

    def facts_of(content: sp.csr_matrix) -> sp.csr_matrix:
        return unit_rows(sp.csr_matrix(content[:, useful], dtype=np.float32).log1p() @ rare)

    return facts_of


def bpr(ones: sp.csr_matrix, seed: int, **options: Any) -> Singles:
    """Matrix factorisation by pairwise ranking, as `implicit` has it. Scores, (listeners, artists).

    Source:
        Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009.
    """
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    chosen = {"factors": 64, "learning_rate": 0.005, "regularization": 0.003, "iterations": 150} | options
    model = BayesianPersonalizedRanking(num_threads=1, random_state=seed, **chosen)
    model.fit(ones, show_progress=False)
    found: Singles = model.user_factors @ model.item_factors.T
    return found


def ridged_als(ones: sp.csr_matrix, facts: sp.csr_matrix, seed: int, ridge: float = 4.0, **options: Any) -> Told:
    """Implicit ALS on what was heard, then ridge regression from facts to the factors of artists."""
    model = ImplicitALS(seed=seed, **options)
    model.fit(ones)
    squares = np.asarray((facts.T @ facts).todense())
    squares[np.arange(len(squares)), np.arange(len(squares))] += ridge
    slopes = sl.solve(squares, facts.T @ model.state["factors"], assume_a="pos", overwrite_a=True)
    return model.listeners(ones), lambda asked: asked @ slopes


def aware_ials(ones: sp.csr_matrix, facts: sp.csr_matrix, seed: int, rounds: int = 12, **options: Any) -> Told:
    """Implicit ALS whose artists are drawn to what their facts say, as `irspack` has it.

    Source:
        Rendle et al., Revisiting the Performance of iALS on Item Recommendation Benchmarks, RecSys 2022; the features
        are irspack's own. We take what facts say as the factors; that nobody was seen to hear a cold artist, which
        irspack counts too, told less (.485 and .419 NDCG@20 on the validation part).
    """
    from irspack import IALSRecommender

    chosen = {
        "n_components": 128, "alpha0": 0.01, "reg": 0.04, "lambda_item_feature": 1.0,
    } | options  # fmt: skip
    model = IALSRecommender(ones, item_features=facts, random_seed=seed, n_threads=1, **chosen)
    model.start_learning()
    for _ in range(rounds):  # `learn` would draw its own progress
        model.run_epoch()
    return model.get_user_embedding(), model.trainer_as_ials.transform_item_feature


def warp(ones: sp.csr_matrix, facts: sp.csr_matrix, seed: int, epochs: int = 10, **options: Any) -> Told:
    """An artist is the sum of its tags, ranked by WARP, as `lightfm` has it.

    Source:
        Kula, Metadata Embeddings for User and Item Cold-start Recommendations, CBRecSys 2015; Weston, Bengio, Usunier,
        WSABIE, IJCAI 2011.
    """
    from lightfm import LightFM

    chosen = {"no_components": 64, "learning_rate": 0.05, "item_alpha": 3e-4, "user_alpha": 3e-4} | options
    model = LightFM(loss="warp", random_state=seed, **chosen)
    model.fit(ones, item_features=facts, epochs=epochs, num_threads=1)
    _, listeners = model.get_user_representations()

    def to_factors(asked: sp.csr_matrix) -> Singles:
        liked, factors = model.get_item_representations(asked)
        return np.concatenate([factors, liked[:, None]], axis=1)

    return np.concatenate([listeners, np.ones((len(listeners), 1), np.float32)], axis=1), to_factors


def _ones(plays: sp.csr_matrix) -> sp.csr_matrix:
    return sp.csr_matrix((plays > 0).astype(np.float32))


def _has(library: str | None) -> bool:
    """Whether a library, or none, can be had."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a library says of its own libraries
            return library is None or bool(importlib.import_module(library))
    except ImportError:
        return False
