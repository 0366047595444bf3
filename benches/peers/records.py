"""The measurements: one line of JSON each, in one file a day and machine. A part that is run again replaces its lines."""

import datetime
import json
import os
import pathlib
import platform
import re
import subprocess


class Records:
    def __init__(self, folder: pathlib.Path):
        processor = _processor()
        machine = re.sub(r"[^a-z0-9]+", "-", f"{os.cpu_count()} x {processor}".lower()).strip("-")
        self.path = folder / f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}-{machine}.json"
        self.all = read(self.path) if self.path.exists() else []
        changed = _output("git", "status", "--porcelain", "--", "src", "Cargo.toml", "Cargo.lock")
        self.commit = _output("git", "rev-parse", "--short=12", "HEAD") + (" and changes" if changed else "")
        self.begin("machine")
        self.add(
            "machine",
            processor=processor,
            cores=os.cpu_count(),
            memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            kernel=platform.release(),
            python=platform.python_version(),
            packages=_packages(),
        )

    def begin(self, part: str, **of) -> None:
        """Forgets what an earlier run of the day measured here."""
        wanted = {"part": part, **of}
        self.all = [record for record in self.all if any(record.get(name) != wanted[name] for name in wanted)]

    def add(self, part: str, **fields) -> None:
        """Keeps a measurement, at once: a run that is stopped has lost nothing."""
        self.all.append({"part": part, "commit": self.commit, **fields})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(record) + "\n" for record in self.all))
        temporary.rename(self.path)


def read(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _processor() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _packages() -> list[str]:
    wanted = pathlib.Path(__file__).with_name("requirements.txt")
    return [line for line in wanted.read_text().splitlines() if line and not line.startswith("#")]


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
