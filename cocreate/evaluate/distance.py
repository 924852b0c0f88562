"""How far apart two sets lie: numbers one by one as densities of distances, points as Gaussians.

Conventions:
    A set of numbers is (n,), a set of points (n, d), with two members or more. Every figure depends on the sizes of the
    sets: compare figures of equal sizes, beside those of two halves of one set.

Source:
    Yang and Lerch, On the evaluation of generative models in music, Neural Computing and Applications 32, 2020,
    pp. 4773-4784: densities of distances within a set and between two. We differ: a grid of 256 points, and densities
    floored at a millionth of a uniform one, so that divergences stay finite.
    Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017: Fréchet distance of Gaussians. We differ:
    covariances are shrunk, since our sets are smaller than their dimensions, as in Ledoit and Wolf, A well-conditioned
    estimator for large-dimensional covariance matrices, Journal of Multivariate Analysis 88, 2004, pp. 365-411.
"""

from __future__ import annotations

import numpy as np

from cocreate.music.measures import Floats

_GRID = 256
_FLOOR = 1e-6  # of a uniform density


def frechet_distance(first: Floats, second: Floats) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets of points, (n, d) and (m, d); at least 0.

    ``|a - b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2)`` with means a, b and shrunk covariances A, B.

    Source:
        See the module.
    """
    one, two = _shrunk_covariance(first), _shrunk_covariance(second)
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ two @ root), 0)).sum()
    gap = first.mean(axis=0) - second.mean(axis=0)
    return max(0.0, float(gap @ gap + np.trace(one) + np.trace(two) - 2 * shared))


def overlap_and_divergence(real: Floats, other: Floats) -> tuple[float, float]:
    """Shared area of the two densities of distances, and the divergence of the second from the first in nats.

    Distances of every two values of ``real`` against distances of each value of ``real`` to each of ``other``.

    Source:
        See the module.
    """
    within = np.abs(real[:, None] - real[None, :])[np.triu_indices(len(real), k=1)]
    between = np.abs(real[:, None] - other[None, :]).ravel()
    top = max(float(within.max()), float(between.max()), 1e-9)
    edges = np.linspace(-top / 2, 1.5 * top, _GRID + 1)  # room for the kernels' tails
    p, q = (_density(values, edges) for values in (within, between))  # each sums to 1 over the grid
    return float(np.minimum(p, q).sum()), float((p * np.log(p / q)).sum())


def _density(values: Floats, edges: Floats) -> Floats:
    """Kernel density on the cells of a grid, summing to 1."""
    cell = float(edges[1] - edges[0])
    counts = np.histogram(values, bins=edges)[0] / len(values)
    width = max(float(values.std()) * len(values) ** -0.2, cell)  # Scott's rule; one cell where all are alike
    offsets = (np.arange(2 * _GRID - 1) - _GRID + 1) * cell
    kernel = np.exp(-((offsets / width) ** 2) / 2)
    density = np.convolve(kernel, counts, mode="valid")  # (grid,)
    density = density / density.sum()
    found: Floats = (density + _FLOOR / _GRID) / (1 + _FLOOR)
    return found


def _shrunk_covariance(points: Floats) -> Floats:
    """Covariance (d, d) of points (n, d), pulled to a multiple of the identity (Ledoit and Wolf 2004)."""
    count, size = points.shape
    centred = points - points.mean(axis=0)
    sample = centred.T @ centred / count
    target = float(np.trace(sample)) / size
    spread = float(((sample - target * np.eye(size)) ** 2).sum())
    noise = (float(((centred**2).sum(axis=1) ** 2).sum()) / count - float((sample**2).sum())) / count
    share = min(1.0, noise / spread) if spread > 0 else 0.0
    shrunk: Floats = (1 - share) * sample + share * target * np.eye(size)
    return shrunk
