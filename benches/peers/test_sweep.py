"""What scripts/bench reads off a sweep. Run by scripts/test: python3 benches/peers/test_sweep.py"""

import unittest

from sweep import Runner, at_recalls, ef_reaching, qps_at, take_turns


def points(*pairs: tuple[float, float]) -> list[dict]:
    return [{"ef": place + 1, "recall": recall, "qps": qps} for place, (recall, qps) in enumerate(pairs)]


class Sweeps(unittest.TestCase):
    def test_between_two_settings_the_logarithm_of_qps_is_straight(self):
        self.assertAlmostEqual(qps_at(points((0.8, 10_000), (0.9, 1_000), (1.0, 100)), 0.95), 316.2278, 3)
        self.assertAlmostEqual(qps_at(points((0.8, 10_000), (0.9, 1_000), (1.0, 100)), 0.9), 1_000)

    def test_an_engine_that_finds_more_at_once_is_taken_at_its_fastest(self):
        self.assertEqual(qps_at(points((0.97, 500), (0.99, 400)), 0.9), 500)

    def test_what_is_not_reached_is_not_made_up(self):
        self.assertEqual(at_recalls(points((0.91, 500), (0.94, 400))), {"0.90": 500, "0.95": None, "0.99": None})

    def test_a_setting_that_is_slower_and_finds_less_is_nobodys_choice(self):
        self.assertEqual(qps_at(points((0.85, 300), (0.96, 500), (0.97, 400)), 0.9), 500)

    def test_latency_is_taken_where_the_recall_is_reached_or_nearest(self):
        self.assertEqual(ef_reaching(points((0.9, 3), (0.96, 2), (0.97, 1)), 0.95), 2)
        self.assertEqual(ef_reaching(points((0.9, 3), (0.94, 2), (0.93, 1)), 0.95), 2)

    def test_engines_take_turns_and_a_slow_measurement_is_not_repeated(self):
        asked = []

        def engine(name: str, qps: float) -> Runner:
            def once(ef: int) -> tuple[float, float]:
                asked.append(name)
                return 0.99, qps

            return Runner(name, once, queries=100)

        quick, slow = engine("quick", 100), engine("slow", 10)
        take_turns([quick, slow], rounds=2)
        self.assertEqual(len(quick.rounds[10]), 2)
        self.assertEqual(slow.sweep(), [{"ef": 10, "recall": 0.99, "qps": 10}])
        # The first pass of both, a sweep each of the quick one in both rounds.
        self.assertEqual(asked.count("slow"), 1)


if __name__ == "__main__":
    unittest.main()
