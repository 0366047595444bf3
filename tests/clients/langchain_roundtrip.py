#!/usr/bin/env python3
"""Drives the server with langchain-qdrant, two tenants at a time, against the same on the in-memory mode.

tests/clients/langchain_roundtrip.py PATH-TO-LOCULE
"""

import importlib.metadata
import sys
import uuid
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore
from qdrant_client import QdrantClient, models

from checks import Mismatch, Run, Tenant, only_expected_warnings, two_tenants
from crossing import nothing_crosses
from server import serving
from words import DIMENSION, documents, text_vector

COLLECTION = "langchain"


class WordEmbeddings(Embeddings):
    """What LangChain asks of an embedding model, answered by `words`."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [text_vector(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return text_vector(text)


def store(side: QdrantClient) -> QdrantVectorStore:
    return QdrantVectorStore(client=side, collection_name=COLLECTION, embedding=WordEmbeddings())


def ids(tenant: Tenant) -> list[str]:
    """The same in both tenants."""
    return [str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))) for number in range(len(documents(tenant.name)))]


def shown(found: Any) -> Any:
    """Documents as plain data; the collection's name and the point's id are among the metadata."""
    if isinstance(found, Document):
        return [found.page_content, dict(sorted(found.metadata.items()))]
    if isinstance(found, (list, tuple)):
        return [shown(one) for one in found]
    return found


def checks(run: Run) -> None:
    config = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
    run.same("create_collection", lambda side, *_: side.create_collection(COLLECTION, vectors_config=config))
    run.same(
        "add_texts",
        lambda side, tenant, _: store(side).add_texts(
            [text for text, _ in documents(tenant.name)],
            metadatas=[metadata for _, metadata in documents(tenant.name)],
            ids=ids(tenant),
            batch_size=8,
        ),
    )
    searches(run)
    cheap = models.Filter(must=[models.FieldCondition(key="metadata.price", range=models.Range(lt=12.0))])
    run.same("get_by_ids", lambda side, tenant, _: shown(store(side).get_by_ids(ids(tenant)[3:6])))
    run.same("delete", lambda side, tenant, _: store(side).delete(ids(tenant)[:2]))
    run.same(
        "what is deleted isn't found",
        lambda side, *_: shown(store(side).similarity_search_with_score("repairs a boat", k=50, filter=cheap)),
    )
    run.same(
        "from_texts makes a collection with a named vector",
        lambda side, tenant, _: made_from_texts(side, tenant),
    )


def searches(run: Run) -> None:
    kettles = models.Filter(must=[models.FieldCondition(key="metadata.thing", match=models.MatchValue(value="kettle"))])
    question = "who polishes a kettle"
    run.same("similarity_search", lambda side, *_: shown(store(side).similarity_search(question, k=5)))
    run.same(
        "similarity_search_with_score", lambda side, *_: shown(store(side).similarity_search_with_score(question, k=7))
    )
    run.same(
        "similarity_search_with_score, filtered, from the second",
        lambda side, *_: shown(store(side).similarity_search_with_score(question, k=4, filter=kettles, offset=1)),
    )
    run.same(
        "similarity_search_with_score, score_threshold",
        lambda side, *_: shown(store(side).similarity_search_with_score(question, k=50, score_threshold=0.37)),
    )
    run.same(
        "max_marginal_relevance_search",
        lambda side, *_: shown(store(side).max_marginal_relevance_search(question, k=5, fetch_k=20, lambda_mult=0.6)),
    )
    run.same(
        "as_retriever",
        lambda side, *_: shown(store(side).as_retriever(search_kwargs={"k": 3}).invoke("lends a violin")),
    )


def made_from_texts(side: QdrantClient, tenant: Tenant) -> Any:
    made = QdrantVectorStore.construct_instance(
        embedding=WordEmbeddings(), collection_name="made", vector_name="text", client_options=options(side, tenant)
    )
    # The in-memory mode can't be reached by options: the store is put onto the client that is there.
    if side is tenant.oracle:
        config = {"text": models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)}
        side.create_collection("made", vectors_config=config)
        made._client = side
    made.add_texts([text for text, _ in documents(tenant.name)], ids=ids(tenant))
    return shown(made.similarity_search_with_score("sells a lamp", k=4))


def options(side: QdrantClient, tenant: Tenant) -> dict[str, Any]:
    return {"location": ":memory:"} if side is tenant.oracle else {"url": tenant.url, "api_key": tenant.key}


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    only_expected_warnings()
    print(f"langchain-qdrant {importlib.metadata.version('langchain-qdrant')}")
    try:
        with serving(sys.argv[1]) as server:
            run = Run(two_tenants(server))
            checks(run)
            nothing_crosses(run, server, COLLECTION)
    except Mismatch as mismatch:
        print(f"FAILED  {mismatch}", file=sys.stderr)
        return 1
    print(f"langchain-qdrant: {run.passed} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
