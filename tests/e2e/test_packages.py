"""The packages of scripts/package, each in a root that has never seen this machine: the Debian package installed by apt into a fresh
Debian, the tarball in another release and in a root with nothing but a shell. And the Dockerfile's commands in such roots, for
there may be no Docker here: what COPY, USER and the rest would do is done by hand."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import _announced_port
from private_postgres import PrivatePostgres
from roots import Root, alpine, debootstrap

REPOSITORY = Path(__file__).resolve().parents[2]
# Release builds, and the better part of two distributions.
pytestmark = [
    pytest.mark.skipif(not os.environ.get("PGASSAY_E2E_ALL"), reason="scripts/test --all"),
    pytest.mark.skipif(os.geteuid() != 0, reason="roots are made by root"),
    pytest.mark.skipif(shutil.which("debootstrap") is None or shutil.which("busybox") is None, reason="no debootstrap, no busybox here"),
]

QUERIES = ("SELECT 1 AS one", "SELECT 2 AS two", "SELECT 'three' AS three")
UNPRIVILEGED = "10001:10001"
PAGES = {
    "/usr/share/man/man1/pgassay.1.gz",
    "/usr/share/bash-completion/completions/pgassay",
    "/usr/share/zsh/vendor-completions/_pgassay",
    "/usr/share/fish/vendor_completions.d/pgassay.fish",
    "/usr/share/doc/pgassay/copyright",
    "/usr/share/doc/pgassay/docs/ci.md",
    "/usr/lib/systemd/system/pgassay.service",
}


@pytest.fixture(scope="module")
def packages() -> Path:
    subprocess.run([REPOSITORY / "scripts" / "package"], check=True, stdin=subprocess.DEVNULL)
    return REPOSITORY / "build" / "packages"


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory: dpkg waits for the disk after each file."""
    folder = tmp_path_factory.mktemp("roots")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8g", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def release() -> str:
    """Of this machine's Debian, which packages are made on."""
    lines = Path("/etc/os-release").read_text().splitlines()
    return next(line.removeprefix("VERSION_CODENAME=") for line in lines if line.startswith("VERSION_CODENAME="))


@pytest.fixture(scope="module")
def pristine(roots: Path, release: str) -> Root:
    return debootstrap(roots / "pristine", release)


@pytest.fixture
def debian(pristine: Root, roots: Path) -> Iterator[Root]:
    """A copy of the fresh Debian."""
    subprocess.run(["cp", "-a", pristine.folder, roots / "debian"], check=True)
    yield Root(roots / "debian")
    shutil.rmtree(roots / "debian")


def the_package(packages: Path) -> Path:
    (package,) = packages.glob("pgassay_*.deb")
    return package


def unpacked(packages: Path, root: Root) -> str:
    """The tarball in /opt of the root; returns the program's path there."""
    (root.folder / "opt").mkdir(exist_ok=True)
    (tarball,) = packages.glob("pgassay-*.tar.gz")
    subprocess.run(["tar", "xzf", tarball, "-C", root.folder / "opt"], check=True)
    return f"/opt/{tarball.name.removesuffix('.tar.gz')}/bin/pgassay"


def profiled(root: Root, pg: PrivatePostgres, program: str, psql: str, user: str = "0:0") -> None:
    """`pgassay run` in the root: the command's answers, and a report that has its statements."""
    server = {"PGHOST": pg.host, "PGPORT": str(pg.port), "PGUSER": pg.user, "PGDATABASE": pg.dbname}
    words = [word for query in QUERIES for word in ("-c", query)]
    flags = ("--trace", "/tmp/packages.db", "--format", "json", "--output", "/tmp/packages.json")
    output = root.done(program, "run", *flags, "--", psql, "-XAtq", *words, env=server, user=user)
    assert output.split() == ["1", "2", "three"]
    report = json.loads((root.folder / "tmp" / "packages.json").read_text())
    assert report["totals"]["executions"] == len(QUERIES) and report["trace"]["complete"]
    assert "SELECT" in root.done(program, "queries", "/tmp/packages.db", user=user)
    for name in ("packages.db", "packages.json"):
        (root.folder / "tmp" / name).unlink()


def test_the_debian_package_installs_on_a_clean_root_and_run_works_there(packages: Path, debian: Root, pg: PrivatePostgres) -> None:
    package = shutil.copy(the_package(packages), debian.folder / "pgassay.deb")
    needs = subprocess.run(["dpkg-deb", "--field", package, "Depends"], capture_output=True, text=True, check=True).stdout
    assert all(name in needs for name in ("libpg-query", "libpq5", "libsqlite3-0", "libssl3", "libstdc++6")), needs
    debian.done("apt-get", "update", "-qq")
    debian.done("apt-get", "install", "-y", "-qq", "--no-install-recommends", "/pgassay.deb", "postgresql-client")
    assert debian.done("pgassay", "--version").startswith("pgassay ")
    profiled(debian, pg, "pgassay", "psql")
    files = debian.done("dpkg", "--listfiles", "pgassay").split()
    assert PAGES <= set(files)
    completion = "source /usr/share/bash-completion/completions/pgassay && complete -p pgassay"
    assert "-F _pgassay" in debian.done("bash", "-c", completion)
    debian.done("apt-get", "purge", "-y", "-qq", "pgassay")
    assert [name for name in files if "pgassay" in name and (debian.folder / name.lstrip("/")).exists()] == []


def test_the_tarball_starts_in_another_release_and_run_works_there(packages: Path, roots: Path, pg: PrivatePostgres) -> None:
    """Unpacked, not configured: other versions of every library, and a client of its own."""
    root = debootstrap(roots / "trixie", "trixie", ["--foreign", "--include=postgresql-client"])
    for package in sorted((root.folder / "var" / "cache" / "apt" / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", package, root.folder], check=True)
    (psql,) = (root.folder / "usr" / "lib" / "postgresql").glob("*/bin/psql")
    program = unpacked(packages, root)
    assert root.done(program, "--version").startswith("pgassay ")
    for user in ("0:0", UNPRIVILEGED):
        profiled(root, pg, program, f"/{psql.relative_to(root.folder)}", user)


def test_the_tarball_needs_nothing_but_a_shell(packages: Path, roots: Path, pg: PrivatePostgres) -> None:
    """No C library, no other program."""
    root = Root(roots / "bare")
    for name in ("bin", "dev", "proc", "tmp", "usr/bin"):
        (root.folder / name).mkdir(parents=True)
    shutil.copy(Path(shutil.which("busybox") or "").resolve(), root.folder / "bin" / "busybox")
    for name in ("sh", "readlink", "dirname"):
        (root.folder / "bin" / name).symlink_to("busybox")
    profiled_by_itself(root, pg, unpacked(packages, root))


@pytest.mark.skipif(shutil.which("qemu-img") is None or shutil.which("debugfs") is None, reason="no qemu-img, no debugfs here")
def test_the_tarball_starts_in_another_distribution_and_run_works_there(packages: Path, roots: Path, pg: PrivatePostgres) -> None:
    (roots / "alpine").mkdir()
    root = alpine(roots / "alpine")
    assert "ID=alpine" in root.done("cat", "/etc/os-release")
    profiled_by_itself(root, pg, unpacked(packages, root))


def profiled_by_itself(root: Root, pg: PrivatePostgres, program: str) -> None:
    """`pgassay run` where no client is: it is pgassay, which asks for the catalogue through the proxy."""
    (root.folder / "usr" / "bin" / "pgassay").symlink_to(program)
    assert root.done("pgassay", "--version").startswith("pgassay ")
    lint = 'exec pgassay lint --database "$DATABASE_URL" --format json --output /tmp/lint.json'
    flags = ("--trace", "/tmp/run.db", "--format", "json", "--output", "/tmp/run.json")
    root.done("pgassay", "run", *flags, "--", "sh", "-c", lint, env={"DATABASE_URL": pg.dsn()})
    report = json.loads((root.folder / "tmp" / "run.json").read_text())
    assert report["totals"]["executions"] > 0 and report["trace"]["complete"]
    assert "findings" in json.loads((root.folder / "tmp" / "lint.json").read_text())


def test_the_same_tree_gives_the_same_bytes(packages: Path) -> None:
    before = {path.name: path.read_bytes() for path in packages.iterdir()}
    assert len(before) == 2
    subprocess.run([REPOSITORY / "scripts" / "package"], check=True, stdin=subprocess.DEVNULL)
    assert {path.name: path.read_bytes() for path in packages.iterdir()} == before


def test_the_actions_script_installs_a_program_that_needs_no_package(packages: Path, tmp_path: Path) -> None:
    subprocess.run([REPOSITORY / "integrations" / "github" / "install.sh", tmp_path / "cached"], check=True, stdin=subprocess.DEVNULL)
    (tmp_path / "cached").rename(tmp_path / "restored")
    said = subprocess.run([tmp_path / "restored" / "bin" / "pgassay", "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("pgassay ")


def stages() -> list[list[tuple[str, str]]]:
    """The Dockerfile's instructions, by stage."""
    found: list[list[tuple[str, str]]] = []
    for line in (REPOSITORY / "Dockerfile").read_text().replace("\\\n", "").splitlines():
        if line and not line.startswith("#"):
            word, rest = line.split(maxsplit=1)
            if word == "FROM":
                found.append([])
            found[-1].append((word, rest))
    return found


def test_the_images_first_stage_builds_the_package_on_a_clean_root(debian: Root, release: str) -> None:
    source, workdir, copied, command = stages()[0]
    assert (source, workdir, copied) == (("FROM", f"debian:{release} AS build"), ("WORKDIR", "/src"), ("COPY", ". ."))
    (debian.folder / "src").mkdir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True).stdout
    tree = subprocess.run(["tar", "-c", "--null", "-T", "-"], cwd=REPOSITORY, input=listed, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", debian.folder / "src"], input=tree, check=True)
    debian.done("sh", "-c", f"cd /src && {command[1]}")
    assert debian.done("dpkg-deb", "--field", f"/src/build/packages/{the_package(debian.folder / 'src/build/packages').name}", "Package") == "pgassay\n"


def compose_service() -> dict[str, object]:
    yaml = pytest.importorskip("ruamel.yaml").YAML(typ="safe")
    return dict(yaml.load((REPOSITORY / "compose.pgassay.yml").read_text().replace("!override", ""))["services"]["pgassay"])


def test_the_image_records_as_the_compose_file_starts_it(packages: Path, debian: Root, release: str, pg: PrivatePostgres) -> None:
    """Its user, its command, nothing writable but the volume; addresses are this machine's."""
    says = dict(stages()[1])
    assert says["FROM"] == f"debian:{release}-slim"
    assert says["COPY"] == "--from=build /src/build/packages/*.deb /tmp/"
    shutil.copy(the_package(packages), debian.folder / "tmp")
    debian.done("sh", "-c", says["RUN"])
    service = compose_service()
    assert service["read_only"] and service["user"] == says["USER"] == UNPRIVILEGED
    assert service["volumes"] == [f"pgassay-trace:{says['VOLUME']}"] and service["stop_signal"] == "SIGTERM"
    (program,) = json.loads(says["ENTRYPOINT"])
    command = str(service["command"]).replace("0.0.0.0:5432", "127.0.0.1:0").replace("db-server:5432", f"{pg.host}:{pg.port}")
    process = debian.start(program, *command.split(), user=UNPRIVILEGED, writable=says["VOLUME"])
    try:
        port = _announced_port(process)
        through = pg.env() | {"PGPORT": str(port)}
        answer = subprocess.run(["psql", "-XAtqc", QUERIES[0]], env=through, capture_output=True, text=True, check=True).stdout
        assert answer == "1\n"
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=15)
    assert code == 0
    assert "SELECT" in debian.done(program, "queries", f"{says['VOLUME']}/pgassay.db", user=UNPRIVILEGED)
