"""The text of a ``.proto`` file as a :class:`ProtoFile`.

What it does not need for data (services, extensions, groups, options of any shape) is read and kept too,
since the text is printed again. Nesting, size and number of fields are limited. Pure functions.
Source: the Protocol Buffers language specification; strictness as observed of Confluent's parser.
"""

from __future__ import annotations

from typing import Final, Literal, cast

from connectkit.converters.protobuf.lexer import Token, place, tokens
from connectkit.converters.protobuf.model import (
    MAX_TAG,
    Constant,
    Enum,
    EnumValue,
    Extend,
    Extensions,
    Field,
    Group,
    Label,
    Message,
    OneOf,
    Option,
    ProtoFile,
    Range,
    Rpc,
    Service,
    Text,
    Word,
)
from connectkit.errors import LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits

_LABELS: Final = ("optional", "required", "repeated")
_MAX_PARTS: Final = 100
_MAX_INT: Final = (1 << 31) - 1


def parse(text: str, *, limits: Limits = DEFAULT_LIMITS) -> ProtoFile:
    """The file; ``SchemaError`` says where the text is none, ``LimitError`` if it is too large or deep."""
    return _Parser(text, limits).file()


class _Parser:
    def __init__(self, text: str, limits: Limits) -> None:
        self._text = text
        self._tokens = tokens(text, limits)
        self._at = 0
        self._limits = limits
        self._fields = 0
        self._file = ProtoFile()

    # --- tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _fail(self, expected: str, token: Token | None = None) -> SchemaError:
        at = (token or self._next).at
        return SchemaError(
            f"The Protobuf schema has something else than {expected} at {place(self._text, at)}"
        )

    def _peek(self, text: str) -> bool:
        token = self._next
        return token.text == text and token.kind in ("sign", "word")

    def _skip(self, text: str) -> bool:
        if self._peek(text):
            self._at += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._skip(text):
            raise self._fail(f"'{text}'")

    def _word(self, what: str = "a name") -> str:
        token = self._take()
        if token.kind != "word":
            raise self._fail(what, token)
        return token.text

    def _dotted(self, what: str = "a name") -> str:
        """A name of parts, which may begin with a dot."""
        begin = "." if self._skip(".") else ""
        parts = [self._word(what)]
        while self._skip("."):
            parts.append(self._word(what))
            if len(parts) > _MAX_PARTS:
                raise LimitError(f"The Protobuf schema has a name of more than {_MAX_PARTS} parts")
        return begin + ".".join(parts)

    def _string(self) -> str:
        token = self._take()
        if token.kind != "string":
            raise self._fail("a string", token)
        parts = [token.text]
        while self._next.kind == "string":
            parts.append(self._take().text)
        return "".join(parts)

    def _integer(self) -> int:
        negative = self._skip("-")
        token = self._take()
        try:
            if token.kind != "number" or len(token.text) > 20:
                raise ValueError
            text = token.text
            octal = len(text) > 1 and text[0] == "0" and text.isdigit()
            number = int(text, 8) if octal else int(text, 0)
        except ValueError as error:
            raise self._fail("an integer", token) from error
        number = -number if negative else number
        if not -_MAX_INT - 1 <= number <= _MAX_INT:
            raise self._fail("an integer of 32 bits", token)
        return number

    def _deeper(self, depth: int) -> int:
        if depth >= self._limits.depth:
            raise LimitError(
                f"The Protobuf schema is nested more than {self._limits.depth} levels deep; limit 'depth'"
            )
        return depth + 1

    def _count(self) -> None:
        """One field, constant, message or enum more."""
        self._fields += 1
        if self._fields > self._limits.schema_fields:
            raise LimitError(
                f"The Protobuf schema declares more than {self._limits.schema_fields} fields, constants and "
                "messages; limit 'schema_fields'"
            )

    # --- the file

    def file(self) -> ProtoFile:
        file = self._file
        if self._peek("edition"):
            raise SchemaError("The Protobuf schema is of an edition; only proto2 and proto3 are understood")
        if self._skip("syntax"):
            self._need("=")
            token = self._next
            syntax = self._string()
            if syntax not in ("proto2", "proto3"):
                raise self._fail("proto2 or proto3", token)
            file.syntax = cast('Literal["proto2", "proto3"]', syntax)
            self._need(";")
        while self._next.kind != "end":
            self._statement(file)
        return file

    def _statement(self, file: ProtoFile) -> None:
        if self._skip(";"):
            return
        token = self._next
        match self._word("a declaration"):
            case "package":
                if file.package is not None:
                    raise self._fail("one package", token)
                file.package = self._dotted()
                self._need(";")
            case "import":
                public = self._skip("public")
                if not public:
                    self._skip("weak")
                (file.public_imports if public else file.imports).append(self._string())
                self._need(";")
            case "option":
                file.options.append(self._option_statement())
            case "message":
                file.messages.append(self._message(0))
            case "enum":
                file.enums.append(self._enum())
            case "extend":
                file.extends.append(self._extend(0))
            case "service":
                file.services.append(self._service())
            case _:
                raise self._fail("a declaration of proto2 or proto3", token)

    # --- messages

    def _message(self, depth: int) -> Message:
        depth = self._deeper(depth)
        self._count()
        message = Message(self._word())
        self._need("{")
        while not self._skip("}"):
            self._member(message, depth)
        return message

    def _member(self, message: Message, depth: int) -> None:
        if self._skip(";"):
            return
        start = self._at
        word = self._next.text if self._next.kind == "word" else ""
        follows = self._tokens[min(start + 1, len(self._tokens) - 1)]
        # These words are also names of types: what follows decides.
        if follows.kind == "word" and word in ("message", "enum", "oneof"):
            after = self._tokens[min(start + 2, len(self._tokens) - 1)].text
            if after == "{":
                self._at += 1
                self._nested(message, word, depth)
                return
        if word == "option" and (follows.kind == "word" or follows.text == "("):
            self._at += 1
            message.options.append(self._option_statement())
        elif word == "reserved" and (follows.kind in ("number", "string") or follows.text == "-"):
            self._at += 1
            message.reserved.append(self._reserved())
        elif word == "extensions" and follows.kind == "number":
            self._at += 1
            message.extensions.append(self._extensions())
        elif word == "extend" and (follows.kind == "word" or follows.text == "."):
            self._at += 1
            message.extends.append(self._extend(depth))
        else:
            self._field_into(message.fields, message.groups, message.messages, depth)

    def _nested(self, message: Message, word: str, depth: int) -> None:
        if word == "message":
            message.messages.append(self._message(depth))
        elif word == "enum":
            message.enums.append(self._enum())
        else:
            message.oneofs.append(self._oneof(depth))

    def _oneof(self, depth: int) -> OneOf:
        oneof = OneOf(self._word())
        self._need("{")
        while not self._skip("}"):
            if self._skip(";"):
                continue
            if self._peek("option") and self._tokens[self._at + 1].kind in ("word", "sign"):
                self._at += 1
                oneof.options.append(self._option_statement())
            else:
                self._field_into(oneof.fields, oneof.groups, [], depth, in_oneof=True)
        return oneof

    def _field_into(
        self,
        fields: list[Field],
        groups: list[Group],
        messages: list[Message],
        depth: int,
        *,
        in_oneof: bool = False,
    ) -> None:
        self._count()
        token = self._next
        label: Label = ""
        if token.kind == "word" and token.text in _LABELS and self._tokens[self._at + 1].text != "=":
            label = cast("Label", self._take().text)
        if label == "required" and self._file.is_proto3:
            raise self._fail("a label of proto3 (required is none)", token)
        if in_oneof and label:
            raise self._fail("a field without a label, as oneofs have", token)
        if self._peek("group") and self._tokens[self._at + 1].kind == "word":
            self._at += 1
            groups.append(self._group(label, messages, depth))
            return
        is_map = self._peek("map") and self._tokens[self._at + 1].text == "<"
        if not (label or in_oneof or is_map or self._file.is_proto3):
            raise self._fail("one of the labels optional, required, repeated, which proto2 asks for", token)
        if is_map and (label or in_oneof):
            raise self._fail("a map that is in no oneof and has no label", token)
        fields.append(self._field(label, is_map=is_map))

    def _field(self, label: Label, *, is_map: bool) -> Field:
        key_type: str | None = None
        if is_map:
            self._at += 1
            self._need("<")
            key_type = self._dotted("a type")
            self._need(",")
            kind = self._dotted("a type")
            self._need(">")
        else:
            kind = self._dotted("a type")
        name = self._word()
        self._need("=")
        field = Field(name, kind, self._integer(), label, key_type)
        for option in self._bracketed():
            if option.name == "default" and isinstance(option.value, Text | Word):
                if self._file.is_proto3:
                    raise self._fail("no default, of which proto3 has none")
                field.default = option.value
            elif option.name == "json_name" and isinstance(option.value, Text):
                field.json_name = str(option.value)
            else:
                field.options.append(option)
        self._need(";")
        return field

    def _group(self, label: Label, messages: list[Message], depth: int) -> Group:
        depth = self._deeper(depth)
        name = self._word()
        self._need("=")
        group = Group(name, self._integer(), label)
        self._bracketed()
        self._need("{")
        inner = Message(name)
        while not self._skip("}"):
            self._member(inner, depth)
        group.fields = inner.fields
        messages.extend(inner.messages)
        return group

    def _extend(self, depth: int) -> Extend:
        extend = Extend(self._dotted())
        self._need("{")
        while not self._skip("}"):
            if not self._skip(";"):
                self._field_into(extend.fields, [], [], depth)
        return extend

    def _extensions(self) -> Extensions:
        found = Extensions(self._ranges(), self._bracketed())
        self._need(";")
        return found

    def _ranges(self) -> list[Range]:
        found: list[Range] = []
        while True:
            first = last = self._integer()
            if self._skip("to"):
                last = MAX_TAG if self._skip("max") else self._integer()
            found.append((first, last))
            if not self._skip(","):
                return found

    def _reserved(self) -> list[Range | str]:
        found: list[Range | str] = []
        if self._next.kind == "string":
            found.append(self._string())
            while self._skip(","):
                found.append(self._string())
        else:
            found.extend(self._ranges())
        self._need(";")
        return found

    # --- enums, services

    def _enum(self) -> Enum:
        self._count()
        enum = Enum(self._word())
        self._need("{")
        while not self._skip("}"):
            if self._skip(";"):
                continue
            follows = self._tokens[self._at + 1]
            if self._peek("option") and follows.text != "=":
                self._at += 1
                enum.options.append(self._option_statement())
            elif self._peek("reserved") and follows.text != "=":
                self._at += 1
                enum.reserved.append(self._reserved())
            else:
                self._count()
                name = self._word()
                self._need("=")
                enum.values.append(EnumValue(name, self._integer(), self._bracketed()))
                self._need(";")
        return enum

    def _service(self) -> Service:
        service = Service(self._word())
        self._need("{")
        while not self._skip("}"):
            if self._skip(";"):
                continue
            if self._skip("option"):
                service.options.append(self._option_statement())
            else:
                self._need("rpc")
                service.rpcs.append(self._rpc())
        return service

    def _rpc(self) -> Rpc:
        rpc = Rpc(self._word(), "", "")
        self._need("(")
        rpc.streams_request = self._streams()
        rpc.request = self._dotted("a type")
        self._need(")")
        self._need("returns")
        self._need("(")
        rpc.streams_response = self._streams()
        rpc.response = self._dotted("a type")
        self._need(")")
        if self._skip("{"):
            while not self._skip("}"):
                if not self._skip(";"):
                    self._need("option")
                    rpc.options.append(self._option_statement())
        else:
            self._need(";")
        return rpc

    def _streams(self) -> bool:
        """The word ``stream``, unless it is the type."""
        return self._tokens[self._at + 1].text not in (")", ".") and self._skip("stream")

    # --- options

    def _option_statement(self) -> Option:
        option = self._option()
        self._need(";")
        return option

    def _bracketed(self) -> list[Option]:
        found: list[Option] = []
        if self._skip("["):
            while not self._skip("]"):
                found.append(self._option())
                if not self._skip(",") and not self._peek("]"):
                    raise self._fail("',' or ']'")
        return found

    def _option(self) -> Option:
        name = self._option_name()
        self._need("=")
        return Option(name, self._constant(0))

    def _option_name(self) -> str:
        parts: list[str] = []
        while True:
            if self._skip("("):
                parts.append(f"({self._dotted()})")
                self._need(")")
            else:
                parts.append(self._word())
            if not self._skip("."):
                return ".".join(parts)

    def _constant(self, depth: int) -> Constant:
        token = self._next
        if token.kind == "string":
            return Text(self._string())
        if self._skip("{"):
            return self._aggregate("}", self._deeper(depth))
        if self._skip("<"):
            return self._aggregate(">", self._deeper(depth))
        if self._skip("["):
            depth = self._deeper(depth)
            items: list[Constant] = []
            while not self._skip("]"):
                items.append(self._constant(depth))
                self._skip(",")
            return items
        sign = "-" if self._skip("-") else ""
        if not sign:
            self._skip("+")
        if self._next.kind not in ("word", "number"):
            raise self._fail("the value of an option", token)
        text = self._take().text
        while self._peek(".") and self._tokens[self._at + 1].kind == "word":
            self._at += 1
            text += f".{self._take().text}"
        return Word(sign + text)

    def _aggregate(self, end: str, depth: int) -> dict[str, Constant]:
        """A value in the text format; a name that stands there twice has a list."""
        found: dict[str, Constant] = {}
        while not self._skip(end):
            if self._skip("["):
                name = self._dotted()
                while self._skip("/"):
                    name += f"/{self._dotted()}"
                name = f"[{name}]"
                self._need("]")
            else:
                name = self._word()
            if not self._skip(":") and self._next.text not in ("{", "<"):
                raise self._fail("':'")
            value = self._constant(depth)
            before = found.get(name)
            more = value if isinstance(value, list) else [value]
            if before is None:
                found[name] = value
            elif isinstance(before, list):
                before.extend(more)
            else:
                found[name] = [before, *more]
            if not self._skip(","):
                self._skip(";")
        return found
