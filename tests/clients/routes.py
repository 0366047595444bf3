"""Each remaining route of the data plane once, through qdrant-client, on collections of its own.

Part of qdrant_roundtrip.py: random calls of the same routes are in differential.py.
"""

import math
from typing import Any

from qdrant_client import QdrantClient, models

from checks import Mismatch, Run, Tenant, error_of

NAMED = "named"
COUNT = 40
CITIES = {"Riga": (24.1, 56.95), "Porto": (-8.6, 41.15), "Kyoto": (135.77, 35.01), "Suva": (178.44, -18.14)}


def all_of_them(run: Run) -> None:
    named_vectors(run)
    changed_vectors(run)
    changed_payloads(run)
    guarded_upserts(run)
    ranked(run)
    prefetched(run)
    grouped_and_counted(run)
    ordered(run)
    filtered(run)
    aliases(run)
    settings(run)
    refused(run)


def vector(tenant: Tenant, number: int, size: int) -> list[float]:
    """Differs from tenant to tenant, and is the same each time."""
    twist = math.sqrt(2 if tenant.name == "acme" else 5)
    return [((number + 1) * twist * (place + 1)) % 1.0 - 0.45 for place in range(size)]


def payload(tenant: Tenant, number: int) -> dict[str, Any]:
    city = list(CITIES)[number % len(CITIES)]
    lon, lat = CITIES[city]
    return {
        "owner": tenant.name,
        "n": number % 7 * (3 if tenant.name == "acme" else 5),
        "city": city,
        "at": {"lon": lon + number / 100, "lat": lat},
        "day": f"2024-0{number % 9 + 1}-15T08:00:00Z",
        "text": f"{'quick' if number % 3 else 'slow'} brown fox of {tenant.name}, number {number}",
        "parts": [{"kind": "wheel" if number % 2 else "sail", "price": number % 10}, {"kind": "mast", "price": 3}],
    }


def point(tenant: Tenant, number: int) -> models.PointStruct:
    vectors: dict[str, Any] = {"title": vector(tenant, number, 4)}
    if number % 4:
        vectors["image"] = vector(tenant, number + 100, 6)
    return models.PointStruct(id=number, vector=vectors, payload=payload(tenant, number))


def everything(side: QdrantClient, *_: Any) -> Any:
    return side.scroll(NAMED, limit=1_000, with_vectors=True), side.count(NAMED, exact=True)


def named_vectors(run: Run) -> None:
    config = {
        "title": models.VectorParams(size=4, distance=models.Distance.COSINE),
        "image": models.VectorParams(size=6, distance=models.Distance.EUCLID),
    }
    run.same(
        "create_collection with two named vectors",
        lambda side, *_: side.create_collection(NAMED, vectors_config=config),
    )
    run.same("get_collection echoes them", lambda side, *_: side.get_collection(NAMED).config.params.vectors)
    run.same(
        "upsert points, some without one of the vectors",
        lambda side, tenant, _: side.upsert(NAMED, points=[point(tenant, number) for number in range(COUNT)]).status,
    )
    run.same("all of them come back", everything)
    for name in ("title", "image"):
        run.same(
            f"query_points using {name}",
            lambda side, tenant, _, name=name: side.query_points(
                NAMED,
                query=vector(tenant, 3, len(vector(tenant, 0, 4)) if name == "title" else 6),
                using=name,
                with_vectors=[name],
            ),
        )


def changed_vectors(run: Run) -> None:
    run.same(
        "update_vectors replaces one of two",
        lambda side, tenant, _: (
            side.update_vectors(
                NAMED, points=[models.PointVectors(id=5, vector={"title": vector(tenant, 500, 4)})]
            ).status
        ),
    )
    run.same("the other is as it was", everything)
    run.same(
        "delete_vectors by filter",
        lambda side, *_: side.delete_vectors(NAMED, vectors=["image"], points=matching("city", "Porto")).status,
    )
    run.same("has_vector finds the rest", lambda side, *_: side.count(NAMED, count_filter=has_vector("image")))


def changed_payloads(run: Run) -> None:
    changes = {
        "set_payload by ids": lambda side: side.set_payload(NAMED, payload={"new": 1, "n": None}, points=[1, 2]),
        "set_payload by filter": lambda side: side.set_payload(
            NAMED, payload={"warm": True}, points=matching("city", "Suva")
        ),
        "set_payload under a key": lambda side: side.set_payload(NAMED, payload={"x": [1]}, points=[3], key="deep.er"),
        "overwrite_payload": lambda side: side.overwrite_payload(
            NAMED, payload={"owner": "kept", "gone": None}, points=[4]
        ),
        "delete_payload": lambda side: side.delete_payload(
            NAMED, keys=["text", "at.lon", "parts[].price"], points=[6, 7]
        ),
        "clear_payload": lambda side: side.clear_payload(NAMED, points_selector=[8]),
    }
    for title, change in changes.items():
        run.same(title, lambda side, *_, change=change: (change(side).status, everything(side)))
    operations = [
        models.UpsertOperation(
            upsert=models.PointsList(points=[models.PointStruct(id=900, vector={}, payload={"n": 1})])
        ),
        models.SetPayloadOperation(set_payload=models.SetPayload(payload={"n": 2}, points=[900])),
        models.DeleteOperation(delete=models.PointIdsList(points=[9])),
    ]
    run.same(
        "batch_update_points: each operation sees the ones before",
        lambda side, *_: (side.batch_update_points(NAMED, update_operations=operations)[-1].status, everything(side)),
    )


def guarded_upserts(run: Run) -> None:
    for mode in models.UpdateMode:
        run.same(
            f"upsert, update_mode {mode.value}",
            lambda side, tenant, _, mode=mode: (
                side.upsert(NAMED, points=[point(tenant, number) for number in (1, 950)], update_mode=mode).status,
                side.delete(NAMED, points_selector=[950]).status if mode != models.UpdateMode.UPDATE_ONLY else None,
                everything(side),
            ),
        )
    run.same(
        "upsert with an update_filter",
        lambda side, tenant, _: (
            side.upsert(
                NAMED, points=[point(tenant, number) for number in (3, 4)], update_filter=matching("owner", "kept")
            ).status,
            everything(side),
        ),
    )


def ranked(run: Run) -> None:
    for strategy in models.RecommendStrategy:
        recommend = models.RecommendQuery(
            recommend=models.RecommendInput(positive=[1, 2], negative=[10], strategy=strategy)
        )
        run.same(
            f"recommend, {strategy.value}",
            lambda side, *_, recommend=recommend: side.query_points(NAMED, query=recommend, using="title", limit=7),
        )
    run.same(
        "the nearest, but various (MMR)",
        lambda side, tenant, _: side.query_points(
            NAMED,
            query=models.NearestQuery(nearest=vector(tenant, 3, 4), mmr=models.Mmr(diversity=0.4, candidates_limit=20)),
            using="title",
            limit=6,
        ),
    )
    run.same("a query without a ranking", lambda side, *_: side.query_points(NAMED, limit=5))
    run.same(
        "a sample has as many as asked for",
        lambda side, *_: len(
            side.query_points(NAMED, query=models.SampleQuery(sample=models.Sample.RANDOM), limit=5).points
        ),
    )


def prefetched(run: Run) -> None:
    def sources(tenant: Tenant) -> list[models.Prefetch]:
        return [
            models.Prefetch(query=vector(tenant, 3, 4), using="title", limit=9),
            models.Prefetch(query=vector(tenant, 7, 6), using="image", limit=9, filter=matching("city", "Kyoto")),
        ]

    # Equal scores may come in any order.
    for title, query in {
        "fusion by ranks": models.FusionQuery(fusion=models.Fusion.RRF),
        "fusion by distributions": models.FusionQuery(fusion=models.Fusion.DBSF),
        "fusion by weighted ranks": models.RrfQuery(rrf=models.Rrf(k=60, weights=[1.0, 2.5])),
    }.items():
        run.same(
            title,
            lambda side, tenant, _, query=query: sorted(
                (-round(found.score, 4), found.id)
                for found in side.query_points(NAMED, prefetch=sources(tenant), query=query, limit=100).points
            ),
        )
    run.same(
        "what one vector found, ranked by the other",
        lambda side, tenant, _: side.query_points(
            NAMED, prefetch=sources(tenant), query=vector(tenant, 9, 4), using="title", limit=6
        ),
    )


def grouped_and_counted(run: Run) -> None:
    run.same(
        "query_points_groups",
        lambda side, tenant, _: side.query_points_groups(
            NAMED, query=vector(tenant, 2, 4), using="title", group_by="city", limit=3, group_size=2
        ),
    )
    run.same("facet", lambda side, *_: side.facet(NAMED, key="city", exact=True))
    run.same(
        "facet, filtered",
        lambda side, *_: side.facet(NAMED, key="parts[].kind", facet_filter=matching("city", "Riga"), exact=True),
    )


def ordered(run: Run) -> None:
    """Only the values: which of several points with the same value comes first is nobody's promise."""
    for how in (
        models.OrderBy(key="day", start_from="2024-03-01T00:00:00Z"),
        models.OrderBy(key="n", direction=models.Direction.DESC),
        models.OrderBy(key="parts[].price"),
    ):
        run.same(
            f"scroll in the order of {how.key}",
            lambda side, *_, how=how: [found.order_value for found in side.scroll(NAMED, order_by=how, limit=200)[0]],
        )


def filtered(run: Run) -> None:
    riga = models.GeoPoint(lon=24.1, lat=56.95)
    corners = [(-20.0, 30.0), (30.0, 30.0), (30.0, 60.0), (-20.0, 60.0), (-20.0, 30.0)]
    ring = models.GeoLineString(points=[models.GeoPoint(lon=lon, lat=lat) for lon, lat in corners])
    field = models.FieldCondition
    pacific = models.GeoBoundingBox(
        top_left=models.GeoPoint(lon=170.0, lat=0.0), bottom_right=models.GeoPoint(lon=-170.0, lat=-30.0)
    )
    dear_wheel = models.Filter(
        must=[
            field(key="kind", match=models.MatchValue(value="wheel")),
            field(key="price", range=models.Range(gt=4)),
        ]
    )
    conditions: dict[str, models.Condition] = {
        "geo_radius": field(key="at", geo_radius=models.GeoRadius(center=riga, radius=12_345.0)),
        "geo_bounding_box over the date line": field(key="at", geo_bounding_box=pacific),
        "geo_polygon": field(key="at", geo_polygon=models.GeoPolygon(exterior=ring)),
        "text": field(key="text", match=models.MatchText(text="fox quick")),
        "text_any": field(key="text", match=models.MatchTextAny(text_any="slow 7")),
        "phrase": field(key="text", match=models.MatchPhrase(phrase="quick brown fox")),
        "nested": models.NestedCondition(nested=models.Nested(key="parts", filter=dear_wheel)),
        "values_count": field(key="parts", values_count=models.ValuesCount(gte=2)),
        "is_empty": models.IsEmptyCondition(is_empty=models.PayloadField(key="text")),
        "is_null": models.IsNullCondition(is_null=models.PayloadField(key="gone")),
        "datetime range": field(
            key="day", range=models.DatetimeRange(gte="2024-02-01T00:00:00Z", lt="2024-06-01T00:00:00Z")
        ),
    }
    kinds = {
        "at": models.PayloadSchemaType.GEO,
        "text": models.TextIndexParams(
            type=models.TextIndexType.TEXT, tokenizer=models.TokenizerType.WORD, phrase_matching=True
        ),
        "day": models.PayloadSchemaType.DATETIME,
        "parts[].kind": models.PayloadSchemaType.KEYWORD,
    }
    for how in ("without an index", "with indexes"):
        for title, condition in conditions.items():
            run.same(
                f"filter {how}: {title}",
                lambda side, *_, condition=condition: side.scroll(
                    NAMED, scroll_filter=models.Filter(must=[condition]), limit=100
                ),
            )
        for name, kind in kinds.items() if how == "without an index" else ():
            run.same(
                f"create_payload_index {name}",
                lambda side, *_, name=name, kind=kind: (
                    side.create_payload_index(NAMED, field_name=name, field_schema=kind).status
                ),
            )


def aliases(run: Run) -> None:
    create = models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=NAMED, alias_name="current"))
    rename = models.RenameAliasOperation(
        rename_alias=models.RenameAlias(old_alias_name="current", new_alias_name="latest")
    )
    delete = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name="latest"))
    run.same("an alias", lambda side, *_: side.update_collection_aliases([create]))
    run.same(
        "an alias is as good as the name", lambda side, *_: (side.count("current"), side.collection_exists("current"))
    )
    run.same("get_aliases", lambda side, *_: side.get_aliases())
    run.same(
        "a renamed alias",
        lambda side, *_: (side.update_collection_aliases([rename]), side.get_collection_aliases(NAMED)),
    )
    run.same("a deleted alias", lambda side, *_: (side.update_collection_aliases([delete]), side.get_aliases()))


def settings(run: Run) -> None:
    run.same(
        "update_collection merges metadata",
        lambda side, *_: (
            side.update_collection(NAMED, metadata={"a": 1, "b": 2}),
            side.update_collection(NAMED, metadata={"b": None, "c": 3}),
            side.get_collection(NAMED).config.metadata,
        ),
    )


def refused(run: Run) -> None:
    """What the client's users match on: the status, and a few words."""
    for tenant in run.tenants:
        remote = tenant.remote
        cases = {
            "an unknown vector name": (
                400,
                lambda remote=remote: remote.query_points(NAMED, query=[0.1] * 4, using="sound"),
            ),
            "a query by a missing id": (
                404,
                lambda remote=remote: remote.query_points(NAMED, query=77_777, using="title"),
            ),
            "a payload for a missing id": (
                404,
                lambda remote=remote: remote.set_payload(NAMED, payload={"a": 1}, points=[77_777]),
            ),
        }
        for title, (status, call) in cases.items():
            found = error_of(call)
            run.holds(f"{title} gets {status} ({tenant.name})", found == status, f"got {found}")
        try:
            remote.query_points(NAMED, query=[0.1] * 4, using="sound")
        except Exception as error:
            if "Not existing vector name error: sound" not in str(error):
                raise Mismatch(f"an unknown vector name: the words that clients look for aren't in {error}") from error


def matching(key: str, value: str) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key=key, match=models.MatchValue(value=value))])


def has_vector(name: str) -> models.Filter:
    return models.Filter(must=[models.HasVectorCondition(has_vector=name)])
