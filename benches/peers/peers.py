"""The other engines, each with the settings that its users would choose for these vectors, behind one face.

All get the same vectors of length one and rank by inner product. `prepare` brings queries into an engine's own form, which
isn't measured. `batch` answers many queries in one call on so many threads: what an engine can do, without Python's share.
`one` answers one query in one call: what a caller waits for.
"""

import contextlib
import pathlib
import tempfile

import faiss
import hnswlib
import numpy as np
import svs
import usearch.index

from sets import K

M = 16
EF_CONSTRUCTION = 200
BUILD_THREADS = 2


class Peer:
    """What most engines have in common."""

    def prepare(self, queries: np.ndarray) -> np.ndarray:
        return queries

    def set_ef(self, ef: int) -> None:
        self.ef = ef


class Hnswlib(Peer):
    name = "hnswlib"
    settings = f"f32, M {M}, efConstruction {EF_CONSTRUCTION}"

    def __init__(self, vectors: np.ndarray):
        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors), M=M, ef_construction=EF_CONSTRUCTION)
        self.index.add_items(vectors, num_threads=BUILD_THREADS)

    def set_ef(self, ef: int) -> None:
        self.index.set_ef(ef)

    def batch(self, queries: np.ndarray, threads: int, allowed=None) -> np.ndarray:
        if allowed is None:
            return self.index.knn_query(queries, k=K, num_threads=threads)[0].astype(np.int64)
        answers = np.full((len(queries), K), -1, dtype=np.int64)
        for place, query in enumerate(queries):
            # Where its walk meets fewer than it was asked for, it answers none of them.
            with contextlib.suppress(RuntimeError):
                answers[place] = self.index.knn_query(query, k=K, num_threads=threads, filter=allowed)[0][0]
        return answers

    def one(self, query: np.ndarray) -> None:
        self.index.knn_query(query, k=K, num_threads=1)

    def save(self, folder: pathlib.Path) -> None:
        self.index.save_index(str(folder / "index"))


class Faiss(Peer):
    name = "faiss HNSW-SQ8"
    settings = f"IndexHNSWSQ QT_8bit, M {M}, efConstruction {EF_CONSTRUCTION}"

    def __init__(self, vectors: np.ndarray):
        faiss.omp_set_num_threads(BUILD_THREADS)
        metric = faiss.METRIC_INNER_PRODUCT
        self.index = faiss.IndexHNSWSQ(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, M, metric)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.train(vectors)
        self.index.add(vectors)

    def batch(self, queries: np.ndarray, threads: int, allowed=None) -> np.ndarray:
        faiss.omp_set_num_threads(threads)
        params = faiss.SearchParametersHNSW(efSearch=self.ef, sel=allowed)
        return self.index.search(queries, K, params=params)[1]

    def one(self, query: np.ndarray) -> None:
        self.index.search(query[None], K, params=faiss.SearchParametersHNSW(efSearch=self.ef))

    def save(self, folder: pathlib.Path) -> None:
        faiss.write_index(self.index, str(folder / "index"))


class Usearch(Peer):
    name = "usearch i8"
    settings = f"i8, connectivity {M}, expansion_add {EF_CONSTRUCTION}, scaled to the widest coordinate"

    def __init__(self, vectors: np.ndarray):
        # Left to itself it would spread [-1, 1] over the codes, of which vectors of this length use a few.
        self.scale = 127 / np.abs(vectors).max()
        self.index = usearch.index.Index(
            ndim=vectors.shape[1], metric="cos", dtype="i8", connectivity=M, expansion_add=EF_CONSTRUCTION
        )
        self.index.add(np.arange(len(vectors)), self.prepare(vectors), threads=BUILD_THREADS)

    def prepare(self, queries: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(queries * self.scale), -127, 127).astype(np.int8)

    def set_ef(self, ef: int) -> None:
        self.index.expansion_search = ef

    def batch(self, queries: np.ndarray, threads: int) -> np.ndarray:
        keys = self.index.search(queries, K, threads=threads).keys
        return np.asarray(keys).astype(np.int64).reshape(len(queries), -1)

    def one(self, query: np.ndarray) -> None:
        self.index.search(query, K, threads=1)

    def save(self, folder: pathlib.Path) -> None:
        self.index.save(str(folder / "index"))


class Svs(Peer):
    """Intel's Scalable Vector Search: Vamana over single precision. Its own codes (LVQ, LeanVec) end the process with a
    message on processors that aren't Intel's."""

    name = "SVS Vamana f32"
    settings = f"f32, degree {2 * M}, window {EF_CONSTRUCTION}, alpha 0.95"

    def __init__(self, vectors: np.ndarray):
        parameters = svs.VamanaBuildParameters(alpha=0.95, graph_max_degree=2 * M, window_size=EF_CONSTRUCTION)
        self.index = svs.Vamana.build(parameters, vectors, svs.DistanceType.MIP, num_threads=BUILD_THREADS)
        self.threads = BUILD_THREADS

    def set_ef(self, ef: int) -> None:
        self.index.search_window_size = ef

    def _use(self, threads: int) -> None:
        # Its threads are made anew when their number is set: only when it changes.
        if self.threads != threads:
            self.index.num_threads = self.threads = threads

    def batch(self, queries: np.ndarray, threads: int) -> np.ndarray:
        self._use(threads)
        return self.index.search(queries, K)[0].astype(np.int64)

    def one(self, query: np.ndarray) -> None:
        self._use(1)
        self.index.search(query, K)

    def save(self, folder: pathlib.Path) -> None:
        self.index.save(*(str(folder / part) for part in ("config", "graph", "data")))


class Exact(Peer):
    """Every vector, in single precision: the answer that the others approach."""

    name = "exact scan (faiss Flat)"
    settings = "f32"

    def __init__(self, vectors: np.ndarray):
        self.index = faiss.IndexFlatIP(vectors.shape[1])
        self.index.add(vectors)

    def batch(self, queries: np.ndarray, threads: int, allowed=None) -> np.ndarray:
        faiss.omp_set_num_threads(threads)
        return self.index.search(queries, K, params=faiss.SearchParameters(sel=allowed))[1]


ALL = [Hnswlib, Faiss, Usearch, Svs]


def bytes_saved(engine) -> int:
    """The size of the index as it is saved: what it holds of vectors, codes and links."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        engine.save(folder)
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
