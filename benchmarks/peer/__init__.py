"""The Java worker as the peer: fetches Kafka Connect 4.3 by package name and builds the bench connectors."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
SERVICES = {
    "org.apache.kafka.connect.source.SourceConnector": "BenchSource",
    "org.apache.kafka.connect.sink.SinkConnector": "BenchSink",
}


def missing() -> str | None:
    """What this machine lacks to run the Java worker, or None."""
    lacking = [tool for tool in ("java", "javac", "mvn") if shutil.which(tool) is None]
    return f"the Java worker is left out: no {', '.join(lacking)} on this machine" if lacking else None


def prepare() -> tuple[Path, Path]:
    """The folder of the worker's jars and the plugin path with the bench connectors; made once."""
    sources = sorted((HERE / "src").glob("*.java"))
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in [HERE / "pom.xml", *sources])).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "connectkit-bench" / digest
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
