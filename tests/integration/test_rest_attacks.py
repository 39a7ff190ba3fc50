"""Attacks over REST that loaded code, imported modules, read files or forged requests elsewhere: none works.

S3, S5, S7, S8, S11 and S12 of the plan of experiments. The library of S7 is real, and shown to be dangerous:
without that, a marker that never appears would prove nothing.
"""

from __future__ import annotations

import io
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from connectkit.plugin import plugins
from connectkit.runner.configs.overrides import POLICIES
from connectkit.runner.observe import set_up_logging
from connectkit.runner.standalone import Options, open_herder
from tests.support.plugins import TroubleSink, TroubleSource
from tests.support.rest_worker import RestWorker, rest_worker

SOURCE = {"connector.class": "TroubleSource", "topic": "numbers"}
SINK = {"connector.class": "TroubleSink", "topics": "numbers"}
RED = [
    "plugin.library.paths",
    "ssl.engine.location",
    "ssl.engine.id",
    "ssl.providers",
    "sasl.kerberos.kinit.cmd",
    "error_cb",
    "stats_cb",
    "oauthbearer_token_refresh_cb",
    "throttle_cb",
    "interceptors",
    "interceptor.classes",
    "opaque",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.crl.location",
    "ssl.keystore.location",
    "ssl.truststore.location",
    "sasl.kerberos.keytab",
    "ssl.key.file",
    "offset.store.path",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.oauthbearer.jwks.endpoint.url",
    "https.ca.location",
    "sasl.oauthbearer.metadata.authentication.type",
    "bootstrap.servers",
    "metadata.broker.list",
    "security.protocol",
    "enable.ssl.certificate.verification",
    "ssl.endpoint.identification.algorithm",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "debug",
    "log_level",
    "log.queue",
    "log_cb",
    "sasl.jaas.config",
    "sasl.mechanism",
    "sasl.username",
    "sasl.password",
    "sasl.login.callback.handler.class",
    "sasl.client.callback.handler.class",
    "sasl.login.class",
    "security.providers",
    "ssl.engine.factory.class",
    "builtin.features",
    "enable.auto.commit",
    "transactional.id",
    "key.serializer",
    "value.deserializer",
]


@pytest.fixture(scope="module", params=["Allowlist", "All"])
def worker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestWorker]:
    """Under the default policy, and under the one that allows most."""
    plugins.register("source", "TroubleSource", TroubleSource)
    plugins.register("sink", "TroubleSink", TroubleSink)
    folder = tmp_path_factory.mktemp("attacks")
    with rest_worker(folder, connector_client_config_override_policy=request.param) as found:
        yield found


# --- S7: client options that load code, read files, or lead elsewhere


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A shared library that leaves a marker where it is loaded, and the marker."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler to build the library with")
    folder = tmp_path_factory.mktemp("library")
    marker, source, made = folder / "marker", folder / "evil.c", folder / "evil.so"
    source.write_text(
        "#include <stdio.h>\n__attribute__((constructor)) static void run(void) "
        f'{{ FILE *f = fopen("{marker}", "w"); if (f) fclose(f); }}\n'
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, source], check=True)
    return made, marker


def test_the_library_is_dangerous(library: tuple[Path, Path]) -> None:
    made, marker = library
    script = (
        "import confluent_kafka as k, sys\n"
        "try: k.Producer({'plugin.library.paths': sys.argv[1]})\nexcept k.KafkaException: pass\n"
    )
    subprocess.run([sys.executable, "-c", script, str(made)], check=True, timeout=60)
    assert marker.exists()
    marker.unlink()


@pytest.mark.parametrize("option", RED)
def test_no_connector_sets_what_is_dangerous(
    worker: RestWorker, library: tuple[Path, Path], option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, marker = library
    monkeypatch.setenv("LIBRARY", str(made))
    for client, config in (("producer", SOURCE), ("consumer", SINK), ("admin", SINK)):
        for spelt in (option, option.upper()):
            for value in (str(made), "${env:LIBRARY}"):
                key = f"{client}.override.{spelt}"
                body = {**config, key: value, "name": "attack"}
                for method, path, sent in (
                    ("PUT", "/connectors/attack/config", body),
                    ("POST", "/connectors", {"name": "attack", "config": body}),
                    ("POST", "/connectkit/preview", {"config": body, "records": []}),
                ):
                    found = worker.ask(method, path, json_body=sent)
                    assert found.status == 400, found
                    assert key in found.json()["message"], found
    planned = worker.ask("POST", "/connectkit/connectors/attack/plan", json_body=body).json()
    assert planned["action"] == "refuse"
    class_name = body["connector.class"]
    worker.ask("PUT", f"/connector-plugins/{class_name}/config/validate", json_body=body)
    assert worker.herder.connectors() == []
    assert not marker.exists()


def test_there_is_no_other_way_to_a_client(worker: RestWorker, library: tuple[Path, Path]) -> None:
    made, marker = library
    for key in ("plugin.library.paths", "producer.plugin.library.paths", "admin.plugin.library.paths"):
        found = worker.ask("PUT", "/connectors/harmless/config", json_body={**SOURCE, key: str(made)})
        assert found.status in (200, 201, 400)
    if "harmless" in worker.herder.connectors():
        worker.ask("DELETE", "/connectors/harmless")
    assert not marker.exists()


def test_there_are_no_other_policies() -> None:
    assert POLICIES == ("None", "Allowlist", "Principal", "All")


# --- S8: names of plugins


HOSTILE_NAMES = [
    "os.system",
    "../x",
    "__main__",
    "tests.support.process",
    "antigravity",
    "this",
    "connectkit.runner.cli.main",
    "TroubleS\u043eurce",
    "troublesource\u200b",
    "n" * 10_000,
    "TroubleSource:load",
    "TroubleSource\x00",
    "xml.sax.handler",
    "${env:PATH}",
    "",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_of_plugins_import_nothing(worker: RestWorker, name: str) -> None:
    before = set(sys.modules)
    bodies = [
        {**SOURCE, "connector.class": name},
        {**SOURCE, "value.converter": name or "x.y"},
        {**SOURCE, "transforms": "t", "transforms.t.type": name},
        {**SOURCE, "predicates": "p", "predicates.p.type": name},
    ]
    for body in bodies:
        found = worker.ask("PUT", "/connectors/attack/config", json_body=body)
        assert found.status == 400, (body, found)
        worker.ask("POST", "/connectkit/connectors/attack/plan", json_body=body)
    path = quote(name[:1000], safe="") or "x"
    assert worker.ask("GET", f"/connector-plugins/{path}/config").status in (400, 404)
    found = worker.ask(
        "PUT", f"/connector-plugins/{path}/config/validate", json_body={"connector.class": name[:1000]}
    )
    assert found.status in (400, 404)
    assert {each for each in set(sys.modules) - before if not each.startswith("connectkit.")} == set()
    assert worker.herder.connectors() == []


def test_a_name_that_is_nearly_right_is_told(worker: RestWorker) -> None:
    found = worker.ask(
        "PUT", "/connectors/a/config", json_body={**SOURCE, "connector.class": "TroubelSource"}
    )
    assert found.status == 400
    assert "did you mean 'TroubleSource'" in found.json()["message"]


# --- S3: config providers over REST


@pytest.mark.timeout(60)
def test_providers_read_only_what_is_allowed(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "outside.properties"
    allowed.mkdir()
    (allowed / "good.properties").write_text("topic=numbers\n")
    outside.write_text("key=CANARY\n")
    (allowed / "link.properties").symlink_to(outside)
    (allowed / "zero.properties").symlink_to("/dev/zero")
    os.mkfifo(allowed / "fifo.properties")
    with (allowed / "huge.properties").open("wb") as huge:
        huge.truncate(2 * 1024**3)
    paths = {
        "dots": f"{allowed}/../outside.properties",
        "a link out": f"{allowed}/link.properties",
        "a device": f"{allowed}/zero.properties",
        "a pipe": f"{allowed}/fifo.properties",
        "NUL": f"{allowed}/good\x00.properties",
        "slashes": f"/{outside}",
        "2 GB": f"{allowed}/huge.properties",
        "outside": str(outside),
        "passwd": "/etc/passwd",
        "a folder": str(allowed),
        "relative": "outside.properties",
    }
    options = {
        "config_providers": "file",
        "config_providers_file_class": "FileConfigProvider",
        "config_providers_file_param_allowed_paths": str(allowed),
    }
    plugins.register("source", "TroubleSource", TroubleSource)
    with rest_worker(tmp_path, **options) as worker:
        good = {**SOURCE, "topic": f"${{file:{allowed}/good.properties:topic}}"}
        assert worker.ask("PUT", "/connectors/good/config", json_body=good).status == 201
        for what, path in paths.items():
            body = {**SOURCE, "topic": f"${{file:{path}:key}}"}
            found = worker.ask("PUT", "/connectors/bad/config", json_body=body)
            assert 400 <= found.status < 500, (what, found)
            assert b"CANARY" not in found.data
            assert b"root:" not in found.data
            if "bad" in worker.herder.connectors():
                assert b"CANARY" not in worker.ask("GET", "/connectors/bad/status").data
                worker.ask("DELETE", "/connectors/bad")


# --- S5: requests between workers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Connect-Authorization": "AAAA", "X-Connect-Request-Signature-Algorithm": "HmacSHA256"},
        {"X-Connect-Authorization": "", "X-Connect-Request-Signature-Algorithm": "none"},
    ],
)
def test_requests_between_workers_do_nothing(worker: RestWorker, headers: dict[str, str]) -> None:
    worker.ask("PUT", "/connectors/mine/config", json_body=SOURCE)
    before = worker.herder.task_configs("mine")
    for method, path in (("POST", "/connectors/mine/tasks"), ("PUT", "/connectors/mine/fence")):
        found = worker.ask(method, path, headers=headers, json_body=[{"topic": "elsewhere"}])
        assert 400 <= found.status < 500, found
    assert worker.herder.task_configs("mine") == before
    worker.ask("DELETE", "/connectors/mine")


# --- S11: the log


@pytest.fixture
def log() -> io.StringIO:
    root = logging.getLogger()
    tails = [each for each in root.handlers if type(each).__name__ == "LogTails"]
    stream = io.StringIO()
    set_up_logging(stream=stream, level="DEBUG")
    root.handlers += tails
    return stream


@pytest.mark.parametrize(
    "name", ["a\r\n2026-01-01 00:00:00 ERROR forged", "\x1b[2J\x1b[31mred", "m" * 100_000]
)
def test_a_name_forges_no_line(worker: RestWorker, log: io.StringIO, name: str) -> None:
    encoded = quote(name[:5000], safe="")
    worker.ask("POST", "/connectors", json_body={"name": name, "config": {**SOURCE, "name": name}})
    worker.ask("PUT", f"/connectors/{encoded}/config", json_body={"connector.class": name, "topic": name})
    worker.ask("GET", f"/connectors/{encoded}/status", headers={"Host": name[:30].strip().split()[0]})
    worker.ask("PUT", f"/admin/loggers/{encoded}", json_body={"level": name[:500]})
    for known in worker.herder.connectors():
        worker.herder.delete(known)
    for line in log.getvalue().splitlines():
        assert line.isprintable(), line
        assert line[:4] == "2026"[:2] + line[2:4] or line.startswith("    | "), line
        assert not line.startswith("2026-01-01 00:00:00 ERROR forged")
        assert len(line) < 5000
        assert "m" * 300 not in line


# --- S12: browsers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.example"}, 421),
        ({"Host": "127.0.0.1.attacker.example:8083"}, 421),
        ({"Origin": "https://attacker.example", "Content-Type": "text/plain"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_pages_of_other_sites_do_nothing(worker: RestWorker, headers: dict[str, str], status: int) -> None:
    body = b'{"name":"attack","config":{"connector.class":"TroubleSource"}}'
    given = {"Content-Type": "application/json", **headers}
    assert worker.ask("POST", "/connectors", headers=given, body=body).status == status
    assert worker.herder.connectors() == []


def test_no_page_may_read(worker: RestWorker) -> None:
    for method in ("GET", "OPTIONS"):
        found = worker.ask(
            method,
            "/connectors",
            headers={"Origin": "https://attacker.example", "Access-Control-Request-Method": "PUT"},
        )
        assert not [name for name in found.headers if name.startswith("access-control")]
        assert found.headers["x-content-type-options"] == "nosniff"


def test_a_worker_does_not_open_itself_to_a_network(tmp_path: Path) -> None:
    file = tmp_path / "worker.properties"
    settings: dict[str, Any] = {
        "bootstrap.servers": f"embedded:{tmp_path / 'log'}",
        "key.converter": "JsonConverter",
        "value.converter": "JsonConverter",
        "offset.storage.file.filename": str(tmp_path / "offsets"),
        "listeners": "http://0.0.0.0:0",
    }
    file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    with pytest.raises(Exception, match=r"rest\.allow\.unauthenticated"):
        open_herder(Options(worker_file=file))
