#!/usr/bin/env python3
"""Random programs through the stock qdrant-client, against the server and against the client's own in-memory mode.

    tests/clients/differential.py LOCULE                         20,000 calls, of a fixed seed
    tests/clients/differential.py LOCULE --operations 200000 --seed fresh
    tests/clients/differential.py LOCULE --replay 7:42           episode 42 of seed 7, shortened if it fails
    tests/clients/differential.py LOCULE --replay FILE           a program that was printed

A run is a row of episodes, each a program of random calls over new collections: every answer of the server must be one
that the in-memory mode could have given. Several tenants run episodes side by side, with the same collection names: so
what crosses from one to another would show, too. The first difference is shortened to a few calls and printed.
"""

import argparse
import json
import multiprocessing
import pathlib
import secrets
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from qdrant_client import QdrantClient

from diff import episode
from diff.deviations import DEVIATIONS
from diff.episode import Failure, Tally
from diff.oracle import watched
from diff.program import LENGTH, program
from diff.shrink import shrink
from server import serving

Json = dict[str, Any]
FIXED_SEED = "20261123"
OPERATIONS = 20_000
# Of answers that rounding or a choice between equals decides: more would leave too little that is compared.
UNDECIDED_MOST = 0.03


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("locule", nargs="?", help="the binary")
    parser.add_argument("--operations", type=int, default=OPERATIONS, help="calls per seed, at least")
    parser.add_argument("--seed", action="append", help="any word; `fresh` for a new one; several may be given")
    parser.add_argument("--replay", help="SEED:EPISODE, or a file with a program")
    parser.add_argument("--tenants", type=int, default=multiprocessing.cpu_count(), help="how many ask at once")
    parser.add_argument("--deviations", action="store_true", help="print where the in-memory mode isn't the judge")
    given = parser.parse_args()
    if given.deviations:
        print("\n".join(f"{what}\n    because {why}\n    so: {done}" for what, why, done in DEVIATIONS))
        return 0
    if given.locule is None:
        parser.error("which binary?")
    seeds = [secrets.token_hex(4) if seed == "fresh" else seed for seed in given.seed or [FIXED_SEED]]
    with serving(given.locule) as server:
        keys = [server.create_tenant(f"tenant-{number}") for number in range(given.tenants)]
        if given.replay:
            return replay(server.url, keys[0], given.replay)
        passed = all(random_run(server.url, keys, seed, given.operations) for seed in seeds)
        return 0 if passed else 1


def random_run(url: str, keys: list[str], seed: str, operations: int) -> bool:
    print(f"seed {seed}: {operations} operations, {len(keys)} tenants at once", flush=True)
    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    waiting = context.SimpleQueue()
    for key in keys:
        waiting.put(key)
    total = Tally()
    with ProcessPoolExecutor(len(keys), context, begin, (url, waiting)) as workers:
        episodes = [workers.submit(random_episode, f"{seed}:{number}") for number in range(-(-operations // LENGTH))]
        for done in as_completed(episodes):
            tally, failed = done.result()
            if failed:
                workers.shutdown(cancel_futures=True)
                print(failed, flush=True)
                return False
            total.add(tally)
    print(f"seed {seed}: {total}, {time.monotonic() - started:.0f} s", flush=True)
    if total.undecided > UNDECIDED_MOST * total.calls:
        print(f"FAILED  too many of the answers can't be compared: more than {UNDECIDED_MOST:.0%}")
        return False
    return True


# A worker is a process and a tenant of its own.
WORKER: list[QdrantClient] = []


def begin(url: str, waiting: Any) -> None:
    watched()
    WORKER.append(connect(url, waiting.get()))


def random_episode(name: str) -> tuple[Tally, str | None]:
    calls, tally = program(name), Tally()
    failure = episode.run(calls, WORKER[0], tally)
    return tally, report(name, calls, failure, WORKER[0]) if failure else None


def replay(url: str, key: str, which: str) -> int:
    watched()
    path = pathlib.Path(which)
    calls = json.loads(path.read_text()) if path.exists() else program(which)
    remote, tally = connect(url, key), Tally()
    failure = episode.run(calls, remote, tally)
    print(report(which, calls, failure, remote) if failure else f"{which}: {tally}, no difference")
    return 1 if failure else 0


def report(name: str, calls: list[Json], failure: Failure, remote: QdrantClient) -> str:
    def fails_alike(shorter: list[Json]) -> bool:
        again = episode.run(shorter, remote, Tally())
        return again is not None and (again.call["call"], again.kind) == (failure.call["call"], failure.kind)

    short = shrink(calls[: failure.place + 1], fails_alike)
    last = episode.run(short, remote, Tally())
    lines = ",\n  ".join(json.dumps(call, ensure_ascii=False) for call in short)
    details = (
        f"{last.call['call']} {last.kind}: {last.text}"
        if last
        else "it doesn't fail again: is the server's state left over?"
    )
    return (
        f"FAILED  {name}, call {failure.place}: {failure.call['call']} {failure.kind}: {failure.text}\n"
        f"in short: {details}\n[\n  {lines}\n]\n"
        f"again: tests/clients/differential.py LOCULE --replay {name}, or --replay FILE with the program above"
    )


def connect(url: str, key: str) -> QdrantClient:
    # A key over plain HTTP on the loopback is on purpose.
    warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
    return QdrantClient(url=url, api_key=key, timeout=30, check_compatibility=False)


if __name__ == "__main__":
    sys.exit(main())
