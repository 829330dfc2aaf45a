"""The version of this package, written into everything it makes, and of what it needs."""

from dataclasses import dataclass

__version__ = "0.1.0"


@dataclass(frozen=True)
class Requirement:
    """A package that lungnet needs, as its metadata say.

    Attributes:
        name: of the package.
        range: the versions that will do, such as `>=3.12`.
        installed: the version that is there; None where the package is not, or under another name.
    """

    name: str
    range: str
    installed: str | None

    @property
    def is_met(self) -> bool:
        """Whether the installed version is in the range."""
        from packaging.specifiers import SpecifierSet

        return self.installed is not None and SpecifierSet(self.range).contains(
            self.installed, prereleases=True
        )

    def __str__(self) -> str:
        """What is there, and what was expected."""
        found = f"{self.name} {self.installed} is" if self.installed else f"{self.name} is not"
        return f"{found} installed, lungnet {__version__} needs {self.range or 'any version'}"


def requirements() -> list[Requirement]:
    """What lungnet needs without extras; nothing where it runs without having been installed."""
    # Here, as every command reads the version first.
    from importlib import metadata

    from packaging.requirements import Requirement as Line

    try:
        lines = [Line(text) for text in metadata.requires("lungnet") or ()]
    except metadata.PackageNotFoundError:
        return []
    return [
        Requirement(line.name, str(line.specifier), installed_version(line.name))
        for line in lines
        if line.marker is None or line.marker.evaluate({"extra": ""})
    ]


def installed_version(name: str) -> str | None:
    """The version of a package; None where it is not installed under this name."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
