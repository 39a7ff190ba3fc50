"""The options of JsonSchemaConverter, by Confluent's names. Source: spec registry 1, 4.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectkit.checks import one_of_any_case
from connectkit.config import LOW, MEDIUM, option
from connectkit.converters.json_schema.to_json_schema import JsonSchemaOptions
from connectkit.converters.registry.config import RegistryConfig


class JsonSchemaConfig(RegistryConfig):
    """How Connect schemas and JSON schemas become each other."""

    object_additional_properties: bool = option(
        True, doc="Whether the objects of written schemas allow other properties.", importance=MEDIUM
    )
    use_optional_for_nonrequired: bool = option(
        False,
        doc="Whether properties that a schema does not require are read as optional.",
        importance=MEDIUM,
    )
    decimal_format: str = option(
        "BASE64",
        doc="How decimals are written: BASE64 of their unscaled bytes, or NUMERIC. Both are read.",
        check=one_of_any_case("BASE64", "NUMERIC"),
        importance=LOW,
    )
    flatten_singleton_unions: bool = option(
        True, doc="Whether a oneOf, anyOf or allOf of one schema is read as that schema.", importance=LOW
    )
    ignore_modern_dialects: bool = option(
        False,
        doc="Whether schemas of the drafts 2019-09 and 2020-12 are read as if they were of draft 7.",
        importance=LOW,
    )
    generalized_sum_type_support: bool = option(
        False, doc="Whether enums and unions are marked in the same way for all formats.", importance=LOW
    )
    ignore_default_for_nullables: bool = option(
        False, doc="Whether a null is written as null where its field has a default.", importance=LOW
    )
    preserve_additional_properties: bool = option(
        False,
        doc="Whether properties that a schema does not name are kept, as variants in the field "
        "__connect_additional_properties__.",
        importance=LOW,
    )
    json_indent_output: bool = option(
        False, doc="Whether the JSON is spread over lines, for people.", importance=LOW
    )
    json_fail_invalid_schema: bool = option(
        False, doc="Whether values are checked against their schema, both ways.", importance=LOW
    )

    json_validate_before_domain_rules: bool = option(
        False,
        doc="Whether that is checked before rules of the data contract, not after them.",
        importance=LOW,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found = dict(super().problems())
        if self.json_fail_invalid_schema:
            try:
                import jsonschema  # noqa: F401 - whether it is there
            except ModuleNotFoundError:
                found["json.fail.invalid.schema"] = (
                    "needs the library jsonschema; install the extra 'json-schema' of kafka-connectkit"
                )
        return found

    @property
    def options(self) -> JsonSchemaOptions:
        """What decides about schemas and values."""
        return JsonSchemaOptions(
            closed=not self.object_additional_properties,
            optional_if_not_required=self.use_optional_for_nonrequired,
            numeric=self.decimal_format.upper() == "NUMERIC",
            flatten_singletons=self.flatten_singleton_unions,
            generalized=self.generalized_sum_type_support,
            ignore_defaults=self.ignore_default_for_nullables,
            preserve=self.preserve_additional_properties,
        )
