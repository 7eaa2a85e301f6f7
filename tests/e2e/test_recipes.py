"""The recipes of docs/control-protocol.md, as they are printed there, under `go test` and JUnit 5."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
JARS = Path("/usr/share/java")
# Compilers are slow.
pytestmark = pytest.mark.skipif(not os.environ.get("PGASSAY_E2E_ALL"), reason="scripts/test --all")

GO_HEAD = """package shop

import ("bufio"; "fmt"; "net"; "net/url"; "os"; "os/exec"; "strings"; "testing")

func ask(t *testing.T) { if err := exec.Command("psql", "-c", "SELECT 1 AS asked").Run(); err != nil { t.Fatal(err) } }
func TestPasses(t *testing.T) { scope(t); ask(t) }
func TestFails(t *testing.T) { scope(t); t.Fail() }
"""
JAVA_HEAD = """
import java.io.IOException;
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.nio.charset.*;
import org.junit.jupiter.api.extension.*;
"""
JAVA_TEST = """
import static org.junit.jupiter.api.Assertions.*;
import org.junit.jupiter.api.*;
import org.junit.jupiter.api.extension.*;

@ExtendWith(Pgassay.class)
class ShopTest {
  @Test void passes() throws Exception { assertEquals(0, new ProcessBuilder("psql", "-c", "SELECT 1 AS asked").start().waitFor()); }
  @Test void fails() { fail(); }
}
"""


def recipe(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (REPOSITORY / "docs" / "control-protocol.md").read_text(), re.DOTALL)
    assert found, language
    return found.group(1)


def scopes(trace: Path) -> list[tuple[str, str, int]]:
    connection = sqlite3.connect(f"file:{trace}?mode=ro", uri=True)
    try:
        sql = "SELECT name, outcome, (SELECT coalesce(sum(statements), 0) FROM unit_of_work u WHERE u.scope_id = scope.scope_id) FROM scope ORDER BY name"
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_go(run_pgassay: Callable[..., Any], tmp_path: Path) -> None:
    if not shutil.which("go"):
        pytest.skip("no Go")
    (tmp_path / "go.mod").write_text("module shop\n\ngo 1.19\n")
    (tmp_path / "shop_test.go").write_text(GO_HEAD + recipe("go"))
    environment = {"GOFLAGS": "-vet=off", "GOTOOLCHAIN": "local"}
    run = run_pgassay(["sh", "-c", f"cd {tmp_path} && exec go test -count=1 ./..."], env=environment)
    assert run.code == 1, run.stdout + run.stderr
    assert scopes(run.trace) == [("TestFails", "failed", 0), ("TestPasses", "passed", 1)], run.stdout + run.stderr


def test_junit(run_pgassay: Callable[..., Any], tmp_path: Path) -> None:
    jars = [path for name in ("junit-*", "opentest4j", "apiguardian-api", "picocli", "univocity-parsers") for path in JARS.glob(f"{name}.jar")]
    if not shutil.which("javac") or not (JARS / "junit-platform-console.jar").exists():
        pytest.skip("no javac and JUnit 5 (scripts/setup runners)")
    (tmp_path / "Pgassay.java").write_text(JAVA_HEAD + recipe("java"))
    (tmp_path / "ShopTest.java").write_text(JAVA_TEST)
    path = ":".join(map(str, [tmp_path, *jars]))
    launch = f"java -cp {path} org.junit.platform.console.ConsoleLauncher --disable-banner -c ShopTest"
    run = run_pgassay(["sh", "-c", f"cd {tmp_path} && javac -nowarn -cp {path} *.java && exec {launch}"])
    assert run.code == 1, run.stdout + run.stderr
    assert scopes(run.trace) == [("ShopTest#fails", "failed", 0), ("ShopTest#passes", "passed", 1)], run.stdout + run.stderr
