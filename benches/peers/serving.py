"""Servers over HTTP: Locule and Chroma hold the same tenants' documents, and are asked by wrk in turns, on the same cores."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import numpy as np
import pyarrow
import pyarrow.parquet

from records import Records
from sets import K, TIE, unit

CONNECTIONS = [1, 16]
SECONDS = 10
OPERATOR_KEY = "an-operator-key-for-the-bench-alone-0123"
LOCULE_BATCH = 2_000
CHROMA_BATCH = 2_000


class Corpus:
    """Documents and known-item queries, by tenant."""

    def __init__(self, folder: pathlib.Path, tenants: int | None, queries: int):
        self.vectors = unit(np.load(folder / "corpus.f16.npy"))
        self.documents = _lines(folder / "corpus.jsonl")
        self.rows: dict[str, list[int]] = {}
        for row, document in enumerate(self.documents):
            self.rows.setdefault(document["tenant"], []).append(row)
        # Smallest first, so that a few of them are a quick run.
        chosen = sorted(self.rows, key=lambda tenant: len(self.rows[tenant]))[:tenants]
        self.rows = {tenant: self.rows[tenant] for tenant in chosen}
        asked = unit(np.load(folder / "queries.f16.npy"))
        all_queries = enumerate(_lines(folder / "queries.jsonl"))
        rows = [(query["tenant"], asked[row]) for row, query in all_queries if query["tenant"] in self.rows]
        self.queries = rows[:queries]
        self.count = sum(len(rows) for rows in self.rows.values())

    def recall(self, answers: list[list[int]]) -> float:
        """The share of the true neighbours; of equally near ones, any is right."""
        right = wanted = 0
        for (tenant, query), ids in zip(self.queries, answers, strict=False):
            rows = self.rows[tenant]
            scores = self.vectors[rows] @ query
            findable = min(K, len(rows))
            threshold = -np.partition(-scores, findable - 1)[findable - 1]
            found = self.vectors[sorted(set(ids))] @ query
            right += min(int((found >= threshold - TIE).sum()), findable)
            wanted += findable
        return right / wanted


class Locule:
    name = "locule"

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path):
        self.binary, self.folder, self.port = binary, folder, _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCULE_")}
        self.environment = environment | {"LOCULE_URL": self.url}
        self.log = (folder / "locule.log").open("w")
        self.process = subprocess.Popen(
            [binary, "serve", "--data", folder / "locule", "--listen", f"127.0.0.1:{self.port}"],
            env=environment | {"LOCULE_OPERATOR_KEY": OPERATOR_KEY},
            stderr=self.log,
        )
        _until(lambda: _send(self.url + "/readyz", None))

    def prepare(self, corpus: Corpus) -> None:
        """Tenants, keys, and the files that `locule load` reads."""
        self.writers, self.keys, self.files = {}, {}, {}
        for tenant, rows in corpus.rows.items():
            name = tenant.lower().replace(".", "-")
            made = _send(self.url + "/v1/tenants", {"id": name}, OPERATOR_KEY)
            owner = made["owner_key"]["key"]
            for role, keys in [("writer", self.writers), ("inference", self.keys)]:
                keys[tenant] = _send(self.url + "/v1/keys", {"name": role, "role": role}, owner)["key"]
            vectors = pyarrow.FixedSizeListArray.from_arrays(corpus.vectors[rows].ravel(), corpus.vectors.shape[1])
            table = pyarrow.table(
                {
                    "id": pyarrow.array(rows, pyarrow.uint64()),
                    "vector": vectors,
                    "title": [corpus.documents[row]["title"] for row in rows],
                    "text": [corpus.documents[row]["text"] for row in rows],
                }
            )
            self.files[tenant] = self.folder / f"{name}.parquet"
            pyarrow.parquet.write_table(table, self.files[tenant])

    def load(self) -> None:
        for tenant, file in self.files.items():
            subprocess.run(
                [self.binary, "load", "--collection", "docs", "--batch", str(LOCULE_BATCH), file],
                env=self.environment | {"LOCULE_API_KEY": self.writers[tenant]},
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def settle(self) -> None:
        """Until the graphs are complete."""

        def indexed() -> list[int]:
            shown = [_get(self.url + "/collections/docs", key)["result"] for key in self.writers.values()]
            return [collection["indexed_vectors_count"] for collection in shown]

        before, quiet = None, 0
        while quiet < 3:
            now = indexed()
            before, quiet = now, quiet + 1 if now == before else 0
            time.sleep(1)

    def question(self, tenant: str, query: np.ndarray) -> tuple[str, str, dict]:
        body = {"query": _numbers(query), "limit": K, "with_payload": True}
        return "/collections/docs/points/query", self.keys[tenant], body

    def ids(self, answer: dict) -> list[int]:
        points = answer["result"]["points"]
        if not all(point["payload"]["title"] for point in points):
            raise SystemExit("locule answered without payload")
        return [point["id"] for point in points]

    def stages(self) -> dict[str, float]:
        """Seconds that requests have spent in each stage so far, and in all."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        of = {}
        for line in lines:
            if found := re.match(r'locule_stage_seconds_total\{stage="(\w+)"\} (\S+)', line):
                of[found[1]] = float(found[2])
            if found := re.match(r'locule_request_seconds_sum\{route="[^"]*/points/query"\} (\S+)', line):
                of["all"] = float(found[1])
        return of

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=120) != 0:
            raise SystemExit(f"locule ended with {self.process.returncode}")


class Chroma:
    name = "chroma"

    def __init__(self, folder: pathlib.Path):
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = (folder / "chroma.log").open("w")
        self.process = subprocess.Popen(
            [
                pathlib.Path(sys.executable).with_name("chroma"),
                *("run", "--path", folder / "chroma", "--host", "127.0.0.1", "--port", str(self.port)),
            ],
            stdout=self.log,
            stderr=self.log,
        )
        _until(lambda: _send(self.url + "/api/v2/heartbeat", None))

    def prepare(self, corpus: Corpus) -> None:
        import chromadb

        self.client = chromadb.HttpClient(host="127.0.0.1", port=self.port)
        self.collections, self.batches = {}, {}
        for tenant, rows in corpus.rows.items():
            self.collections[tenant] = self.client.create_collection(tenant, configuration={"hnsw": {"space": "cosine"}})
            self.batches[tenant] = [
                {
                    "ids": [str(row) for row in rows[first : first + CHROMA_BATCH]],
                    "embeddings": corpus.vectors[rows[first : first + CHROMA_BATCH]],
                    "metadatas": [
                        {"title": corpus.documents[row]["title"]} for row in rows[first : first + CHROMA_BATCH]
                    ],
                    "documents": [corpus.documents[row]["text"] for row in rows[first : first + CHROMA_BATCH]],
                }
                for first in range(0, len(rows), CHROMA_BATCH)
            ]

    def load(self) -> None:
        for tenant, batches in self.batches.items():
            for batch in batches:
                self.collections[tenant].add(**batch)

    def settle(self) -> None:
        """It indexes while it stores."""

    def question(self, tenant: str, query: np.ndarray) -> tuple[str, str, dict]:
        place = "/api/v2/tenants/default_tenant/databases/default_database/collections"
        body = {
            "query_embeddings": [_numbers(query)],
            "n_results": K,
            "include": ["documents", "metadatas", "distances"],
        }
        return f"{place}/{self.collections[tenant].id}/query", "", body

    def ids(self, answer: dict) -> list[int]:
        return [int(row) for row in answer["ids"][0]]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=120)


def run(records: Records, binary: pathlib.Path, folder: pathlib.Path, rounds: int, quick: bool) -> None:
    corpus = Corpus(folder, 5 if quick else None, 200 if quick else 5_000)
    seconds = 2 if quick else SECONDS
    records.begin("serving")
    print(f"servers over HTTP: {len(corpus.rows)} tenants, {corpus.count} documents", flush=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="locule-bench-"))
    servers = []
    try:
        servers = [Locule(binary, work), Chroma(work)]
        for server in servers:
            server.prepare(corpus)
            watch = time.monotonic()
            server.load()
            searchable = time.monotonic() - watch
            server.settle()
            complete = time.monotonic() - watch
            replay = work / f"{server.name}.requests"
            questions = [server.question(*query) for query in corpus.queries]
            replay.write_text("".join(f"{path}\t{key}\t{json.dumps(body)}\n" for path, key, body in questions))
            answers = [server.ids(_send(server.url + path, body, key)) for path, key, body in questions]
            records.add(
                "serving",
                server=server.name,
                what="load",
                tenants=len(corpus.rows),
                documents=corpus.count,
                searchable_seconds=round(searchable, 2),
                indexed_seconds=round(complete - (3 if server.name == "locule" else 0), 2),
                recall=round(corpus.recall(answers), 4),
            )
        before = servers[0].stages()
        for connections in CONNECTIONS:
            taken: dict[str, list[dict]] = {server.name: [] for server in servers}
            for turn in range(rounds):
                for server in servers if turn % 2 == 0 else reversed(servers):
                    taken[server.name].append(_wrk(server.url, work / f"{server.name}.requests", connections, seconds))
            for name, turns in taken.items():
                records.add(
                    "serving",
                    server=name,
                    what="queries",
                    connections=connections,
                    rounds=rounds,
                    qps=round(statistics.median(turn["requests"] / turn["seconds"] for turn in turns)),
                    p50_ms=statistics.median(turn["p50_ms"] for turn in turns),
                    p99_ms=statistics.median(turn["p99_ms"] for turn in turns),
                )
        after = servers[0].stages()
        spent = {stage: after[stage] - before[stage] for stage in after}
        whole = spent.pop("all")
        shares = {stage: round(seconds / whole, 3) for stage, seconds in spent.items()}
        shares["the rest"] = round(1 - sum(shares.values()), 3)
        records.add("serving", server="locule", what="stages", shares=shares)
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(work)


def _wrk(url: str, requests: pathlib.Path, connections: int, seconds: int) -> dict:
    script = pathlib.Path(__file__).with_name("replay.lua")
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    out = subprocess.run(
        [*command, "--script", script, url, "--", requests], capture_output=True, text=True, check=True
    ).stdout
    measured = json.loads(out.splitlines()[-1])
    if measured["failed"] or not measured["requests"]:
        raise SystemExit(f"requests failed: {out}")
    return measured


def _numbers(vector: np.ndarray) -> list[float]:
    """As short as they can be written for single precision."""
    return [float(str(number)) for number in vector]


def _send(url: str, body: dict | None, key: str = "") -> dict:
    headers = {"content-type": "application/json"} | ({"api-key": key} if key else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text.startswith((b"{", b"[")) else {}


def _get(url: str, key: str) -> dict:
    return _send(url, None, key)


def _until(answers, seconds: int = 60) -> None:
    for _ in range(seconds * 20):
        try:
            answers()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    raise SystemExit("a server didn't start")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _lines(path: pathlib.Path) -> list[dict]:
    with path.open() as lines:
        return [json.loads(line) for line in lines]
