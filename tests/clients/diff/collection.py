"""What a random program knows of a collection: its vectors, and how likely equal scores are."""

import random
from dataclasses import dataclass, field
from typing import Any

from . import data

Json = dict[str, Any]
METRICS = ["Cosine", "Dot", "Euclid", "Manhattan"]


@dataclass
class Collection:
    name: str
    # The default vector's name is the empty one.
    sizes: dict[str, int]
    metrics: dict[str, str]
    # Whether `vectors` was given without names.
    plain: bool
    # Vectors from a grid: many equal scores.
    grid: bool
    # Ids that were written; most of them are still there.
    written: set[int | str] = field(default_factory=set)

    @classmethod
    def by_chance(cls, rng: random.Random, name: str) -> "Collection":
        plain = rng.random() < 0.5
        names = [""] if plain else rng.choice([["a"], ["a", "b"], ["", "a"], ["a", "b", "c"], [""]])
        sizes = {one: rng.randint(2, 8) for one in names}
        if rng.random() < 0.1:
            sizes[names[0]] = 1
        return cls(name, sizes, {one: rng.choice(METRICS) for one in names}, plain, rng.random() < 0.2)

    def config(self) -> Json:
        params = {one: {"size": self.sizes[one], "distance": self.metrics[one]} for one in self.sizes}
        return params[""] if self.plain else params

    def names(self) -> list[str]:
        return list(self.sizes)

    def known_id(self, rng: random.Random) -> int | str:
        """The id of a point that is likely there."""
        known = [one for one in data.IDS if one in self.written]
        return rng.choice(known) if known and rng.random() < 0.97 else data.point_id(rng)

    def known_ids(self, rng: random.Random, most: int) -> list[int | str]:
        return list(dict.fromkeys(self.known_id(rng) for _ in range(rng.randint(1, most))))

    def one_vector(self, rng: random.Random, name: str) -> list[float]:
        # Now and then of a wrong size.
        size = self.sizes[name] + (1 if rng.random() < 0.002 else 0)
        return data.vector(rng, size, self.grid)

    def vectors(self, rng: random.Random) -> list[float] | Json:
        """The vectors of a point: all, or some, or none."""
        if self.plain and rng.random() < 0.9:
            return self.one_vector(rng, "")
        names = self.names()
        if rng.random() < 0.35:
            names = rng.sample(names, rng.randint(0, len(names)))
        found: Json = {name: self.one_vector(rng, name) for name in names}
        if rng.random() < 0.002:
            found["unknown"] = [1.0]
        return found
