"""``connectkit registry``: serve an embedded schema registry; look at, fill and check any."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from connectkit.errors import ConfigError, ConnectError

if TYPE_CHECKING:  # registries are imported when one is asked for
    from connectkit.converters.registry.port import Registry, SchemaText

DEFAULT_URL: Final = "embedded:./connectkit-data"
DEFAULT_PORT: Final = 8081
KINDS: Final = ("AVRO", "PROTOBUF", "JSON")

REGISTRY: Final = """\
Schemas and their versions: serve a registry, look at one, register a schema, check one before it is used.

A registry is named by --url: http://host:8081 for one that runs, embedded:DIR for one in a folder. The
default is embedded:./connectkit-data, where a worker with an embedded log registers its schemas.
"""
EXAMPLES: Final = """\
examples:
  connectkit registry subjects                              what is registered, with its versions
  connectkit registry subjects orders-value                 the text of the newest schema of a subject
  connectkit registry check orders-value order.avsc         may it be the next version? exit code 2: no
  connectkit registry register orders-value order.avsc
  connectkit registry serve --port 8081                     for other programs, as http://localhost:8081
"""
SERVE: Final = """\
Answer the requests of Confluent's Schema Registry interface out of a folder, until Ctrl-C.

Serializers, deserializers and tools that know that interface can then share the schemas. There are no
users and no TLS: listen on a loopback address (the default), or put a proxy in front that has them.
"""
_OPTION_HELP: Final = "an option of the registry's client, such as basic.auth.user.info=…; may be repeated"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "registry", help="serve, list, fill and check schema registries",
        description=REGISTRY, epilog=EXAMPLES, formatter_class=form,
    )  # fmt: skip
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show tracebacks")
    where = argparse.ArgumentParser(add_help=False, parents=[common])
    where.add_argument("--url", default=DEFAULT_URL, help=f"the registry (default: {DEFAULT_URL})")
    where.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help=_OPTION_HELP)

    serves = actions.add_parser(
        "serve", parents=[common], help="answer other programs", description=SERVE, formatter_class=form
    )
    serves.add_argument("--folder", type=Path, default=Path("connectkit-data"), metavar="DIR",
                        help="where the schemas are (default: ./connectkit-data)")  # fmt: skip
    serves.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    serves.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"the port (default: {DEFAULT_PORT})")
    serves.set_defaults(run=_serve)

    lists = actions.add_parser(
        "subjects", parents=[where], help="what is registered, or the text of one schema",
        description="List subjects with their versions, or print the text of a subject's schema.",
    )  # fmt: skip
    lists.add_argument("subject", nargs="?", metavar="SUBJECT", help="print its newest schema")
    lists.add_argument("--version", type=int, metavar="N", help="… or this version of it")
    lists.set_defaults(run=_subjects)

    files = argparse.ArgumentParser(add_help=False, parents=[where])
    files.add_argument("subject", metavar="SUBJECT", help="such as orders-value")
    files.add_argument("file", metavar="FILE", type=Path, help="an .avsc, .proto or .json file, or -")
    files.add_argument("--type", choices=KINDS, help="what the file's name does not say")
    actions.add_parser(
        "register", parents=[files], help="register a schema",
        description="Register a schema, and print its id. One that is there already keeps its id.",
    ).set_defaults(run=_register)  # fmt: skip
    actions.add_parser(
        "check", parents=[files], help="may a schema be the next version?",
        description="Say whether a schema may be the next version of a subject. Exit code 2: it may not.",
    ).set_defaults(run=_check)  # fmt: skip


def _serve(parsed: argparse.Namespace) -> int:
    try:
        from connectkit.converters.registry.embedded.asgi import listen, serve
    except ModuleNotFoundError as exc:
        raise ConfigError(str(exc)) from exc
    from connectkit.converters.registry.embedded.registry import EmbeddedRegistry

    with (
        closing(listen(parsed.host, parsed.port)) as listener,
        closing(EmbeddedRegistry(parsed.folder)) as registry,
    ):
        if not _is_loopback(parsed.host):
            sys.stderr.write(f"warning: whoever reaches {parsed.host} can read and change the schemas\n")
        url = _url(parsed.host, listener.getsockname()[1])
        print(f"Serving the schemas in {parsed.folder} on {url}; Ctrl-C ends it.")
        sys.stdout.flush()
        serve(registry, listener)
    return 0


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_registry(parsed: argparse.Namespace, run: Callable[[Registry], int]) -> int:
    from connectkit.converters.registry.config import RegistryConfig
    from connectkit.converters.registry.opening import EMBEDDED, bare_registry

    options: dict[str, Any] = {"schema.registry.url": parsed.url}
    for text in parsed.option:
        key, sign, value = text.partition("=")
        if not sign:
            raise ConfigError(f"--option {key} has no '='; write --option key=value")
        options[key.strip()] = value.strip()
    folder = Path(parsed.url.removeprefix(EMBEDDED))
    if parsed.url.startswith(EMBEDDED) and parsed.action != "register" and not folder.is_dir():
        raise ConfigError(
            f"There is no registry in {folder}; run a worker first, or name another with "
            "--url http://host:8081 or --url embedded:DIR"
        )
    config = RegistryConfig.parse(options)
    for key, said in config.warnings.items():
        sys.stderr.write(f"warning: {key}: {said[0]}\n")
    try:
        opened = bare_registry(config)
    except ModuleNotFoundError as exc:
        raise ConfigError(str(exc)) from exc
    with closing(opened) as registry:
        return run(registry)


def _subjects(parsed: argparse.Namespace) -> int:
    from connectkit.converters.registry.port import LATEST

    def show(registry: Registry) -> int:
        if parsed.subject is not None:
            found = registry.version(parsed.subject, LATEST if parsed.version is None else parsed.version)
            print(found.schema.text)
            return 0
        names = registry.subjects()
        if not names:
            print(f"There are no subjects in {parsed.url}.")
        width = max(map(len, names), default=0)
        for name in names:
            versions = registry.versions(name)
            newest = versions[-1]
            told = ", ".join(f"{each.version} (id {each.id})" for each in versions)
            print(f"{name:<{width}}  {newest.schema.kind:<8}  {registry.level(name):<19}  versions {told}")
        return 0

    return _with_registry(parsed, show)


def _register(parsed: argparse.Namespace) -> int:
    def add_it(registry: Registry) -> int:
        found = registry.register(parsed.subject, schema_in(parsed.file, parsed.type))
        version = "" if found.version is None else f"version {found.version}, "
        print(f"{parsed.subject}: {version}id {found.id}")
        return 0

    return _with_registry(parsed, add_it)


def _check(parsed: argparse.Namespace) -> int:
    from connectkit.converters.registry.check import check

    def compare(registry: Registry) -> int:
        found = check(registry, parsed.subject, schema_in(parsed.file, parsed.type))
        for line in found.lines():
            print(line)
        return 2 if found.problems else 0

    return _with_registry(parsed, compare)


_KINDS: Final = {".avsc": "AVRO", ".proto": "PROTOBUF", ".json": "JSON"}


def schema_in(path: Path, kind: str | None) -> SchemaText:
    """The schema that a file holds (- is the standard input)."""
    from connectkit.converters.registry.port import SchemaText

    found: Any = kind or _KINDS.get(path.suffix.lower())
    if found is None:
        raise ConfigError(f"What kind of schema is in {path}? Say --type AVRO, PROTOBUF or JSON")
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise ConnectError(f"{path} is no text in UTF-8") from exc
    return SchemaText(text, found)
