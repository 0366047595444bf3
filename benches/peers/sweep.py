"""Engines in turn, over a range of ef, and what they reach at a recall."""

import math
import statistics

# How far each engine's search looks. A sweep ends where recall no longer gains or all that is asked of it is reached.
EFS = [10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 900]
RECALLS = [0.90, 0.95, 0.99]
# A measurement that is shorter than this is repeated, one that is longer isn't.
SECONDS_MIN = 0.2
SECONDS_MAX = 5.0


class Runner:
    """One engine: `measure(ef)` passes over the queries once and gives (recall, queries a second)."""

    def __init__(self, name: str, measure, queries: int):
        self.name, self.measure, self.queries = name, measure, queries
        self.recalls: dict[int, float] = {}
        self.rounds: dict[int, list[float]] = {}

    def find_range(self, enough: float = 0.992) -> None:
        """A first pass, which also warms up."""
        for ef in EFS:
            recall, qps = self.measure(ef)
            self.recalls[ef] = recall
            slow = self.queries / qps > SECONDS_MAX
            self.rounds[ef] = [qps] if slow else []
            if recall >= enough or slow and recall >= RECALLS[-1]:
                break

    def run_round(self) -> None:
        for ef, taken in self.rounds.items():
            if taken and self.queries / taken[0] > SECONDS_MAX:
                continue
            asked, seconds = 0, 0.0
            while seconds < SECONDS_MIN:
                _, qps = self.measure(ef)
                asked, seconds = asked + self.queries, seconds + self.queries / qps
            taken.append(asked / seconds)

    def sweep(self) -> list[dict]:
        """For each ef the recall and the median of the rounds."""
        return [
            {"ef": ef, "recall": round(self.recalls[ef], 5), "qps": round(statistics.median(taken), 1)}
            for ef, taken in self.rounds.items()
        ]


def take_turns(runners: list[Runner], rounds: int) -> None:
    """Every engine's whole sweep in each round, another one first each time: what disturbs the machine meets all."""
    for runner in runners:
        runner.find_range()
    for turn in range(rounds):
        for place in range(len(runners)):
            runners[(turn + place) % len(runners)].run_round()


def qps_at(sweep: list[dict], recall: float) -> float | None:
    """Queries a second at a recall: on the line between the two settings around it, in recall and log(qps)."""
    # The best that reaches at least so much recall, for each: a slower setting that finds less is nobody's choice.
    enough = [point for point in sweep if point["recall"] >= recall]
    if not enough:
        return None
    above = max(enough, key=lambda point: point["qps"])
    below = [point for point in sweep if point["recall"] < recall and point["qps"] > above["qps"]]
    if not below:
        return above["qps"]
    below = max(below, key=lambda point: point["recall"])
    share = (recall - below["recall"]) / (above["recall"] - below["recall"])
    return math.exp(math.log(below["qps"]) + share * (math.log(above["qps"]) - math.log(below["qps"])))


def at_recalls(sweep: list[dict]) -> dict[str, float | None]:
    found = {f"{recall:.2f}": qps_at(sweep, recall) for recall in RECALLS}
    return {recall: None if qps is None else round(qps, 1) for recall, qps in found.items()}


def ef_reaching(sweep: list[dict], recall: float) -> int:
    """The smallest ef that reaches a recall, or the one that comes nearest."""
    for point in sweep:
        if point["recall"] >= recall:
            return point["ef"]
    return max(sweep, key=lambda point: point["recall"])["ef"]
