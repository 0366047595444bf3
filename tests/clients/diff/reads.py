"""Random questions: each function makes one call of the client, as JSON."""

import random
from typing import Any

from . import data
from .collection import Collection
from .deviations import threshold_is_clear
from .filters import random_filter

Json = dict[str, Any]
PREFETCH_DEPTH = 2


def payload_selector(rng: random.Random) -> Any:
    kind = rng.random()
    if kind < 0.6:
        return kind < 0.45
    keys = rng.sample(data.PATHS, rng.randint(0, 3))
    return keys if kind < 0.7 else {"include": keys} if kind < 0.85 else {"exclude": keys}


def vector_selector(rng: random.Random, on: Collection) -> Any:
    kind = rng.random()
    if kind < 0.8:
        return kind < 0.4
    return rng.sample(on.names(), rng.randint(1, len(on.names())))


def shown(rng: random.Random, on: Collection) -> Json:
    return {"with_payload": payload_selector(rng), "with_vectors": vector_selector(rng, on)}


def vector_or_id(rng: random.Random, on: Collection, using: str) -> Any:
    return on.known_id(rng) if rng.random() < 0.3 else on.one_vector(rng, using)


def ranking(rng: random.Random, on: Collection, using: str) -> Any:
    """A query that scores points by vectors, without prefetches."""
    kind = rng.random()
    if kind < 0.5:
        near = vector_or_id(rng, on, using)
        return near if kind < 0.4 else {"nearest": near}
    if kind < 0.62:
        return {"nearest": vector_or_id(rng, on, using), "mmr": mmr(rng)}
    made: Json = {"positive": [vector_or_id(rng, on, using) for _ in range(rng.choice([1, 1, 2, 3]))]}
    if rng.random() < 0.5:
        made["negative"] = [vector_or_id(rng, on, using) for _ in range(rng.choice([1, 2]))]
    if rng.random() < 0.75:
        made["strategy"] = rng.choice(["average_vector", "best_score", "sum_scores"])
        if made["strategy"] != "average_vector" and made.get("negative") and rng.random() < 0.2:
            del made["positive"]
    return {"recommend": made}


def mmr(rng: random.Random) -> Json:
    made: Json = {}
    if rng.random() < 0.8:
        made["diversity"] = rng.choice([0.0, 0.3, 0.5, 0.8, 1.0])
    if rng.random() < 0.6:
        made["candidates_limit"] = rng.choice([3, 10, 50])
    return made


def order_by(rng: random.Random) -> Json:
    made: Json = {"key": rng.choice(["n", "n", "f", "t", "o.list[].x", "color"])}
    if rng.random() < 0.5:
        made["direction"] = rng.choice(["asc", "desc"])
    if rng.random() < 0.3:
        made["start_from"] = rng.choice(data.DATETIMES) if made["key"] == "t" else rng.choice([0, 2, 3.5, -1])
    return made


def threshold(rng: random.Random) -> float:
    return round(rng.choice([rng.uniform(-1, 1), rng.uniform(0, 4)]), 5)


def level(rng: random.Random, on: Collection, prefetches: bool) -> Json:
    """What a query and a prefetch have in common: a query with what belongs to it."""
    made: Json = {}
    kind = rng.random()
    if prefetches and kind < 0.5:
        made["query"] = fusion(rng)
    elif not prefetches and kind < 0.08:
        made["query"] = {"order_by": order_by(rng)}
    elif not prefetches and kind < 0.12:
        pass
    else:
        using = rng.choice(on.names())
        made["query"] = ranking(rng, on, using)
        if using or rng.random() < 0.1:
            made["using"] = using
        if rng.random() < 0.2 and threshold_is_clear(made["query"], on.metrics[using]):
            made["score_threshold"] = threshold(rng)
    if rng.random() < 0.4:
        made["filter"] = random_filter(rng, on.names())
    if rng.random() < 0.1:
        made["params"] = rng.choice([{"exact": True}, {"hnsw_ef": 64}, {"exact": False, "indexed_only": False}])
    return made


def fusion(rng: random.Random) -> Json:
    if rng.random() < 0.7:
        return {"fusion": rng.choice(["rrf", "dbsf"])}
    return {"rrf": {"k": rng.choice([1, 2, 60])} if rng.random() < 0.7 else {}}


def prefetch(rng: random.Random, on: Collection, depth: int) -> Json:
    inner = depth > 0 and rng.random() < 0.25
    made = level(rng, on, inner)
    if inner:
        made["prefetch"] = prefetch_list(rng, on, depth - 1)
    if rng.random() < 0.9:
        made["limit"] = rng.choice([1, 3, 8, 30])
    return made


def prefetch_list(rng: random.Random, on: Collection, depth: int) -> Any:
    made = [prefetch(rng, on, depth) for _ in range(rng.choice([1, 2, 2, 3]))]
    return made[0] if len(made) == 1 and rng.random() < 0.5 else made


def query(rng: random.Random, on: Collection) -> Json:
    """In the words of the wire; `query_points` turns them into those of the client's method."""
    inner = not on.grid and rng.random() < 0.3
    made = level(rng, on, inner)
    if inner:
        made["prefetch"] = prefetch_list(rng, on, PREFETCH_DEPTH)
    if rng.random() < 0.9:
        made["limit"] = rng.choice([1, 2, 5, 10, 100])
    if rng.random() < 0.2:
        made["offset"] = rng.choice([0, 1, 3, 20])
    if not inner and rng.random() < 0.03:
        made = {
            "query": {"sample": "random"},
            "limit": made.get("limit", 10),
            **({"filter": made["filter"]} if "filter" in made else {}),
        }
    return made


def query_points(rng: random.Random, on: Collection) -> Json:
    made = query(rng, on)
    for wire, method in (("filter", "query_filter"), ("params", "search_params")):
        if wire in made:
            made[method] = made.pop(wire)
    return {"call": "query_points", **made, **shown(rng, on)}


def query_batch_points(rng: random.Random, on: Collection) -> Json:
    requests = []
    for _ in range(rng.randint(1, 3)):
        made = query(rng, on)
        made["with_payload"] = payload_selector(rng)
        made["with_vector"] = vector_selector(rng, on)
        requests.append(made)
    return {"call": "query_batch_points", "requests": requests}


def query_points_groups(rng: random.Random, on: Collection) -> Json:
    using = rng.choice(on.names())
    made: Json = {
        "call": "query_points_groups",
        "query": ranking(rng, on, using),
        "using": using,
        "group_by": rng.choice(["n", "color", "tags", "tags[]", "o.a", "u", "missing", "o.list[].x"]),
        "limit": rng.choice([1, 2, 5, 30]),
        "group_size": rng.choice([1, 2, 3, 10]),
        **shown(rng, on),
    }
    if isinstance(made["query"], dict) and "mmr" in made["query"]:
        del made["query"]["mmr"]
    if rng.random() < 0.4:
        made["query_filter"] = random_filter(rng, on.names())
    if rng.random() < 0.1 and threshold_is_clear(made["query"], on.metrics[using]):
        made["score_threshold"] = threshold(rng)
    return made


def scroll(rng: random.Random, on: Collection) -> Json:
    made: Json = {"call": "scroll", "limit": rng.choice([1, 3, 10, 100]), **shown(rng, on)}
    if rng.random() < 0.6:
        made["scroll_filter"] = random_filter(rng, on.names())
    if rng.random() < 0.35:
        made["order_by"] = order_by(rng) if rng.random() < 0.8 else rng.choice(["n", "f", "t"])
    elif rng.random() < 0.4:
        made["offset"] = data.point_id(rng)
    return made


def count(rng: random.Random, on: Collection) -> Json:
    made: Json = {"call": "count", "exact": True}
    if rng.random() < 0.95:
        made["count_filter"] = random_filter(rng, on.names(), depth=3)
    return made


def facet(rng: random.Random, on: Collection) -> Json:
    made: Json = {
        "call": "facet",
        "key": rng.choice(["color", "n", "b", "u", "tags", "o.a", "o.list[].x", "missing"]),
        "limit": rng.choice([1, 3, 100]),
        "exact": True,
    }
    if rng.random() < 0.4:
        made["facet_filter"] = random_filter(rng, on.names())
    return made


def retrieve(rng: random.Random, on: Collection) -> Json:
    return {"call": "retrieve", "ids": data.some_ids(rng, 5), **shown(rng, on)}


def state(_rng: random.Random, _on: Collection) -> Json:
    """Everything that the collection holds."""
    return {"call": "state"}


READS = [
    (24, query_points),
    (5, query_batch_points),
    (6, query_points_groups),
    (12, scroll),
    (14, count),
    (4, facet),
    (4, retrieve),
    (12, state),
]
