"""Ridge regression of a number on the words that a row has, by conjugate gradients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS, CLOSE = 60, 1e-4
Numbers = NDArray[np.float64]


class WordRidge:
    """Least squares with a penalty on one weight a word, for rows that fall into groups.

    Rows with the same words are one group, so that the work grows with the distinct ones. The
    normal equations are solved by conjugate gradients with a diagonal preconditioner (Golub,
    Van Loan, *Matrix Computations*, 11.5), 60 steps at most: the steps left out would change
    the estimates less than the penalty does.

    Parameters
    ----------
    words
        The words of each group, each word once.
    rows
        Training rows of each group, shape (groups,).
    least
        Rows that a word must have to get a weight.
    penalty
        Rows that the guess of no effect counts for.
    """

    def __init__(
        self, words: Sequence[Sequence[str]], rows: NDArray[np.int64], least: int, penalty: float
    ) -> None:
        from scipy import sparse

        counts: Counter[str] = Counter()
        for each, times in zip(words, rows.tolist(), strict=True):
            for word in each:
                counts[word] += times
        self.words = sorted(word for word, count in counts.items() if count >= least)
        place = {word: i for i, word in enumerate(self.words)}
        found = [[place[word] for word in each if word in place] for each in words]
        starts = np.cumsum([0, *(len(each) for each in found)])
        ones = np.ones(int(starts[-1]))
        at = np.array([i for each in found for i in each], dtype=np.int64)
        shape = (len(found), len(self.words))
        self._design: Any = sparse.csr_matrix((ones, at, starts), shape=shape)
        self._turned: Any = self._design.T.tocsr()
        self._penalty = penalty

    def solve(self, counts: Numbers, sums: Numbers) -> Numbers:
        """Weights (words,) from each group's rows and sum of the target, both (groups,)."""
        design, turned, penalty = self._design, self._turned, self._penalty
        scale = 1.0 / (turned @ counts + penalty)
        weights = np.zeros(len(self.words))
        rest = turned @ sums
        step = near = scale * rest
        size = first = _product(rest, near)
        for _ in range(STEPS):
            if size <= CLOSE * CLOSE * first:
                break
            turn = turned @ (counts * (design @ step)) + penalty * step
            length = size / _product(step, turn)
            weights = weights + length * step
            rest = rest - length * turn
            near = scale * rest
            size, before = _product(rest, near), size
            step = near + size / before * step
        return weights

    def estimates(self, weights: Numbers) -> Numbers:
        """The estimate of each group, shape (groups,)."""
        return np.asarray(self._design @ weights, dtype=np.float64)


def _product(one: Numbers, other: Numbers) -> float:
    """The inner product; its bits, unlike BLAS's, do not depend on the number of threads."""
    return float((one * other).sum())
