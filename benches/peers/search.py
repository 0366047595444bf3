"""Search: how many queries a second at a recall, how long one takes, and what building and holding an index costs."""

import os
import time

import numpy as np

import peers
from locule import Subject
from records import Records
from sets import K, Set
from sweep import Runner, at_recalls, ef_reaching, take_turns

# Where the latencies are taken: the smallest ef that reaches this recall.
LATENCY_RECALL = 0.95
LATENCY_QUERIES = 1000


def run(records: Records, binary, sets: list[Set], rounds: int) -> None:
    for one in sets:
        one.load()
        records.begin("search", set=one.name, n=one.n)
        measure(records, binary, one, rounds)


def measure(records: Records, binary, vectors: Set, rounds: int) -> None:
    thresholds = vectors.thresholds()
    with Subject(binary, vectors) as subject:
        print(f"{vectors.name}, {vectors.n} x {vectors.dim}: building", flush=True)
        first = subject.ask(10)
        built = {subject.name: (first["build_seconds"], first["bytes_per_vector"], "counted in memory")}
        engines = []
        for kind in peers.ALL:
            started = time.perf_counter()
            engines.append(kind(vectors.vectors))
            seconds = time.perf_counter() - started
            built[kind.name] = (seconds, peers.bytes_saved(engines[-1]) / vectors.n, "file of the saved index")
            print(f"    {kind.name} built in {seconds:.1f} s", flush=True)
        for threads in sorted({1, os.cpu_count()}):
            runners = [subject_runner(subject, vectors, threads)]
            runners += [peer_runner(engine, vectors, thresholds, threads) for engine in engines]
            take_turns(runners, rounds)
            for runner, engine in zip(runners, [None, *engines]):
                sweep = runner.sweep()
                seconds, size, of = built[runner.name]
                record = {
                    "engine": runner.name,
                    "settings": engine.settings if engine else "as a new collection has them",
                    "dim": vectors.dim,
                    "threads": threads,
                    "rounds": rounds,
                    "queries": len(vectors.queries),
                    "qps_at": at_recalls(sweep),
                    "build_seconds": round(seconds, 3),
                    "build_threads": peers.BUILD_THREADS,
                    "bytes_per_vector": round(size, 1),
                    "bytes_are": of,
                }
                if threads == 1:
                    ef = ef_reaching(sweep, LATENCY_RECALL)
                    record |= latencies(engine, vectors, ef) if engine else subject_latencies(subject, ef)
                record["sweep"] = sweep
                records.add("search", set=vectors.name, n=vectors.n, **record)


def subject_runner(subject: Subject, vectors: Set, threads: int) -> Runner:
    def once(ef: int) -> tuple[float, float]:
        line = subject.ask(ef, threads)
        return line["recall"], line["qps"]

    return Runner(subject.name, once, len(vectors.queries))


def peer_runner(engine, vectors: Set, thresholds: np.ndarray, threads: int) -> Runner:
    queries = engine.prepare(vectors.queries)

    def once(ef: int) -> tuple[float, float]:
        engine.set_ef(ef)
        started = time.perf_counter()
        ids = engine.batch(queries, threads)
        seconds = time.perf_counter() - started
        return vectors.recall(ids, thresholds, min(K, vectors.n)), len(ids) / seconds

    return Runner(engine.name, once, len(vectors.queries))


def subject_latencies(subject: Subject, ef: int) -> dict:
    line = subject.ask(ef)
    return {"latency_ef": ef, "p50_us": line["p50_us"], "p99_us": line["p99_us"], "call_overhead_us": 0.0}


def latencies(engine, vectors: Set, ef: int) -> dict:
    """One query a call, as a caller waits for it; and what of that is the call, by the same queries in one batch."""
    queries = engine.prepare(vectors.queries[:LATENCY_QUERIES])
    engine.set_ef(ef)
    engine.batch(queries, 1)
    took = np.empty(len(queries))
    for place, query in enumerate(queries):
        started = time.perf_counter()
        engine.one(query)
        took[place] = time.perf_counter() - started
    batches = []
    for _ in range(3):
        started = time.perf_counter()
        engine.batch(queries, 1)
        batches.append((time.perf_counter() - started) / len(queries))
    batch = sorted(batches)[1]
    return {
        "latency_ef": ef,
        "p50_us": round(float(np.percentile(took, 50)) * 1e6, 1),
        "p99_us": round(float(np.percentile(took, 99)) * 1e6, 1),
        "call_overhead_us": round(max(float(np.mean(took)) - batch, 0.0) * 1e6, 1),
    }
