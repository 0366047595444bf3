"""From a program's JSON to a call of qdrant-client: the same for the in-memory mode and for the server."""

import inspect
from typing import Any

from pydantic import TypeAdapter, ValidationError
from qdrant_client import QdrantClient, models

Json = dict[str, Any]

# More than a collection of this test ever holds.
EVERYTHING = 1_000

IDS = list[models.ExtendedPointId]
SELECTOR = TypeAdapter(IDS | models.PointIdsList | models.FilterSelector)
FILTER = TypeAdapter(models.Filter)
QUERY = TypeAdapter(models.QueryInterface)
SHAPES: dict[str, TypeAdapter[Any]] = {
    "query": QUERY,
    "prefetch": TypeAdapter(list[models.Prefetch] | models.Prefetch),
    "query_filter": FILTER,
    "scroll_filter": FILTER,
    "count_filter": FILTER,
    "facet_filter": FILTER,
    "update_filter": FILTER,
    "search_params": TypeAdapter(models.SearchParams),
    "with_payload": TypeAdapter(models.WithPayloadInterface),
    "with_vectors": TypeAdapter(models.WithVector),
    "requests": TypeAdapter(list[models.QueryRequest]),
    "order_by": TypeAdapter(models.OrderByInterface),
    "points_selector": SELECTOR,
    "update_mode": TypeAdapter(models.UpdateMode),
    "update_operations": TypeAdapter(list[models.UpdateOperation]),
    "change_aliases_operations": TypeAdapter(list[models.AliasOperations]),
    "vectors_config": TypeAdapter(models.VectorParams | dict[str, models.VectorParams]),
    "field_schema": TypeAdapter(models.PayloadFieldSchema),
}
POINTS = {
    "upsert": TypeAdapter(list[models.PointStruct] | models.Batch),
    "update_vectors": TypeAdapter(list[models.PointVectors]),
}


class Unsayable(Exception):
    """The client has no such call, or its models refuse the arguments."""


# For `self` and the arguments.
CLIENT_METHODS = {
    name: inspect.signature(method) for name, method in inspect.getmembers(QdrantClient, inspect.isfunction)
}


def arguments(call: Json) -> dict[str, Any]:
    """The arguments as the client's own models; made anew for each side, since the client may change them.

    Raises Unsayable where the JSON isn't what the client can send.
    """
    try:
        return converted(call)
    except ValidationError as error:
        raise Unsayable(str(error)) from error


def converted(call: Json) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in call.items():
        if name == "call":
            continue
        if name == "points":
            found[name] = POINTS.get(call["call"], SELECTOR).validate_python(value)
        elif name in SHAPES:
            found[name] = SHAPES[name].validate_python(value)
        else:
            found[name] = value
    method = call.get("call")
    if method in CLIENT_METHODS:
        try:
            CLIENT_METHODS[method].bind(None, **found)
        except TypeError as error:
            raise Unsayable(str(error)) from error
    return found


def perform(side: QdrantClient, call: Json) -> Any:
    """The answer of one side."""
    given = arguments(call)
    if call["call"] == "state":
        name = given["collection_name"]
        return side.scroll(name, limit=EVERYTHING, with_vectors=True), side.count(name, exact=True)
    return getattr(side, call["call"])(**given)
