#!/usr/bin/env python3
"""What advised indexes are worth: `pgassay advise` beside three advisors of plain B-trees, at equal budgets.

    PGASSAY_BINARY=build/dev/bin/pgassay .venv/bin/python bench/advisor/run.py

Each advisor's indexes are really built; bytes, the planner's cost, shared buffers read and times are those after building, against none.
The others ask the planner through HypoPG: `extend` (Schlosser et al., ICDE 2019: the index, or the column at an index's end, that saves most per byte),
`two` (of all one- and two-column keys that which saves most per byte) and `single` (the same with one column).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from private_postgres import PrivatePostgres  # noqa: E402
from workloads import WORKLOADS, Workload, at  # noqa: E402

BUDGETS = (0.01, 0.02, 0.05, 0.10, 0.20, 0.50)  # of the heap
ASKED = (0.01, 0.02, 0.03, 0.05, 0.07, 0.10, 0.15, 0.20, 0.30, 0.50, 1.00)  # what an advisor is given, to find what it makes of equal bytes
VARIANTS = 3  # executions of a statement that are planned and measured
Key = tuple[str, tuple[str, ...]]  # table, columns


def texts(workload: Workload) -> list[tuple[int, list[str]]]:
    return [(weight, [at(sql, i) for i in range(1, VARIANTS + 1)]) for weight, sql in workload.statements]


class Database:
    def __init__(self, server: PrivatePostgres, workload: Workload) -> None:
        self.server, self.workload, self.name = server, workload, workload.name.replace("-", "_")
        server.psql(f"CREATE DATABASE {self.name}", "postgres")
        server.psql(workload.schema, self.name)
        self.link = psycopg.connect(server.dsn(dbname=self.name), autocommit=True)
        self.ask("CREATE EXTENSION hypopg")
        self.ask("VACUUM ANALYZE")
        self.heap = int(self.ask("SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")[0][0])
        self.kept = self.indexes().keys()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        done = self.link.execute(sql)
        return done.fetchall() if done.description else []

    def plan(self, sql: str, options: str = "") -> dict[str, Any]:
        return dict(self.ask(f"EXPLAIN (FORMAT JSON{options}) {sql}")[0][0][0])

    def indexes(self) -> dict[str, int]:
        return dict(self.ask("SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace"))

    def made(self) -> dict[str, int]:
        return {name: size for name, size in self.indexes().items() if name not in self.kept}

    def drop(self) -> None:
        for name in self.made():
            self.ask(f"DROP INDEX {name}")


def index_names(plan: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in plan:
        yield plan["Index Name"]
    for child in plan.get("Plans", []):
        yield from index_names(child)


@dataclass
class Measured:
    """Sums over the workload, weighted; `buffers` by statement."""

    cost: float = 0.0
    milliseconds: float = 0.0
    buffers: list[int] = field(default_factory=list)
    used: set[str] = field(default_factory=set)


def measure(database: Database) -> Measured:
    result = Measured()
    for weight, variants in texts(database.workload):
        buffers = 0
        for sql in variants:
            best, plan = float("inf"), {}
            for _ in range(3):
                plan = database.plan(sql, ", ANALYZE, BUFFERS, TIMING OFF")
                best = min(best, plan["Execution Time"])
            result.cost += weight * plan["Plan"]["Total Cost"] / VARIANTS
            result.milliseconds += weight * best / VARIANTS
            result.used |= set(index_names(plan["Plan"]))
            buffers += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        result.buffers.append(buffers)
    return result


class WhatIf:
    """The planner's cost of the workload under indexes that do not exist; a plan is asked once for each set on the statement's tables."""

    def __init__(self, database: Database) -> None:
        self.database, self.calls = database, 0
        self.costs: dict[tuple[str, frozenset[Key]], float] = {}
        self.sizes: dict[Key, int] = {}

    def size(self, key: Key) -> int:
        if key not in self.sizes:
            self.database.ask("SELECT hypopg_reset()")
            self.sizes[key] = int(self.database.ask(f"SELECT hypopg_relation_size(indexrelid) FROM hypopg_create_index('CREATE INDEX ON {key[0]} ({', '.join(key[1])})')")[0][0])
        return self.sizes[key]

    def cost(self, keys: frozenset[Key]) -> float:
        total = 0.0
        for weight, variants in texts(self.database.workload):
            mine = frozenset(key for key in keys if re.search(rf"\b{key[0]}\b", variants[0]))
            missing = [sql for sql in variants if (sql, mine) not in self.costs]
            if missing:
                self.database.ask("SELECT hypopg_reset()")
                for table, columns in mine:
                    self.database.ask(f"SELECT hypopg_create_index('CREATE INDEX ON {table} ({', '.join(columns)})')")
                for sql in missing:
                    self.costs[sql, mine] = self.database.plan(sql)["Plan"]["Total Cost"]
                    self.calls += 1
            total += sum(weight * self.costs[sql, mine] / VARIANTS for sql in variants)
        return total


def greedy(what_if: WhatIf, budget: float, steps: Callable[[frozenset[Key]], Iterator[tuple[Key, Key | None]]]) -> frozenset[Key]:
    """`steps`: what may come next, and the index that it takes the place of."""
    chosen: frozenset[Key] = frozenset()
    cost = what_if.cost(chosen)
    while True:
        best: tuple[float, frozenset[Key], float] | None = None
        for key, instead in steps(chosen):
            after = (chosen - {instead} if instead else chosen) | {key}
            size = sum(map(what_if.size, after))
            if size > budget:
                continue
            saved = cost - what_if.cost(after)
            ratio = saved / max(what_if.size(key) - (what_if.size(instead) if instead else 0), 8192)
            if saved > cost * 0.001 and (best is None or ratio > best[0]):
                best = (ratio, after, cost - saved)
        if best is None:
            return chosen
        _, chosen, cost = best


def keys_of(workload: Workload, width: int) -> Iterator[Key]:
    for table, columns in workload.columns.items():
        for count in range(1, width + 1):
            for chosen in permutations(columns, count):
                yield table, chosen


def extend_steps(workload: Workload) -> Callable[[frozenset[Key]], Iterator[tuple[Key, Key | None]]]:
    def steps(chosen: frozenset[Key]) -> Iterator[tuple[Key, Key | None]]:
        for key in keys_of(workload, 1):
            if all(key != other for other in chosen):
                yield key, None
        for table, columns in chosen:
            for column in workload.columns[table]:
                if column not in columns and len(columns) < 3:
                    yield (table, (*columns, column)), (table, columns)

    return steps


def any_of(workload: Workload, width: int) -> Callable[[frozenset[Key]], Iterator[tuple[Key, Key | None]]]:
    return lambda chosen: ((key, None) for key in keys_of(workload, width) if key not in chosen)


def record(database: Database, folder: Path, binary: str) -> Path:
    trace = folder / f"{database.name}.db"
    script = "".join(f"{at(sql, i + 1)};\n" for weight, sql in database.workload.statements for i in range(weight))
    words = [binary, "run", "--database=auto", "--trace", str(trace), "--output", os.devnull, "--", "psql", "-XqAt", "-o", os.devnull]
    subprocess.run(words, input=script, env=database.server.env(database.name), text=True, check=True, stderr=subprocess.DEVNULL)
    return trace


def advise(trace: Path, binary: str, *words: str) -> list[dict[str, Any]]:
    said = subprocess.run([binary, "advise", trace, "--format", "json", *words], capture_output=True, text=True, check=True)
    return [one for one in json.loads(said.stdout)["findings"] if one["rule"] == "missing-index"]


def predictions(database: Database, trace: Path, binary: str) -> None:
    """What the advice without a budget promises, and the planner's costs once it is built: a line for each statement and B-tree.

    The promise is what the finding prints: of a trial, or modelled where the table is so small that the trial's cost says nothing. Costs are compared under the statistics that
    were there, but for tables with an index on an expression, which has none before; and once more after ANALYZE, whose new sample has another idea of rare values.
    """
    findings = advise(trace, binary)
    promised: dict[int, list[tuple[str, float]]] = {}
    for finding in findings:
        page = subprocess.run([binary, "show", trace, finding["id"], "--format", "json"], capture_output=True, text=True, check=True)
        modelled = finding["evidence"][0]["figures"]["cost_after"]  # of the finding's own statement
        for change in json.loads(page.stdout)["plan_changes"]:
            is_modelled = "sequential scans switched off" in change["how"] and change["statement_id"] == finding["statement"]["statement_id"]
            promised.setdefault(int(change["statement_id"][1:]), []).append((finding["title"], modelled if is_modelled else change["cost_after"]))
    for finding in findings:
        database.ask(finding["fix"]["sql"].replace(" CONCURRENTLY", ""))
        if "((" in finding["title"]:
            database.ask(f"ANALYZE {finding['title'].split(' (')[0]}")

    def compare() -> tuple[int, list[str]]:
        good, lines = 0, []
        for number, (weight, sql) in enumerate(database.workload.statements, 1):
            for title, cost in promised.get(number, []):
                if " gin " in title or " brin " in title:
                    continue
                costs = [database.plan(at(sql, i + 1))["Plan"]["Total Cost"] for i in range(weight)]
                real = sum(costs) / len(costs)
                good += abs(cost - real) <= 0.2 * real
                lines.append(f"{title} for statement {number}: {cost:.1f} promised, {real:.1f} after building")
        return good, lines

    good, lines = compare()
    database.ask("ANALYZE")
    tried = sum("hypothetical:" in fact["text"] for finding in findings for fact in finding["evidence"])
    print(f"\n{len(findings)} indexes without a budget, {tried} confirmed by HypoPG; of {len(lines)} promised costs {good} are within a fifth of the planner's after building, {compare()[0]} after one more ANALYZE.\n")
    print("\n".join(lines))
    database.drop()


def run(database: Database, trace: Path, binary: str) -> None:
    workload, nothing = database.workload, measure(database)
    print(f"\n### {workload.name}: {len(workload.statements)} statements, heap {database.heap / 1e6:.0f} MB\n")
    print("| advisor | budget | real MB | cost | time | buffers | indexes | unused | worse | planner calls | s |\n|---|---|---|---|---|---|---|---|---|---|---|")
    strategies = {"pgassay": None, "extend": extend_steps(workload), "two": any_of(workload, 2), "single": any_of(workload, 1)}
    built: dict[str, list[tuple[float, float, int]]] = {name: [] for name in strategies}  # share asked for, relative cost, real bytes
    for name, steps in strategies.items():
        for share in ASKED:
            budget, started, calls = share * database.heap, time.monotonic(), 0
            if steps is None:
                ddl = [one["fix"]["sql"] for one in advise(trace, binary, "--budget", str(int(budget)))]
            else:
                what_if = WhatIf(database)
                chosen = greedy(what_if, budget, steps)
                database.ask("SELECT hypopg_reset()")
                calls = what_if.calls
                ddl = [f"CREATE INDEX ON {table} ({', '.join(columns)})" for table, columns in sorted(chosen)]
            seconds = time.monotonic() - started
            for one in ddl:
                database.ask(one)
            database.ask("ANALYZE")
            made, after = database.made(), measure(database)
            worse = sum(now > was * 1.05 for now, was in zip(after.buffers, nothing.buffers, strict=True))
            cost, buffers = after.cost / nothing.cost, sum(after.buffers) / sum(nothing.buffers)
            built[name].append((share, cost, sum(made.values())))
            print(
                f"| {name} | {share:.0%} | {sum(made.values()) / 1e6:.1f} | {cost:.4f} | {after.milliseconds / nothing.milliseconds:.3f} | {buffers:.3f} | {len(made)} |"
                f" {len(made.keys() - after.used)} | {worse} | {calls} | {seconds:.1f} |",
                flush=True,
            )
            database.drop()
    print("\nArea under the budget curve (mean of the relative cost over the budgets of 1 to 50 %, lower is better)")
    print("- at the budgets asked for: " + areas(built, lambda share, run: share == run[0]))
    print("- at equal real bytes: " + areas(built, lambda share, run: run[2] <= share * database.heap))


def areas(built: dict[str, list[tuple[float, float, int]]], counts: Callable[[float, tuple[float, float, int]], bool]) -> str:
    """Of each advisor: over the budgets, the best that a run made which counts for the budget; no index where none does."""
    mean = {name: sum(min([run[1] for run in runs if counts(share, run)], default=1.0) for share in BUDGETS) / len(BUDGETS) for name, runs in built.items()}
    return ", ".join(f"{name} {area:.3f}" for name, area in mean.items())


def main() -> None:
    binary = os.environ.get("PGASSAY_BINARY", str(ROOT / "build" / "release" / "bin" / "pgassay"))
    with PrivatePostgres(settings={"shared_buffers": "256MB"}) as server, tempfile.TemporaryDirectory(prefix="advise-bench-") as folder:
        for workload in WORKLOADS:
            database = Database(server, workload)
            trace = record(database, Path(folder), binary)
            predictions(database, trace, binary)  # first: of the statistics that the trace has
            run(database, trace, binary)


if __name__ == "__main__":
    main()
