"""Whether the server's answer is one of the right ones.

Numbers of a payload are compared with their types: 1, 1.0 and true are three values. Scores and vectors may differ in
the last places of an f32. Versions, operation ids and times are the server's own affair.
"""

from typing import Any

from qdrant_client import QdrantClient, models

from .calls import Json, arguments
from .oracle import Query, Ranking, near


class Undecided(Exception):
    """Rounding, or a choice between equals, decides this answer: there is nothing to compare it with."""


def difference(call: Json, expected: Any, found: Any, queries: list[Query], oracle: QdrantClient) -> str | None:
    """Where the answers to this call part, or None."""
    look_up = LookUp(oracle, call)
    if call["call"] == "query_points":
        return points_differ(expected.points, found.points, queries[0], look_up)
    if call["call"] == "query_batch_points":
        if len(expected) != len(found):
            return f"expected {len(expected)} answers, got {len(found)}"
        for place, (request, one, other, query) in enumerate(zip(call["requests"], expected, found, queries)):
            text = points_differ(one.points, other.points, query, LookUp(oracle, {**call, **request}))
            if text:
                return f"answer {place}: {text}"
        return None
    if "order_by" in call:
        if found[1] is not None:
            return f"a next page that isn't there: {found[1]}"
        return points_differ(expected[0], found[0], queries[0] if queries else Query(), look_up)
    text = plain_differs(plain(expected), plain(found), "answer")
    if text and call["call"] == "query_points_groups":
        if any(query.close() or any(one.tied() for one in query.rankings) for query in queries):
            raise Undecided
    return text


class LookUp:
    """Points of the oracle, shown as a call wants them shown."""

    def __init__(self, oracle: QdrantClient, call: Json) -> None:
        self.oracle = oracle
        self.name = call.get("collection_name", "")
        wanted = {
            "with_payload": call.get("with_payload"),
            "with_vectors": call.get("with_vectors", call.get("with_vector")),
        }
        self.shown = arguments({name: value for name, value in wanted.items() if value is not None})

    def __call__(self, ids: list[Any]) -> list[Any]:
        return self.oracle.retrieve(self.name, ids, **self.shown)


def points_differ(expected: list[Any], found: list[Any], query: Query, look_up: LookUp) -> str | None:
    ranking = query.answer()
    if ranking is None or not ranking.exact:
        expected, found = without_order(expected), without_order(found)
    same = plain_differs(plain(expected), plain(rounded(expected, found, query)), "points")
    if same is None:
        return None
    if query.close():
        raise Undecided
    wrong = ranking is None or choice_differs(ranking, expected, found, look_up)
    return same if wrong else None


def rounded(expected: list[Any], found: list[Any], query: Query) -> list[Any]:
    """What was found, with the expected scores where they differ by no more than their parts' error."""
    scale = max((ranking.scale for ranking in query.rankings), default=1.0)
    return [
        other.model_copy(update={"score": one.score})
        if isinstance(other, models.ScoredPoint) and near(one.score, other.score, scale)
        else other
        for one, other in zip(expected, found)
    ] + found[len(expected) :]


def without_order(points: list[Any]) -> list[Any]:
    """Points that a prefetch ordered, but the query didn't: see deviations."""
    return [point.model_copy(update={"order_value": None}) for point in points]


def choice_differs(ranking: Ranking, expected: list[Any], found: list[Any], look_up: LookUp) -> bool:
    """Whether this isn't a right choice from the ranking: by scores, place by place, by ids, and by what is shown."""
    if len(expected) != len(found):
        return True
    if not ranking.unordered:
        if any(not ranking.alike(value(one), value(other)) for one, other in zip(expected, found)):
            return True
    pairs = [(point.id, value(point)) for point in found]
    if len(set(pairs)) < len(pairs):
        return True
    scores: dict[Any, list[float]] = {}
    for point_id, score in ranking.passing():
        scores.setdefault(point_id, []).append(score)
    if any(not any(ranking.alike(score, one) for one in scores.get(point_id, [])) for point_id, score in pairs):
        return True
    shown = {point.id: plain(point) for point in look_up([point.id for point in found])}
    return any(
        plain_differs(shown[point.id][part], plain(point)[part], part)
        for point in found
        for part in ("payload", "vector")
    )


def value(point: Any) -> Any:
    order_value = getattr(point, "order_value", None)
    return point.score if order_value is None else order_value


def plain(answer: Any) -> Any:
    if isinstance(answer, (models.ScoredPoint, models.Record)):
        # A point without vectors shows none, or an empty list of them.
        facts = {"id": answer.id, "payload": Payload(answer.payload), "vector": answer.vector or None}
        facts["order_value"] = answer.order_value
        if isinstance(answer, models.ScoredPoint):
            facts["score"] = answer.score
        return facts
    if isinstance(answer, models.PointGroup):
        return {"id": Payload(answer.id), "hits": plain(answer.hits)}
    if isinstance(answer, models.UpdateResult):
        return {"status": answer.status}
    if isinstance(answer, models.CollectionInfo):
        params = answer.config.params
        # A null says that there is no such entry: see deviations.
        metadata = {name: value for name, value in (answer.config.metadata or {}).items() if value is not None}
        return {"vectors": plain(params.vectors), "points": answer.points_count, "metadata": Payload(metadata)}
    if isinstance(answer, (models.CollectionsResponse, models.CollectionsAliasesResponse)):
        listed = answer.collections if isinstance(answer, models.CollectionsResponse) else answer.aliases
        return sorted(str(one) for one in listed)
    if hasattr(answer, "model_dump"):
        return {name: plain(getattr(answer, name)) for name in type(answer).model_fields}
    if isinstance(answer, dict):
        return {name: plain(one) for name, one in answer.items()}
    if isinstance(answer, (list, tuple)):
        return [plain(one) for one in answer]
    return answer


class Payload:
    """What came in as JSON and must come back as it was."""

    def __init__(self, json: Any) -> None:
        self.json = json


def plain_differs(expected: Any, found: Any, place: str) -> str | None:
    if isinstance(expected, Payload) and isinstance(found, Payload):
        same = typed(expected.json) == typed(found.json)
        return None if same else f"{place}: expected {expected.json!r}, got {found.json!r}"
    if isinstance(expected, float) and isinstance(found, (float, int)):
        return None if near(expected, found) else f"{place}: expected {expected}, got {found}"
    if isinstance(expected, dict) and isinstance(found, dict):
        if expected.keys() != found.keys():
            return f"{place}: expected the fields {sorted(expected)}, got {sorted(found)}"
        parts = [(f"{place}.{name}", expected[name], found[name]) for name in expected]
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"{place}: expected {len(expected)} entries, got {len(found)}:\n  {show(expected)}\n  {show(found)}"
        parts = [(f"{place}[{row}]", *pair) for row, pair in enumerate(zip(expected, found))]
    else:
        return None if expected == found else f"{place}: expected {expected!r}, got {found!r}"
    return next((text for name, one, other in parts if (text := plain_differs(one, other, name))), None)


def show(entries: list[Any]) -> list[Any]:
    return [entry["id"] if isinstance(entry, dict) and "id" in entry else entry for entry in entries]


def typed(json: Any) -> Any:
    """JSON so that values of different types are different; numbers of a float keep their sign of zero out of it."""
    if isinstance(json, dict):
        return {name: typed(one) for name, one in json.items()}
    if isinstance(json, list):
        return [typed(one) for one in json]
    return type(json).__name__, json
