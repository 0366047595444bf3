"""Where the in-memory mode isn't the judge: what the generator leaves out, and what the comparison lets pass, and why.

Each entry says what differs, and what is done about it. The list is printed by `differential.py --deviations`.
"""

from typing import Any

DEVIATIONS: list[tuple[str, str, str]] = [
    (
        "score_threshold of recommend by best_score or sum_scores under Euclid or Manhattan",
        "these scores are better the larger they are; the in-memory mode cuts as if they were distances",
        "not generated",
    ),
]


def threshold_is_clear(query: Any, metric: str) -> bool:
    recommend = query.get("recommend", {}) if isinstance(query, dict) else {}
    by_scores = recommend.get("strategy") in ("best_score", "sum_scores")
    return not by_scores or metric in ("Cosine", "Dot")
