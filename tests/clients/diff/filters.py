"""Random filters: the whole language, with operands that are often in the data."""

import random
from collections.abc import Callable
from typing import Any

from . import data

Json = dict[str, Any]
INNER_PATHS = ["x", "y", "z", "x[]"]


def random_filter(rng: random.Random, vectors: list[str], depth: int = 2, inner: bool = False) -> Json:
    """`inner`: inside of a nested condition, where only the element's own fields count."""
    found: Json = {}
    clauses = rng.choices(
        ["must", "should", "must_not", "min_should"], weights=[6, 4, 3, 2], k=rng.choice([1, 1, 1, 2])
    )
    for clause in clauses:
        conditions = [condition(rng, vectors, depth, inner) for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))]
        if clause == "min_should":
            found[clause] = {"conditions": conditions, "min_count": rng.choice([1, 1, 2, 3])}
        elif rng.random() < 0.03:
            found[clause] = []
        else:
            found[clause] = conditions[0] if rng.random() < 0.1 else conditions
    return found


def condition(rng: random.Random, vectors: list[str], depth: int, inner: bool) -> Json:
    makers: list[tuple[int, Callable[[random.Random], Json]]] = [
        (30, match),
        (12, number_range),
        (6, datetime_range),
        (6, values_count),
        (6, emptiness),
    ]
    if not inner:
        makers += [
            (5, text),
            (3, radius),
            (3, box),
            (3, polygon),
            (5, lambda rng: {"has_id": data.some_ids(rng, 6)}),
            (3, part_of_a_string),
            (2, partition),
            (3, lambda rng: {"has_vector": rng.choice([*vectors, ""])}),
        ]
    if depth > 0:
        makers += [
            (6, lambda rng: random_filter(rng, vectors, depth - 1, inner)),
            (5, lambda rng: nested(rng, vectors, depth - 1, inner)),
        ]
    made = rng.choices([make for _, make in makers], weights=[weight for weight, _ in makers])[0](rng)
    if inner and "key" in made:
        made["key"] = rng.choice(INNER_PATHS)
    return made


def path(rng: random.Random, *likely: str) -> str:
    return rng.choice(likely) if likely and rng.random() < 0.8 else rng.choice(data.PATHS)


def match(rng: random.Random) -> Json:
    pools: list[tuple[list[str], list[Any]]] = [
        (["color", "tags", "tags[]", "ключ", "tags[0]"], data.WORDS),
        (["n", "o.a", "o.list[].x", "o.list[].y"], [0, 1, 2, 3, 7, 10, *data.INTEGERS]),
        (["u"], data.UUIDS),
        (['"a.b"', "color"], ["x", "red"]),
        (["t"], data.DATETIMES),
    ]
    likely, pool = rng.choice(pools)
    kind = rng.random()
    if kind < 0.1:
        return {"key": path(rng, "b"), "match": {"value": rng.random() < 0.5}}
    if kind < 0.55:
        wanted: Json = {"value": rng.choice(pool)}
    else:
        several = rng.sample(pool, rng.randint(0 if rng.random() < 0.1 else 1, min(3, len(pool))))
        wanted = {"any" if kind < 0.8 else "except": several}
    return {"key": path(rng, *likely), "match": wanted}


def text(rng: random.Random) -> Json:
    words = rng.sample(
        ["fox", "brown", "the", "Quick", "dog", "grüner", "ox", "brown fox", "fox dog", ""], rng.choice([1, 1, 2])
    )
    kind = rng.choice(["text", "text_any", "phrase"])
    return {"key": path(rng, "text"), "match": {kind: " ".join(words)}}


def part_of_a_string(rng: random.Random) -> Json:
    part = rng.choice(["", "r", "re", "R", "ü", "日", "b", "0", "fox"])
    return {"key": path(rng, "color", "tags", "text", "u"), "match": {rng.choice(["prefix", "substring"]): part}}


def partition(rng: random.Random) -> Json:
    total = rng.choice([1, 2, 3, 10])
    return {"slice": {"total": total, "index": rng.randrange(total)}}


def bounds(rng: random.Random, pick: Callable[[], Any]) -> Json:
    found = {rng.choice(["gt", "gte"]): pick()} if rng.random() < 0.7 else {}
    if not found or rng.random() < 0.5:
        found[rng.choice(["lt", "lte"])] = pick()
    return found


def number_range(rng: random.Random) -> Json:
    small = [0.0, 0.5, 1.0, 2.0, 2.25, 3.0, 7.0, 10.0, -1.0, -40.0, 1e10]
    return {"key": path(rng, "n", "f", "n", "f", "o.a", "o.list[].x"), "range": bounds(rng, lambda: rng.choice(small))}


def datetime_range(rng: random.Random) -> Json:
    return {"key": path(rng, "t"), "range": bounds(rng, lambda: rng.choice(data.DATETIMES))}


def values_count(rng: random.Random) -> Json:
    return {
        "key": path(rng, "tags", "o.list", "color", "o.list[].x"),
        "values_count": bounds(rng, lambda: rng.randint(0, 4)),
    }


def emptiness(rng: random.Random) -> Json:
    key, kind = path(rng, "nil", "tags", "o.list", "color", "o.list[].x"), rng.choice(["is_empty", "is_null"])
    if rng.random() < 0.6:
        return {kind: {"key": key}}
    return {"key": key, kind: rng.random() < 0.7}


def nested(rng: random.Random, vectors: list[str], depth: int, inner: bool) -> Json:
    key = rng.choice(["z", "y"] if inner else ["o.list", "o.list[]", "o.list", "tags", "o", "missing"])
    return {"nested": {"key": key, "filter": random_filter(rng, vectors, depth, inner=True)}}


# Geometry: bounds have more digits than data, so that no point is on one.


def radius(rng: random.Random) -> Json:
    lon, lat = rng.choice(data.PLACES)
    center = {"lon": lon + 0.00123, "lat": lat}
    return {"key": path(rng, "g"), "geo_radius": {"center": center, "radius": rng.uniform(1_000, 3_000_000)}}


def box(rng: random.Random) -> Json:
    """Some cross the date line."""
    lon, lat = rng.choice(data.PLACES)
    width, height = rng.uniform(0.1, 20), rng.uniform(0.1, 20)
    west, east = (lon - width - 0.00017 + 180) % 360 - 180, (lon + width + 0.00017 + 180) % 360 - 180
    corners = {
        "top_left": {"lon": west, "lat": min(lat + height, 89.0)},
        "bottom_right": {"lon": east, "lat": max(lat - height, -89.0)},
    }
    return {"key": path(rng, "g"), "geo_bounding_box": corners}


def ring(lon: float, lat: float, size: float, rng: random.Random) -> Json:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)][: rng.choice([3, 4])]
    points = [
        {"lon": min(max(lon + dx * size + 0.00019, -179.9), 179.9), "lat": lat + dy * size * 0.7 + 0.00021}
        for dx, dy in corners
    ]
    return {"points": [*points, points[0]]}


def polygon(rng: random.Random) -> Json:
    lon, lat = rng.choice(data.PLACES)
    size = rng.uniform(0.2, 15)
    shape: Json = {"exterior": ring(lon, lat, size, rng)}
    if rng.random() < 0.4:
        shape["interiors"] = [ring(lon, lat, size * rng.uniform(0.05, 0.6), rng)]
    return {"key": path(rng, "g"), "geo_polygon": shape}
