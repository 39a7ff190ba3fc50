"""Where a ``$ref`` leads: within its document, to another by an id, or to a schema of the registry.

Nothing is ever fetched. An id is looked for as it is written and as its base makes it; a fragment that is
no pointer and no id leads to the whole document, as in everit. Source: spec registry 4.5. Pure functions
over trees that :func:`~connectkit.converters.json_schema.text.read_schema` made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

from connectkit.converters.json_schema.names import shown
from connectkit.errors import SchemaError

_IDS = ("$id", "id")
_ANCHORS = ("$anchor", "$dynamicAnchor")


class Place(NamedTuple):
    """A schema's JSON, with the document it stands in."""

    document: Document
    node: Any


class Document:
    """One schema's text as a tree: its address, and the parts of it that have ids."""

    __slots__ = ("address", "ids", "root")

    def __init__(self, root: Any, address: str) -> None:
        self.root = _bridged(root)
        own = root.get("$id") if isinstance(root, dict) else None
        self.address = own if isinstance(own, str) and not own.startswith("#") else address
        self.ids = _ids(self.root, self.address)

    def at(self, fragment: str) -> Any:
        """What a fragment (without its ``#``) points to."""
        if fragment and not fragment.startswith("/"):
            return self.ids.get(f"#{fragment}", self.root)
        return _pointed(self.root, fragment)


class References:
    """All documents that a schema may refer to."""

    def __init__(self, root: Any, named: Mapping[str, Any]) -> None:
        self.root = Document(root, "")
        self._named: dict[str, Document] = {}
        for name, tree in named.items():
            document = Document(tree, name)
            for key in (name, f"./{name}", _joined(self.root.address, name), document.address):
                self._named.setdefault(key.removesuffix("#"), document)

    def find(self, ref: str, document: Document) -> tuple[str, Place]:
        """What a reference of a document leads to, and the one name of it."""
        try:
            absolute = urljoin(document.address, ref)
            address, fragment = urldefrag(absolute)
        except ValueError as exc:
            raise SchemaError(f"The JSON schema refers to '{shown(ref)}', which is no address") from exc
        if ref.startswith("#") or address == document.address.removesuffix("#"):
            place = Place(document, document.at(fragment if not ref.startswith("#") else ref[1:]))
            return f"{id(document)}#{fragment}", place
        for known in (ref, absolute):
            if known in document.ids:
                return f"{id(document)} {known}", Place(document, document.ids[known])
        for key in (address, urldefrag(ref)[0]):
            other = self._named.get(key)
            if other is not None:
                return f"{id(other)}#{fragment}", Place(other, other.at(fragment))
            if key in document.ids:
                place = Place(document, _pointed(document.ids[key], fragment))
                return f"{id(document)} {key}#{fragment}", place
        raise SchemaError(
            f"The JSON schema refers to '{shown(ref)}', which is none of its references; "
            "register it, and name it in the schema's references"
        )


def named_trees(texts: Sequence[str], read: Any) -> dict[str, Any]:
    """The trees of the schemas that a schema refers to, by the names it has for them."""
    return {name: read(str(text)) for text in texts for name in getattr(text, "names", ())}


def _pointed(root: Any, fragment: str) -> Any:
    """What a JSON pointer leads to."""
    found = root
    for token in fragment.split("/")[1:]:
        key = unquote(token).replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(found):
            found = found[int(key[:9])]
        else:
            raise SchemaError(f"The JSON schema refers to '#{shown(fragment)}', which it does not have")
    return found


def _bridged(root: Any) -> Any:
    """What stands under ``definitions`` is found under ``$defs`` too."""
    if not isinstance(root, dict):
        return root
    old, new = root.get("definitions"), root.get("$defs", {})
    if not isinstance(old, dict) or not old or not isinstance(new, dict):
        return root
    return {**root, "$defs": {**old, **new}}


def _ids(root: Any, address: str) -> dict[str, Any]:
    """The parts that have ids, by the id as it is written and by what its base makes of it."""
    found: dict[str, Any] = {}
    todo: list[tuple[Any, str]] = [(root, address)]
    while todo:
        node, base = todo.pop()
        if isinstance(node, list):
            todo.extend((each, base) for each in node)
            continue
        if not isinstance(node, dict):
            continue
        for keyword in _IDS:
            own = node.get(keyword)
            if isinstance(own, str) and own and (keyword == "$id" or own.startswith("#") or ":" in own):
                found.setdefault(own, node)
                if not own.startswith("#"):
                    base = _joined(base, own)
                    found.setdefault(base, node)
        for keyword in _ANCHORS:
            own = node.get(keyword)
            if isinstance(own, str):
                found.setdefault(f"#{own}", node)
        todo.extend((each, base) for each in node.values())
    return found


def _joined(base: str, own: str) -> str:
    try:
        return urljoin(base, own)
    except ValueError:  # an id need not be an address
        return own
