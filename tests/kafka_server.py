"""A real Kafka broker for tests: one JVM in KRaft mode, jars by Maven, everything outside the tree.

The jars are kept in ``$XDG_CACHE_HOME/connectkit-tests`` (``~/.cache/connectkit-tests``); the broker's
data and log go to a folder of the test run. ``CONNECTKIT_TEST_BOOTSTRAP`` names a running cluster
instead. All processes of a test run share one broker: the first to need it starts it, and it stays
until the last is done.
"""

from __future__ import annotations

import base64
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

KAFKA_VERSION = "4.3.1"
_SLF4J_VERSION = "1.7.36"
_START_TIMEOUT_S = 90.0
_OTHERS_TIMEOUT_S = 900.0

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>connectkit.tests</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
{}
  </dependencies>
</project>
"""
_DEPENDENCY = """    <dependency>
      <groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>
    </dependency>"""

# The JVM ends with the process that started it, however that ends: the shell's input closes.
_TIED_TO_PARENT = '"$@" </dev/null & child=$!; trap "kill $child" TERM; read -r _; kill $child; wait $child'


class UnavailableError(Exception):
    """Kafka cannot be started on this machine; the message says what is missing."""


def cache_folder() -> Path:
    """Where downloads are kept between test runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "connectkit-tests"


def kafka_jars() -> Path:
    """The folder with Kafka's jars, fetched by Maven on first use."""
    return jars_of("kafka", "kafka_2.13")


def jars_of(name: str, *artifacts: str) -> Path:
    """A folder with the jars of some of Kafka's artifacts and all that they need."""
    if shutil.which("java") is None:
        raise UnavailableError("java is not installed, and the test broker runs on it")
    jars = cache_folder() / f"{name}-{KAFKA_VERSION}"
    with _locked(cache_folder() / f"{name}.lock"):
        if not jars.is_dir():
            _fetch(jars, artifacts)
    return jars


def _fetch(jars: Path, artifacts: Sequence[str]) -> None:
    if shutil.which("mvn") is None:
        raise UnavailableError("mvn is not installed, and it fetches the jars of the test broker")
    work = jars.with_name(f"{jars.name}.{os.getpid()}")
    work.mkdir(parents=True)
    try:
        wanted = [("org.apache.kafka", each, KAFKA_VERSION) for each in artifacts]
        wanted.append(("org.slf4j", "slf4j-simple", _SLF4J_VERSION))
        (work / "pom.xml").write_text(_POM.format("\n".join(_DEPENDENCY.format(*each) for each in wanted)))
        done = subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={work / 'jars'}"],
            cwd=work,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            raise UnavailableError(f"mvn could not fetch the jars of the test broker: {' '.join(last)}")
        (work / "jars").rename(jars)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class KafkaServer:
    """A broker under ``folder``, ready when the constructor returns; ``stop`` ends it.

    After ``stop`` or ``kill``, ``start`` brings it back on the same address, with what it had stored.
    ``ports``: the (broker, controller) ports of all nodes of a cluster, of which this is number ``node``;
    such a node is not started yet, since the first is not ready before the second is there.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: Sequence[tuple[int, int]] = (),
        node: int = 1,
        identity: str | None = None,
        heap: str = "512m",
        aside: tuple[int, int] | None = None,
    ) -> None:
        """``aside``: the ports of another listener: its own, and the one that it names to clients."""
        jars = kafka_jars()
        folder.mkdir(parents=True, exist_ok=True)
        all_ports = list(ports) or node_ports(1)
        self._port = all_ports[node - 1][0]
        self.bootstrap = f"127.0.0.1:{self._port}"
        self.log_file = folder / "server.log"
        properties = folder / "server.properties"
        properties.write_text(_properties(folder, node, all_ports, aside))
        java = ["java", f"-Xmx{heap}", "-cp", f"{jars}/*", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        # Each of the broker's threads keeps a buffer as large as the largest record it has seen.
        java.append("-XX:MaxDirectMemorySize=2g")
        self._command = [*java, "kafka.Kafka", str(properties)]
        with self.log_file.open("ab") as log:
            formatted = subprocess.run(
                [
                    *java,
                    "kafka.tools.StorageTool",
                    "format",
                    f"--cluster-id={identity or new_identity()}",
                    "-c",
                    str(properties),
                ],
                stdout=log,
                stderr=log,
                timeout=60,
                check=False,
            )
            if formatted.returncode:
                raise UnavailableError(f"the test broker's storage was not formatted: {self._tail()}")
        if not ports:
            self.start()

    def start(self) -> None:
        """Run the broker and wait until it is ready."""
        self.begin()
        self.ready()

    def begin(self) -> None:
        """Run the broker; returns at once."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", _TIED_TO_PARENT, "kafka", *self._command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def ready(self) -> None:
        """Wait until it takes connections."""
        try:
            self._wait_until_ready(self._port)
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self, port: int) -> None:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline_s:
                    raise UnavailableError(f"the test broker did not start: {self._tail()}") from None
                time.sleep(0.05)

    def _tail(self) -> str:
        return " | ".join(self.log_file.read_text(errors="replace").splitlines()[-5:])

    @property
    def pid(self) -> int:
        """The process that holds the broker's JVM as its child."""
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal to the JVM itself."""
        listed = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True, check=True)
        for pid in listed.stdout.split():
            os.kill(int(pid), number)

    def kill(self) -> None:
        """End the broker as a crash does, and wait for it."""
        self.signal(signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End the broker and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:  # of a cluster whose other nodes are gone, for example
            self.signal(signal.SIGKILL)
            self._process.kill()
            self._process.wait(5)


@contextmanager
def shared_kafka(run_folder: Path) -> Iterator[str]:
    """The bootstrap address of the broker that all processes of a test run share.

    ``run_folder`` is common to them. The process that started the broker is the last to leave.
    """
    given = os.environ.get("CONNECTKIT_TEST_BOOTSTRAP")
    if given:
        yield given
        return
    folder = run_folder / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    address = folder / "bootstrap"
    mine: KafkaServer | None = None
    with _locked(folder / "lock"):
        if not address.exists():
            mine = KafkaServer(folder / "broker")
            address.write_text(mine.bootstrap)
        bootstrap = address.read_text()
    user = folder / f"user-{os.getpid()}"
    user.touch()
    try:
        yield bootstrap
    finally:
        user.unlink()
        if mine is not None:
            _wait_for_others(folder)
            mine.stop()


def _wait_for_others(folder: Path) -> None:
    deadline_s = time.monotonic() + _OTHERS_TIMEOUT_S
    while time.monotonic() < deadline_s:
        pids = [int(path.name.removeprefix("user-")) for path in folder.glob("user-*")]
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return
        time.sleep(0.1)


def new_identity() -> str:
    """The id of a new cluster."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def node_ports(nodes: int) -> list[tuple[int, int]]:
    """Free (broker, controller) ports for so many nodes."""
    free = _free_ports(2 * nodes)
    return list(zip(free[::2], free[1::2], strict=True))


def _properties(
    folder: Path, node: int, ports: Sequence[tuple[int, int]], aside: tuple[int, int] | None
) -> str:
    port, controller_port = ports[node - 1]
    listens, named = ("", "") if aside is None else (f",ASIDE://127.0.0.1:{at}" for at in aside)
    voters = ",".join(f"{number}@127.0.0.1:{each[1]}" for number, each in enumerate(ports, 1))
    copies = min(len(ports), 3)
    return "\n".join(
        [
            "process.roles=broker,controller",
            f"node.id={node}",
            f"controller.quorum.voters={voters}",
            "controller.listener.names=CONTROLLER",
            f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{listens}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}{named}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,ASIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name=PLAINTEXT",
            f"log.dirs={folder / 'data'}",
            f"default.replication.factor={copies}",
            f"min.insync.replicas={max(copies - 1, 1)}",
            f"offsets.topic.replication.factor={copies}",
            "offsets.topic.num.partitions=4",
            f"transaction.state.log.replication.factor={copies}",
            f"transaction.state.log.min.isr={max(copies - 1, 1)}",
            "transaction.state.log.num.partitions=4",
            "group.initial.rebalance.delay.ms=0",
            # A broker that was killed is let in again only after its session.
            "broker.session.timeout.ms=3000",
            "broker.heartbeat.interval.ms=500",
            "group.min.session.timeout.ms=1000",
            "",
        ]
    )


def free_port() -> int:
    """A port that nobody listens on just now."""
    return _free_ports(1)[0]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """``python -m tests.kafka_server FOLDER``: run a broker until the input closes or Ctrl-C."""
    server = KafkaServer(Path(sys.argv[1]))
    print(server.bootstrap, flush=True)
    try:
        sys.stdin.read()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


if __name__ == "__main__":
    main()
