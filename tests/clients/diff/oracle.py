"""The in-memory mode of qdrant-client, watched while it answers.

An answer alone doesn't tell which other answers would be as right: where scores are equal, any order is, and any choice
at the place where the answer is cut off. So the whole rankings are recorded, the answer's and those that led to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from qdrant_client import models
from qdrant_client.local import local_collection
from qdrant_client.local.distances import DistanceOrder, RecoQuery, calculate_distance_core, distance_to_order
from qdrant_client.local.local_collection import LocalCollection
from qdrant_client.local.utils import last_argmax

# Scores are compared with this share of their size, or of one.
TOLERANCE = 1e-5
ALL = 10**9


def near(one: float, other: float, scale: float = 1.0) -> bool:
    return abs(one - other) <= TOLERANCE * max(scale, abs(one), abs(other))


@dataclass
class Ranking:
    """All that could have been chosen from, best first, and how it was cut."""

    # Scores, or the values of an order.
    pairs: list[tuple[Any, float]]
    start: int = 0
    limit: int = ALL
    # The least score, or the largest distance, that isn't good enough.
    threshold: float | None = None
    smaller_is_better: bool = False
    # Values of a payload compare exactly, scores don't.
    exact: bool = False
    # How large the numbers are that a score was summed up from: the sum may be small, its error isn't.
    scale: float = 1.0
    # Any of them, in any order.
    unordered: bool = False

    def passing(self) -> list[tuple[Any, float]]:
        if self.threshold is None:
            return self.pairs
        if self.smaller_is_better:
            return [pair for pair in self.pairs if pair[1] < self.threshold]
        return [pair for pair in self.pairs if pair[1] > self.threshold]

    def alike(self, one: float, other: float) -> bool:
        return one == other if self.exact else near(one, other, self.scale)

    def edge(self) -> bool:
        """Whether rounding decides who passes the threshold."""
        return self.threshold is not None and any(near(score, self.threshold, self.scale) for _, score in self.pairs)

    def tied(self) -> bool:
        """Whether another order of what was chosen, or another choice, would be as right."""
        shown = self.passing()[: self.start + self.limit + 1]
        return self.unordered or any(self.alike(one[1], two[1]) for one, two in zip(shown, shown[1:]))


def largest_part(query: Any, vectors: Any, distance: models.Distance) -> float:
    """Of the numbers that a score adds up: its error is theirs, however small the sum."""
    if isinstance(query, np.ndarray):
        if distance != models.Distance.DOT:
            return 1.0
        # Of these, single precision keeps a digit more than what scores are compared with.
        return max(1.0, float((np.abs(vectors) @ np.abs(query)).max(initial=0.0)) / 10)
    if not isinstance(query, RecoQuery) or query.strategy != models.RecommendStrategy.SUM_SCORES:
        return 1.0
    parts = [calculate_distance_core(example, vectors, distance) for example in query.positive + query.negative]
    return max(1.0, float(np.abs(parts).max(initial=0.0)))


def nearest_is_close(query: Any, vectors: Any, distance: models.Distance) -> bool:
    """Whether rounding decides, for a point that is scored by its nearest example, of which kind that is."""
    if not isinstance(query, RecoQuery) or query.strategy != models.RecommendStrategy.BEST_SCORE:
        return False
    if not query.positive or not query.negative:
        return False
    positive, negative = (
        np.max([calculate_distance_core(example, vectors, distance) for example in examples], axis=0)
        for examples in (query.positive, query.negative)
    )
    return any(near(one, other) for one, other in zip(positive, negative))


@dataclass
class Query:
    """What happened while one query was answered."""

    rankings: list[Ranking] = field(default_factory=list)
    # Whether the last ranking is what the answer was cut from; else the answer is as it is.
    last_is_answer: bool = False
    # A choice between scores that rounding may turn round.
    close_choice: bool = False
    # Whether nothing was there to rank, so that what should rank it wasn't even read.
    unread: bool = False

    def close(self) -> bool:
        """Whether rounding, or a choice between equals, decides what is in the answer."""
        inner = self.rankings[:-1] if self.last_is_answer else self.rankings
        last = self.rankings[-1:] if self.last_is_answer else []
        return self.close_choice or any(one.tied() or one.edge() for one in inner) or any(one.edge() for one in last)

    def answer(self) -> Ranking | None:
        return self.rankings[-1] if self.last_is_answer and self.rankings else None


class Watch:
    """The queries of the call that runs now. One process asks one oracle at a time."""

    def __init__(self) -> None:
        self.queries: list[Query] = []

    def begin(self) -> None:
        self.queries = []

    def query(self) -> Query:
        if not self.queries:
            self.queries.append(Query())
        return self.queries[-1]

    def ranked(self, ranking: Ranking) -> None:
        self.query().rankings.append(ranking)
        self.query().last_is_answer = True


WATCH = Watch()


def watched() -> None:
    """Puts the watch into the in-memory mode; once a process."""
    search, query_points = LocalCollection.search, LocalCollection.query_points
    merge_sources, with_mmr = LocalCollection._merge_sources, LocalCollection._search_with_mmr
    by_value, at_random = LocalCollection._scroll_by_value, LocalCollection._sample_randomly
    by_id, query_collection = LocalCollection._scroll_by_id, LocalCollection._query_collection

    def watched_search(self: LocalCollection, query_vector: Any, **given: Any) -> Any:
        name, query = self._resolve_query_vector_name(query_vector)
        asked = [query] if isinstance(query, np.ndarray) else query.positive + query.negative
        # Of one number, numpy makes as many as there are on the other side: see deviations.
        if any(len(vector) != self.get_vector_params(name).size for vector in asked):
            raise ValueError("Wrong input: Vector dimension error")
        bare = {"with_payload": False, "with_vectors": False, "limit": ALL, "offset": 0, "score_threshold": None}
        everything = search(self, query_vector, **{**given, **bare})
        order = distance_to_order(self.get_vector_params(name).distance)
        by_distance = isinstance(query, np.ndarray)
        WATCH.ranked(
            Ranking(
                [(point.id, point.score) for point in everything],
                given.get("offset") or 0,
                given.get("limit", 10),
                given.get("score_threshold"),
                by_distance and order == DistanceOrder.SMALLER_IS_BETTER,
                scale=largest_part(query, self.vectors[name], self.get_vector_params(name).distance),
            )
        )
        if nearest_is_close(query, self.vectors[name], self.get_vector_params(name).distance):
            WATCH.query().close_choice = True
        return search(self, query_vector, **given)

    def watched_query_points(self: LocalCollection, **given: Any) -> Any:
        WATCH.queries.append(Query())
        return query_points(self, **given)

    def watched_query_collection(self: LocalCollection, **given: Any) -> Any:
        found = query_collection(self, **given)
        rankings = WATCH.query().rankings
        if isinstance(given.get("query"), models.OrderByQuery) and rankings:
            # It asks for the offset's points too, and then leaves them out.
            last = rankings[-1]
            last.start, last.limit = given.get("offset") or 0, given.get("limit") or 10
        return found

    def watched_merge(self: LocalCollection, sources: Any, query: Any, limit: int, offset: int, **given: Any) -> Any:
        found = merge_sources(self, sources, query, limit, offset, **given)
        if not any(sources):
            WATCH.query().last_is_answer = False
            WATCH.query().unread = True
        elif isinstance(query, (models.FusionQuery, models.RrfQuery)):
            # Fusing recorded its ranking; the rest of the cut is only known here.
            last = WATCH.query().rankings[-1]
            last.start, last.limit, last.threshold = offset, limit, given.get("score_threshold")
        return found

    def watched_mmr(self: LocalCollection, *given: Any, **named: Any) -> Any:
        found = with_mmr(self, *given, **named)
        WATCH.query().last_is_answer = False
        return found

    def watched_by_value(self: LocalCollection, order_by: Any, **given: Any) -> Any:
        bare = {"with_payload": False, "with_vectors": False, "limit": ALL}
        everything, _ = by_value(self, order_by, **{**given, **bare})
        pairs = [(record.id, record.order_value) for record in everything]
        WATCH.ranked(Ranking(pairs, 0, given["limit"], exact=True))
        return by_value(self, order_by, **given)

    def watched_by_id(self: LocalCollection, *given: Any, **named: Any) -> Any:
        WATCH.query().last_is_answer = False
        return by_id(self, *given, **named)

    def watched_sample(self: LocalCollection, limit: int, query_filter: Any, **given: Any) -> Any:
        everyone = at_random(self, ALL, query_filter, with_payload=False)
        WATCH.ranked(Ranking([(point.id, point.score) for point in everyone], 0, limit, unordered=True))
        return at_random(self, limit, query_filter, **given)

    def watched_fusion(fuse: Callable[..., Any]) -> Callable[..., Any]:
        def watched_fuse(responses: Any, limit: int, **given: Any) -> Any:
            # It changes what it is given: so once, whole, and cut here.
            everything = fuse(responses=responses, limit=ALL, **given)
            WATCH.ranked(Ranking([(point.id, point.score) for point in everything], 0, limit))
            return everything[:limit]

        return watched_fuse

    def watched_argmax(values: list[float]) -> int:
        best = last_argmax(values)
        if any(place != best and near(value, values[best]) for place, value in enumerate(values)):
            WATCH.query().close_choice = True
        return best

    def both(outer: models.Filter | None, inner: models.Filter | None) -> models.Filter | None:
        """Of a query and of its prefetch: see deviations."""
        return models.Filter(must=[outer, inner]) if outer and inner else outer or inner

    local_collection._merge_filters = both
    LocalCollection.search = watched_search
    LocalCollection.query_points = watched_query_points
    LocalCollection._query_collection = watched_query_collection
    LocalCollection._merge_sources = watched_merge
    LocalCollection._search_with_mmr = watched_mmr
    LocalCollection._scroll_by_value = watched_by_value
    LocalCollection._scroll_by_id = watched_by_id
    LocalCollection._sample_randomly = watched_sample
    local_collection.reciprocal_rank_fusion = watched_fusion(local_collection.reciprocal_rank_fusion)
    local_collection.distribution_based_score_fusion = watched_fusion(local_collection.distribution_based_score_fusion)
    local_collection.last_argmax = watched_argmax
