"""WordNet's definitions and example sentences, embedded. `scripts/fetch-corpus` gets the files and calls this:

    embed.py DICT MODEL.whl TOKENIZER.whl FOLDER

FOLDER then holds, as scripts/make-sample and scripts/bench read them:
  corpus.jsonl     {"_id", "title", "text", "tenant"}  _id is the part of speech and the synset's offset (n07889783),
                   title its lemmas, text its definition without the examples, tenant its lexicographer file (noun.food)
  corpus.f16.npy   float16 (synsets, 384), row i belongs to line i
  queries.jsonl    {"_id", "text", "tenant"}  text is an example sentence of the synset that _id names before its last dot
  queries.f16.npy  float16 (sentences, 384)
"""

import json
import pathlib
import random
import re
import sys
import time
import zipfile

import numpy as np
import onnxruntime
import tokenizers

LETTERS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
# lexnames(5WN): a synset's file, by number.
FILES = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person "
    "noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state "
    "noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition verb.consumption "
    "verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative "
    "verb.weather adj.ppl"
).split()
QUERIES = 5_000
TOKENS_MAX = 128
TEXTS_AT_ONCE = 64


def main() -> None:
    words, model, tokenizer, folder = map(pathlib.Path, sys.argv[1:])
    corpus, examples = read(words)
    random.Random(1).shuffle(examples)
    queries = examples[:QUERIES]
    embed = Embedder(model, tokenizer)
    folder.mkdir(parents=True)
    for name, lines, texts in [
        ("corpus", corpus, [f"{line['title']}: {line['text']}" for line in corpus]),
        ("queries", queries, [line["text"] for line in queries]),
    ]:
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        np.save(folder / f"{name}.f16.npy", embed(texts, name))


def read(words: pathlib.Path) -> tuple[list[dict], list[dict]]:
    """The synsets in WordNet's own order, and their example sentences, each text once. The format: wndb(5WN)."""
    corpus, examples, seen = [], [], set()
    for part, letter in LETTERS.items():
        for line in (words / f"data.{part}").read_text(encoding="utf-8").splitlines():
            if line.startswith(" "):
                continue  # the licence
            head, _, gloss = line.partition("|")
            fields = head.split()
            lemmas = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            synset = {
                "_id": letter + fields[0],
                "title": ", ".join(re.sub(r"\((a|p|ip)\)$", "", lemma).replace("_", " ") for lemma in lemmas),
                "text": re.sub(r';?\s*"[^"]*"', "", gloss.strip()).strip(" ;"),
                "tenant": FILES[int(fields[1])],
            }
            corpus.append(synset)
            for number, text in enumerate(re.findall(r'"([^"]*)"', gloss)):
                if text.strip() and text not in seen:
                    seen.add(text)
                    examples.append({"_id": f"{synset['_id']}.{number}", "text": text, "tenant": synset["tenant"]})
    return corpus, examples


class Embedder:
    """all-MiniLM-L6-v2: mean pooling over at most 128 tokens, then length one."""

    def __init__(self, model: pathlib.Path, tokenizer: pathlib.Path):
        self.session = onnxruntime.InferenceSession(_inside(model, "model.onnx"), providers=["CPUExecutionProvider"])
        self.tokenizer = tokenizers.Tokenizer.from_str(_inside(tokenizer, "tokenizer.json").decode())
        self.tokenizer.enable_truncation(TOKENS_MAX)
        self.tokenizer.enable_padding()
        self.inputs = {put.name for put in self.session.get_inputs()}

    def __call__(self, texts: list[str], name: str) -> np.ndarray:
        # Texts of one length together: padding is work for nothing.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = None
        started = time.monotonic()
        for first in range(0, len(order), TEXTS_AT_ONCE):
            places = order[first : first + TEXTS_AT_ONCE]
            found = self._embed([texts[place] for place in places])
            if vectors is None:
                vectors = np.empty((len(texts), found.shape[1]), dtype=np.float16)
            vectors[places] = found
            if first % (200 * TEXTS_AT_ONCE) == 0:
                print(f"{name}: {first} of {len(texts)}, {time.monotonic() - started:.0f} s", flush=True)
        return vectors

    def _embed(self, texts: list[str]) -> np.ndarray:
        encoded = self.tokenizer.encode_batch(texts)
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        given = {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.array([one.type_ids for one in encoded], dtype=np.int64),
        }
        [tokens, *_] = self.session.run(None, {name: put for name, put in given.items() if name in self.inputs})
        mean = (tokens * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def _inside(wheel: pathlib.Path, name: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        [found] = [entry for entry in archive.namelist() if entry.rsplit("/", 1)[-1] == name]
        return archive.read(found)


if __name__ == "__main__":
    main()
