"""Vectors of texts, for clients that want an embedding model: a word has a direction, a text is the sum of its words.

No model: it only makes texts with words in common neighbours, and is the same on every machine.
"""

import hashlib
import math

DIMENSION = 48


def word_vector(word: str) -> list[float]:
    digest = hashlib.blake2b(word.encode(), digest_size=DIMENSION).digest()
    return [byte / 127.5 - 1.0 for byte in digest]


def text_vector(text: str) -> list[float]:
    total = [sum(parts) for parts in zip(*(word_vector(word) for word in text.lower().split()))]
    length = math.sqrt(sum(part * part for part in total))
    return [part / length for part in total]


def documents(owner: str) -> list[tuple[str, dict[str, object]]]:
    """Texts with metadata, different for each owner, of whose name they all speak."""
    things = ["boat", "kettle", "lamp", "violin", "ladder", "compass"]
    doings = ["repairs", "paints", "sells", "lends", "polishes"]
    found = []
    for number in range(len(things) * len(doings)):
        thing, doing = things[number % len(things)], doings[number // len(things)]
        text = f"{owner} {doing} a {thing} number {number} for {owner}"
        found.append(
            (text, {"owner": owner, "thing": thing, "number": number, "price": number * 1.5, "doing": [doing, "work"]})
        )
    return found
