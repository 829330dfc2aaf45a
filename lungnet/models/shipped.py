"""From what a user calls a model to the folder of its bundle."""

from pathlib import Path

from lungnet.errors import BundleError
from lungnet.models.bundle import MANIFEST
from lungnet.run_folder import RunFolder

PRETRAINED = Path(__file__).resolve().parents[1] / "pretrained"
"""Bundles that ship with lungnet, each in a folder of its name."""


def shipped_names() -> list[str]:
    """Names of the bundles that ship with this version."""
    return sorted(manifest.parent.name for manifest in PRETRAINED.glob(f"*/{MANIFEST}"))


def bundle_folder(model: str | Path) -> Path:
    """The bundle that a user means: a folder, that of a run which holds one, or one that ships.

    A path that exists wins over the name of a bundle that ships.

    Raises:
        BundleError: neither is there, or the run is not sealed.
    """
    path = Path(model)
    if path.exists():
        run = RunFolder(path)
        if run.unsealed.is_dir() and not run.bundle.is_dir():
            raise BundleError(f"{path}: has no bundle yet; `lungnet seal {path}` makes it")
        return run.bundle if run.bundle.is_dir() else path
    names = shipped_names()
    if str(model) in names:
        return PRETRAINED / str(model)
    raise BundleError(
        f"{model}: no such bundle; expected the folder of a bundle or of a run that holds one, or "
        f"the name of one that ships with this version ({', '.join(names) or 'there is none'})"
    )
