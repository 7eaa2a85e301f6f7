#!/usr/bin/env python3
"""Builds and runs every test; the last line sums it up. Called by scripts/test, which sets up first.

    scripts/test          unit tests, the layers, the end-to-end tests, a minute of each fuzz target
    scripts/test --all    and: sanitizer builds, clang-tidy, clang-format, the longest end-to-end tests
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
FUZZ_SECONDS = 60
SOURCES = ("proxy", "analyzer", "reporters", "cli", "tests", "bench")


@dataclass
class Tally:
    """The sum of all suites."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    complaints: list[str] = field(default_factory=list)

    def add(self, suite: str, passed: int, failed: int, skipped: int = 0) -> None:
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed:
            self.complaints.append(f"{suite}: {failed} failed")
        say(f"{suite}: {passed} passed, {failed} failed, {skipped} skipped")

    def last_line(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def say(text: str) -> None:
    print(f"test: {text}", flush=True)


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> int:
    words = [str(word) for word in command]
    say(" ".join(words))
    sys.stdout.flush()
    return subprocess.run(words, cwd=ROOT, env=os.environ | dict(env or {}), stdin=subprocess.DEVNULL, check=False).returncode


def quietly(command: Sequence[str | Path], log: Path) -> int:
    """Output goes to a log, of which a failure shows the end."""
    words = [str(word) for word in command]
    say(" ".join(words))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        code = subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, check=False).returncode
    if code != 0:
        print("\n".join(log.read_text(errors="replace").splitlines()[-60:]), flush=True)
    return code


def build(tally: Tally, preset: str) -> bool:
    log = BUILD / f"{preset}.log"
    log.unlink(missing_ok=True)
    done = quietly(["cmake", "--preset", preset], log) == 0 and quietly(["cmake", "--build", "--preset", preset], log) == 0
    if not done:
        tally.add(f"build {preset}", 0, 1)
    return done


def read_junit(path: Path) -> tuple[int, int, int]:
    """passed, failed, skipped of a JUnit file, whether its root is one suite or several."""
    root = ElementTree.parse(path).getroot()
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    count = {name: sum(int(suite.get(name) or 0) for suite in suites) for name in ("tests", "failures", "errors", "skipped")}
    count["skipped"] += sum(int(suite.get("disabled") or 0) for suite in suites)
    failed = count["failures"] + count["errors"]
    return count["tests"] - failed - count["skipped"], failed, count["skipped"]


def add_junit(tally: Tally, suite: str, path: Path, code: int) -> None:
    """A suite that ends badly without a failure of its own counts as one."""
    if not path.exists():
        tally.add(suite, 0, 1)
        return
    passed, failed, skipped = read_junit(path)
    tally.add(suite, passed, failed or int(code != 0), skipped)


def unit_tests(tally: Tally, preset: str, env: Mapping[str, str] | None = None) -> None:
    junit = BUILD / f"{preset}-junit.xml"
    junit.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", BUILD / preset, "--output-on-failure", "-j", str(os.cpu_count() or 2), "-Q", "--output-junit", junit]
    code = run(command, env)
    add_junit(tally, f"unit tests ({preset})", junit, code)
    if code != 0:
        show_failures(junit)


def show_failures(junit: Path) -> None:
    if not junit.exists():
        return
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        if case.find("failure") is not None:
            print(f"--- {case.get('name')}\n{(case.findtext('system-out') or '')[-4000:]}", flush=True)


def check(tally: Tally, name: str, command: Sequence[str | Path]) -> None:
    code = run(command)
    tally.add(name, int(code == 0), int(code != 0))


def python_for_tests() -> Path | None:
    venv = ROOT / ".venv" / "bin" / "python"
    return venv if venv.exists() and subprocess.run([venv, "-c", "import pytest"], check=False).returncode == 0 else None


def end_to_end(tally: Tally, preset: str, more: Mapping[str, str], select: Sequence[str] = ()) -> None:
    python = python_for_tests()
    suite = f"end to end ({preset})"
    if python is None:
        files = len(list((ROOT / "tests" / "e2e").glob("test_*.py")))
        say("no pytest here: the end-to-end tests are skipped, counted by file")
        tally.add(suite, 0, 0, files)
        return
    junit = BUILD / f"{preset}-e2e-junit.xml"
    junit.unlink(missing_ok=True)
    env = {"PGASSAY_BINARY": str(BUILD / preset / "bin" / "pgassay"), "PYTHONDONTWRITEBYTECODE": "1", **more}
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5", f"--junitxml={junit}", *select, "tests/e2e"]
    code = run(command, env)
    add_junit(tally, suite, junit, code)


def sources(*endings: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *SOURCES], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name.endswith(endings)]


def formatted(tally: Tally) -> None:
    check(tally, "clang-format", ["clang-format-19", "--dry-run", "--Werror", *sources(".h", ".cc")])


def tidy(tally: Tally) -> None:
    """Every source of the program; the tests follow its style but not all its rules."""
    files = [path for path in sources(".cc") if path.parts[0] not in ("tests", "bench")]
    check(tally, "clang-tidy", ["run-clang-tidy-19", "-quiet", "-p", BUILD / "asan", *files])


def fuzz_one(target: Path) -> int:
    """A minute, from the seeds in the tree, those of the golden conversations, and what earlier runs here found."""
    name = target.name.removesuffix("_fuzz")
    found = BUILD / "fuzz" / "corpus" / name
    found.mkdir(parents=True, exist_ok=True)
    seeds = [ROOT / "tests" / "fuzz" / "corpus" / name, BUILD / "fuzz" / "seeds" / name]
    limits = [f"-max_total_time={FUZZ_SECONDS}", "-max_len=1024", "-rss_limit_mb=2048", f"-artifact_prefix={BUILD / 'fuzz'}/{name}-"]
    log = BUILD / f"fuzz-{name}.log"
    log.unlink(missing_ok=True)
    return quietly([target, *limits, found, *(folder for folder in seeds if folder.is_dir())], log)


def fuzz(tally: Tally) -> None:
    """As many targets at a time as there are processors."""
    if not build(tally, "fuzz"):
        return
    programs = BUILD / "fuzz" / "bin"
    check(tally, "fuzz seeds", [programs / "golden_seeds", ROOT / "tests" / "golden", BUILD / "fuzz" / "seeds"])
    targets = sorted(programs.glob("*_fuzz"))
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        codes = list(pool.map(fuzz_one, targets))
    tally.add("fuzz targets", codes.count(0), len(codes) - codes.count(0))


def sanitizer_options(preset: str) -> dict[str, str]:
    if preset == "tsan":
        return {"TSAN_OPTIONS": "halt_on_error=1"}
    return {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}


def reporting(preset: str) -> dict[str, str]:
    """The same, and each report to a file: the end-to-end tests fail on any, whichever process of pgassay made it."""
    reports = BUILD / preset / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    for old in reports.iterdir():
        old.unlink()
    options = {name: f"{value}:log_path={reports / 'report'}" for name, value in sanitizer_options(preset).items()}
    return options | {"PGASSAY_SANITIZER_REPORTS": str(reports)}


def everything(tally: Tally) -> None:
    for preset in ("asan", "tsan"):
        if build(tally, preset):
            unit_tests(tally, preset, sanitizer_options(preset))
            end_to_end(tally, preset, reporting(preset))
    formatted(tally)
    tidy(tally)


def guarded(tally: Tally, name: str, suite: Callable[[], None]) -> None:
    """A suite that cannot run is a failure, not the end of the others."""
    try:
        suite()
    except (OSError, subprocess.SubprocessError, ElementTree.ParseError) as error:
        say(f"{name}: {error}")
        tally.add(name, 0, 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="what takes longer than an everyday run may, as well")
    options = parser.parse_args()
    begun = time.monotonic()
    tally = Tally()
    if build(tally, "ci"):
        guarded(tally, "unit tests", lambda: unit_tests(tally, "ci"))
        guarded(tally, "layers", lambda: check(tally, "layers", [sys.executable, ROOT / "scripts" / "check_layers.py"]))
        guarded(tally, "end to end", lambda: end_to_end(tally, "ci", {"PGASSAY_E2E_ALL": "1"} if options.all else {}))
        guarded(tally, "fuzz", lambda: fuzz(tally))
        if options.all:
            guarded(tally, "everything else", lambda: everything(tally))
    for complaint in tally.complaints:
        say(complaint)
    say(f"{time.monotonic() - begun:.0f} s")
    print(tally.last_line(), flush=True)
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
