"""Command line of the shop. The database is that of DATABASE_URL; its +driver, or --driver, chooses how it is spoken to."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import sys
from pathlib import Path


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="shop", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    load = commands.add_parser("load", help="create the tables anew and fill them")
    load.add_argument("--users", type=int, default=600, help="size; everything else follows from it")
    load.add_argument("--seed", type=int, default=2026)
    run = commands.add_parser("run", help="run scenarios")
    run.add_argument("--sleep", type=int, default=0, metavar="MS", help="sleep in each iteration of each loop")
    run.add_argument("--rows", type=int, default=12, help="length of the lists")
    check = commands.add_parser("check", help="compare a JSON report with what the scenarios expect")
    check.add_argument("report", type=Path)
    listing = commands.add_parser("list", help="the scenarios and what they expect")
    lints = commands.add_parser("lints", help="the schema that each lint finds something in, or its clean twin, as SQL; or compare")
    lints.add_argument("what", choices=("schema", "traffic", "check"))
    lints.add_argument("--form", choices=("flagged", "clean"), required=True)
    lints.add_argument("--report", type=Path, help="of pgassay lint, as JSON; for check")
    for command in (load, run):
        command.add_argument("--extra-column", action="store_true", help="give every model one more column")
        command.add_argument("--driver", choices=("psycopg2", "psycopg", "asyncpg"))
    for command in (run, check):
        command.add_argument("--form", choices=("bad", "good"), required=True)
    for command in (run, check, listing):
        command.add_argument("--scenario", nargs="+", default=[], metavar="NAME")
    run.add_argument("--mode", choices=("transaction", "autocommit"), default="transaction")
    check.add_argument("--driver", choices=("psycopg2", "psycopg", "asyncpg"), default="psycopg2")
    check.add_argument("--mode", choices=("transaction", "autocommit"), default="transaction")
    return parser.parse_args(arguments)


def main() -> int:
    options = parse(sys.argv[1:])
    if getattr(options, "extra_column", False):
        os.environ["SHOP_EXTRA_COLUMN"] = "1"  # before the models are imported
    return {"load": load, "run": run, "check": check, "list": show, "lints": lint}[options.command](options)


def address(driver: str | None):
    from sqlalchemy import make_url

    url = make_url(os.environ["DATABASE_URL"])
    if driver is None or url.drivername == f"postgresql+{driver}":
        return url
    return url.set(drivername=f"postgresql+{driver}").difference_update_query(["sslmode", "ssl"])


def load(options: argparse.Namespace) -> int:
    from sqlalchemy import create_engine

    from . import data

    counts = data.load(create_engine(address(options.driver or "psycopg2")), options.users, options.seed)
    print("loaded " + ", ".join(f"{count} {table}" for table, count in counts.items()), file=sys.stderr)
    return 0


def chosen(options: argparse.Namespace, driver: str, mode: str, form: str):
    from .scenarios import SCENARIOS

    for name in options.scenario:
        if name not in SCENARIOS:
            raise SystemExit(f"shop: no scenario {name} (python -m shop list)")
    wanted = [SCENARIOS[name] for name in options.scenario] or list(SCENARIOS.values())
    return [s for s in wanted if driver in s.drivers and mode in s.modes and (form == "good" or s.bad)]


def run(options: argparse.Namespace) -> int:
    from sqlalchemy import create_engine
    from sqlalchemy.ext.asyncio import create_async_engine

    from .scenario import Shop

    url = address(options.driver)
    driver = url.get_driver_name()
    scenarios = chosen(options, driver, options.mode, options.form)
    how = {"isolation_level": "AUTOCOMMIT"} if options.mode == "autocommit" else {}
    for scenario in scenarios:
        print(f"{scenario.name} ({options.form})", file=sys.stderr)
        body = getattr(scenario, options.form)
        # A fresh engine for each: scenarios stand for requests that have nothing to do with one another.
        if driver == "asyncpg":
            engine = create_async_engine(url, **how)
            shop = Shop(engine.sync_engine, options.rows, options.sleep, engine)
            asyncio.run(run_async(body, shop))
        else:
            engine = create_engine(url, **how)
            body(Shop(engine, options.rows, options.sleep))
            engine.dispose()
    return 0


async def run_async(body, shop) -> None:
    from sqlalchemy.util import greenlet_spawn

    if inspect.iscoroutinefunction(body):
        await body(shop)
    else:
        await greenlet_spawn(body, shop)
    await shop.async_engine.dispose()


def check(options: argparse.Namespace) -> int:
    from .scenario import union

    return compare(options.report, union(chosen(options, options.driver, options.mode, options.form), options.form, options.mode))


def lint(options: argparse.Namespace) -> int:
    from . import lints

    if options.what == "check":
        return compare(options.report, lints.expected(options.form))
    print({"schema": lints.schema, "traffic": lints.traffic}[options.what](options.form))
    return 0


def compare(report: Path, expected: list) -> int:
    from .scenario import differences

    told = differences(json.loads(report.read_text())["findings"], expected)
    for sentence in told:
        print(sentence)
    if not told:
        print(f"as expected: {len(expected)} findings" if expected else "as expected: nothing found")
    return 1 if told else 0


def show(options: argparse.Namespace) -> int:
    from .scenarios import SCENARIOS

    for name, scenario in SCENARIOS.items():
        if options.scenario and name not in options.scenario:
            continue
        print(name)
        for one in scenario.expect:
            print(f"    {one.rule}  {one.title}  {one.confidence}{'  ' + ', '.join(one.steps) if one.steps else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
