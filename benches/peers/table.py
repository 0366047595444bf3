"""README's tables, made from the measurements."""

import pathlib

import records
from sweep import RECALLS

BEGIN = "<!-- scripts/bench --table writes what follows -->"
END = "<!-- scripts/bench --table wrote what stands above -->"
BASE = "hnswlib"


def rewrite(readme: pathlib.Path, folder: pathlib.Path) -> None:
    """Replaces what stands between the two marks, by tables of the newest measurements of each part and set."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise SystemExit(f"{folder} holds no measurements yet")
    newest: dict[tuple, list[dict]] = {}
    for file in files:
        parts: dict[tuple, list[dict]] = {}
        for record in records.read(file):
            parts.setdefault((record["part"], record.get("set")), []).append(record)
        newest |= parts
    measured = [record for part in newest.values() for record in part]
    before, rest = readme.read_text().split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(f"{before}{BEGIN}\n{text(measured)}\n{END}{after}")
    print(f"{readme}: tables of {', '.join(file.name for file in files)}")


def text(measured: list[dict]) -> str:
    parts = [_machine, _search, _all_threads, _costs, _filter, _churn, _open, _cipher, _serving]
    return "\n\n".join(part for part in (make(measured) for make in parts) if part)


def _machine(measured: list[dict]) -> str:
    [machine] = _of(measured, "machine")
    commits = ", ".join(dict.fromkeys(record["commit"] for record in measured if record["part"] != "machine"))
    return (
        f"On {machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB, with "
        f"{', '.join(machine['packages'])}; Locule at {commits or machine['commit']}."
    )


def _search(measured: list[dict]) -> str:
    found = [record for record in _of(measured, "search") if record["threads"] == 1]
    rows = []
    for name, of_set in _by_set(found).items():
        for recall in RECALLS:
            qps = {record["engine"]: record["qps_at"][f"{recall:.2f}"] for record in of_set}
            rows.append([name, f"{recall:.2f}"] + [_compared(qps, engine) for engine in _engines(found)])
    title = f"Queries a second on one thread, k = 10, at a recall; in brackets, as a multiple of {BASE}"
    return _table(title, "search", ["vectors", "recall", *_engines(found)], rows)


def _all_threads(measured: list[dict]) -> str:
    found = [record for record in _of(measured, "search") if record["threads"] > 1]
    rows = []
    for name, of_set in _by_set(found).items():
        qps = {record["engine"]: record["qps_at"]["0.95"] for record in of_set}
        rows.append([name, str(of_set[0]["threads"])] + [_compared(qps, engine) for engine in _engines(found)])
    title = "Queries a second on all threads, at recall 0.95"
    return _table(title, "search", ["vectors", "threads", *_engines(found)], rows)


def _costs(measured: list[dict]) -> str:
    found = [record for record in _of(measured, "search") if record["threads"] == 1]
    rows = []
    for name, of_set in _by_set(found).items():
        by_engine = {record["engine"]: record for record in of_set}
        of = lambda field: {engine: record[field] for engine, record in by_engine.items()}
        seconds, sizes = of("build_seconds"), of("bytes_per_vector")
        rows.append([name, "build, s"] + [_compared(seconds, engine, 1) for engine in _engines(found)])
        rows.append([name, "bytes a vector"] + [_number(sizes.get(engine)) for engine in _engines(found)])
        latencies = [
            f"{_number(record['p50_us'])} / {_number(record['p99_us'])} ({_number(record['call_overhead_us'])})"
            if (record := by_engine.get(engine))
            else "-"
            for engine in _engines(found)
        ]
        rows.append([name, "p50 / p99, µs"] + latencies)
    title = (
        "Building with two threads (Locule: sealing and storing the vectors, too), bytes (Locule: all that is in memory; "
        "others: the saved index), and one query a call at recall 0.95 (in brackets, the share of Python's call)"
    )
    return _table(title, "search", ["vectors", "", *_engines(found)], rows)


def _filter(measured: list[dict]) -> str:
    found = _of(measured, "filter")
    rows = []
    for name, of_set in _by_set(found).items():
        for share in sorted({record["share"] for record in of_set}):
            by_engine = {record["engine"]: record for record in of_set if record["share"] == share}
            cells = []
            for engine in _engines(found):
                record = by_engine.get(engine)
                qps = record and record["qps_at"]["0.95"]
                missed = f"recall {record['recall_best']:.3f} at best" if record else "-"
                cells.append(_number(qps) if qps else missed)
            rows.append([name, f"{share:.1%}", *cells])
    title = (
        "Queries a second on one thread among the share of the points that a filter picks, at recall 0.95 (hnswlib calls "
        "back into Python for each point that it looks at; the exact scan looks at the matches alone)"
    )
    return _table(title, "filter", ["vectors", "share", *_engines(found)], rows)


def _churn(measured: list[dict]) -> str:
    rows = [
        [
            f"{_number(record['n'])} x {record['dim']}, {record['stage']}",
            _number(record["points"]),
            str(record["ef"]),
            f"{record['recall']:.4f}",
            _number(record["qps"]),
            f"{_number(record['p50_us'])} / {_number(record['p99_us'])}",
        ]
        for record in _of(measured, "churn")
    ]
    title = "A clustered half is deleted and put back; a writer streams 1,000 upserts and deletes a second; a fresh build"
    return _table(title, "churn", ["stage", "points", "ef", "recall", "queries/s", "p50 / p99, µs"], rows)


def _open(measured: list[dict]) -> str:
    rows = [
        [
            f"{_number(record['n'])} x {record['dim']}",
            record["page_cache"],
            f"{record['start_ms']:.1f}",
            f"{record['first_answer_ms']:.1f}",
            f"{record['second_answer_ms']:.2f}",
        ]
        for record in _of(measured, "open")
    ]
    title = "From a sealed disk to the first answer"
    heads = ["vectors", "page cache", "node ready, ms", "first answer, ms", "the next, ms"]
    return _table(title, "open", heads, rows)


def _cipher(measured: list[dict]) -> str:
    rows = []
    for of_set in _by_set(_of(measured, "cipher")).values():
        sealed, copied = ({r["values"]: r for r in of_set}[values] for values in ("sealed", "copied"))
        for field, what in [
            ("load_seconds", "storing {n} vectors, s"),
            ("cold_first_answer_ms", "first answer, cold, ms"),
            ("warm_first_answer_ms", "first answer, warm, ms"),
        ]:
            ratio = sealed[field] / copied[field]
            row = [what.format(n=_number(sealed["n"])), _number(sealed[field]), _number(copied[field]), f"{ratio:.2f}"]
            rows.append(row)
    return _table("Encryption's share", "cipher", ["", "sealed", "copied instead", "ratio"], rows)


def _serving(measured: list[dict]) -> str:
    found = _of(measured, "serving")
    loads = {record["server"]: record for record in found if record["what"] == "load"}
    if not loads:
        return ""
    peer = next(name for name in loads if name != "locule")

    def row(what: str, values: dict[str, float], faster_is_more: bool) -> list[str]:
        ratio = values["locule"] / values[peer] if faster_is_more else values[peer] / values["locule"]
        return [what, _number(values["locule"]), _number(values[peer]), f"{ratio:.1f}x"]

    of = lambda field: {name: record[field] for name, record in loads.items()}
    rows = [
        row("loading until all is stored and searchable, s", of("searchable_seconds"), False),
        row("loading until all graphs are complete, s", of("indexed_seconds"), False),
        ["recall", *(f"{loads[name]['recall']:.4f}" for name in ("locule", peer)), ""],
    ]
    for connections in sorted({record["connections"] for record in found if record["what"] == "queries"}):
        asked = {r["server"]: r for r in found if r["what"] == "queries" and r["connections"] == connections}
        for field, what, more in [("qps", "queries/s", True), ("p50_ms", "p50, ms", False), ("p99_ms", "p99, ms", False)]:
            values = {name: record[field] for name, record in asked.items()}
            rows.append(row(f"{what}, {connections} connection{'s' * (connections > 1)}", values, more))
    stages = [record for record in found if record["what"] == "stages"]
    shares = ", ".join(f"{name} {share:.0%}" for name, share in stages[0]["shares"].items()) if stages else ""
    title = (
        f"Servers over HTTP, {loads['locule']['tenants']} tenants with {_number(loads['locule']['documents'])} documents of "
        f"WordNet, k = 10 with payload, wrk on the same cores; Locule with keys, encryption and audit, {peer} without"
    )
    table = _table(title, "serving", ["", "locule", peer, "ratio"], rows)
    return table + (f"\n\nWhere Locule's time goes: {shares}." if shares else "")


def _of(measured: list[dict], part: str) -> list[dict]:
    return [record for record in measured if record["part"] == part]


def _by_set(found: list[dict]) -> dict[str, list[dict]]:
    """In order of kind, then of size."""
    groups: dict[tuple, list[dict]] = {}
    for record in found:
        groups.setdefault((record["set"] != "wordnet", record["dim"], record["n"], record["set"]), []).append(record)
    return {f"{name}, {_number(n)} x {dim}": groups[_, dim, n, name] for _, dim, n, name in sorted(groups)}


def _engines(found: list[dict]) -> list[str]:
    return list(dict.fromkeys(record["engine"] for record in found))


def _compared(values: dict[str, float | None], engine: str, digits: int = 2) -> str:
    value, base = values.get(engine), values.get(BASE)
    if value is None:
        return "not reached"
    return _number(value) + (f" ({value / base:.{digits}f}x)" if base and engine != BASE else "")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _table(title: str, part: str, heads: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = [f"| {' | '.join(row)} |" for row in [heads, *rows]]
    lines.insert(1, "|---" * len(heads) + "|")
    return f"**{title}** (`scripts/bench --only {part}`)\n\n" + "\n".join(lines)
