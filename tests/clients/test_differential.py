#!/usr/bin/env python3
"""The differential test, tested: that it finds wrong answers, lets right ones pass, and shortens what fails."""

import copy
import unittest
from typing import Any

from diff.calls import perform
from diff.compare import Undecided, difference
from diff.oracle import WATCH, watched
from diff.program import program
from diff.shrink import shrink
from qdrant_client import QdrantClient, models

watched()

# Two points are as near as each other: 2 and 3; and 5 is far.
POINTS = {1: [1.0, 0.0], 2: [0.0, 1.0], 3: [0.0, -1.0], 4: [-1.0, 0.5], 5: [-9.0, 0.0]}


class Comparing(unittest.TestCase):
    def setUp(self) -> None:
        self.oracle = QdrantClient(":memory:")
        config = models.VectorParams(size=2, distance=models.Distance.EUCLID)
        self.oracle.create_collection("c", vectors_config=config)
        points = [
            models.PointStruct(id=number, vector=vector, payload={"n": number, "even": number % 2 == 0})
            for number, vector in POINTS.items()
        ]
        self.oracle.upsert("c", points=points)

    def told(self, call: dict[str, Any], change: Any) -> str | None:
        """What the comparison says when the server's answer is the oracle's, but changed."""
        call = {"collection_name": "c", **call}
        WATCH.begin()
        expected = perform(self.oracle, call)
        queries = list(WATCH.queries)
        found = copy.deepcopy(expected)
        change(found)
        return difference(call, expected, found, queries, self.oracle)

    def nearest(self, change: Any, **more: Any) -> str | None:
        return self.told({"call": "query_points", "query": [1.0, 0.0], **more}, change)

    def swap(self, one: int, other: int) -> Any:
        def change(found: Any) -> None:
            found.points[one], found.points[other] = found.points[other], found.points[one]

        return change

    def test_the_same_answer_passes(self) -> None:
        self.assertIsNone(self.nearest(lambda found: None))

    def test_equal_scores_may_swap_and_others_may_not(self) -> None:
        self.assertIsNone(self.nearest(self.swap(1, 2)))
        self.assertIsNotNone(self.nearest(self.swap(0, 1)))

    def test_a_cut_inside_a_tie_may_choose_and_another_may_not(self) -> None:
        def other(number: int) -> Any:
            def change(found: Any) -> None:
                [chosen] = [point for point in found.points if point.id in (2, 3)]
                chosen.id, chosen.payload = number, {"n": number, "even": number % 2 == 0}

            return change

        self.assertIsNone(self.nearest(other(2), limit=2))
        self.assertIsNone(self.nearest(other(3), limit=2))
        self.assertIsNotNone(self.nearest(other(4), limit=2))

    def test_the_choice_must_be_shown_as_it_is(self) -> None:
        def wrong_payload(found: Any) -> None:
            found.points[1], found.points[2] = found.points[2], found.points[1]
            found.points[1].payload = {"n": 77}

        self.assertIsNotNone(self.nearest(wrong_payload))

    def test_a_missing_a_doubled_and_a_misscored_point_are_found(self) -> None:
        self.assertIsNotNone(self.nearest(lambda found: found.points.pop()))

        def doubled(found: Any) -> None:
            found.points[2] = found.points[1]

        def misscored(found: Any) -> None:
            found.points[3].score += 0.01

        self.assertIsNotNone(self.nearest(doubled))
        self.assertIsNotNone(self.nearest(misscored))

    def test_numbers_of_a_payload_keep_their_types(self) -> None:
        def retyped(value: Any) -> Any:
            def change(found: Any) -> None:
                found[0].payload["n"] = value

            return change

        retrieve = {"call": "retrieve", "ids": [1]}
        self.assertIsNone(self.told(retrieve, retyped(1)))
        self.assertIsNotNone(self.told(retrieve, retyped(1.0)))
        self.assertIsNotNone(self.told(retrieve, retyped(True)))

    def test_an_order_lets_equal_values_swap_only(self) -> None:
        def swapped(one: int, other: int) -> Any:
            def change(found: Any) -> None:
                found[0][one], found[0][other] = found[0][other], found[0][one]

            return change

        self.oracle.set_payload("c", payload={"n": 2}, points=[1])
        scroll = {"call": "scroll", "order_by": "n", "limit": 10}
        self.assertIsNone(self.told(scroll, swapped(0, 1)))
        self.assertIsNotNone(self.told(scroll, swapped(1, 2)))

    def test_a_tie_below_a_fusion_decides_nothing(self) -> None:
        prefetch = [{"query": [1.0, 0.0], "limit": 2}, {"query": [-1.0, 0.5], "limit": 3}]
        fused = {"prefetch": prefetch, "query": {"fusion": "rrf"}}
        with self.assertRaises(Undecided):
            self.told({"call": "query_points", **fused}, lambda found: found.points.pop())

    def test_a_count_and_a_facet_are_compared_whole(self) -> None:
        def more(found: Any) -> None:
            found.count += 1

        self.assertIsNotNone(self.told({"call": "count"}, more))
        self.assertIsNotNone(self.told({"call": "facet", "key": "even"}, lambda found: found.hits.reverse()))


class Programs(unittest.TestCase):
    def test_a_seed_makes_the_same_program_each_time(self) -> None:
        self.assertEqual(program("a:1"), program("a:1"))
        self.assertNotEqual(program("a:1"), program("a:2"))

    def test_what_fails_is_shortened_to_what_is_needed(self) -> None:
        calls = program("a:3")

        def fails(shorter: list[Any]) -> bool:
            return any(call["call"] == "count" and "count_filter" in call for call in shorter)

        short = shrink(calls, fails)
        self.assertEqual([call["call"] for call in short], ["count"])
        self.assertEqual(short[0]["count_filter"], {})


if __name__ == "__main__":
    unittest.main()
