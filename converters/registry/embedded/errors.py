"""What the embedded registry refuses, with the codes of Confluent's REST interface (spec registry 7).

Each is the error of connectkit that says what to do next, and carries ``code``: its first three digits are
the HTTP status. ``said`` is the sentence that Confluent's registry answers with.
"""

from __future__ import annotations

from connectkit.errors import ConflictError, ConnectError, NotFoundError, SchemaError


class RefusalError(ConnectError):
    """Something that the registry does not do; mixed into the error by what to do next."""

    code: int
    said: str

    def __init__(self, code: int, message: str, said: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.said = said or message

    def __reduce__(self) -> tuple[type[RefusalError], tuple[int, str, str]]:
        return type(self), (self.code, str(self), self.said)


class NotThereError(RefusalError, NotFoundError):
    """404xx: no such subject, version, schema or setting."""


class NotCompatibleError(RefusalError, ConflictError):
    """409xx: the schema may not follow those that the subject has."""


class NotTakenError(RefusalError, SchemaError):
    """422xx: what was given is not what it should be."""


def no_subject(subject: str) -> NotThereError:
    """40401."""
    return NotThereError(
        40401, f"The schema registry has no subject '{subject}'", f"Subject '{subject}' not found."
    )


def no_version(subject: str, version: int) -> NotThereError:
    """40402."""
    return NotThereError(
        40402, f"Subject '{subject}' has no version {version}", f"Version {version} not found."
    )


def no_id(schema_id: int) -> NotThereError:
    """40403, by id."""
    return NotThereError(
        40403, f"The schema registry has no schema of id {schema_id}", f"Schema {schema_id} not found"
    )


def no_schema(message: str) -> NotThereError:
    """40403, by text or GUID."""
    return NotThereError(40403, message, "Schema not found")
