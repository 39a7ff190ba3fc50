"""What holds for every converter: what it writes it reads back, and no bytes in the world break it.

It is one piece, so that an author finds all that a converter is held to in one place.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from hypothesis import strategies as st

from connectkit.api import Converter, HeaderConverter, RawHeaders
from connectkit.builder import SchemaBuilder
from connectkit.config import Config
from connectkit.errors import DataError
from connectkit.plugin import plugins
from connectkit.schema import Schema, SchemaAndValue, same_value
from connectkit.struct import Struct
from connectkit.testing import strategies
from connectkit.testing.code import code_of
from connectkit.testing.laws.base import Laws, describe, law, misfit
from connectkit.testing.laws.pairs import (
    DEPTH,
    alike_pairs,
    deep_list,
    empty_out,
    filled,
    has_map,
    reborn,
    with_value,
    with_values,
)
from connectkit.typed.codec import TypeCodec

MOST_CPU_S = 5.0
"""How long reading a few kilobytes may take; a converter that counts what it is told takes for ever."""
MOST_MEMORY_BYTES = 64 << 20
"""How much memory that may take at most."""

_BOMBS = (
    b"[" * 100_000, b'{"a":' * 50_000, b'{"schema":{"type":"array","items":' * 2_000, b"\x00" * 4096,
    b"\x00\x00\x00\x00\x01" + b"\xfe\xff\xff\xff\x0f" * 4, b"\x00\x00\x00\x00\x01" + b"\xff" * 64,
    b"\x00\x00\x00\x00\x01" + b"\x02" * 5_000, b"1e999999999", b"9" * 100_000,
    b"\x0a" * 10_000, b"\xff" * 10_000,
)  # fmt: skip

_GARBAGE = (
    b"\xff\xfe\xfd", b"{", b"-", b"PAR1\x15\x00", b"Obj\x01\x02", b"\x80" * 20, b"<a>", b"\x1f\x8b\x08\x00zz",
    b"\x08\x96\x01\xff", b"~/\x01 nothing \x00",
)  # fmt: skip
"""What has nothing in common but that hardly any format is written so."""

_HEADERS: RawHeaders = [("null", None), ("kept", b"1"), ("empty", b""), ("kept", b"2"), ("again", b"1")]
"""Names that come twice, values that are nearly none, and no order but their own."""

_ROUND_TRIP = "What a converter writes it reads back, but for the losses that it declares"
_PROBE = SchemaBuilder.struct().name("Order").field("a", Schema.STRING).build()
"""Who supports this supports structs."""
_FLAT: frozenset[strategies.Kind] = frozenset(("primitive",))


class ConverterLaws(Laws):
    """Subclass it and name the converter; each law becomes a test.

    ``converter`` is the class, or the name of an installed one. ``config`` are its options. What it
    cannot do is declared: :meth:`schemas` makes the schemas that it supports, :meth:`lost` says what
    comes back where that is not what was written, ``nulls`` what becomes of a null where there is a
    default, ``schemaless`` whether it takes values without a schema.
    """

    plugin_attribute = "converter"
    plugin_bases = (Converter, HeaderConverter)
    converter: ClassVar[type[Converter[Any]] | type[HeaderConverter[Any]] | str | None] = None
    is_key: ClassVar[bool] = False
    topic: ClassVar[str] = "laws"
    nulls: ClassVar[Literal["kept", "default"]] = "kept"
    """A null of an optional schema that has a default comes back as null, or as the default."""
    with_schema: ClassVar[bool] = True
    """Whether it takes values that have a schema."""
    schemaless: ClassVar[bool] = False
    guesses: ClassVar[bool] = False
    """Whether it makes one and the same value of all bytes that it cannot read, on purpose."""
    stable_schema: ClassVar[bool] = True
    """Whether all values of a schema are read back under one schema: not if it is inferred from the value."""

    # --- what a subclass may say -------------------------------------------------------------------

    def make(self) -> Converter[Any]:
        """A new converter."""
        chosen: Any = self.converter
        made: Converter[Any]
        if isinstance(chosen, str):
            made = plugins.create("converter", chosen, dict(self.configuration()), is_key=self.is_key)
        elif issubclass(chosen, HeaderConverter):
            made = _OfHeaders(chosen(chosen.config_type.parse(dict(self.configuration()))))
        else:
            made = chosen(chosen.config_type.parse(dict(self.configuration())), is_key=self.is_key)
        return made

    def supports(self, schema: Schema) -> bool:
        """Whether the converter takes values of this schema.

        By default of every schema; where :meth:`schemas` is overridden, or a function's annotation names a
        type, of none but those, so that laws about schemas that are made up (a field more, a version more)
        need this one, too.
        """
        return type(self).schemas is ConverterLaws.schemas and self._typed() is None

    def schemas(self) -> st.SearchStrategy[Schema]:
        """The schemas that are tried: those supported. Override it where few schemas are.

        By default the one of the type that a function's annotation names, or any.
        """
        typed = self._typed()
        return strategies.schemas().filter(self.supports) if typed is None else st.just(typed.schema)

    def values(self, schema: Schema) -> st.SearchStrategy[Any]:
        """The values of a schema that are tried: all, or what the annotated type can be."""
        typed = self._typed()
        if typed is not None and typed.schema == schema:
            return strategies.typed_values(typed.hint)
        return strategies.values(schema)

    def _typed(self) -> TypeCodec | None:
        """The type that the converter is annotated with, if a function was made into it."""
        found: TypeCodec | None = getattr(self.plugin_class(), "codec", None)
        return found

    def schemaless_values(self) -> st.SearchStrategy[Any]:
        """The values without a schema that it supports."""
        return strategies.schemaless()

    def lost(self, schema: Schema | None, value: Any) -> tuple[Schema | None, Any]:
        """What comes back of this: by default, all of it."""
        return schema, value

    def same_schema(self, wanted: Schema | None, found: Schema | None) -> bool:
        """Whether what came back is the schema that was wanted: by default, an equal one."""
        return wanted == found

    def same_value(self, wanted: Any, found: Any) -> bool:
        """Whether what came back is the value that was wanted; struct values have equal schemas, too."""
        return same_value(wanted, found)

    # --- cases -------------------------------------------------------------------------------------

    def plugin_class(self) -> type[Any]:
        chosen: Any = self.converter
        return plugins.find("converter", chosen).cls if isinstance(chosen, str) else chosen

    def pairs(self) -> st.SearchStrategy[SchemaAndValue]:
        """What is written: pairs of schema and value."""
        ways: list[st.SearchStrategy[SchemaAndValue]] = []
        if self.with_schema:
            # A strategy for each schema takes longer; only who has values of its own needs one.
            plain = type(self).values is ConverterLaws.values and self._typed() is None
            ways.append(
                strategies.pairs(self.schemas()) if plain else with_value(self.schemas(), self.values)
            )
        if self.schemaless:
            ways.append(self.schemaless_values().map(lambda value: SchemaAndValue(None, value)))
        return st.one_of(ways)

    def sequences(self) -> st.SearchStrategy[list[SchemaAndValue]]:
        """Several of them, one after the other."""
        return st.lists(self.pairs(), min_size=2, max_size=4)

    def alike(self) -> st.SearchStrategy[list[SchemaAndValue]]:
        """Pairs whose schemas differ in one thing; the converter may refuse all but the first."""
        return alike_pairs(strategies.siblings(self.schemas()))

    def values_of_one_schema(self) -> st.SearchStrategy[tuple[Schema | None, list[Any]]]:
        if not self.with_schema:
            return st.tuples(st.none(), st.lists(self.schemaless_values(), min_size=2, max_size=3))
        return self.schemas().flatmap(
            lambda s: st.tuples(st.just(s), st.lists(self.values(s), min_size=2, max_size=3))
        )

    def misfits(self) -> st.SearchStrategy[SchemaAndValue]:
        """Values under schemas that they do not fit."""
        if not self.with_schema:
            strange: tuple[Any, ...] = (object(), {1, 2}, [object()], {"a": object()})
            return st.sampled_from(strange).map(lambda value: SchemaAndValue(None, value))
        return self.schemas().flatmap(
            lambda s: strategies.hostile_values(s).map(lambda v: SchemaAndValue(s, v))
        )

    def noise(self) -> st.SearchStrategy[bytes]:
        """Bytes to read, many of them nearly good."""

        def written(case: SchemaAndValue) -> bytes:
            return self.make().from_connect_data(self.topic, *case) or b""

        return strategies.noise(near=self.pairs().map(written))

    def changes(self) -> st.SearchStrategy[tuple[SchemaAndValue, SchemaAndValue] | None]:
        """A struct of an old and one of a new schema, which who reads both may expect."""
        if not self.supports(_PROBE):
            return st.none()

        inner = strategies.schemas(depth=0, kinds=_FLAT, defaults=False, attributes=False)
        return with_values(strategies.evolutions("FULL", of=inner))

    # --- laws ------------------------------------------------------------------------------------

    @law(_ROUND_TRIP, cases="pairs")
    def round_trip(self, case: SchemaAndValue) -> None:
        converter = self.make()
        data = self._write(converter, case)
        self._expect(converter, case, data)

    @law("A null stays a null where it is allowed, and the null message is read as a null")
    def nulls_stay_nulls(self) -> None:
        converter = self.make()
        found = self._read(converter, None)
        if found.value is not None:
            self.broken("the null message is read as a value", value=found.value)
        if self.schemaless:
            data = self._write(converter, SchemaAndValue(None, None))
            if self._read(converter, data).value is not None:
                self.broken("a null without a schema is read back as a value", data=data)

    @law("A null and the default of its schema are told apart, as the converter declares", cases="defaults")
    def null_is_not_the_default(self, case: tuple[Schema, Any] | None) -> None:
        if case is None or not self.supports(case[0]):
            return
        schema, filled = case
        converter = self.make()
        for value in (filled, Struct(schema)):
            pair = SchemaAndValue(schema, value)
            self._expect(converter, pair, self._write(converter, pair))

    def defaults(self) -> st.SearchStrategy[tuple[Schema, Any] | None]:
        """A struct of optional fields that have a default, set to it or not."""
        if not self.with_schema or not self.supports(_PROBE):
            return st.none()
        fields = (("a", Schema.STRING, "x"), ("b", Schema.INT32, 7), ("c", Schema.BOOLEAN, True))

        def made(chosen: list[tuple[str, Schema, Any]]) -> tuple[Schema, Any]:
            builder = SchemaBuilder.struct().name("Defaults")
            for name, schema, default in chosen:
                builder.field(name, schema.to_builder().optional().default(default).build())
            schema = builder.build()
            return schema, Struct.of(schema, [default for _, _, default in chosen])

        chosen = st.lists(st.sampled_from(fields), min_size=1, max_size=3, unique_by=lambda f: f[0])
        return chosen.map(made)

    @law(
        "All values of one schema are read back under one schema",
        cases="values_of_one_schema",
        when=lambda laws: laws.stable_schema,
    )
    def schema_is_stable(self, case: tuple[Schema | None, list[Any]]) -> None:
        schema, values = case
        converter = self.make()
        seen: list[Schema | None] = []
        for value in values:
            data = self._write(converter, SchemaAndValue(schema, value))
            if data is not None:
                seen.append(self._read(converter, data, schema=schema, value=value).schema)
        if any(other != seen[0] for other in seen):
            self.broken("two values are read back under different schemas", schema=schema, values=values)

    @law("What becomes of a record does not depend on the records before it", cases="sequences")
    def records_do_not_depend_on_each_other(self, case: list[SchemaAndValue]) -> None:
        converter = self.make()
        written = [(pair, self._write(converter, pair)) for pair in case]
        for pair, data in written:
            self._expect(converter, pair, data, sequence=case)
        for pair, data in written:
            again = self._write(converter, pair)
            if again != data and not has_map(pair.value):
                self.broken("the same pair is written differently the second time", sequence=case)

    @law(
        "Schemas that are alike are not taken for one another",
        cases="alike",
        when=lambda laws: laws.with_schema,
    )
    def schemas_are_told_apart(self, case: list[SchemaAndValue]) -> None:
        converter = self.make()
        first, second = case
        of_first, of_second = self._alone(converter, first), self._alone(self.make(), second)
        if of_first is None or of_second is None or first.schema == second.schema:
            return
        self._as_alone(converter, second, of_second, case)
        self._as_alone(converter, first, of_first, case)
        self._not_by_place(converter, of_second, case)

    def _alone(self, converter: Converter[Any], pair: SchemaAndValue) -> SchemaAndValue | None:
        """What a fresh converter makes of it; None if it is not supported."""
        try:
            data = converter.from_connect_data(self.topic, *pair)
            return converter.to_connect_data(self.topic, data)
        except Exception:  # noqa: BLE001 - made-up schemas may be refused; other laws ask how
            return None

    def _as_alone(
        self,
        converter: Converter[Any],
        pair: SchemaAndValue,
        wanted: SchemaAndValue,
        case: list[SchemaAndValue],
    ) -> None:
        data = self._write(converter, pair)
        found = self._read(converter, data, sequence=case)
        schemas = (wanted.schema, found.schema)
        same = schemas[0] is schemas[1] if None in schemas else self.same_schema(*schemas)
        if not same or not self.same_value(wanted.value, found.value):
            self.broken(
                "after the others, something else came back than from a fresh converter",
                wanted=tuple(wanted), found=tuple(found), sequence=case,
            )  # fmt: skip

    def _not_by_place(
        self, converter: Converter[Any], wanted: SchemaAndValue, case: list[SchemaAndValue]
    ) -> None:
        """Let a schema go, and another one come to the place in memory where it was."""
        first, second = case
        other = reborn(first, second, lambda pair: self._write(converter, pair))
        if other is not None:
            self._as_alone(converter, other, wanted, case)

    @law("What is read belongs to its reader: changing it changes nothing that is read later", cases="pairs")
    def values_are_not_shared(self, case: SchemaAndValue) -> None:
        converter = self.make()
        data = self._write(converter, case)
        first = self._read(converter, data, schema=case.schema, value=case.value).value
        before = code_of(first)
        empty_out(first)
        again = self._read(converter, data, schema=case.schema, value=case.value).value
        if code_of(again) != before:
            self.broken(
                "read again, the same bytes give another value", data=data, first=case.value, again=again
            )

    @law("encoder() and decoder() do what from_connect_data and to_connect_data do", cases="pairs")
    def bound_functions_agree(self, case: SchemaAndValue) -> None:
        converter = self.make()
        schema, value = case
        data = self._write(converter, case)
        encode = converter.encoder(self.topic, schema)
        if encode is not None:
            bound = self._call(lambda: encode(value), case)
            if bound != data and not has_map(value):
                self.broken(
                    "encoder() writes other bytes", schema=schema, value=value, data=data, bound=bound
                )
        decode = converter.decoder(self.topic)
        if decode is not None:
            plain = self._read(converter, data, schema=schema, value=value)
            made = self._read(converter, data, by=decode, schema=schema, value=value)
            if made[0] != plain.schema or not same_value(made[1], plain.value):
                self.broken("decoder() reads something else", data=data, plain=plain, bound=made)

    @law(
        "Writing changes neither the value nor the headers that were there; reading changes nothing",
        cases="pairs",
    )
    def input_is_untouched(self, case: SchemaAndValue) -> None:
        converter = self.make()
        schema, value = case
        before = code_of(value)
        headers: RawHeaders = list(_HEADERS)
        data = self._call(lambda: converter.from_connect_data(self.topic, schema, value, headers), case)
        if code_of(value) != before:
            self.broken("the value was changed by writing it", schema=schema, before=before, after=value)
        if headers[: len(_HEADERS)] != _HEADERS:
            self.broken("headers were lost or changed by writing", before=_HEADERS, after=headers)
        kept = list(headers)
        found = self._read(converter, data, headers=headers, schema=schema, value=value)
        if headers != kept:
            self.broken("headers were changed by reading", before=kept, after=headers)
        self._compare(case, data, found)

    @law(
        "Bytes that nobody wrote give a value that fits its schema, or a DataError; nothing else",
        cases="noise",
    )
    def noise_is_refused(self, case: bytes) -> None:
        self._read_anything(self.make(), case)

    @law(
        "Bytes that cannot be read are refused: not taken for a null, or for any one value",
        when=lambda laws: not laws.guesses,
    )
    def bad_bytes_are_not_guessed_at(self) -> None:
        read: dict[str, list[bytes]] = {}
        for data in strategies.BLOBS:
            self._read_anything(self.make(), data)
        for data in _GARBAGE:
            try:
                found = self.make().to_connect_data(self.topic, data)
            except DataError:
                continue
            read.setdefault(code_of(found.value), []).append(data)
        for value, blobs in read.items():
            if len(blobs) > len(_GARBAGE) // 2:
                self.broken(f"it makes {value[:80]} of bytes that have nothing in common", data=blobs)

    @law("A few kilobytes are read in bounded time and memory, whatever they claim")
    def bombs_are_harmless(self) -> None:
        for bomb in _BOMBS:
            converter = self.make()
            began = time.process_time()
            tracemalloc.start()
            try:
                self._read_anything(converter, bomb)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            told = f"{len(bomb)} bytes that begin {bomb[:12]!r}"
            if peak > MOST_MEMORY_BYTES:
                self.broken(f"reading {told} took {peak >> 20} MiB of memory")
            if time.process_time() - began > MOST_CPU_S:
                self.broken(f"reading {told} took more than {MOST_CPU_S:.0f} s")

    @law("A value that does not fit its schema gives a DataError, if any error", cases="misfits")
    def misfits_are_refused(self, case: SchemaAndValue) -> None:
        try:
            self.make().from_connect_data(self.topic, *case)
        except DataError:
            return
        except Exception as exc:  # noqa: BLE001 - which one is the question
            self.broken(f"{describe(exc)} was raised", schema=case.schema, value=case.value)

    @law(
        "A value that is nested too deeply gives a DataError, if any error",
        when=lambda laws: laws.schemaless,
    )
    def deep_values_are_refused(self) -> None:
        try:
            self.make().from_connect_data(self.topic, None, deep_list())
        except DataError:
            return
        except Exception as exc:  # noqa: BLE001 - which one is the question
            self.broken(f"{describe(exc)} was raised for lists in lists, {DEPTH} deep")

    @law(
        "After a compatible change of a schema, old and new data are both written and read",
        cases="changes",
        when=lambda laws: laws.with_schema,
    )
    def schemas_may_evolve(self, case: tuple[SchemaAndValue, SchemaAndValue] | None) -> None:
        if case is None or not all(pair.schema is not None and self.supports(pair.schema) for pair in case):
            return
        converter = self.make()
        old, new = case
        first = self._write(converter, old)
        second = self._write(converter, new)
        for pair, data in ((old, first), (new, second), (old, first)):
            self._expect(converter, pair, data, old=old, new=new)

    @law("close() lets go of everything, also the second time")
    def closing_twice_is_fine(self) -> None:
        converter = self.make()
        converter.close()
        converter.close()

    # --- inside ------------------------------------------------------------------------------------

    def _call(self, call: Callable[[], Any], case: SchemaAndValue) -> Any:
        try:
            return call()
        except Exception as exc:  # noqa: BLE001 - a supported pair must be written
            self.broken(f"it could not be written: {describe(exc)}", schema=case.schema, value=case.value)

    def _write(self, converter: Converter[Any], case: SchemaAndValue) -> bytes | None:
        data: bytes | None = self._call(lambda: converter.from_connect_data(self.topic, *case), case)
        if data is not None and not isinstance(data, bytes | bytearray | memoryview):
            self.broken(f"it writes {type(data).__name__}, not bytes", schema=case.schema, value=case.value)
        return data

    def _expect(
        self, converter: Converter[Any], case: SchemaAndValue, data: bytes | None, **context: Any
    ) -> None:
        """Read what was written, and compare."""
        found = self._read(converter, data, schema=case.schema, value=case.value, **context)
        self._compare(case, data, found, **context)

    def _read(
        self,
        converter: Converter[Any],
        data: bytes | None,
        *,
        headers: RawHeaders | None = None,
        by: Callable[[bytes | None], tuple[Schema | None, Any]] | None = None,
        **shown: Any,
    ) -> SchemaAndValue:
        """What it reads of what it has written; ``shown`` tells of which case that is."""
        try:
            if by is not None:
                return SchemaAndValue(*by(data))
            return converter.to_connect_data(self.topic, data, headers)
        except Exception as exc:  # noqa: BLE001 - its own bytes must be read
            what = "the null message" if data is None else "what it wrote"
            self.broken(f"{what} could not be read: {describe(exc)}", data=data, **shown)

    def _compare(
        self, case: SchemaAndValue, data: bytes | None, found: SchemaAndValue, **context: Any
    ) -> None:
        shown = {"schema": case.schema, "value": case.value, "data": data, **context}
        value = filled(*case) if self.nulls == "default" else case.value
        schema, value = self.lost(case.schema, value)
        if not self.same_value(value, found.value):
            sentence = self._sentence_for(case, found)
            self.broken(
                "another value came back", sentence=sentence, **shown, wanted=value, found=found.value
            )
        if data is not None and not self.same_schema(schema, found.schema):
            sentence = self._sentence_for(case, found)
            self.broken(
                "another schema came back", sentence=sentence, **shown, wanted=schema, found=found.schema
            )
        if found.schema is not None and found.value is not None:
            told = misfit(found.schema, found.value)
            if told is not None:
                self.broken(f"what came back does not fit its schema ({told})", **shown, found=found.schema)

    def _sentence_for(self, case: SchemaAndValue, found: SchemaAndValue) -> str | None:
        """Where a fresh converter loses the same, it is the round trip that is broken, whatever was tried."""
        alone = self._alone(self.make(), case)
        same = alone is not None and code_of(tuple(alone)) == code_of(tuple(found))
        return _ROUND_TRIP if same else None

    def _read_anything(self, converter: Converter[Any], data: bytes) -> None:
        try:
            found = converter.to_connect_data(self.topic, data)
        except DataError:
            return
        except Exception as exc:  # noqa: BLE001 - which one is the question
            self.broken(f"{describe(exc)} was raised", data=data[:200])
        if found.schema is not None and found.value is not None:
            told = misfit(found.schema, found.value)
            if told is not None:
                self.broken(
                    f"a value came that does not fit its schema ({told})", data=data, found=found.value
                )


class _OfHeaders(Converter[Config]):
    """A header converter in the form of a converter, so that one set of laws holds for both."""

    def __init__(self, converter: HeaderConverter[Any]) -> None:
        super().__init__(converter.config)
        self._converter = converter

    def from_connect_data(
        self, topic: str, schema: Schema | None, value: Any, headers: RawHeaders | None = None
    ) -> bytes | None:
        return self._converter.from_connect_header(topic, "header", schema, value)

    def to_connect_data(
        self, topic: str, data: bytes | None, headers: RawHeaders | None = None
    ) -> SchemaAndValue:
        return self._converter.to_connect_header(topic, "header", data)

    def close(self) -> None:
        self._converter.close()
