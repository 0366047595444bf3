"""Random ids, vectors and payloads, from small pools: so that operations meet, and filters match something.

Everything is plain JSON. A payload has fields of a usual type each, and now and then a value of quite another type.
"""

import json
import random
import uuid
from typing import Any

IDS: list[int | str] = [*range(14), 10**9, 2**53 + 1, 2**64 - 1] + [
    str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))) for number in range(11)
]
WORDS = ["red", "Red", "blue", "grün", "", "日本", "a b", "null"]
INTEGERS = [0, 1, -1, 2, 3, 7, 10, 255, -40, 2**40, 2**53 - 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, 0.5, -0.5, 1.0, 2.25, 7.0, 1e-9, -3.75, 1e15, 0.1]
DATETIMES = [
    "2024-02-29T12:00:00Z",
    "2024-02-29T12:00:00.123456Z",
    "2024-02-29T14:00:00+02:00",
    "2023-12-31",
    "2024-01-01 00:00:00",
    "1969-07-20T20:17:40Z",
    "2030-06-01T00:00:00.5-07:00",
]
NOT_DATETIMES = ["2024-13-01", "yesterday", "2024-02-30T00:00:00Z", ""]
UUIDS = [str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number))) for number in range(4)]
SENTENCES = [
    "The quick brown fox",
    "the slow BROWN dog",
    "fox, dog & fox",
    "Ein grüner Fuchs läuft",
    "brown",
    "quick-brown_fox jumps",
    "",
]
PLACES = [(13.4, 52.52), (-0.13, 51.5), (179.5, -16.5), (-179.5, -17.0), (37.6, 55.75), (0.0, 0.0), (-73.9, 40.7)]

# Field names, and the paths that lead into them.
FIELDS = ["color", "n", "f", "b", "t", "u", "text", "g", "tags", "o", "nil", "a.b", "ключ"]
PATHS = [
    "color", "n", "f", "b", "t", "u", "text", "g", "tags", "tags[]", "tags[0]", "o", "o.a", "o.list", "o.list[].x",
    "o.list[].y", "o.list[1].x", "o.a.deep", "nil", '"a.b"', "ключ", "missing", "o.missing", "missing[].x",
]  # fmt: skip


def point_id(rng: random.Random) -> int | str:
    return rng.choice(IDS)


def some_ids(rng: random.Random, most: int) -> list[int | str]:
    return rng.sample(IDS, rng.randint(1, most))


def vector(rng: random.Random, size: int, grid: bool) -> list[float]:
    """Of a grid collection: few different values, so that scores are often equal. Else hardly ever."""
    if grid:
        found = [float(rng.choice([-1, 0, 1, 2])) for _ in range(size)]
        return found if any(found) else [1.0] * size
    scale = rng.choice([1.0, 1.0, 1.0, 10.0, 0.1])
    return [single(rng.uniform(-1, 1) * scale) for _ in range(size)]


def single(value: float) -> float:
    """A number with few digits, so that printed programs stay legible."""
    return round(value, 4)


def geo(rng: random.Random) -> dict[str, float]:
    lon, lat = rng.choice(PLACES)
    return {"lon": round(lon + rng.uniform(-0.4, 0.4), 3), "lat": round(lat + rng.uniform(-0.4, 0.4), 3)}


def scalar(rng: random.Random) -> Any:
    pool: list[Any] = [*WORDS, *INTEGERS, *FLOATS, True, False, None, *DATETIMES[:2], UUIDS[0]]
    return rng.choice(pool)


def anything(rng: random.Random, depth: int = 2) -> Any:
    kind = rng.random()
    if depth == 0 or kind < 0.5:
        return scalar(rng)
    if kind < 0.75:
        return [anything(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {rng.choice(["a", "x", "y", "list", "deep"]): anything(rng, depth - 1) for _ in range(rng.randint(0, 3))}


def value_of(rng: random.Random, field: str) -> Any:
    """A value for this field: usually of its type, sometimes a list of such, sometimes anything."""
    if rng.random() < 0.08:
        return anything(rng)
    one = {
        "color": lambda: rng.choice(WORDS),
        "ключ": lambda: rng.choice(WORDS),
        "a.b": lambda: rng.choice([1, 2, "x"]),
        "n": lambda: rng.choice(INTEGERS) if rng.random() < 0.5 else rng.randint(0, 12),
        "f": lambda: rng.choice(FLOATS) if rng.random() < 0.5 else round(rng.uniform(-5, 5), 2),
        "b": lambda: rng.random() < 0.5,
        "t": lambda: rng.choice(DATETIMES if rng.random() < 0.9 else NOT_DATETIMES),
        "u": lambda: rng.choice(UUIDS),
        "text": lambda: rng.choice(SENTENCES),
        "g": lambda: geo(rng),
        "tags": lambda: rng.choice(WORDS),
        "nil": lambda: None,
        "o": lambda: nested(rng),
    }[field]
    if field == "tags" or (field not in ("o", "nil") and rng.random() < 0.15):
        return [one() if rng.random() < 0.93 else scalar(rng) for _ in range(rng.randint(0, 4))]
    return one()


def nested(rng: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rng.random() < 0.6:
        found["a"] = rng.choice([1, 2, "red", {"deep": rng.choice([1, 2, None])}])
    if rng.random() < 0.8:
        found["list"] = [
            {
                key: rng.choice([0, 1, 2, "red", None, 0.5, [1, 2]])
                for key in rng.sample(["x", "y", "z"], rng.randint(0, 3))
            }
            if rng.random() < 0.9
            else rng.choice([3, "red", None, [{"x": 1}]])
            for _ in range(rng.randint(0, 3))
        ]
    return found


def payload(rng: random.Random) -> dict[str, Any]:
    names = rng.sample(FIELDS, rng.choice([0, 2, 4, 6, 9, len(FIELDS)]))
    return json.loads(json.dumps({name: value_of(rng, name) for name in names}))
