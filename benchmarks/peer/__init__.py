"""The Java worker as the peer: fetches Kafka Connect 4.3 by package name and builds the bench connectors."""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
from pathlib import Path

from benchmarks.peer import avro
from benchmarks.peer.cache import CACHE

HERE = Path(__file__).parent
SERVICES = {
    "org.apache.kafka.connect.source.SourceConnector": "BenchSource",
    "org.apache.kafka.connect.sink.SinkConnector": "BenchSink",
}


def missing(data_format: str = "json") -> str | None:
    """What this machine lacks to run the Java worker on that format, or None."""
    lacking = [tool for tool in ("java", "javac", "mvn") if shutil.which(tool) is None]
    if lacking:
        return f"the Java worker is left out: no {', '.join(lacking)} on this machine"
    return avro.missing() if data_format == "avro" else None


def plugin_path(data_format: str) -> list[Path]:
    """The worker's plugin path for that format."""
    return [prepare()[1], *([avro.prepare()] if data_format == "avro" else [])]


@functools.cache
def prepare() -> tuple[Path, Path]:
    """The folder of the worker's jars and the plugin path with the bench connectors; made once."""
    sources = sorted((HERE / "src").glob("*.java"))
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in [HERE / "pom.xml", *sources])).hexdigest()[:12]
    cache = CACHE / digest
    jars, plugins = cache / "jars", cache / "plugins"
    if not plugins.is_dir():
        fetch = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        subprocess.run(fetch, cwd=HERE, check=True)
        classes = cache / "classes"
        services = classes / "META-INF" / "services"
        services.mkdir(parents=True, exist_ok=True)
        for service, name in SERVICES.items():
            (services / service).write_text(name + "\n")
        subprocess.run(["javac", "-cp", f"{jars}/*", "-d", str(classes), *map(str, sources)], check=True)
        making = cache / "making" / "bench"
        making.mkdir(parents=True, exist_ok=True)
        subprocess.run(["jar", "cf", str(making / "bench.jar"), "-C", str(classes), "."], check=True)
        making.parent.rename(plugins)
    return jars, plugins


def command(jars: Path, worker: Path, connector: Path) -> list[str]:
    """Kafka's own start script, written out: same heap, same collector."""
    return [
        "java", "-Xms256M", "-Xmx2G", "-XX:+UseG1GC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp", f"{jars}/*", "org.apache.kafka.connect.cli.ConnectStandalone", str(worker), str(connector),
    ]  # fmt: skip
