#!/usr/bin/env python3
"""Holds every #include against the architecture: a folder includes only what its CMake target links, and the fences of
ARCHITECTURE.md stand (libpg_query in sql/ alone, SQLite in trace/ alone, sockets in relay/ alone, …).

    scripts/check_layers.py [ROOT]

Prints one line per breach and exits 1 when there is one.
"""

import re
import sys
from pathlib import Path

SOURCES = ("proxy", "analyzer", "reporters", "cli")

# target name -> folder, for those whose folder has another name
FOLDERS = {"report": "analyzer", "reporters": "reporters", "cli": "cli"}

# header pattern -> the only folders that may include it
FENCES = [
    (r"pg_query", {"analyzer/sql"}),
    (r"sqlite3\.h", {"analyzer/trace"}),
    (r"libpq-fe\.h", {"analyzer/catalog"}),
    (r"sys/epoll\.h|sys/socket\.h|netinet/.*|arpa/inet\.h|netdb\.h|sys/un\.h|liburing\.h|openssl/.*", {"proxy/relay"}),
    (r"CLI/.*|toml\+\+/.*|iostream", {"cli"}),
]

# words that belong to the command line alone
WORDS = [
    (r"\b(std::cout|std::cerr|printf|fprintf|puts|perror)\b\s*[(<]", {"cli"}, "prints"),
    (r"\bgetenv\s*\(", {"cli"}, "reads the environment"),
    (r"\b(std::)?(exit|abort|quick_exit)\s*\(", {"cli"}, "ends the process"),
]


def target_links(root: Path) -> dict[str, set[str]]:
    """folder -> the folders it may include, from every pgassay_library(NAME DEPS...) line, closed over dependencies."""
    direct: dict[str, tuple[str, list[str]]] = {}
    for lists in root.rglob("CMakeLists.txt"):
        folder = lists.parent.relative_to(root).as_posix()
        if not folder.startswith(SOURCES):
            continue
        for name, deps in re.findall(r"^pgassay_library\((\w+)([^)]*)\)", lists.read_text(), re.M):
            direct[name] = (FOLDERS.get(name, folder), [dep for dep in deps.split() if "::" not in dep])

    def closure(name: str, seen: set[str]) -> set[str]:
        for dep in direct[name][1]:
            if dep not in direct:
                raise SystemExit(f"check_layers: target {name} links {dep}, which no folder defines")
            if dep not in seen:
                seen.add(dep)
                closure(dep, seen)
        return seen

    return {folder: {direct[dep][0] for dep in closure(name, set())} | {folder} for name, (folder, _) in direct.items()}


def folder_of(path: str, folders: set[str]) -> str:
    parent = path
    while "/" in parent:
        parent = parent.rsplit("/", 1)[0]
        if parent in folders:
            return parent
    return parent


def breaches(root: Path) -> list[str]:
    allowed = target_links(root)
    found = []
    for source in SOURCES:
        for file in sorted((root / source).rglob("*")):
            if file.suffix not in (".h", ".cc") or "node_modules" in file.parts:
                continue
            name = file.relative_to(root).as_posix()
            folder = folder_of(name, set(allowed))
            for number, line in enumerate(file.read_text().splitlines(), 1):
                where = f"{name}:{number}"
                if include := re.match(r'\s*#include\s+[<"]([^>"]+)[>"]', line):
                    found += check_include(where, folder, include.group(1), allowed)
                elif not line.lstrip().startswith("//"):
                    found += check_words(where, folder, line)
    return found


def check_include(where: str, folder: str, header: str, allowed: dict[str, set[str]]) -> list[str]:
    if header.startswith(tuple(f"{source}/" for source in SOURCES)):
        # A plain-value header of analyzer/ itself (finding.h) stands above its folders.
        target = folder_of(header, set(allowed))
        if header == "analyzer/finding.h" or target in allowed.get(folder, set()):
            return []
        return [f"{where}: {folder} includes {header}, but its target does not link {target}"]
    for pattern, folders in FENCES:
        if re.fullmatch(pattern + r"(\.h)?", header) and folder not in folders:
            return [f"{where}: {header} is fenced to {', '.join(sorted(folders))}"]
    return []


def check_words(where: str, folder: str, line: str) -> list[str]:
    return [
        f"{where}: only {', '.join(sorted(folders))} {what}: {line.strip()[:60]}"
        for pattern, folders, what in WORDS
        if folder not in folders and re.search(pattern, line)
    ]


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    found = breaches(root)
    print("\n".join(found) if found else "check_layers: every include follows the architecture")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
