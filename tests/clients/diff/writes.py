"""Random changes of points: each function makes one call of the client, as JSON."""

import random
from typing import Any

from . import data
from .collection import Collection
from .filters import random_filter

Json = dict[str, Any]
KINDS = ["keyword", "integer", "float", "bool", "geo", "datetime", "uuid", "text"]


def selector(rng: random.Random, on: Collection) -> Any:
    """Which points: ids, or a filter; in the forms that clients send."""
    if rng.random() < 0.35:
        return {"filter": random_filter(rng, on.names())}
    ids = on.known_ids(rng, 4)
    return {"points": ids} if rng.random() < 0.3 else ids


def point(rng: random.Random, on: Collection) -> Json:
    made: Json = {"id": data.point_id(rng), "vector": on.vectors(rng)}
    on.written.add(made["id"])
    if rng.random() < 0.95:
        made["payload"] = data.payload(rng)
    return made


def upsert(rng: random.Random, on: Collection) -> Json:
    made: Json = {"points": points(rng, on)}
    kind = rng.random()
    if kind < 0.12:
        made["update_filter"] = random_filter(rng, on.names())
    elif kind < 0.24:
        made["update_mode"] = rng.choice(["upsert", "insert_only", "update_only"])
    return {"call": "upsert", **made}


def points(rng: random.Random, on: Collection) -> Any:
    count = rng.choice([1, 2, 4, 8])
    if rng.random() < 0.75:
        return [point(rng, on) for _ in range(count)]
    ids = rng.sample(data.IDS, count)
    on.written.update(ids)
    if on.plain:
        vectors: Any = [on.one_vector(rng, "") for _ in ids]
    else:
        names = on.names() if rng.random() < 0.8 else on.names()[:1]
        vectors = {name: [on.one_vector(rng, name) for _ in ids] for name in names}
    batch: Json = {"ids": ids, "vectors": vectors}
    if rng.random() < 0.8:
        batch["payloads"] = [data.payload(rng) for _ in ids]
    return batch


def delete(rng: random.Random, on: Collection) -> Json:
    made = selector(rng, on)
    if isinstance(made, list):
        on.written.difference_update(made)
    return {"call": "delete", "points_selector": made}


def set_payload(rng: random.Random, on: Collection) -> Json:
    made: Json = {"call": "set_payload", "payload": data.payload(rng), "points": selector(rng, on)}
    if rng.random() < 0.4:
        made["key"] = rng.choice(
            ["o", "o.a", "o.list[]", "o.list[0]", "o.list[].x", "new", "new.deep", "tags", '"a.b"', "ключ"]
        )
        made["payload"] = {name: data.scalar(rng) for name in rng.sample(["x", "y", "deep"], rng.randint(0, 2))}
    return made


def overwrite_payload(rng: random.Random, on: Collection) -> Json:
    return {"call": "overwrite_payload", "payload": data.payload(rng), "points": selector(rng, on)}


def delete_payload(rng: random.Random, on: Collection) -> Json:
    keys = rng.sample([*data.FIELDS[:11], *data.PATHS], rng.randint(1, 3))
    return {"call": "delete_payload", "keys": keys, "points": selector(rng, on)}


def clear_payload(rng: random.Random, on: Collection) -> Json:
    return {"call": "clear_payload", "points_selector": selector(rng, on)}


def update_vectors(rng: random.Random, on: Collection) -> Json:
    made: Json = {
        "call": "update_vectors",
        "points": [{"id": on.known_id(rng), "vector": on.vectors(rng)} for _ in range(rng.randint(1, 3))],
    }
    if rng.random() < 0.2:
        made["update_filter"] = random_filter(rng, on.names())
    return made


def delete_vectors(rng: random.Random, on: Collection) -> Json:
    names = rng.sample(on.names(), rng.randint(1, len(on.names())))
    return {"call": "delete_vectors", "vectors": names, "points": selector(rng, on)}


def create_payload_index(rng: random.Random, on: Collection) -> Json:
    field = rng.choice([path for path in data.PATHS if "[0]" not in path and "[1]" not in path])
    kind: Any = rng.choice(KINDS)
    # An index of another kind than the default would split words otherwise than no index does.
    if kind == "text":
        kind = {"type": "text", "tokenizer": "word", "lowercase": True}
    elif kind == "integer" and rng.random() < 0.3:
        kind = {"type": "integer", "lookup": True, "range": rng.random() < 0.5}
    return {"call": "create_payload_index", "field_name": field, "field_schema": kind}


def delete_payload_index(rng: random.Random, on: Collection) -> Json:
    return {"call": "delete_payload_index", "field_name": rng.choice(data.PATHS)}


def batch(rng: random.Random, on: Collection) -> Json:
    return {"call": "batch_update_points", "update_operations": [operation(rng, on) for _ in range(rng.randint(1, 4))]}


def operation(rng: random.Random, on: Collection) -> Json:
    """One operation of a batch update: the same words, in another order."""
    make = rng.choice(
        [
            upsert,
            upsert,
            delete,
            set_payload,
            overwrite_payload,
            delete_payload,
            clear_payload,
            update_vectors,
            delete_vectors,
        ]
    )
    made = make(rng, on)
    call = made.pop("call")
    if call == "upsert":
        listed = made.pop("points")
        return {"upsert": {("points" if isinstance(listed, list) else "batch"): listed, **made}}
    if call in ("delete", "clear_payload"):
        chosen = made["points_selector"]
        return {call: {"points": chosen} if isinstance(chosen, list) else chosen}
    if call == "update_vectors":
        return {call: made}
    chosen = made.pop("points")
    if call == "delete_vectors":
        made = {"vector": made["vectors"]}
    return {call: {**made, **({"points": chosen} if isinstance(chosen, list) else chosen)}}


WRITES = [
    (30, upsert),
    (6, delete),
    (6, set_payload),
    (3, overwrite_payload),
    (4, delete_payload),
    (2, clear_payload),
    (5, update_vectors),
    (3, delete_vectors),
    (6, batch),
    (5, create_payload_index),
    (2, delete_payload_index),
]
