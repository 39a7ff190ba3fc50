"""The standalone worker as a process: files in, signals, ending, exit codes.

Exit codes: 1 wrong usage; 2 the worker could not start (a bad file, a log that does not answer, unreadable
offsets); 3 a listed connector could not be created; 4 it ended with a failed or abandoned task; 0 otherwise.
SIGINT and SIGTERM stop it inside ``task.shutdown.graceful.timeout.ms``; a second one stops it at once.
Source: Kafka Connect's ConnectStandalone; ``--until-done`` and code 4 are our own.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.configs.files import ConfigFile, read_connector_file, read_worker_file
from connectkit.runner.memory import tune_memory

if TYPE_CHECKING:
    from connectkit.api import TopicPartition
    from connectkit.plugin import PluginKind, Registry
    from connectkit.runner.configs.worker import WorkerConfig
    from connectkit.runner.herder import Herder
    from connectkit.runner.journal import Journal
    from connectkit.runner.live import Live
    from connectkit.runner.observe import LogHandler
    from connectkit.runner.serving import Serving

log = logging.getLogger(__name__)

EXIT_OK, EXIT_USAGE, EXIT_WORKER, EXIT_CONNECTOR, EXIT_FAILED = range(5)
_LOOK_S = 0.5
"""How often the main thread looks for a signal: one that another thread was given does not wake it."""

DEFAULT_FOLDER = "connectkit-data"
"""Where a worker without a file keeps its log and its offsets."""

JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    worker_file: Path | None = None
    connector_files: Sequence[Path] = ()
    until_done: bool = False
    live: bool = True
    overrides: dict[str, str] = field(default_factory=dict)
    """Worker options that go before the file's."""


def default_worker(folder: str | os.PathLike[str] = DEFAULT_FOLDER) -> dict[str, str | None]:
    """The worker that runs when no file is given: a log in a folder, JSON, no broker."""
    return {
        "bootstrap.servers": f"embedded:{folder}",
        "key.converter": JSON_CONVERTER,
        "value.converter": JSON_CONVERTER,
        "offset.storage.file.filename": str(Path(folder) / "source-offsets.json"),
        "offset.flush.interval.ms": "10000",
    }


def is_connector_file(path: Path) -> bool:
    """Whether the first file on the command line is already a connector's: no worker's file is JSON."""
    if path.suffix == ".json":
        return True
    try:
        return "connector.class" in read_connector_file(path).config
    except ConfigError:
        return False


def open_herder(
    options: Options, give_up: threading.Event | None = None, *, registry: Registry | None = None
) -> tuple[Herder, Serving | None]:
    """A started herder, and its REST if it has one; ``ConnectError`` says what keeps it from starting.

    ``give_up``: the wait for the log to answer ends once it is set. ``registry``: other plugins than those
    installed.
    """
    from connectkit.plugin import plugins as installed
    from connectkit.runner.configs.worker import WorkerConfig, worker_warnings
    from connectkit.runner.herder import Herder
    from connectkit.runner.log.opening import EMBEDDED, open_log
    from connectkit.runner.offset_stores import open_store
    from connectkit.runner.serving import open_serving
    from connectkit.runner.state_folder import open_state
    from connectkit.runner.variables import make_resolver
    from connectkit.runner.worker import Worker

    plugins = installed if registry is None else registry
    raw = _worker_settings(options)
    resolver = make_resolver(raw, plugins)
    resolved = resolver.resolve(raw).config
    config = WorkerConfig.parse(resolved, known=lambda key: True)
    for key, sentences in worker_warnings(raw).items():
        for sentence in sentences:
            log.warning("Worker option %s %s", key, sentence)
    if config.plugins_allow is not None:
        plugins.allow(config.plugins_allow)
    named: list[tuple[str, PluginKind, str]] = [
        ("key.converter", "converter", config.converter("key")[0]),
        ("value.converter", "converter", config.converter("value")[0]),
        ("header.converter", "header_converter", config.header_converter),
    ]
    for key, kind, name in named:
        try:
            plugins.find(kind, name)
        except ConfigError as exc:
            raise ConfigError(problems={key: [str(exc)]}) from exc
    embedded = config.bootstrap.startswith(EMBEDDED)
    if embedded:
        _make_folder(Path(config.bootstrap.removeprefix(EMBEDDED)))
    lasting = options.worker_file is not None and not options.until_done
    state = open_state(config) if lasting else None
    serving = open_serving(config, by_default=lasting)
    opened = open_log(config.bootstrap, resolved if embedded else None)
    worker = Worker(
        config,
        log=opened,
        store=open_store(config, opened),
        registry=plugins,
        resolver=resolver,
        worker_id=serving.worker_id if serving else "standalone",
        journal=_journal(config),
    )
    herder = Herder(worker, state=state)
    herder.mender.healer.bounded = options.until_done  # it shall end, be it without success
    try:
        if state is not None:
            state.take()
        herder.start(give_up)
        if serving is not None:
            serving.start(herder, plugins)
    except BaseException:
        if serving is not None:
            serving.stop()
        worker.stop()
        if state is not None:
            state.release()
        raise
    return herder, serving


def _journal(config: WorkerConfig) -> Journal | None:
    """The crash journal: beside the offset file, else in the folder of an embedded log."""
    from connectkit.runner.journal import Journal
    from connectkit.runner.log.opening import EMBEDDED

    if config.offset_storage_file_filename is not None:
        return Journal(Path(f"{config.offset_storage_file_filename}.journal"), watch_faults=True)
    if config.bootstrap.startswith(EMBEDDED):
        return Journal(Path(config.bootstrap.removeprefix(EMBEDDED)) / "journal", watch_faults=True)
    return None


def _worker_settings(options: Options) -> dict[str, str | None]:
    if options.worker_file is None:
        raw = default_worker()
    else:
        found = read_worker_file(options.worker_file)
        for sentence in found.warnings:
            log.warning("%s", sentence)
        raw = dict(found.config)
    raw.update(options.overrides)
    return raw


def _make_folder(folder: Path) -> None:
    """The embedded log's folder, for its owner only."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(
            f"The folder {folder} of the embedded log cannot be made ({exc.strerror}); choose another in "
            "bootstrap.servers=embedded:DIR"
        ) from exc


def create_connectors(herder: Herder, files: Sequence[ConfigFile]) -> None:
    """Create each; the first that fails ends it. Then restore what else the state folder keeps."""
    from connectkit.runner.control import TARGETS, Target

    kept = {each.name: each for each in herder.kept()}
    for file in files:
        before = kept.pop(file.name.strip(), None)
        for sentence in file.warnings:
            log.warning("%s", sentence)
        try:
            target = TARGETS[file.initial_state]
            if before is not None and target is Target.STARTED:
                target = before.target  # paused or stopped over REST, and not told otherwise by the file
                if not before.from_file:
                    log.warning("Connector %s is as %s says, not as it was kept", file.name, file.path)
            herder.put(file.config, target=target, from_file=True)
        except Exception as exc:
            from connectkit.runner.tolerance import describe

            if herder.mender.heals(file.name):
                log.warning("%s: connector %s has not started yet: %s", file.path, file.name, describe(exc))
                continue
            if isinstance(exc, ConnectError):
                raise ConnectError(f"{file.path}: {exc}") from exc
            raise ConnectError(
                f"{file.path}: connector {file.name} could not be started: {describe(exc)} "
                "(--debug shows where)"
            ) from exc

    for name, each in kept.items():
        if each.from_file:
            herder.forget_kept(name)  # no longer named on the command line
            continue
        try:
            herder.restore(each)
        except ConnectError as exc:
            say_problems(f"Connector {name} is not restored", exc)


def _create_unless(stop: threading.Event, create: Callable[[], None]) -> bool:
    """Call, but come back at once, with False, when the worker is to stop: a connector may hang."""
    made: Future[None] = Future()

    def run() -> None:
        try:
            create()
            made.set_result(None)
        except BaseException as exc:  # noqa: BLE001 - raised again below
            made.set_exception(exc)

    threading.Thread(target=run, name="create-connectors", daemon=True).start()
    while not wait([made], _LOOK_S).done:
        if stop.is_set():
            return False
    made.result()
    return True


def run(
    options: Options,
    handler: LogHandler | None = None,
    *,
    ended: Callable[[Herder], None] | None = None,
) -> int:
    """Run the worker until a signal, or until all is done; returns the exit code.

    ``ended`` sees the herder after everything has stopped, with the last states and counts of its tasks.
    """
    from connectkit.runner.status import failed

    stop = threading.Event()
    with _signals(stop):
        began = time.monotonic()
        code = EXIT_CONNECTOR  # a file that cannot be read is found before anything is made
        try:
            files = [read_connector_file(path) for path in options.connector_files]
            code = EXIT_WORKER
            herder, serving = open_herder(options, stop)
        except ConnectError as exc:
            file = options.worker_file if isinstance(exc, ConfigError) and exc.problems else None
            say_problems("The worker cannot start" + (f" with {file}" if file else ""), exc)
            return code
        live = _live(options, herder, handler)
        code = EXIT_OK
        try:
            try:
                created = _create_unless(stop, lambda: create_connectors(herder, files))
            except ConnectError as exc:
                say_problems("The worker stops", exc)
                code = EXIT_CONNECTOR
            else:
                if created:
                    if serving is not None:
                        serving.ready()
                    log.info("The worker is ready after %.2f s", time.monotonic() - began)
                    tune_memory()
                done = _Done(herder, stop) if options.until_done else None
                if done is not None:
                    done.wait()
                else:
                    while not stop.wait(_LOOK_S):
                        pass
        finally:
            log.info("The worker stops")
            if serving is not None:
                serving.stop()
            fine = not any(failed(herder.status(name)) for name in herder.connectors())
            fine = herder.stop() and fine
            if live is not None:
                live.close()
        if ended is not None:
            ended(herder)
        if code == EXIT_OK:
            fine = fine and not any(task.error for task in herder.tasks())
            code = EXIT_OK if fine else EXIT_FAILED
        return code


def _live(
    options: Options,
    herder: Herder,
    handler: LogHandler | None,
) -> Live | None:
    if not options.live or handler is None or not sys.stderr.isatty():
        return None
    from connectkit.runner.live import Live

    width = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1  # some terminals tell no size
    live = Live(herder, sys.stderr, width=width)
    handler.setStream(live.stream)
    live.start()
    return live


def say_problems(what: str, error: ConnectError) -> None:
    """Log an error, each problem of a configuration on a line of its own."""
    problems = error.problems if isinstance(error, ConfigError) else {}
    if len(problems) > 1 or any(len(found) > 1 for found in problems.values()):
        log.error("%s, because of its configuration:", what)
        for key, found in problems.items():
            for sentence in found:
                log.error("  %s: %s", key, sentence)
    else:
        log.error("%s: %s", what, error)
    log.debug("Where it was found", exc_info=error)


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """The first SIGINT or SIGTERM asks to stop; the second ends the process at once."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            os.write(2, b"Stopped at once; what was not committed will be read again.\n")
            os._exit(128 + number)
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


class _Done:
    """Waits until every source has said that it is finished and every sink has read to the end."""

    def __init__(self, herder: Herder, stop: threading.Event) -> None:
        self._herder = herder
        self._stop = stop
        self._changed = threading.Event()
        herder.worker.status.listen(self._changed.set)

    def wait(self) -> None:
        """Returns when all is done, when nothing can go on, or on a signal."""
        if self._until(self._sources_done):
            self._until(self._sinks_done)

    def _until(self, reached: object) -> bool:
        assert callable(reached)
        while self._herder.unsettled() or not reached():
            if self._stop.wait(0.02):
                return False
        return True

    def _sources_done(self) -> bool:
        return all(task.failed or task.caught_up for task in self._herder.tasks() if task.kind == "source")

    def _sinks_done(self) -> bool:
        from connectkit.api import TopicPartition
        from connectkit.runner.isolation.parent import ProcessTask
        from connectkit.runner.sink_task import WorkerSinkTask

        sinks = [
            task
            for task in self._herder.tasks()
            if isinstance(task, WorkerSinkTask | ProcessTask) and task.kind == "sink" and not task.failed
        ]
        for task in sinks:  # also those that have been restarted since
            if not task.control.draining:
                task.control.drain()
        if not self._sources_done():
            return False
        if any(task.read_to is None for task in sinks):
            return False
        places = {tp: at for task in sinks for tp, at in (task.read_to or {}).items()}
        admin = self._herder.worker.admin()
        try:
            # What nobody here reads may be another member's, or still wait to be given to one: for as long
            # as a killed worker's membership lasts, its partitions are nobody's.
            known = [TopicPartition(t.name, n) for t in admin.topics().values() for n in range(t.partitions)]
            for group in {task.settings.group for task in sinks}:
                subscribed = [task for task in sinks if task.settings.group == group]
                apart = [
                    tp for tp in known if tp not in places and any(t.subscribes(tp.topic) for t in subscribed)
                ]
                if apart:
                    places |= {**admin.offsets(apart, end=False), **_only(admin.group_offsets(group), apart)}
            ends = admin.offsets(places)
        finally:
            admin.close()
        done = all(places[tp] >= end for tp, end in ends.items())
        if not done:
            self._stop.wait(0.2)  # to be asked less often than a flag
        return done


def _only(
    offsets: Mapping[TopicPartition, int], wanted: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    return {tp: offsets[tp] for tp in wanted if tp in offsets}
