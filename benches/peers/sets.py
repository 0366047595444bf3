"""The vectors that are searched: WordNet's, and seeded clusters of other dimensions."""

import dataclasses
import os
import pathlib

import numpy as np

K = 10
# Scores that differ by less are ties: single precision adds up in different orders.
TIE = 1e-5


@dataclasses.dataclass
class Set:
    """Vectors and queries of length one, as files for Locule and in memory for the others."""

    name: str
    folder: pathlib.Path

    @property
    def vectors_file(self) -> pathlib.Path:
        return self.folder / "vectors.npy"

    @property
    def queries_file(self) -> pathlib.Path:
        return self.folder / "queries.npy"

    def load(self) -> None:
        """Half precision on the disk, single precision and of length one in memory: as Locule reads them."""
        self.vectors = unit(np.load(self.vectors_file))
        self.queries = unit(np.load(self.queries_file))
        self.n, self.dim = self.vectors.shape

    def thresholds(self, rows: np.ndarray | None = None) -> np.ndarray:
        """For each query, what the K-th nearest of the rows scores, exactly."""
        vectors = self.vectors if rows is None else self.vectors[rows]
        place = min(K, len(vectors)) - 1
        parts = []
        for first in range(0, len(self.queries), 256):
            scores = self.queries[first : first + 256] @ vectors.T
            parts.append(-np.partition(-scores, place, axis=1)[:, place])
        return np.concatenate(parts)

    def recall(self, ids: np.ndarray, thresholds: np.ndarray, findable: int = K) -> float:
        """The share of the true neighbours among the ids (-1: none). Scores count: of equally near ones, any is right."""
        queries = self.queries[: len(ids)]
        scores = np.einsum("qkd,qd->qk", self.vectors[ids], queries)
        right = (scores >= thresholds[: len(ids), None] - TIE) & (ids >= 0)
        return float(np.minimum(right.sum(axis=1), findable).sum() / (len(ids) * findable))


def wordnet(cache: pathlib.Path, corpus: pathlib.Path, size: int, queries: int) -> Set:
    """A seeded sample of WordNet, in the corpus' own order."""

    def make() -> tuple[np.ndarray, np.ndarray]:
        vectors = np.load(corpus / "corpus.f16.npy", mmap_mode="r")
        if size > len(vectors):
            raise SystemExit(f"{corpus} holds {len(vectors)} vectors, fewer than {size}")
        rows = np.sort(np.random.default_rng(SEED).permutation(len(vectors))[:size])
        return vectors[rows], np.load(corpus / "queries.f16.npy", mmap_mode="r")[:queries]

    return _made("wordnet", cache / f"wordnet-{size}-{queries}-{SEED}", make)


def clusters(cache: pathlib.Path, dim: int, size: int, queries: int) -> Set:
    """Gaussian clusters of uneven sizes, each spread widely in a few directions of its own and a little in all of them,
    as embeddings are: their intrinsic dimension is far below the space's. About as hard to search as WordNet."""

    def make() -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng([SEED, dim])
        count = max(size // 1_000, 4)
        centres = unit(random.standard_normal((count, dim)))
        directions = random.standard_normal((count, DIRECTIONS, dim)).astype(np.float32) / np.sqrt(dim)
        weights = random.dirichlet(np.full(count, 2.0))
        of = np.sort(random.choice(count, size + queries, p=weights))
        wide = random.standard_normal((size + queries, DIRECTIONS)).astype(np.float32) * (2.0 / np.sqrt(DIRECTIONS))
        narrow = random.standard_normal((size + queries, dim)).astype(np.float32) * (0.5 / np.sqrt(dim))
        points = centres[of] + narrow
        for cluster in range(count):
            mine = of == cluster
            points[mine] += wide[mine] @ directions[cluster]
        points = unit(points).astype(np.float16)
        asked = random.permutation(size + queries)[:queries]
        return np.delete(points, asked, axis=0), points[asked]

    return _made(f"clusters-{dim}", cache / f"clusters-{dim}-{size}-{queries}-{SEED}", make)


def _made(name: str, folder: pathlib.Path, make) -> Set:
    if not folder.exists():
        vectors, queries = make()
        temporary = folder.with_name(f"{folder.name}.{os.getpid()}")
        temporary.mkdir(parents=True)
        np.save(temporary / "vectors.npy", np.ascontiguousarray(vectors))
        np.save(temporary / "queries.npy", np.ascontiguousarray(queries))
        temporary.rename(folder)
    return Set(name, folder)


def unit(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# Names the files, too: whoever changes how sets are made changes it.
SEED = 1
DIRECTIONS = 64
