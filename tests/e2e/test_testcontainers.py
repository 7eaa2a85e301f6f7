"""The functions of docs/testcontainers.md, as they are printed there, each in its language, before a server that is no container."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from private_postgres import PrivatePostgres

REPOSITORY = Path(__file__).resolve().parents[2]
# Compilers are slow.
pytestmark = pytest.mark.skipif(not os.environ.get("PGASSAY_E2E_ALL"), reason="scripts/test --all")

PYTHON = """
import re, subprocess, sys
{function}
pgassay, port = through_pgassay(sys.argv[1], int(sys.argv[2]), "pgassay.db")
subprocess.run(["psql", "-p", str(port), "-c", "SELECT 1 AS asked"], check=True)
pgassay.terminate()
sys.exit(pgassay.wait())
"""
NODE = """
const { spawn, execFileSync } = require("node:child_process");
const { createInterface } = require("node:readline");
{function}
(async () => {
  const [pgassay, port] = await throughPgassay(process.argv[2], process.argv[3], "pgassay.db");
  execFileSync("psql", ["-p", String(port), "-c", "SELECT 1 AS asked"]);
  const ended = new Promise((resolve) => pgassay.on("exit", resolve));
  pgassay.kill();
  process.exit(await ended);
})();
"""
GO = """
package main
import ("bufio"; "errors"; "net"; "os"; "os/exec"; "regexp")
{function}
func main() {
	pgassay, address, err := throughPgassay(os.Args[1], os.Args[2], "pgassay.db")
	if err != nil { panic(err) }
	_, port, _ := net.SplitHostPort(address)
	if err := exec.Command("psql", "-p", port, "-c", "SELECT 1 AS asked").Run(); err != nil { panic(err) }
	pgassay.Process.Signal(os.Interrupt)
	if err := pgassay.Wait(); err != nil { panic(err) }
}
"""
JAVA = """
import java.io.*;
import java.util.regex.*;
class Recipe {
{function}
  public static void main(String[] words) throws Exception {
    int port = throughPgassay(words[0], Integer.parseInt(words[1]), "pgassay.db");
    int asked = new ProcessBuilder("psql", "-p", String.valueOf(port), "-c", "SELECT 1 AS asked").start().waitFor();
    pgassay.destroy();
    System.exit(asked + pgassay.waitFor());
  }
}
"""
RECIPES = {
    "python": ("recipe.py", PYTHON, [sys.executable]),
    "js": ("recipe.js", NODE, ["node"]),
    "go": ("recipe.go", GO, ["go", "run"]),
    "java": ("Recipe.java", JAVA, ["java"]),
}


@pytest.mark.parametrize("language", RECIPES)
def test_the_function_records_what_goes_through_it(language: str, pg: PrivatePostgres, pgassay_binary: Path, tmp_path: Path) -> None:
    name, program, runner = RECIPES[language]
    if not shutil.which(runner[0]):
        pytest.skip(f"no {runner[0]}")
    found = re.search(rf"```{language}\n(.*?)```", (REPOSITORY / "docs" / "testcontainers.md").read_text(), re.DOTALL)
    assert found, language
    (tmp_path / name).write_text(program.replace("{function}", found.group(1)).lstrip())
    environment = pg.env() | {"PATH": f"{pgassay_binary.parent}:{os.environ['PATH']}", "PGASSAY_ALLOW_ROOT": "1", "GOTOOLCHAIN": "local"}
    words = [*runner, name, pg.host, str(pg.port)]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = subprocess.run([pgassay_binary, "report", "pgassay.db", "--format", "json"], cwd=tmp_path, capture_output=True, text=True, check=True)
    said = json.loads(report.stdout)
    assert said["totals"]["executions"] == 1 and said["trace"]["complete"]
