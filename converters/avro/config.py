"""The options of AvroConverter, by Confluent's names. Source: spec registry 1, 2.1."""

from __future__ import annotations

from connectkit.config import LOW, MEDIUM, option
from connectkit.converters.avro.to_avro import AvroOptions
from connectkit.converters.registry.config import RegistryConfig


class AvroConfig(RegistryConfig):
    """How Connect schemas and Avro schemas become each other."""

    enhanced_avro_schema_support: bool = option(
        False, doc="Whether enums are kept as enums, and names in unions are full names.", importance=MEDIUM
    )
    scrub_invalid_names: bool = option(
        False,
        doc="Whether names that Avro does not allow are changed to ones that it does.",
        importance=MEDIUM,
    )
    connect_meta_data: bool = option(
        True, doc="Whether what only Connect knows is written into the schema.", importance=LOW
    )
    discard_type_doc_default: bool = option(
        False, doc="Whether only fields keep docs and defaults, not types. Deprecated.", importance=LOW
    )
    allow_optional_map_keys: bool = option(
        False, doc="Whether maps with optional string keys become Avro maps.", importance=LOW
    )
    flatten_singleton_unions: bool = option(
        True, doc="Whether a union of one type is read as that type.", importance=LOW
    )
    generalized_sum_type_support: bool = option(
        False, doc="Whether enums and unions are marked in the same way for all formats.", importance=LOW
    )
    ignore_default_for_nullables: bool = option(
        False, doc="Whether a null is written as null where its field has a default.", importance=LOW
    )
    avro_fail_on_trailing_data: bool = option(
        False, doc="Whether data behind the value are an error.", importance=LOW
    )

    @property
    def options(self) -> AvroOptions:
        """What decides about schemas."""
        return AvroOptions(
            enhanced=self.enhanced_avro_schema_support,
            scrub=self.scrub_invalid_names,
            meta_data=self.connect_meta_data,
            discard_docs=self.discard_type_doc_default,
            optional_map_keys=self.allow_optional_map_keys,
            generalized=self.generalized_sum_type_support,
            flatten_singletons=self.flatten_singleton_unions,
            ignore_defaults=self.ignore_default_for_nullables,
        )
