"""What `scripts/bench` runs, once everything that it needs is there."""

import argparse
import faulthandler
import pathlib

import filtered
import lasting
import search
import serving
import sets
import table
from records import Records

PARTS = ["search", "filter", "churn", "open", "cipher", "serving"]
# Dimension and size: the larger a vector, the fewer of them make the same work.
CLUSTERS = [(128, 30_000), (768, 10_000), (1536, 10_000)]
CLUSTERS_QUICK = [(128, 5_000), (768, 2_000), (1536, 1_000)]


def main() -> None:
    # The engines are native code: one that crashes should say where.
    faulthandler.enable()
    options = parse()
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = root / "data" / "bench"
    if options.table:
        table.rewrite(root / "README.md", folder)
        return
    records = Records(options.out or folder)
    cache = options.cache / "sets"

    def wordnet(size: int, queries: int = options.queries) -> sets.Set:
        return sets.wordnet(cache, options.corpus, size, queries)

    largest = max(options.sizes)
    if "search" in options.only:
        all_sets = [wordnet(size) for size in options.sizes]
        if not options.wordnet_only:
            shapes = CLUSTERS_QUICK if options.quick else CLUSTERS
            all_sets += [sets.clusters(cache, dim, size, options.queries) for dim, size in shapes]
        search.run(records, options.locule, all_sets, options.rounds)
    if "filter" in options.only:
        queries = 50 if options.quick else 200
        filtered.run(records, options.locule, [wordnet(largest)], options.rounds, queries)
    if "churn" in options.only:
        lasting.churn(records, options.locule, wordnet(min(largest, 30_000)))
    if "open" in options.only:
        lasting.opening(records, options.locule, wordnet(largest), options.sizes, 1 if options.quick else 3)
    if "cipher" in options.only:
        vectors = wordnet(min(largest, 20_000))
        lasting.cipher(records, options.locule, options.copying, vectors, options.rounds)
    if "serving" in options.only:
        serving.run(records, options.locule, options.corpus, options.rounds, options.quick)
    print(f"\n{table.text(records.all)}\nkept in {records.path}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures Locule beside other engines.")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="these parts, not all")
    parser.add_argument("--sizes", type=_numbers, help="sizes of WordNet, 1000,10000,100000 if not said")
    parser.add_argument("--rounds", type=int, help="times that engines take turns, 3 if not said; medians are told")
    parser.add_argument("--wordnet-only", action="store_true", help="search without the synthetic sets")
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs; numbers mean nothing")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR", help="where to keep the numbers, not data/bench")
    parser.add_argument("--table", action="store_true", help="only rewrite README.md's tables from data/bench")
    parser.add_argument("--cache", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--locule", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--copying", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.sizes = options.sizes or ([1_000, 2_000] if options.quick else [1_000, 10_000, 100_000])
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.queries = 200 if options.quick else 1_000
    return options


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
