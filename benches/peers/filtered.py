"""Search among a share of the points that a payload filter picks."""

import time

import faiss
import numpy as np

import peers
from locule import Subject
from records import Records
from sets import K, Set
from sweep import RECALLS, Runner, at_recalls, take_turns

SHARES = [0.001, 0.01, 0.1, 0.5]
# hnswlib calls back into Python for each point that it looks at.
CALLBACK_QUERIES = 50


def run(records: Records, binary, sets: list[Set], rounds: int, queries: int) -> None:
    for one in sets:
        one.load()
        one.queries = one.queries[:queries]
        records.begin("filter", set=one.name, n=one.n)
        with Subject(binary, one, SHARES, queries) as subject:
            print(f"{one.name}, {one.n} x {one.dim}, filtered: building", flush=True)
            subject.ask(10)
            engines = [peers.Faiss(one.vectors), peers.Hnswlib(one.vectors), peers.Exact(one.vectors)]
            for place, share in enumerate(SHARES):
                measure(records, subject, engines, one, place, share, rounds)


def measure(records: Records, subject, engines, vectors: Set, place: int, share: float, rounds: int) -> None:
    every = round(1 / share)
    rows = np.arange(0, vectors.n, every)
    thresholds = vectors.thresholds(rows)
    findable = min(K, len(rows))
    bitmap = np.zeros(vectors.n, dtype=np.uint8)
    bitmap[rows] = 1
    selector = faiss.IDSelectorBitmap(np.packbits(bitmap, bitorder="little"))

    def of_subject(ef: int) -> tuple[float, float]:
        line = subject.ask(ef, 1, place)
        return line["recall"], line["qps"]

    def of_peer(engine, allowed, queries: np.ndarray):
        def once(ef: int) -> tuple[float, float]:
            engine.set_ef(ef)
            started = time.perf_counter()
            ids = engine.batch(queries, 1, allowed)
            seconds = time.perf_counter() - started
            return vectors.recall(ids, thresholds, findable), len(queries) / seconds

        return Runner(engine.name, once, len(queries))

    graph, callback, exact = engines
    runners = [
        Runner(subject.name, of_subject, len(vectors.queries)),
        of_peer(graph, selector, vectors.queries),
        of_peer(callback, lambda label: label % every == 0, vectors.queries[:CALLBACK_QUERIES]),
        of_peer(exact, selector, vectors.queries),
    ]
    take_turns(runners, rounds)
    for runner in runners:
        sweep = runner.sweep()
        records.add(
            "filter",
            set=vectors.name,
            n=vectors.n,
            engine=runner.name,
            dim=vectors.dim,
            share=share,
            threads=1,
            queries=runner.queries,
            recall_best=max(point["recall"] for point in sweep),
            qps_at=at_recalls(sweep),
            sweep=sweep,
        )
