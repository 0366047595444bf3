#!/usr/bin/env python3
"""Drives the server with llama-index-vector-stores-qdrant, two tenants at a time, beside the in-memory mode.

tests/clients/llama_index_roundtrip.py PATH-TO-LOCULE
"""

import importlib.metadata
import sys
import uuid
from typing import Any

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient

from checks import Mismatch, Run, Tenant, only_expected_warnings, two_tenants
from crossing import nothing_crosses
from server import serving
from words import documents, text_vector

COLLECTION = "llama_index"


def store(side: QdrantClient) -> QdrantVectorStore:
    return QdrantVectorStore(collection_name=COLLECTION, client=side, batch_size=8)


def nodes(tenant: Tenant) -> list[TextNode]:
    """Three to a document; the ids are the same in both tenants."""
    made = []
    for number, (text, metadata) in enumerate(documents(tenant.name)):
        node = TextNode(id_=node_id(number), text=text, metadata=metadata, embedding=text_vector(text))
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=f"document {number // 3}")
        made.append(node)
    return made


def node_id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def asked(side: QdrantClient, filters: MetadataFilters | None = None, top: int = 6, **more: Any) -> Any:
    query = VectorStoreQuery(
        query_embedding=text_vector("who paints a ladder"), similarity_top_k=top, filters=filters, **more
    )
    found = store(side).query(query)
    return (
        [[node.node_id, node.get_content(), node.metadata] for node in found.nodes or []],
        found.similarities,
        found.ids,
    )


def where(*conditions: tuple[str, Any, FilterOperator], how: FilterCondition = FilterCondition.AND) -> MetadataFilters:
    return MetadataFilters(
        filters=[MetadataFilter(key=key, value=value, operator=operator) for key, value, operator in conditions],
        condition=how,
    )


def checks(run: Run) -> None:
    run.same("add makes the collection and its index", lambda side, tenant, _: store(side).add(nodes(tenant)))
    run.same("query", lambda side, *_: asked(side))
    filters = {
        "EQ": where(("thing", "ladder", FilterOperator.EQ)),
        "EQ of a float": where(("price", 4.5, FilterOperator.EQ)),
        "NE": where(("thing", "ladder", FilterOperator.NE)),
        "GT and LTE": where(("number", 4, FilterOperator.GT), ("price", 30.0, FilterOperator.LTE)),
        "IN": where(("thing", ["boat", "lamp"], FilterOperator.IN)),
        "NIN": where(("thing", ["boat", "lamp"], FilterOperator.NIN)),
        "OR": where(("thing", "boat", FilterOperator.EQ), ("number", 7, FilterOperator.EQ), how=FilterCondition.OR),
        "NOT": where(("thing", "boat", FilterOperator.EQ), how=FilterCondition.NOT),
        "IS_EMPTY": where(("nothing", None, FilterOperator.IS_EMPTY)),
        "TEXT_MATCH": where(("thing", "violin", FilterOperator.TEXT_MATCH)),
    }
    for title, one in filters.items():
        run.same(f"query, {title}", lambda side, *_, one=one: asked(side, one, top=50))
    run.same("query, only these documents", lambda side, *_: asked(side, doc_ids=["document 1", "document 4"]))
    run.same("query, only these nodes", lambda side, *_: asked(side, node_ids=[node_id(2), node_id(9)]))
    run.same("get_nodes", lambda side, *_: got(side, node_ids=[node_id(1), node_id(3)]))
    run.same("delete a document", lambda side, *_: (store(side).delete("document 4"), asked(side, top=50)))
    run.same(
        "delete_nodes", lambda side, *_: (store(side).delete_nodes([node_id(0), node_id(28)]), asked(side, top=50))
    )
    run.same(
        "delete_nodes by metadata",
        lambda side, *_: (store(side).delete_nodes(filters=where(("thing", "compass", FilterOperator.EQ))), got(side)),
    )


def got(side: QdrantClient, **which: Any) -> Any:
    return sorted([node.node_id, node.get_content()] for node in store(side).get_nodes(**which))


def cleared(run: Run) -> None:
    first = run.tenants[0]
    for side in (first.oracle, first.remote):
        store(side).clear()
    run.same("clear ends at the tenant that asked", lambda side, *_: side.collection_exists(COLLECTION))


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    only_expected_warnings()
    print(f"llama-index-vector-stores-qdrant {importlib.metadata.version('llama-index-vector-stores-qdrant')}")
    try:
        with serving(sys.argv[1]) as server:
            run = Run(two_tenants(server))
            checks(run)
            nothing_crosses(run, server, COLLECTION)
            cleared(run)
    except Mismatch as mismatch:
        print(f"FAILED  {mismatch}", file=sys.stderr)
        return 1
    print(f"llama-index-vector-stores-qdrant: {run.passed} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
