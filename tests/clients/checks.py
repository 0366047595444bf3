"""One line a check: each asks both tenants, and of each the server and an in-memory oracle that saw the same calls."""

import math
import warnings
from collections.abc import Callable
from typing import Any

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from server import Mismatch, Server

TOLERANCE = 2e-4


class Tenant:
    """One tenant twice: over HTTP, and as qdrant-client's own in-memory mode."""

    def __init__(self, name: str, url: str, key: str) -> None:
        self.name = name
        self.url = url
        self.key = key
        self.remote = QdrantClient(url=url, api_key=key, timeout=30)
        self.oracle = QdrantClient(":memory:")


def two_tenants(server: Server) -> list[Tenant]:
    return [Tenant(name, server.url, server.create_tenant(name)) for name in ("acme", "globex")]


def only_expected_warnings() -> None:
    """A client that complains has found something. But a key over plain HTTP on the loopback is on purpose."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
    # The oracle says that it is always exact, and has no indexes.
    warnings.filterwarnings("ignore", message="Local mode performs exact")
    warnings.filterwarnings("ignore", message="Payload indexes have no effect in the local Qdrant")
    warnings.filterwarnings("ignore", category=ResourceWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)


class Run:
    """The checks done so far: each asks both tenants, and each tenant's two sides."""

    def __init__(self, tenants: list[Tenant]) -> None:
        self.tenants = tenants
        self.passed = 0

    def same(self, title: str, ask: Callable[[QdrantClient, Tenant, dict[str, Any]], Any]) -> None:
        """`ask` is called for each side with the same `given`, a dictionary that it may fill once per tenant."""
        for tenant in self.tenants:
            given: dict[str, Any] = {}
            expected = plain(ask(tenant.oracle, tenant, given))
            try:
                found = plain(ask(tenant.remote, tenant, given))
            except Exception as error:
                raise Mismatch(f"{title} ({tenant.name}): {type(error).__name__}: {error}") from error
            difference = differs(expected, found, "answer")
            if difference:
                raise Mismatch(f"{title} ({tenant.name}): {difference}")
        self.done(title)

    def holds(self, title: str, condition: bool, detail: str = "") -> None:
        if not condition:
            raise Mismatch(f"{title}: {detail}")
        self.done(title)

    def done(self, title: str) -> None:
        self.passed += 1
        print(f"ok {self.passed:3} {title}", flush=True)


def error_of(call: Callable[[], Any]) -> int:
    """The HTTP status that a call is refused with; 0 when it goes through."""
    try:
        call()
    except UnexpectedResponse as error:
        return error.status_code or 0
    return 0


# How it compares.


def plain(answer: Any) -> Any:
    """An answer as plain data, without what a server may choose: versions, operation ids, times."""
    if isinstance(answer, (models.ScoredPoint, models.Record)):
        facts = {"id": answer.id, "payload": answer.payload, "vector": answer.vector}
        if isinstance(answer, models.ScoredPoint):
            facts["score"] = answer.score
        return facts
    if hasattr(answer, "model_dump"):
        return {name: plain(getattr(answer, name)) for name in type(answer).model_fields}
    if isinstance(answer, (list, tuple)):
        return [plain(one) for one in answer]
    return answer


def differs(expected: Any, found: Any, place: str) -> str | None:
    """Where two answers part, or None. Numbers may differ in the last places of an f32."""
    if isinstance(expected, float) and isinstance(found, (float, int)):
        close = math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        return None if close else f"{place}: expected {expected}, got {found}"
    if isinstance(expected, dict) and isinstance(found, dict):
        if expected.keys() != found.keys():
            return f"{place}: expected the fields {sorted(expected)}, got {sorted(found)}"
        parts = ((f"{place}.{name}", expected[name], found[name]) for name in expected)
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"{place}: expected {len(expected)} entries, got {len(found)}"
        parts = ((f"{place}[{row}]", *pair) for row, pair in enumerate(zip(expected, found)))
    else:
        return None if expected == found else f"{place}: expected {expected!r}, got {found!r}"
    return next((where for name, one, other in parts if (where := differs(one, other, name))), None)
