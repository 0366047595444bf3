"""Random programs: the calls of one episode, made from a seed alone, before any of them runs.

A program is a list of JSON objects: `call` names a method of the client, the rest are its arguments. So it can be
printed, shortened, and run again.
"""

import random
from typing import Any

from . import reads, writes
from .collection import Collection

Json = dict[str, Any]
NAMES = ["c0", "c1"]
ALIASES = ["first", "second"]
LENGTH = 120


def program(seed: str, length: int = LENGTH) -> list[Json]:
    return Episode(random.Random(seed)).calls(length)


class Episode:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.collections: dict[str, Collection] = {}

    def calls(self, length: int) -> list[Json]:
        made = [self.create(NAMES[0])]
        # A few points first, or the first questions would all be about nothing.
        made += [self.on_points(writes.upsert) for _ in range(4)]
        while len(made) < length:
            made.append(self.next())
        return made

    def next(self) -> Json:
        kind = self.rng.random()
        if kind < 0.03:
            return self.collection_call()
        if kind < 0.06:
            return self.alias_call()
        table = writes.WRITES if kind < 0.4 else reads.READS
        while True:
            make = self.rng.choices([make for _, make in table], weights=[weight for weight, _ in table])[0]
            on = self.pick()
            # Which of several equal scores leads a group is nobody's promise.
            if not (make is reads.query_points_groups and on.grid):
                return self.on_points(make, on)

    def pick(self) -> Collection:
        return self.rng.choice(list(self.collections.values()))

    def on_points(self, make: Any, on: Collection | None = None) -> Json:
        on = on or self.pick()
        made = make(self.rng, on)
        # By an alias that may not be there, or may stand for the other collection: then both sides refuse, or agree.
        name = self.rng.choice(ALIASES) if self.rng.random() < 0.02 else on.name
        return {"call": made.pop("call"), "collection_name": name, **made}

    def create(self, name: str) -> Json:
        made = Collection.by_chance(self.rng, name)
        fresh = name not in self.collections
        self.collections.setdefault(name, made)
        call: Json = {"call": "create_collection", "collection_name": name, "vectors_config": made.config()}
        if fresh and self.rng.random() < 0.3:
            call["metadata"] = {"made": "by chance", "n": self.rng.randint(0, 9)}
        return call

    def collection_call(self) -> Json:
        kind = self.rng.random()
        if kind < 0.35:
            return self.create(self.rng.choice(NAMES))
        if kind < 0.5 and len(self.collections) > 1:
            gone = self.rng.choice(list(self.collections))
            del self.collections[gone]
            return {"call": "delete_collection", "collection_name": gone}
        name = self.rng.choice([*NAMES, *ALIASES])
        if kind < 0.65:
            metadata = {"n": self.rng.choice([1, None]), "more": {"deep": self.rng.randint(0, 3)}}
            return {"call": "update_collection", "collection_name": name, "metadata": metadata}
        if kind < 0.75:
            return {"call": "get_collections"}
        return {"call": self.rng.choice(["get_collection", "collection_exists"]), "collection_name": name}

    def alias_call(self) -> Json:
        kind = self.rng.random()
        if kind < 0.2:
            return {"call": "get_aliases"}
        if kind < 0.4:
            return {"call": "get_collection_aliases", "collection_name": self.rng.choice(NAMES)}
        actions = [self.alias_action() for _ in range(self.rng.choice([1, 1, 2]))]
        return {"call": "update_collection_aliases", "change_aliases_operations": actions}

    def alias_action(self) -> Json:
        alias, kind = self.rng.choice([*ALIASES, *ALIASES, *NAMES[1:]]), self.rng.random()
        if kind < 0.6:
            return {"create_alias": {"alias_name": alias, "collection_name": self.rng.choice(NAMES)}}
        if kind < 0.8:
            return {"delete_alias": {"alias_name": alias}}
        return {"rename_alias": {"old_alias_name": alias, "new_alias_name": self.rng.choice(ALIASES)}}
