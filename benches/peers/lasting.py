"""What Locule alone is asked: does recall last, how soon is the first answer, what does encryption cost?"""

import pathlib
import statistics
import subprocess

import locule
from records import Records
from sets import Set


def churn(records: Records, binary: pathlib.Path, vectors: Set) -> None:
    vectors.load()
    records.begin("churn", set=vectors.name, n=vectors.n)
    print(f"{vectors.name}, {vectors.n} x {vectors.dim}: a clustered half is deleted and put back", flush=True)
    files = ("--vectors", vectors.vectors_file, "--queries", vectors.queries_file)
    for line in locule.lines(binary, "churn", *files):
        records.add("churn", set=vectors.name, **line)


def opening(records: Records, binary: pathlib.Path, vectors: Set, sizes: list[int], rounds: int) -> None:
    for size in sizes:
        records.begin("open", set=vectors.name, n=size)
    print(f"{vectors.name}: from the disk to the first answer", flush=True)
    arguments = ("--vectors", vectors.vectors_file, "--sizes", ",".join(map(str, sizes)), "--rounds", rounds)
    for line in locule.lines(binary, "open", *arguments):
        records.add("open", set=vectors.name, **line)


def cipher(records: Records, binary: pathlib.Path, copying: pathlib.Path, vectors: Set, rounds: int) -> None:
    """The same work with values sealed and with values copied, in turn."""
    refused = subprocess.run([copying, "serve"], capture_output=True, text=True, timeout=60, check=False)
    if refused.returncode == 0 or "doesn't encrypt" not in refused.stderr:
        raise SystemExit(f"a build that doesn't encrypt didn't refuse to serve: {refused.stderr}")
    vectors.load()
    records.begin("cipher", set=vectors.name, n=vectors.n)
    print(f"{vectors.name}, {vectors.n} x {vectors.dim}: sealed and copied", flush=True)
    arguments = ("--vectors", vectors.vectors_file, "--sizes", vectors.n, "--rounds", 3)
    taken: dict[str, list[list[dict]]] = {"sealed": [], "copied": []}
    for turn in range(rounds):
        both = [("sealed", binary), ("copied", copying)]
        for name, program in both if turn % 2 == 0 else reversed(both):
            taken[name].append(locule.lines(program, "open", *arguments))
    for name, turns in taken.items():
        cold = [next(line for line in turn if line["page_cache"] == "cold") for turn in turns]
        warm = [next(line for line in turn if line["page_cache"] == "warm") for turn in turns]
        records.add(
            "cipher",
            set=vectors.name,
            n=vectors.n,
            dim=vectors.dim,
            values=name,
            rounds=rounds,
            load_seconds=_median(cold, "load_seconds"),
            cold_first_answer_ms=_median(cold, "first_answer_ms"),
            warm_first_answer_ms=_median(warm, "first_answer_ms"),
        )


def _median(lines: list[dict], field: str) -> float:
    return round(statistics.median(line[field] for line in lines), 4)
