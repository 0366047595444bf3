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
    (
        "a write that names an id that isn't there",
        "the in-memory mode and the server that it imitates change the other points, and then answer 404; "
        "Locule answers 404 and changes nothing, a whole batch update included",
        "after a refusal the oracle is put back to where it was",
    ),
]


def threshold_is_clear(query: Any, metric: str) -> bool:
    recommend = query.get("recommend", {}) if isinstance(query, dict) else {}
    by_scores = recommend.get("strategy") in ("best_score", "sum_scores")
    return not by_scores or metric in ("Cosine", "Dot")
