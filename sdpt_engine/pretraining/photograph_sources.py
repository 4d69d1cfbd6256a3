"""Which photographs nano may learn from: photograph_sources.json, one entry for each collection.

An entry says where the pictures are (a repository at one commit, or an unpacked Debian package), which of them are
taken, under which licence, and who declared it: the repository's own licence file, or whoever uploaded the set to
a site that asks for a licence and believes the answer. An entry with a reason under `withdrawn` is never collected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sdpt_engine.errors import InvalidExampleError

SOURCES_PATH = Path(__file__).with_name("photograph_sources.json")
REPOSITORY, UPLOADER = "repository", "uploader"
LICENCE_PAGES = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "MIT": "https://opensource.org/license/mit",
}


@dataclass(frozen=True, slots=True)
class PhotographSource:
    """One collection. Paths are relative to the repository's root; names of files may be patterns such as `IMG_*`."""

    name: str
    commit: str  # of the repository, or the version of the package
    licence: str  # SPDX; several are joined by " AND "
    declared_by: str  # REPOSITORY or UPLOADER
    licence_files: tuple[str, ...]  # the first of them names the licence
    attribution: str
    repository: str = ""  # "owner/name" on GitHub
    package: str = ""  # or a Debian package
    folder: str = ""
    files: tuple[str, ...] = ("*",)
    at_most: int | None = None
    at_most_per_folder: int | None = None  # train, val and test count as one
    has_boxes: bool = True
    class_file: str = ""  # where data.yaml is neither in the folder nor above it
    script: str = ""  # where the boxes stand in a program's text
    classes: Mapping[str, str] | None = None  # new names by old ones
    doubt: str = ""  # what is not known about where the pictures come from
    withdrawn: str = ""  # why they are not collected

    @property
    def clone_name(self) -> str:
        """Folder of the clone or unpacked package."""
        return self.repository.replace("/", "+") or self.package

    @property
    def page(self) -> str:
        """Where the repository or package can be looked at."""
        if self.repository:
            return f"https://github.com/{self.repository}"
        return f"https://packages.debian.org/{self.package}"


def read_sources(path: Path = SOURCES_PATH) -> list[PhotographSource]:
    """All entries of the file. Raises InvalidExampleError, which names the entry that breaks a rule."""
    entries = json.loads(path.read_text(encoding="utf-8"))["sources"]
    sources = [_source(f"{path.name}: sources[{place}]", e) for place, e in enumerate(entries)]
    names = [source.name for source in sources]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidExampleError(f"{path.name} names {sorted(twice)} more than once. Rename one.")
    return sources


def _source(where: str, entry: Mapping[str, Any]) -> PhotographSource:
    unknown = set(entry) - {field.name for field in fields(PhotographSource)}
    if unknown:
        raise InvalidExampleError(f"{where} has unknown keys {sorted(unknown)}. Mend the spelling.")
    lists = {key: tuple(entry[key]) for key in ("files", "licence_files") if key in entry}
    try:
        source = PhotographSource(**{**entry, **lists})
    except TypeError as error:
        raise InvalidExampleError(f"{where} is not complete: {error}.") from error
    _check(f"{where} ('{source.name}')", source)
    return source


def _check(where: str, source: PhotographSource) -> None:
    if bool(source.repository) == bool(source.package):
        raise InvalidExampleError(f"{where} needs either a repository or a package, not both.")
    if source.repository and not re.fullmatch("[0-9a-f]{40}", source.commit):
        raise InvalidExampleError(
            f"{where} needs a commit of 40 hexadecimal digits; found '{source.commit}'."
        )
    foreign = [part for part in source.licence.split(" AND ") if part not in LICENCE_PAGES]
    if foreign:
        raise InvalidExampleError(
            f"{where} is under {foreign}; only {sorted(LICENCE_PAGES)} may be published with nano."
        )
    if source.declared_by not in (REPOSITORY, UPLOADER):
        raise InvalidExampleError(
            f"{where}: declared_by must be '{REPOSITORY}' or '{UPLOADER}'; found '{source.declared_by}'."
        )
    if not source.licence_files or not source.attribution:
        raise InvalidExampleError(f"{where} needs licence_files and an attribution.")
