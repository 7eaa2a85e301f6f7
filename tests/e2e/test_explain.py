"""Plans: with each server version what tests/analyzer/catalog/server claims of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from private_postgres import PrivatePostgres
from test_golden_live import DEBIANS, other_server
from test_versions import MAJORS


@pytest.mark.parametrize("major", MAJORS)
def test_every_version_plans_what_was_sent(major: int, pgassay_binary: Path) -> None:
    with PrivatePostgres(None if major == DEBIANS else other_server(major)) as server:
        done = subprocess.run([pgassay_binary.parent / "catalog_server_test"], env=server.env(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
