"""Builds the package for pip: a wheel is a zip file, and needs no tool that would have to be downloaded first.

Source: PEP 517 (the functions), PEP 427 (the wheel). What the package is called and needs is in ``pyproject.toml``.
"""

from __future__ import annotations

import base64
import hashlib
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TAG = "py3-none-any"


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    files = {f"transportd/{path.name}": path.read_bytes() for path in _sources()}
    return _wheel(Path(wheel_directory), files)


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    return _wheel(Path(wheel_directory), {"transportd.pth": f"{HERE}\n".encode()})


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    base = f"{_project()['name']}-{_project()['version']}"
    with tarfile.open(Path(sdist_directory, f"{base}.tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path in (HERE / "pyproject.toml", HERE / "README.md", Path(__file__), *_sources()):
            archive.add(path, f"{base}/{path.relative_to(HERE)}")
    return f"{base}.tar.gz"


def _project() -> dict[str, Any]:
    return tomllib.loads((HERE / "pyproject.toml").read_text())["project"]  # type: ignore[no-any-return]


def _sources() -> list[Path]:
    return sorted(path for path in (HERE / "transportd").iterdir() if path.suffix in (".py", ".typed"))


def _wheel(directory: Path, files: dict[str, bytes]) -> str:
    project = _project()
    base = f"{project['name']}-{project['version']}"
    info = f"{base}.dist-info"
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License: {project['license']['text']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Classifier: {each}" for each in project["classifiers"]),
        "Description-Content-Type: text/markdown",
        "",
        (HERE / "README.md").read_text(),
    ]
    files = {
        **files,
        f"{info}/METADATA": "\n".join(metadata).encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: transportd\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode(),
    }
    record = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(directory / f"{base}-{TAG}.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return f"{base}-{TAG}.whl"


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
