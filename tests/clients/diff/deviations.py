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
    (
        "the filters of a query and of its prefetches, where both have `should`",
        "the in-memory mode and the server that it imitates make one list of the two, so that a prefetch widens what "
        "the query asked for; in Locule a point must match both filters",
        "the oracle is told to ask for both",
    ),
    (
        "a query of a wrong size, where it or the collection's vectors have one number only",
        "the in-memory mode takes that number for each of the other side's; the server and Locule refuse",
        "the oracle is told to refuse",
    ),
    (
        "a query over prefetches that find nothing",
        "the in-memory mode answers with nothing before it reads the query; Locule refuses one that is wrong",
        "a refusal passes there",
    ),
    (
        "a null in the first metadata that a collection is given",
        "the in-memory mode keeps it, and lets it remove the entry where there is metadata already; "
        "in Locule it always says that there is no such entry",
        "nulls in metadata are passed over",
    ),
    (
        "order_value of a point that a prefetch ordered and the query ranked otherwise",
        "the in-memory mode leaves it in the fused points; Locule shows it where the answer is in that order",
        "not compared there",
    ),
]


def threshold_is_clear(query: Any, metric: str) -> bool:
    recommend = query.get("recommend", {}) if isinstance(query, dict) else {}
    by_scores = recommend.get("strategy") in ("best_score", "sum_scores")
    return not by_scores or metric in ("Cosine", "Dot")
