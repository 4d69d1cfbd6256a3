"""The files of a source, as they were at one commit: read from a clone without touching what is checked out there."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sdpt_engine.errors import MaterialMissingError
from sdpt_engine.pretraining.photograph_sources import PhotographSource


class FileTree(Protocol):
    """Paths relative to the root with forward slashes, in byte order, and what each holds."""

    @property
    def paths(self) -> tuple[str, ...]: ...

    def read(self, path: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class CommittedTree:
    """The files of one commit of a clone."""

    clone: Path
    commit: str
    paths: tuple[str, ...]

    def read(self, path: str) -> bytes:
        return _git(self.clone, "cat-file", "blob", f"{self.commit}:{path}")


@dataclass(frozen=True, slots=True)
class UnpackedTree:
    """The files below a folder, as an unpacked package has them."""

    folder: Path
    paths: tuple[str, ...]

    def read(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()


def open_tree(source: PhotographSource, clones: Path, *, may_clone: bool = False) -> FileTree:
    """The files of `source` below `clones`, cloned first where that is allowed. Raises MaterialMissingError."""
    folder = clones / source.clone_name
    if source.package:
        return _unpacked(source, folder)
    if not folder.is_dir():
        if not may_clone:
            raise MaterialMissingError(
                f"'{source.name}' is read from a clone at '{folder}', which is not there. Run "
                f"`git clone {source.page} {folder}`, or pass --clone."
            )
        clones.mkdir(parents=True, exist_ok=True)
        _git(clones, "clone", "--quiet", "--no-checkout", source.page, folder.name)
    if not _has_commit(folder, source.commit):
        if not may_clone:
            raise MaterialMissingError(
                f"'{source.name}' needs commit {source.commit}, which the clone '{folder}' does not have. Run "
                f"`git -C {folder} fetch origin {source.commit}`, or pass --clone."
            )
        _git(folder, "fetch", "--quiet", "origin", source.commit)
    listed = _git(folder, "ls-tree", "-r", "-z", "--name-only", source.commit)
    paths = sorted(path for path in listed.split(b"\0") if path)
    return CommittedTree(folder, source.commit, tuple(map(bytes.decode, paths)))


def _unpacked(source: PhotographSource, folder: Path) -> UnpackedTree:
    if not folder.is_dir():
        raise MaterialMissingError(
            f"'{source.name}' is read from the unpacked package at '{folder}', which is not there. Run "
            f"`apt-get download {source.package}={source.commit}` and `dpkg-deb -x FILE.deb {folder}`."
        )
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return UnpackedTree(folder, tuple(sorted(found, key=str.encode)))


def _has_commit(clone: Path, commit: str) -> bool:
    asked = ("git", "-C", str(clone), "cat-file", "-e", f"{commit}^{{commit}}")
    return subprocess.run(asked, capture_output=True).returncode == 0


def _git(folder: Path, *words: str) -> bytes:
    done = subprocess.run(("git", "-C", str(folder), *words), capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise MaterialMissingError(
            f"`git {' '.join(words)}` failed in '{folder}' with: {said}. Mend the clone, or remove it and clone again."
        )
    return done.stdout
