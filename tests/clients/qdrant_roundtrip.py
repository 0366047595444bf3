#!/usr/bin/env python3
"""Drives the server with the stock qdrant-client, two tenants at a time.

    tests/clients/qdrant_roundtrip.py PATH-TO-LOCULE

Two tenants use the same collection names and the same point ids for different data. Every answer is compared with
that of qdrant-client's own in-memory mode, which has seen the same calls for that tenant alone: so a wrong answer, and
another tenant's point in a right one, both show. One line a check; the first mismatch ends the run with exit code 1.
`scripts/test` makes the environment it needs (requirements.txt beside this file). Random calls are in differential.py.
"""

import importlib.metadata
import secrets
import sys
import uuid
from typing import Any

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.version_check import is_compatible

import routes
from checks import Mismatch, Run, Tenant, differs, error_of, only_expected_warnings, plain
from server import Server, serving

CLIENT_VERSION = importlib.metadata.version("qdrant-client")
DIMENSION = 24
POINTS = 120
METRICS = {
    "docs": models.Distance.COSINE,
    "docs-dot": models.Distance.DOT,
    "docs-euclid": models.Distance.EUCLID,
    "docs-manhattan": models.Distance.MANHATTAN,
}


class Shop(Tenant):
    """A tenant whose data come from its own seed."""

    def __init__(self, name: str, seed: int, server: Server) -> None:
        super().__init__(name, server.url, server.create_tenant(name))
        self.random = np.random.default_rng(seed)
        self.points = [self.point(number) for number in range(POINTS)]

    def point(self, number: int) -> models.PointStruct:
        # Every third id is a UUID; both tenants use the same ids.
        point_id = number if number % 3 else str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
        payload = {
            "owner": self.name,
            "n": number,
            "price": round(float(self.random.uniform(0, 100)), 2),
            "colour": ["red", "green", "blue", "grey"][int(self.random.integers(4))],
            "tags": [f"t{tag}" for tag in sorted(self.random.choice(6, size=2, replace=False).tolist())],
            "sold": bool(self.random.integers(2)),
            "place": {"city": ["Riga", "Porto", "Kyoto"][int(self.random.integers(3))], "floor": number % 5},
        }
        return models.PointStruct(id=point_id, vector=self.vector(), payload=payload)

    def vector(self) -> list[float]:
        return self.random.normal(size=DIMENSION).astype(np.float32).tolist()


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    only_expected_warnings()
    print(f"qdrant-client {CLIENT_VERSION}")
    try:
        with serving(sys.argv[1]) as server:
            run = Run([Shop(name, seed, server) for seed, name in enumerate(["acme", "globex"], start=1)])
            collections(run)
            writes(run)
            queries(run)
            filters(run, "without an index")
            indexes(run)
            listings(run)
            routes.all_of_them(run)
            deletions(run)
            refusals(run, server.url)
    except Mismatch as mismatch:
        print(f"FAILED  {mismatch}", file=sys.stderr)
        return 1
    print(f"qdrant-client: {run.passed} checks passed")
    return 0


# What is checked, in order: later parts rely on the data of earlier ones.


def collections(run: Run) -> None:
    # The client checks this in a thread of its own, and only warns.
    server = run.tenants[0].remote.info()
    run.holds("the client accepts the server's version", is_compatible(CLIENT_VERSION, server.version), server.version)
    run.holds("the server says who it is", server.title == "locule", server.title)
    run.same("collection_exists says no", lambda side, *_: side.collection_exists("docs"))
    run.same("get_collections of a new tenant is empty", lambda side, *_: side.get_collections())
    for name, distance in METRICS.items():
        vectors = models.VectorParams(size=DIMENSION, distance=distance)
        run.same(
            f"create_collection {name} ({distance.value})",
            lambda side, *_, name=name, vectors=vectors: side.create_collection(name, vectors_config=vectors),
        )
    run.same("collection_exists says yes", lambda side, *_: side.collection_exists("docs"))
    run.same(
        "get_collections lists all four",
        lambda side, *_: sorted(one.name for one in side.get_collections().collections),
    )
    for name in METRICS:
        run.same(
            f"get_collection {name} echoes the vectors",
            lambda side, *_, name=name: collection_facts(side, name),
        )
    for tenant in run.tenants:
        refused = error_of(
            lambda tenant=tenant: tenant.remote.create_collection(
                "docs", vectors_config=models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
            )
        )
        run.holds(f"create_collection twice is refused ({tenant.name})", refused in (400, 409), f"got {refused}")


def writes(run: Run) -> None:
    half = POINTS // 2
    for name in METRICS:
        run.same(
            f"upsert {half} points into {name}",
            lambda side, tenant, _, name=name: side.upsert(name, points=tenant.points[:half], wait=True).status,
        )
        run.same(
            f"upload_points the other {POINTS - half} into {name}, 16 a batch",
            lambda side, tenant, _, name=name: side.upload_points(
                name, points=tenant.points[half:], batch_size=16, wait=True
            ),
        )
    run.same("get_collection counts the points", lambda side, *_: collection_facts(side, "docs"))
    run.same(
        "upsert again replaces vector and payload",
        lambda side, tenant, given: (
            side.upsert("docs", points=[given.setdefault("new", tenant.point(1))], wait=True).status,
            side.retrieve("docs", ids=[1], with_payload=True, with_vectors=True),
            side.count("docs", exact=True),
        ),
    )
    run.same(
        "upsert in the batch form",
        lambda side, tenant, given: (
            side.upsert(
                "docs",
                points=models.Batch(
                    ids=[2, 1_000_000],
                    vectors=[given.setdefault("a", tenant.vector()), given.setdefault("b", tenant.vector())],
                    payloads=[{"owner": tenant.name, "n": 2}, {"owner": tenant.name, "n": 1_000_000}],
                ),
                wait=True,
            ).status,
            side.retrieve("docs", ids=[2, 1_000_000], with_payload=True, with_vectors=True),
        ),
    )
    run.same(
        "the largest id there is (2^64 - 1)",
        lambda side, tenant, given: (
            side.upsert(
                "docs",
                points=[models.PointStruct(id=2**64 - 1, vector=given.setdefault("v", tenant.vector()), payload={})],
                wait=True,
            ).status,
            side.retrieve("docs", ids=[2**64 - 1]),
        ),
    )


def queries(run: Run) -> None:
    for name in METRICS:
        run.same(
            f"query_points {name}, best 10",
            lambda side, tenant, given, name=name: side.query_points(
                name, query=given.setdefault("v", tenant.vector()), limit=10
            ),
        )
        run.same(
            f"query_points {name}, all of them",
            lambda side, tenant, given, name=name: side.query_points(
                name, query=given.setdefault("v", tenant.vector()), limit=POINTS * 2
            ),
        )
        run.same(
            f"query_points {name}, score_threshold",
            lambda side, tenant, given, name=name: side.query_points(
                name,
                query=given.setdefault("v", tenant.vector()),
                score_threshold=given.setdefault("t", between_scores(tenant, name, given["v"])),
                limit=POINTS,
            ),
        )
        run.same(
            f"query_points {name}, with_vectors",
            lambda side, tenant, given, name=name: side.query_points(
                name, query=given.setdefault("v", tenant.vector()), with_vectors=True, limit=3
            ),
        )

    selectors: dict[str, Any] = {
        "none": False,
        "all": True,
        "two fields": ["colour", "price"],
        "a nested field": ["place.city"],
        "include": models.PayloadSelectorInclude(include=["tags"]),
        "exclude": models.PayloadSelectorExclude(exclude=["owner", "place"]),
    }
    for title, selector in selectors.items():
        run.same(
            f"query_points, with_payload: {title}",
            lambda side, tenant, given, selector=selector: side.query_points(
                "docs", query=given.setdefault("v", tenant.vector()), with_payload=selector, limit=5
            ),
        )
    for title, params in {
        "exact": models.SearchParams(exact=True),
        "hnsw_ef": models.SearchParams(hnsw_ef=256),
    }.items():
        run.same(
            f"query_points, search_params: {title}",
            lambda side, tenant, given, params=params: side.query_points(
                "docs", query=given.setdefault("v", tenant.vector()), search_params=params, limit=10
            ),
        )
    run.same(
        "query_points, offset",
        lambda side, tenant, given: side.query_points(
            "docs", query=given.setdefault("v", tenant.vector()), offset=7, limit=5
        ),
    )
    run.same("query_points by the id of a point", lambda side, *_: side.query_points("docs", query=5, limit=5))
    run.same(
        "query_batch_points",
        lambda side, tenant, given: side.query_batch_points(
            "docs",
            requests=[
                models.QueryRequest(query=given.setdefault("a", tenant.vector()), limit=4, with_payload=True),
                models.QueryRequest(
                    query=given.setdefault("b", tenant.vector()),
                    limit=6,
                    filter=must(models.FieldCondition(key="sold", match=models.MatchValue(value=True))),
                    with_vector=True,
                ),
                models.QueryRequest(query=given["a"], limit=3, params=models.SearchParams(exact=True)),
            ],
        ),
    )


def filters(run: Run, how: str) -> None:
    red = models.FieldCondition(key="colour", match=models.MatchValue(value="red"))
    cool = models.FieldCondition(key="colour", match=models.MatchAny(any=["blue", "green"]))
    not_cool = models.FieldCondition(
        key="colour", match=models.MatchExcept.model_validate({"except": ["blue", "green"]})
    )
    sold = models.FieldCondition(key="sold", match=models.MatchValue(value=True))
    seventh = models.FieldCondition(key="n", match=models.MatchValue(value=7))
    tagged = models.FieldCondition(key="tags", match=models.MatchValue(value="t3"))
    tagged_any = models.FieldCondition(key="tags", match=models.MatchAny(any=["t0", "t5"]))
    in_kyoto = models.FieldCondition(key="place.city", match=models.MatchValue(value="Kyoto"))
    cheap = models.FieldCondition(key="price", range=models.Range(lt=50.0))
    middling = models.FieldCondition(key="price", range=models.Range(gte=20.0, lte=80.0))
    upper = models.FieldCondition(key="place.floor", range=models.Range(gt=2))
    chosen = models.HasIdCondition(has_id=[1, 2, 4, str(uuid.uuid5(uuid.NAMESPACE_OID, "3")), 10**9])
    absent = models.FieldCondition(key="nothing", match=models.MatchValue(value="x"))

    cases = {
        "match a keyword": must(red),
        "match an integer": must(seventh),
        "match a bool": must(sold),
        "match in an array": must(tagged),
        "match any": must(cool),
        "match any in an array": must(tagged_any),
        "match except": must(not_cool),
        "match a nested field": must(in_kyoto),
        "a field that nobody has": must(absent),
        "range lt": must(cheap),
        "range gte and lte": must(middling),
        "range over a nested integer": must(upper),
        "has_id, integers and UUIDs": must(chosen),
        "must, two conditions": must(red, cheap),
        "should": models.Filter(should=[red, seventh, chosen]),
        "must_not": models.Filter(must_not=[red, sold]),
        "must, should and must_not": models.Filter(must=[middling], should=[cool, tagged], must_not=[sold]),
        "a filter in a filter": models.Filter(
            must=[models.Filter(should=[red, in_kyoto]), models.Filter(must_not=[tagged_any])]
        ),
        "min_should": models.Filter(min_should=models.MinShould(conditions=[red, sold, cheap, in_kyoto], min_count=2)),
    }
    for title, condition in cases.items():
        run.same(
            f"filter {how}: {title}",
            lambda side, tenant, given, condition=condition: (
                side.query_points(
                    "docs", query=given.setdefault("v", tenant.vector()), query_filter=condition, limit=POINTS
                ),
                side.count("docs", count_filter=condition, exact=True),
                side.scroll("docs", scroll_filter=condition, limit=POINTS),
            ),
        )


def indexes(run: Run) -> None:
    """Indexes change no answer. The oracle has none: it doesn't need any."""
    kinds = {
        "colour": models.PayloadSchemaType.KEYWORD,
        "n": models.PayloadSchemaType.INTEGER,
        "price": models.PayloadSchemaType.FLOAT,
        "sold": models.PayloadSchemaType.BOOL,
        "tags": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=False),
        "place.city": models.PayloadSchemaType.KEYWORD,
    }
    for tenant in run.tenants:
        made = [
            tenant.remote.create_payload_index("docs", field_name=field, field_schema=kind, wait=True).status
            for field, kind in kinds.items()
        ]
        done = [models.UpdateStatus.COMPLETED] * len(kinds)
        run.holds(f"create_payload_index ({tenant.name})", made == done, str(made))
        schema = tenant.remote.get_collection("docs").payload_schema
        found = {field: (str(info.data_type.value), info.points) for field, info in schema.items()}
        records, _ = tenant.oracle.scroll("docs", limit=POINTS * 2)
        payloads = [record.payload or {} for record in records]
        expected = {
            field: (
                kind.value if isinstance(kind, models.PayloadSchemaType) else kind.type.value,
                sum(field.split(".")[0] in payload for payload in payloads),
            )
            for field, kind in kinds.items()
        }
        run.holds(f"get_collection describes the indexes ({tenant.name})", found == expected, f"{found} {expected}")
    filters(run, "with indexes")
    for tenant in run.tenants:
        # The second time, there is nothing to delete.
        gone = [tenant.remote.delete_payload_index("docs", field_name="price", wait=True).status for _ in range(2)]
        left = tenant.remote.get_collection("docs").payload_schema.keys()
        run.holds(
            f"delete_payload_index ({tenant.name})",
            gone == [models.UpdateStatus.COMPLETED] * 2 and left == kinds.keys() - {"price"},
            f"{gone} {left}",
        )


def listings(run: Run) -> None:
    run.same("count, exact", lambda side, *_: side.count("docs", exact=True))
    run.same("scroll in pages of 25, by offset", lambda side, *_: pages(side, 25, None))
    run.same(
        "scroll in pages of 4, filtered, with vectors",
        lambda side, *_: pages(side, 4, must(models.FieldCondition(key="price", range=models.Range(lt=40.0)))),
    )
    some = [4, 1, str(uuid.uuid5(uuid.NAMESPACE_OID, "6")), 987_654_321]
    run.same(
        "retrieve, one of four missing",
        lambda side, *_: by_id(side.retrieve("docs", ids=some, with_payload=True, with_vectors=True)),
    )
    run.same(
        "retrieve, chosen fields and no vectors",
        lambda side, *_: by_id(side.retrieve("docs", ids=some, with_payload=["n", "tags"])),
    )


def deletions(run: Run) -> None:
    gone = [1, 2, str(uuid.uuid5(uuid.NAMESPACE_OID, "9")), 555_555]
    first, second = run.tenants
    for side in (first.oracle, first.remote):
        side.delete("docs", points_selector=models.PointIdsList(points=gone), wait=True)
    run.same("delete by ids ends at the tenant that asked", everything)
    for side in (second.oracle, second.remote):
        side.delete("docs", points_selector=gone[:1], wait=True)
    run.same("delete in the other tenant", everything)
    run.same(
        "query_points after the deletes",
        lambda side, tenant, given: side.query_points(
            "docs", query=given.setdefault("v", tenant.vector()), limit=POINTS * 2
        ),
    )
    run.same(
        "a deleted id can come back",
        lambda side, tenant, given: (
            side.upsert("docs", points=[given.setdefault("p", tenant.point(1))], wait=True).status,
            side.retrieve("docs", ids=[1], with_vectors=True),
        ),
    )
    for side in (first.oracle, first.remote):
        side.delete_collection("docs")
    run.same("delete_collection ends at the tenant that asked", lambda side, *_: side.collection_exists("docs"))
    run.same(
        "get_collections after delete_collection",
        lambda side, *_: sorted(one.name for one in side.get_collections().collections),
    )
    run.holds(
        "the other tenant's collection of that name is whole",
        not differs(
            plain(everything(second.oracle, second, {})), plain(everything(second.remote, second, {})), "answer"
        ),
    )
    missing = error_of(lambda: first.remote.query_points("docs", query=first.vector()))
    run.holds("query_points on a deleted collection gets 404", missing == 404, f"got {missing}")
    for side in (first.oracle, first.remote):
        side.create_collection(
            "docs", vectors_config=models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
        )
    run.same("a collection made again is empty", lambda side, tenant, _: side.count("docs", exact=True))


def refusals(run: Run, url: str) -> None:
    tenant = run.tenants[1]
    wrong_size = error_of(lambda: tenant.remote.query_points("docs", query=[1.0] * (DIMENSION - 1)))
    run.holds("a query of the wrong size gets 4xx", wrong_size in (400, 422), f"got {wrong_size}")
    wrong_size = error_of(
        lambda: tenant.remote.upsert("docs", points=[models.PointStruct(id=1, vector=[1.0], payload={})])
    )
    run.holds("a point of the wrong size gets 4xx", wrong_size in (400, 422), f"got {wrong_size}")
    unknown = error_of(lambda: tenant.remote.count("nowhere"))
    run.holds("a collection that isn't there gets 404", unknown == 404, f"got {unknown}")
    for title, key in {"no key": None, "a wrong key": "lcl_0000000000000000_" + secrets.token_hex(16)}.items():
        stranger = QdrantClient(url=url, api_key=key, timeout=30, check_compatibility=False)
        refused = error_of(lambda stranger=stranger: stranger.get_collections())
        run.holds(f"{title} gets 401", refused == 401, f"got {refused}")


# How it asks.


def must(*conditions: models.Condition) -> models.Filter:
    return models.Filter(must=list(conditions))


def collection_facts(side: QdrantClient, name: str) -> dict[str, Any]:
    info = side.get_collection(name)
    vectors = info.config.params.vectors
    assert isinstance(vectors, models.VectorParams), vectors
    return {"size": vectors.size, "distance": vectors.distance, "points": info.points_count}


def between_scores(tenant: Tenant, collection: str, vector: list[float]) -> float:
    """A threshold that lies well between two neighbours' scores, so that rounding can't decide."""
    scores = [point.score for point in tenant.oracle.query_points(collection, query=vector, limit=40).points]
    _, place = max((abs(after - before), place) for place, (before, after) in enumerate(zip(scores[5:], scores[6:])))
    return (scores[5 + place] + scores[6 + place]) / 2


def pages(side: QdrantClient, limit: int, condition: models.Filter | None) -> list[Any]:
    found, offset = [], None
    while True:
        records, offset = side.scroll(
            "docs", scroll_filter=condition, limit=limit, offset=offset, with_vectors=condition is not None
        )
        found.append(records)
        if offset is None:
            return found
        assert len(found) <= POINTS, "scroll doesn't end"


def by_id(records: list[models.Record]) -> list[models.Record]:
    return sorted(records, key=lambda record: str(record.id))


def everything(side: QdrantClient, *_: Any) -> Any:
    return side.count("docs", exact=True), side.scroll("docs", limit=POINTS * 2, with_vectors=True)


if __name__ == "__main__":
    sys.exit(main())
