"""The files that a schema imports, as schemas of the registry: found to read, registered to write.

Source: spec registry 3.8.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectkit.converters.protobuf.config import ProtobufConfig
from connectkit.converters.protobuf.known import KNOWN, known_file
from connectkit.converters.protobuf.linked import LinkedFile, link
from connectkit.converters.protobuf.model import ProtoFile
from connectkit.converters.protobuf.printer import to_text
from connectkit.converters.protobuf.texts import behind_alias, read_text
from connectkit.converters.registry.client import RegistryClient
from connectkit.converters.registry.port import Reference, SchemaText
from connectkit.errors import ConversionError, LimitError, SchemaError

_MAX_REFERENCES = 1000


def linked(client: RegistryClient, schema: SchemaText) -> LinkedFile:
    """A registered schema with its references, its names resolved."""
    if schema.kind != "PROTOBUF":
        raise ConversionError(
            f"The message's schema is of kind {schema.kind}, which another converter reads, not Protobuf's"
        )
    imports = _imports(client, schema)
    return link(behind_alias(read_text(schema.text), imports), imports)


def _imports(client: RegistryClient, schema: SchemaText) -> Mapping[str, ProtoFile]:
    """The files that a schema refers to, and they refer to, by the paths that imports say."""
    found: dict[str, ProtoFile] = {}
    pending = list(schema.references)
    while pending:
        reference = pending.pop()
        if reference.name in found:
            continue
        if len(found) >= _MAX_REFERENCES:
            raise LimitError(f"The Protobuf schema refers to more than {_MAX_REFERENCES} others")
        registered = client.reference(reference).schema
        found[reference.name] = read_text(registered.text)
        pending.extend(registered.references)
    return found


def references_of(client: RegistryClient, config: ProtobufConfig, file: ProtoFile) -> tuple[Reference, ...]:
    """What the files that a made file imports are registered as; each first if that is asked for.

    Made files import known files only, which are registered with ``skip.known.types=false``.
    """
    if config.skip_known_types:
        return ()
    return tuple(_reference(client, config, path) for path in file.all_imports() if path in KNOWN)


def _reference(client: RegistryClient, config: ProtobufConfig, path: str) -> Reference:
    file = known_file(path)
    if file is None:
        raise SchemaError(f"The Protobuf file {path} is not known here")
    inner = tuple(_reference(client, config, each) for each in file.all_imports() if each in KNOWN)
    schema = SchemaText(to_text(file), "PROTOBUF", inner)
    subject = config.reference_subject(path)
    normalize = config.normalize_schemas
    if config.auto_register_schemas and not config.reference_lookup_only:
        client.register(subject, schema, normalize=normalize)
    elif config.use_latest_version and not config.reference_lookup_only:
        version = client.latest(subject).version
        if version is not None:
            return Reference(path, subject, version)
    version = client.lookup(subject, schema, normalize=normalize, deleted=True).version
    if version is None:
        raise ConversionError(f"The schema registry tells no version of subject {subject}")
    return Reference(path, subject, version)
