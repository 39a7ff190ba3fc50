"""The options of ProtobufConverter, by Confluent's names. Source: spec registry 1, 3.1."""

from __future__ import annotations

from typing import Final

from connectkit.config import LOW, MEDIUM, Kind, option
from connectkit.converters.protobuf.formats import Form
from connectkit.converters.protobuf.options import ProtoOptions
from connectkit.converters.registry.config import RegistryConfig

_STRATEGIES: Final = ("DefaultReferenceSubjectNameStrategy", "QualifiedReferenceSubjectNameStrategy")


def _is_strategy(name: str) -> str | None:
    return None if name.rpartition(".")[2] in _STRATEGIES else f"must be one of {', '.join(_STRATEGIES)}"


class ProtobufConfig(RegistryConfig):
    """How Connect schemas and Protobuf schemas become each other."""

    enhanced_protobuf_schema_support: bool = option(
        False, doc="Whether names are full names, with the package.", importance=MEDIUM
    )
    scrub_invalid_names: bool = option(
        False,
        doc="Whether names that Protobuf does not allow are changed to ones that it does.",
        importance=MEDIUM,
    )
    int_for_enums: bool = option(False, doc="Whether enums are integers.", importance=MEDIUM)
    optional_for_nullables: bool = option(
        False, doc="Whether optional fields are those with the word optional.", importance=MEDIUM
    )
    optional_for_proto2: bool = option(
        True, doc="Whether an optional field of proto2 that is unset is null.", importance=MEDIUM
    )
    wrapper_for_nullables: bool = option(
        False, doc="Whether optional scalars are wrapper messages.", importance=MEDIUM
    )
    wrapper_for_raw_primitives: bool = option(
        True, doc="Whether a wrapper message is read as what it holds.", importance=MEDIUM
    )
    generate_struct_for_nulls: bool = option(
        False, doc="Whether a message that is unset is read as a struct of unset fields.", importance=MEDIUM
    )
    generate_index_for_unions: bool = option(
        True, doc="Whether fields of oneofs are named with their number behind the name.", importance=LOW
    )
    flatten_unions: bool = option(
        False, doc="Whether the members of oneofs are fields of the struct itself.", importance=LOW
    )
    generalized_sum_type_support: bool = option(
        False, doc="Whether enums and unions are marked in the same way for all formats.", importance=LOW
    )
    ignore_default_for_nullables: bool = option(
        False, doc="Whether a null is written as null where its field has a default.", importance=LOW
    )
    schema_format: Form = option(
        "default",
        doc="The form of a schema that is registered: its text, that without extension options, or its "
        "descriptor in base64.",
        importance=LOW,
    )
    reference_lookup_only: bool = option(
        False, doc="Whether imported files are only looked up, never registered.", importance=LOW
    )
    skip_known_types: bool = option(
        True, doc="Whether well-known imports are not registered.", importance=LOW
    )
    reference_subject_name_strategy: str = option(
        f"io.confluent.kafka.serializers.subject.{_STRATEGIES[0]}",
        doc="How subjects of imported files are named.",
        kind=Kind.CLASS,
        check=_is_strategy,
        importance=LOW,
    )

    def reference_subject(self, path: str) -> str:
        """The subject of an imported file."""
        if self.reference_subject_name_strategy.endswith(_STRATEGIES[1]):
            return path.removesuffix(".proto").replace("/", ".")
        return path

    @property
    def options(self) -> ProtoOptions:
        """What decides about schemas and data."""
        return ProtoOptions(
            enhanced=self.enhanced_protobuf_schema_support,
            scrub=self.scrub_invalid_names,
            int_enums=self.int_for_enums,
            optional_for_nullables=self.optional_for_nullables,
            optional_for_proto2=self.optional_for_proto2,
            wrapper_for_nullables=self.wrapper_for_nullables,
            wrapper_for_raw=self.wrapper_for_raw_primitives,
            struct_for_nulls=self.generate_struct_for_nulls,
            index_unions=self.generate_index_for_unions,
            flatten_unions=self.flatten_unions,
            generalized=self.generalized_sum_type_support,
            ignore_defaults=self.ignore_default_for_nullables,
        )
