"""The GitHub action's scripts run as a runner would run them, and all templates held against their tools' schemas."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SCRIPTS = REPOSITORY / "integrations" / "github"
QUERY = "psql -Atqc 'BEGIN' -c 'SELECT 1' -c 'ROLLBACK'"


@pytest.mark.parametrize(
    ("schema", "file"),
    [("github-actions", "action.yml"), ("gitlab-ci", "integrations/gitlab/pgassay.gitlab-ci.yml"), ("compose-spec", "compose.pgassay.yml")],
)
def test_the_template_is_valid(schema: str, file: str, tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema")
    text = (REPOSITORY / file).read_text().replace("!override", "")  # Compose's own tag, unknown to YAML
    copy = tmp_path / Path(file).name
    copy.write_text(text)
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", copy]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def environment(pg: Any, binary: Path, folder: Path, command: str) -> dict[str, str]:
    return {
        **pg.env(),
        "RUNNER_TEMP": str(folder),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "PGASSAY_PROGRAM": str(binary),
        "PGASSAY_ACTION_COMMAND": command,
        "PGASSAY_ACTION_BASELINE": "pgassay.baseline.json",
    }


def gated(pg: Any, binary: Path, folder: Path, command: str) -> tuple[dict[str, str], str]:
    """The step's outputs, and its log."""
    done = subprocess.run(
        [SCRIPTS / "gate.sh"], cwd=folder, env=environment(pg, binary, folder, command), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = (folder / "output").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines), done.stdout + done.stderr


@pytest.fixture
def project(pg: Any, pgassay_binary: Path, tmp_path: Path) -> Path:
    """A baseline in an empty folder."""
    words = [pgassay_binary, "run", "--trace", "main.db", "--", "sh", "-c", QUERY]
    subprocess.run(words, cwd=tmp_path, env=pg.env(), check=True, capture_output=True)
    subprocess.run([pgassay_binary, "baseline", "main.db", "--output", "pgassay.baseline.json"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_a_passing_run_leaves_summary_page_and_sarif(pg: Any, pgassay_binary: Path, project: Path) -> None:
    outputs, log = gated(pg, pgassay_binary, project, QUERY)
    assert outputs["exit-code"] == "0", log
    assert (project / "summary").read_text().startswith("### pgassay: ")
    assert json.loads(Path(outputs["sarif"]).read_text())["version"] == "2.1.0"
    assert Path(outputs["page"]).read_text().startswith("<!doctype html>")
    assert "::notice" in log


def test_the_commands_own_failure_and_an_empty_run_are_told_apart(pg: Any, pgassay_binary: Path, project: Path) -> None:
    assert gated(pg, pgassay_binary, project, f"{QUERY}; exit 7")[0]["exit-code"] == "7"
    (project / "output").unlink()
    outputs, log = gated(pg, pgassay_binary, project, "true")
    assert outputs["exit-code"] == "3", log
    assert "inconclusive" in (project / "summary").read_text()


def test_without_a_baseline_the_step_says_so(pg: Any, pgassay_binary: Path, project: Path) -> None:
    (project / "pgassay.baseline.json").unlink()
    outputs, log = gated(pg, pgassay_binary, project, QUERY)
    assert outputs["exit-code"] == "2" and "cannot read the baseline" in log and "comment" not in outputs


# Keeps what was asked of it; answers the list of comments; REFUSE makes every writing fail, as a fork's token does.
FAKE_GH = """#!/bin/bash
echo "$@" >>"$ASKED"
case "$*" in
  *--method*) [ -z "$REFUSE" ] || exit 1 ;;
  *) cat "$COMMENTS" ;;
esac
"""


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq here")
@pytest.mark.parametrize("refuse", ["", "yes"])
@pytest.mark.parametrize("there", [False, True])
def test_one_comment_is_kept_and_a_fork_is_no_failure(there: bool, refuse: str, tmp_path: Path) -> None:
    gh = tmp_path / "gh"
    gh.write_text(FAKE_GH)
    gh.chmod(0o755)
    (tmp_path / "event.json").write_text('{"pull_request": {"number": 12}}')
    (tmp_path / "comment.md").write_text("### pgassay: pass\n")
    mine = [{"id": 99, "body": "<!-- pgassay ci/test -->\nold"}] if there else []
    (tmp_path / "comments.json").write_text(json.dumps([{"id": 1, "body": "hello"}, *mine]))
    variables = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "ASKED": str(tmp_path / "asked"),
        "COMMENTS": str(tmp_path / "comments.json"),
        "REFUSE": refuse,
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_REPOSITORY": "a/b",
        "GITHUB_WORKFLOW": "ci",
        "GITHUB_JOB": "test",
        "PGASSAY_ACTION_COMMENT": str(tmp_path / "comment.md"),
    }
    done = subprocess.run([SCRIPTS / "comment.sh"], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ("::notice" in done.stdout) == bool(refuse)
    written = (tmp_path / "asked").read_text().splitlines()[-1]
    assert ("--method PATCH repos/a/b/issues/comments/99" if there else "--method POST repos/a/b/issues/12/comments") in written
