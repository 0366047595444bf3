"""After a client's checks: with neither key, on no route, anything of the other tenant is seen. Plain HTTP."""

import json
from typing import Any

from checks import Run, Tenant
from server import Server, send

EVERYTHING = 1_000


def nothing_crosses(run: Run, server: Server, collection: str) -> None:
    """Each tenant's points must all tell its name, and none the other's. A third tenant sees no collection at all."""
    for tenant, other in zip(run.tenants, reversed(run.tenants)):
        texts = answers(server, tenant.key, collection)
        own = texts["scroll"].count(tenant.name)
        run.holds(f"{tenant.name} sees its own points", own > 0, texts["scroll"][:300])
        seen = [title for title, text in texts.items() if other.name in text]
        run.holds(f"{tenant.name} sees nothing of {other.name}", not seen, f"in {seen}")
        run.holds(
            f"a filter for {other.name} finds nothing at {tenant.name}",
            found_by_owner(server, tenant, other, collection) == 0,
        )
    stranger = server.create_tenant(f"stranger-of-{collection}".lower().replace("_", "-"))
    listed = send("GET", f"{server.url}/collections", stranger)[1]["result"]["collections"]
    run.holds("a third tenant has no collections", listed == [], str(listed))
    statuses = {title: status for title, (status, _) in requests(server, stranger, collection).items()}
    run.holds("a third tenant gets 404 on every route", set(statuses.values()) == {404}, str(statuses))


def requests(server: Server, key: str, collection: str) -> dict[str, tuple[int, Any]]:
    base = f"{server.url}/collections/{collection}"
    everything = {"limit": EVERYTHING, "with_payload": True, "with_vector": True}
    return {
        "collection": send("GET", base, key),
        "scroll": send("POST", f"{base}/points/scroll", key, everything),
        "query": send("POST", f"{base}/points/query", key, everything),
        "count": send("POST", f"{base}/points/count", key, {"exact": True}),
        "retrieve": send("POST", f"{base}/points", key, {"ids": list(range(50)), "with_payload": True}),
    }


def answers(server: Server, key: str, collection: str) -> dict[str, str]:
    return {
        title: json.dumps(body, ensure_ascii=False) for title, (_, body) in requests(server, key, collection).items()
    }


def found_by_owner(server: Server, tenant: Tenant, other: Tenant, collection: str) -> int:
    """By the fields that the clients' own layouts have for it."""
    fields = ["owner", "metadata.owner"]
    should = [{"key": field, "match": {"value": other.name}} for field in fields]
    url = f"{server.url}/collections/{collection}/points/count"
    return send("POST", url, tenant.key, {"filter": {"should": should}, "exact": True})[1]["result"]["count"]
