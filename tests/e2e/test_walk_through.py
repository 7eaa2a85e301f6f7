"""The README's way from nothing to a failing pull request: its commands are run, and its output is what they print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from shop_project import E2E, FAIL, PASS, Project, with_database

README = (E2E.parent.parent / "README.md").read_text()
# Times, and bytes: a moment is shorter text where its last digits are zeros.
FIGURE = re.compile(r"\d[\d.]* ?(?:us|ms|s|kB)\b")
LEFT_OUT = re.compile(r"^…$", re.MULTILINE)


def steps() -> list[tuple[str, str]]:
    """Each command with what is printed under it."""
    section = README.split("## In CI: from zero to a failing pull request")[1].split("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [tuple(step.split("\n", 1)) for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]


def at_any_speed(text: str) -> str:
    return FIGURE.sub("…", " ".join(text.split()))


def test_the_walk_through_prints_what_the_readme_says(project: Project) -> None:
    subprocess.run(["createdb", "walk"], env=project.environment | {"PGDATABASE": "postgres"}, check=True)
    project.environment = with_database(project.environment, "walk")  # ids, and so bytes, from 1 on
    path = os.pathsep.join([str(project.binary.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    walked = [step for step in steps() if step[0].startswith("pgassay ")]
    assert len(walked) == 5
    for command, printed in walked:
        if command.startswith("pgassay run") and "branch.db" in command:
            project.load_orders_lazily()
        done = project.pgassay(*shlex.split(command)[1:], PATH=path)
        assert done.returncode == (FAIL if "gate      fail" in printed else PASS), done.stdout + done.stderr
        said = at_any_speed(done.stdout + done.stderr)
        for part in map(at_any_speed, LEFT_OUT.split(printed)):
            assert part in said, f"{command}\n\n{said}"
