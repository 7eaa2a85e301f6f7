"""A checkout of the shop's test suite: edited as pull requests are, run under pgassay, judged against its baseline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

E2E = Path(__file__).resolve().parent
PASS, FAIL, TROUBLE, INCONCLUSIVE = 0, 1, 2, 3


class Project:
    def __init__(self, folder: Path, binary: Path, environment: Mapping[str, str]) -> None:
        shutil.copytree(E2E / "shop_suite", folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.folder, self.binary = folder, binary
        self.environment = {**environment, "PYTHONPATH": str(E2E), "PYTHONDONTWRITEBYTECODE": "1"}
        self.runs = 0

    def pgassay(self, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.binary), *map(str, words)]
        environment = self.environment | more
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300, check=False)

    def suite(self, *flags: str) -> list[str]:
        return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *flags]

    def record(self, *flags: str, shuffle: int = 0, pgassay: Sequence[str] = ()) -> Path:
        self.runs += 1
        trace = self.folder / f"run{self.runs}.db"
        done = self.pgassay("run", "--trace", trace, "--output", os.devnull, *pgassay, "--", *self.suite(*flags), SHOP_SHUFFLE=str(shuffle or ""))
        assert done.returncode == 0, done.stdout + done.stderr
        return trace

    def baseline(self, *traces: Path) -> Path:
        file = self.folder / "pgassay.baseline.json"
        done = self.pgassay("baseline", *(traces or [self.record()]), "--output", file)
        assert done.returncode == 0, done.stderr
        return file

    def gate(self, *traces: Path) -> tuple[int, dict[str, Any]]:
        done = self.pgassay("gate", *(traces or [self.record()]), "--format", "json")
        assert done.returncode != TROUBLE, done.stderr
        return done.returncode, json.loads(done.stdout)

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
        (self.folder / file).write_text(text.replace(old, new))

    def plugin(self) -> tuple[str, ...]:
        """The flags that load it."""
        self.environment["PYTHONPATH"] += os.pathsep + str(E2E.parent.parent / "integrations" / "pytest")
        return ("-p", "pytest_pgassay.plugin")

    def load_orders_lazily(self) -> None:
        self.edit("app/views.py", "        .options(selectinload(User.orders))\n", "")


def with_database(environment: Mapping[str, str], name: str) -> dict[str, str]:
    url = environment["DATABASE_URL"].rsplit("/", 1)[0] + "/" + name
    return {**environment, "DATABASE_URL": url, "PGDATABASE": name}


def entries(report: Mapping[str, Any], *kinds: str) -> list[dict[str, Any]]:
    return [entry for entry in report["verdict"]["entries"] if entry["kind"] in kinds]
