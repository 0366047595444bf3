"""Makes a failing program short: fewer calls first, then less in each call, as long as it fails in the same way."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Fails = Callable[[list[Json]], bool]

# Each try is a run of what is left on both sides.
TRIES = 500


def shrink(program: list[Json], fails: Fails) -> list[Json]:
    """`fails` tells whether a program still fails in the way that is looked for."""
    budget = Budget(fails)
    program = fewer_calls(program, budget)
    program = smaller_calls(program, budget)
    return fewer_calls(program, budget)


class Budget:
    def __init__(self, fails: Fails) -> None:
        self.fails = fails
        self.left = TRIES

    def try_one(self, program: list[Json]) -> bool:
        if self.left == 0 or not program:
            return False
        self.left -= 1
        return self.fails(program)


def fewer_calls(program: list[Json], budget: Budget) -> list[Json]:
    """Leaves out ever smaller stretches, from the end."""
    width = max(1, len(program) // 2)
    while True:
        end = len(program)
        while end > 0:
            shorter = program[: max(0, end - width)] + program[end:]
            if budget.try_one(shorter):
                program = shorter
            end -= width
        if width == 1:
            return program
        width //= 2


def smaller_calls(program: list[Json], budget: Budget) -> list[Json]:
    place = len(program) - 1
    while place >= 0:
        smaller = next(
            (
                one
                for one in smaller_values(program[place])
                if "call" in one and budget.try_one([*program[:place], one, *program[place + 1 :]])
            ),
            None,
        )
        if smaller is None:
            place -= 1
        else:
            program = [*program[:place], smaller, *program[place + 1 :]]
    return program


def smaller_values(value: Any) -> Iterator[Any]:
    """The same JSON with one thing less: an entry, or a field, at any depth, the largest things first."""
    if isinstance(value, dict):
        for name in sorted(value, key=lambda name: -len(str(value[name]))):
            if name not in ("call", "collection_name"):
                yield {key: one for key, one in value.items() if key != name}
        for name, inner in value.items():
            for smaller in smaller_values(inner):
                yield {**value, name: smaller}
    elif isinstance(value, list):
        for width in (len(value) // 2, 1):
            for start in range(0, len(value), width) if width else ():
                yield value[:start] + value[start + width :]
            if width == 1:
                break
        for place, inner in enumerate(value):
            for smaller in smaller_values(inner):
                yield [*value[:place], copy.deepcopy(smaller), *value[place + 1 :]]
