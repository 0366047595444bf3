"""Runs a program on both sides, call by call, and tells where they part."""

import contextlib
import copy
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from .calls import Unsayable, arguments, perform
from .compare import Undecided, difference
from .oracle import WATCH

Json = dict[str, Any]

# Writes that may name a point that isn't there.
BY_IDS = (
    "set_payload",
    "overwrite_payload",
    "delete_payload",
    "clear_payload",
    "update_vectors",
    "delete_vectors",
    "batch_update_points",
)
REFUSALS = (400, 404, 409, 413, 422)


@dataclass
class Failure:
    """Where a program's sides part: which call, how (in one word, to recognise it again), and the details."""

    place: int
    call: Json
    kind: str
    text: str


@dataclass
class Tally:
    calls: int = 0
    refused: int = 0
    undecided: int = 0

    def add(self, other: "Tally") -> None:
        self.calls += other.calls
        self.refused += other.refused
        self.undecided += other.undecided

    def __str__(self) -> str:
        return f"{self.calls} calls, {self.refused} refused by both, {self.undecided} not decidable"


def run(program: list[Json], remote: QdrantClient, tally: Tally) -> Failure | None:
    """A new oracle, an emptied tenant, and the program on both; stops at the first difference."""
    with warnings.catch_warnings():
        # The in-memory mode says that it has no indexes, and is always exact.
        warnings.simplefilter("ignore")
        empty(remote)
        oracle = QdrantClient(":memory:")
        for place, call in enumerate(program):
            found = step(call, oracle, remote, tally)
            if found:
                return Failure(place, call, *found)
    return None


def empty(remote: QdrantClient) -> None:
    for collection in remote.get_collections().collections:
        remote.delete_collection(collection.name)


def step(call: Json, oracle: QdrantClient, remote: QdrantClient, tally: Tally) -> tuple[str, str] | None:
    try:
        arguments(call)
    except Unsayable as error:
        return "unsayable", str(error)
    tally.calls += 1
    WATCH.begin()
    expected, refusal = None, None
    try:
        with whole_or_not_at_all(oracle, call):
            expected = perform(oracle, call)
    except Exception as error:
        refusal = error
    queries = list(WATCH.queries)
    try:
        found = perform(remote, call)
    except UnexpectedResponse as error:
        if refusal is None and any(query.unread for query in queries):
            tally.undecided += 1
            return None
        return refused(error, refusal, tally)
    except (ResponseHandlingException, ValidationError) as error:
        return "broken", f"{type(error).__name__}: {error}"
    if refusal is not None:
        return "not refused", f"the oracle refuses: {type(refusal).__name__}: {refusal}; got {found}"
    try:
        text = difference(call, expected, found, queries, oracle)
    except Undecided:
        tally.undecided += 1
        return None
    return ("other answer", text) if text else None


@contextlib.contextmanager
def whole_or_not_at_all(oracle: QdrantClient, call: Json) -> Iterator[None]:
    """Puts the oracle's collection back when it refuses a write that it began: see deviations."""
    name, collections = call.get("collection_name"), oracle._client.collections
    name = oracle._client.aliases.get(name, name)
    before = copy.deepcopy(collections[name]) if call["call"] in BY_IDS and name in collections else None
    try:
        yield
    except Exception:
        if before is not None:
            collections[name] = before
        raise


def refused(error: UnexpectedResponse, expected: Exception | None, tally: Tally) -> tuple[str, str] | None:
    said = f"{error.status_code} {(error.content or b'').decode(errors='replace')}"
    if expected is None:
        return "refused", f"the oracle doesn't refuse; got {said}"
    if error.status_code not in REFUSALS:
        return "refused otherwise", f"the oracle refuses: {type(expected).__name__}: {expected}; got {said}"
    tally.refused += 1
    return None
