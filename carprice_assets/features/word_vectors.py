"""Short texts as the mean of word vectors that Word2Vec learned."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from carprice_assets.features.base import Block, State, Transformer
from carprice_assets.features.columns import gathered, texts
from carprice_assets.features.remembered import Remembered
from carprice_assets.listings.contract import Columns
from carprice_assets.listings.notes import Note

WORD = re.compile(r"[^\W_]+")
WINDOW, EPOCHS, SEED, MOST_SENTENCES = 5, 5, 1, 50_000


def words_of(text: str) -> list[str]:
    """Lower-case words of letters and digits; every other sign, also ``_``, parts words."""
    return WORD.findall(text.lower())


class WordVectors(Transformer):
    """Word2Vec over one text field, mean over the words that are known.

    Texts without a known word give the zero vector, and so does everything where no training
    row had a word. Two fits of the same rows give the same bits: one worker, a fixed seed, a
    hash that does not change between processes. Subclasses name field and dimensions.
    """

    field: ClassVar[str]
    dimensions: ClassVar[int] = 5
    still = True

    def __init__(self) -> None:
        self._vectors: dict[str, list[float]] = {}
        self._means: Remembered[str, NDArray[np.float32]] = Remembered()
        self._is_known: Remembered[str, bool] = Remembered()

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"{self.field}_{i}" for i in range(self.dimensions))

    def fit(self, columns: Columns, target: NDArray[np.float64]) -> None:
        sentences = [words for text in texts(columns, self.field) if (words := words_of(text))]
        if len(sentences) > MOST_SENTENCES:
            step = -(-len(sentences) // MOST_SENTENCES)
            sentences = sentences[::step]
        vocabulary, vectors = _word2vec(sentences, self.dimensions) if sentences else ([], None)
        arrays = {} if vectors is None else {"vectors": vectors}
        self.restore(State({"vocabulary": vocabulary}, arrays))

    def transform(self, columns: Columns) -> Block:
        return gathered(texts(columns, self.field), self._mean_of, self.dimensions)

    def _mean_of(self, text: str) -> NDArray[np.float32]:
        return self._means.of(text, self._mean)

    def _mean(self, text: str) -> NDArray[np.float32]:
        # Summed word by word in Python: a text's bits cannot depend on the batch.
        known = [self._vectors[word] for word in words_of(text) if word in self._vectors]
        if not known:
            return np.zeros(self.dimensions, np.float32)
        means = [sum(parts) / len(known) for parts in zip(*known, strict=True)]
        return np.array(means, np.float32)

    def notes(self, columns: Columns) -> Iterator[tuple[int, Note]]:
        """A note for each row whose text is there but holds no known word.

        There is none where the market's listings never gave this field.
        """
        if not self._vectors:
            return
        for row, text in enumerate(texts(columns, self.field)):
            if text and not self._is_known.of(text, self._has_known_word):
                message = f"no word of {text!r} was learned: counted as unknown"
                yield row, Note("unknown_word", self.field, message)

    def _has_known_word(self, text: str) -> bool:
        return any(word in self._vectors for word in words_of(text))

    def state(self) -> State:
        arrays: dict[str, NDArray[Any]] = {}
        if self._vectors:
            arrays["vectors"] = np.array(list(self._vectors.values()), dtype=np.float32)
        return State({"vocabulary": list(self._vectors)}, arrays)

    def restore(self, state: State) -> None:
        words: list[str] = state.settings["vocabulary"]
        rows: list[list[float]] = state.arrays["vectors"].tolist() if words else []
        self._vectors = dict(zip(words, rows, strict=True))
        self._means.clear()
        self._is_known.clear()


def _word2vec(sentences: list[list[str]], size: int) -> tuple[list[str], NDArray[np.float32]]:
    from gensim.models import Word2Vec

    model = Word2Vec(
        sentences,
        vector_size=size,
        window=WINDOW,
        min_count=1,
        epochs=EPOCHS,
        seed=SEED,
        workers=1,
        hashfxn=_stable_hash,
    )
    vectors = np.asarray(model.wv.vectors, dtype=np.float32)
    words: list[Any] = list(model.wv.index_to_key)
    return words, vectors


def _stable_hash(text: str) -> int:
    return zlib.crc32(text.encode())
