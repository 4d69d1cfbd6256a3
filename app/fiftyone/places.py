"""Where FiftyOne's files lie, and the one place that tells its processes so."""

from __future__ import annotations

import os
import site
from dataclasses import dataclass
from pathlib import Path

from app.workspace import Workspace

PLUGINS_DIR = Path(__file__).parent / "plugins"
DATA_VARIABLE = "SDPT_FIFTYONE_DATA"
STATE_VARIABLE = "SDPT_FIFTYONE_STATE"
APP_URL_VARIABLE = "SDPT_FIFTYONE_APP_URL"
DATABASE_NAME = (
    "sdpt"  # on somebody's server, 'fiftyone' is theirs, and FiftyOne tidies up in its own
)
_SOURCE_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Places:
    """Everything below `root` can be deleted while FiftyOne is closed; it is built again."""

    root: Path

    @staticmethod
    def of(workspace: Workspace) -> Places:
        return Places(workspace.state_dir / "fiftyone")

    @property
    def database_dir(self) -> Path:
        return self.root / "db"

    @property
    def pid_path(self) -> Path:
        return self.root / "mongod.pid"

    @property
    def status_path(self) -> Path:
        return self.root / "mirror.json"

    @property
    def embeddings_path(self) -> Path:
        return self.root / "embeddings.npz"

    @property
    def checks_path(self) -> Path:
        return self.root / "checks.json"

    def make(self) -> None:
        for path in (self.database_dir, self.root / "home", self.root / "datasets"):
            path.mkdir(parents=True, exist_ok=True)


def environment(workspace: Workspace, uri: str, *, app_url: str) -> dict[str, str]:
    """What FiftyOne's processes inherit. It has many folders of its own; all of them are moved here.

    HOME is moved too, for what its libraries keep there (fonts, caches); Python's own user folder is not.
    """
    root = Places.of(workspace).root
    paths = [str(_SOURCE_ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **os.environ,
        "HOME": str(root / "home"),
        "XDG_CACHE_HOME": str(root / "home" / ".cache"),
        "XDG_CONFIG_HOME": str(root / "home" / ".config"),
        "MPLCONFIGDIR": str(root / "home" / "matplotlib"),
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in paths if path)),
        "OMP_WAIT_POLICY": "PASSIVE",
        "FIFTYONE_DATABASE_URI": uri,
        "FIFTYONE_DATABASE_NAME": DATABASE_NAME,
        "FIFTYONE_DATABASE_DIR": str(root / "db"),
        "FIFTYONE_CONFIG_PATH": str(root / "config.json"),
        "FIFTYONE_APP_CONFIG_PATH": str(root / "app_config.json"),
        "FIFTYONE_DEFAULT_DATASET_DIR": str(root / "datasets"),
        "FIFTYONE_DATASET_ZOO_DIR": str(root / "datasets"),
        "FIFTYONE_MODEL_ZOO_DIR": str(root / "models"),
        "FIFTYONE_PLUGINS_DIR": str(PLUGINS_DIR),
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",
        DATA_VARIABLE: str(workspace.data_dir),
        STATE_VARIABLE: str(workspace.state_dir),
        APP_URL_VARIABLE: app_url,
    }
