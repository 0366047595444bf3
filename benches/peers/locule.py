"""Locule, through its own command: `locule bench` prints one line of JSON for each measurement."""

import json
import os
import pathlib
import subprocess

from sets import K, Set


class Subject:
    """A process of `locule bench search` that waits for requests, so that engines can take turns."""

    name = "locule"

    def __init__(self, binary: pathlib.Path, vectors: Set, shares: list[float] = (), count: int | None = None):
        command = [binary, "bench", "search", "--json", "--on-request", "--k", str(K)]
        command += ["--vectors", vectors.vectors_file, "--queries", vectors.queries_file]
        if shares:
            command += ["--filter-share", ",".join(map(str, shares))]
        if count:
            command += ["--count", str(count)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, env=two_threads(), **pipes)

    def ask(self, ef: int, threads: int = 1, share: int = 0) -> dict:
        """One pass over the queries. The first answer comes when everything is loaded and built."""
        self.process.stdin.write(f"{ef} {threads} {share}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"locule bench search ended early, with {self.process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self) -> "Subject":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def lines(binary: pathlib.Path, bench: str, *arguments) -> list[dict]:
    """What another bench prints, from its start to its end."""
    command = [binary, "bench", bench, "--json", *map(str, arguments)]
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, env=two_threads())
    return [json.loads(line) for line in done.stdout.splitlines()]


def two_threads() -> dict:
    """Every engine builds with two threads."""
    return {**os.environ, "RAYON_NUM_THREADS": "2"}
