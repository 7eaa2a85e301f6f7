"""Completions and the manual page, read by the shells and formatters that users have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest


def said(binary: Path, *words: str) -> str:
    return subprocess.run([binary, *words], capture_output=True, text=True, check=True).stdout


def commands(binary: Path) -> list[str]:
    return [line.split()[1] for line in said(binary, "--help").splitlines() if line.startswith("  pgassay ") and "COMMAND" not in line]


def completed_by_bash(binary: Path, *words: str) -> list[str]:
    script = said(binary, "completions", "bash")
    listed = " ".join(f"'{word}'" for word in words)
    script += f"COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _pgassay; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_bash_completes_commands_flags_and_values(pgassay_binary: Path, tmp_path: Path) -> None:
    assert set(commands(pgassay_binary)) < set(completed_by_bash(pgassay_binary, "pgassay", ""))
    assert completed_by_bash(pgassay_binary, "pgassay", "rep") == ["report"]
    assert set(completed_by_bash(pgassay_binary, "pgassay", "report", "--f")) == {"--format", "--fail-on"}
    assert completed_by_bash(pgassay_binary, "pgassay", "report", "--format", "ht") == ["html"]
    assert completed_by_bash(pgassay_binary, "pgassay", "rules", "n-pl") == ["n-plus-one"]
    assert "--listen" not in completed_by_bash(pgassay_binary, "pgassay", "report", "--")
    (tmp_path / "some.db").touch()
    assert completed_by_bash(pgassay_binary, "pgassay", "report", f"{tmp_path}/so") == [f"{tmp_path}/some.db"]
    assert "--trace" not in completed_by_bash(pgassay_binary, "pgassay", "run", "--", "--tr")


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_completes_commands_flags_and_values(pgassay_binary: Path, tmp_path: Path) -> None:
    (tmp_path / "pgassay.fish").write_text(said(pgassay_binary, "completions", "fish"))

    def completed(line: str) -> list[str]:
        words = ["fish", "--no-config", "-c", f"source pgassay.fish; complete -C '{line}'"]
        done = subprocess.run(words, cwd=tmp_path, env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=True)
        return [text.split("\t")[0] for text in done.stdout.splitlines()]

    assert "report" in completed("pgassay rep")
    assert set(completed("pgassay report --f")) >= {"--format", "--fail-on"}
    assert completed("pgassay report --format ht") == ["html"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_takes_the_script(pgassay_binary: Path, tmp_path: Path) -> None:
    (tmp_path / "completions.zsh").write_text(said(pgassay_binary, "completions", "zsh"))
    words = ["zsh", "-f", "-c", "source ./completions.zsh && echo ${_comps[pgassay]}"]
    done = subprocess.run(words, cwd=tmp_path, env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert "_pgassay" in done.stdout and done.stderr == ""


def test_the_manual_page_names_every_command_and_flag(pgassay_binary: Path) -> None:
    page = said(pgassay_binary, "man").replace("\\-", "-")
    for name in commands(pgassay_binary):
        assert f".SS {name}\n" in page
        for line in said(pgassay_binary, name, "--help").splitlines():
            if line.startswith("  --"):
                assert f".BR {line.split()[0]} " in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_the_manual_page_is_formatted_without_a_warning(pgassay_binary: Path) -> None:
    words = ["groff", "-man", "-Kutf8", "-Tutf8", "-ww"]
    done = subprocess.run(words, input=said(pgassay_binary, "man"), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "SYNOPSIS" in re.sub(".\b", "", done.stdout)  # bold is printed twice


def test_an_unknown_shell_is_refused(pgassay_binary: Path) -> None:
    done = subprocess.run([pgassay_binary, "completions", "tcsh"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "bash, zsh, fish" in done.stderr
