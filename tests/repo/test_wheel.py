"""What is built is what stands in the tree: no package, module or marker is left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from tools.layout import ROOT, folders, packages, pyproject, sources

pytestmark = pytest.mark.xdist_group("wheel")  # built once, in one process


CODEC = "connectkit/converters/avro/_codec"
C_SOURCES = (".c", ".h")  # in the source distribution, and compiled in the wheel
BUILT_HERE = (".so", ".pyd")  # what an installation in place leaves behind


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what ships that has no links."""
    tree = tmp_path_factory.mktemp("build") / "tree"
    tree.mkdir()
    for name in ["pyproject.toml", "setup.py", "README.md", "LICENSE"]:
        shutil.copy2(ROOT / name, tree)
    for folder in folders():
        shutil.copytree(ROOT / folder, tree / folder, ignore=_left_out)
    return tree


@pytest.fixture(scope="module")
def built(tree: Path) -> Path:
    """A source distribution, and the wheel made from it, out of that copy."""
    return _build(tree, tree.parent / "dist")


def _build(tree: Path, out: Path, *args: str, **environment: str) -> Path:
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *args, "--outdir", out, tree],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_wheel_holds_every_module_of_the_tree(built: Path) -> None:
    held = {name for name in _wheel(built).namelist() if name.endswith(".py")}
    wanted = set()
    for module, path in sources():
        name = module.replace(".", "/")
        wanted.add(f"{name}/__init__.py" if path.name == "__init__.py" else f"{name}.py")
    assert held == wanted


def test_every_folder_of_modules_is_a_declared_package() -> None:
    found = {path.parent.relative_to(ROOT) for _, path in sources()}
    assert found == set(packages().values())


def test_every_data_file_of_the_tree_is_in_the_wheel(built: Path) -> None:
    held = set(_wheel(built).namelist())
    for package, folder in packages().items():
        for path in (ROOT / folder).iterdir():
            ships = path.suffix not in (".py", ".pyc", *C_SOURCES, *BUILT_HERE)
            if path.is_file() and ships and not path.is_symlink():
                assert f"{package.replace('.', '/')}/{path.name}" in held


def test_wheel_is_typed_and_licensed(built: Path) -> None:
    names = _wheel(built).namelist()
    assert "connectkit/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_wheel_has_nothing_beside_the_package(built: Path) -> None:
    tops = {name.partition("/")[0] for name in _wheel(built).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"connectkit"}


def test_sdist_keeps_the_folders_at_the_top(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for _, path in sources():
        assert path.relative_to(ROOT).as_posix() in names
    for path in (ROOT / "converters/avro").iterdir():
        if path.suffix in C_SOURCES:
            assert path.relative_to(ROOT).as_posix() in names
    assert "setup.py" in names
    assert not any(name.startswith("connectkit/runner") for name in names)
    assert not any(name.endswith(BUILT_HERE) for name in names)


def test_wheel_declares_no_dependency_of_the_core(built: Path) -> None:
    wheel = _wheel(built)
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    required = [line for line in wheel.read(name).decode().splitlines() if line.startswith("Requires-Dist:")]
    assert required
    assert all("extra ==" in line for line in required)


def test_wheel_works_where_the_checkout_is_not(built: Path, tmp_path: Path) -> None:
    _wheel(built).extractall(tmp_path / "site")
    modules = [module for module, _ in sources() if module.count(".") == 1]
    code = (
        "import sys, importlib.metadata as m\n"
        f"sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        f"for name in {modules!r}:\n    __import__(name)\n"
        "import connectkit.runner\n"
        "print(connectkit.__file__, connectkit.runner.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(path.startswith(str(tmp_path)) for path in done.stdout.split())


COMPILED = (
    "import sys\n"
    "sys.path.insert(0, {site!r})\n"
    "from connectkit.converters.avro import native\n"
    "print(native.codec.__file__ if native.codec else native.codec)\n"
)


def _codec_of(site: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COMPILED.format(site=str(site))],
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CONNECTKIT_PURE_PYTHON": "", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(
    not (
        shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0])
        and Path(sysconfig.get_path("include"), "Python.h").exists()
    ),
    reason="there is no C compiler here, or no header of Python",
)
def test_wheel_holds_the_compiled_codec_and_uses_it(built: Path, tmp_path: Path) -> None:
    wheel = _wheel(built)
    (name,) = [name for name in wheel.namelist() if name.startswith(CODEC) and name.endswith(BUILT_HERE)]
    wheel.extractall(tmp_path)
    assert _codec_of(tmp_path) == str(tmp_path / name)
    assert _codec_of(tmp_path, CONNECTKIT_PURE_PYTHON="1") == "None"


def test_wheel_is_built_without_a_compiler_too(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tree"
    shutil.copytree(tree, copy, ignore=_left_out)
    wheel = _wheel(_build(copy, tmp_path / "dist", "--wheel", CC="false"))
    assert not any(name.endswith(BUILT_HERE) for name in wheel.namelist())
    assert f"{CODEC}.pyi" in wheel.namelist()
    wheel.extractall(tmp_path / "site")
    assert _codec_of(tmp_path / "site") == "None"


def test_wheel_carries_the_entry_points_of_pyproject(built: Path) -> None:
    wheel = _wheel(built)
    (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    parser = ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names are case-sensitive
    parser.read_string(wheel.read(name).decode())
    project = pyproject()["project"]
    wanted = dict(project["entry-points"]) | {"console_scripts": project["scripts"]}
    assert {section: dict(parser[section]) for section in parser.sections()} == wanted


def _wheel(built: Path) -> zipfile.ZipFile:
    (wheel,) = built.glob("*.whl")
    return zipfile.ZipFile(wheel)


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Links, caches, and what was built in place."""
    caches = {"__pycache__", "build"}
    return {
        name
        for name in names
        if name in caches or name.endswith(BUILT_HERE) or (Path(folder) / name).is_symlink()
    }
