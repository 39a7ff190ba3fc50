"""The page about Java client properties: what becomes of each one in a connectkit configuration."""

from __future__ import annotations

from connectkit.runner.log.kafka.properties import DANGEROUS, DEFAULTS, NATIVE, PROPERTIES, Fate, Property
from tools.docs.markdown import code, page, prose, table

INTRO = """\
A configuration of Kafka Connect names the properties of the Java clients. connectkit talks to brokers through
librdkafka, and translates them. They work in the worker's configuration, as they are for its own clients and
with `producer.`, `consumer.` or `admin.` before the name for those of its tasks, and in a connector's, with
`producer.override.`, `consumer.override.` or `admin.override.` before the name.
The letters say which client has the property: **P**roducer, **C**onsumer, **A**dmin.
A name that no client has is warned about and dropped."""
FATES = {
    Fate.PASSED: ("Passed on", "librdkafka acts on them, where given under the name that it has for them."),
    Fate.OURS: ("Acted on by connectkit", "connectkit itself does what they say."),
    Fate.IGNORED: (
        "Without effect",
        "Accepted, so that a configuration need not be edited; they change nothing here.",
    ),
    Fate.REFUSED: (
        "Refused",
        "Something was asked for that cannot be done; going on would not be what was meant.",
    ),
}


def client_page() -> str:
    """The page."""
    return page("Java client properties", INTRO, *(_section(fate) for fate in Fate), _native(), _defaults())


def _native() -> str:
    names = {name: letters for letters, found in NATIVE.items() for name in found}
    refused = ((code(name), prose(why)) for name, why in sorted(DANGEROUS.items()))
    return "\n\n".join(
        [
            "## librdkafka's own names\n\nThese may be given beside Java's.",
            table(("property", "clients"), ((code(name), _letters(names[name])) for name in sorted(names))),
            "These are refused, and so is every name that ends in `_cb`.",
            table(("property", "because it"), refused),
        ]
    )


def _defaults() -> str:
    rows = (
        (code(name), _letters(letters), code(value))
        for letters, found in DEFAULTS.items()
        for name, value in sorted(found.items())
    )
    says = "Where connectkit's default is not librdkafka's; most are the Java clients'."
    return f"## Defaults\n\n{says}\n\n" + table(("librdkafka's property", "clients", "default"), rows)


def _section(fate: Fate) -> str:
    title, says = FATES[fate]
    found = sorted((each for each in PROPERTIES if each.fate is fate), key=lambda each: each.name)
    passed = fate is Fate.PASSED
    head = ("property", "clients", *(("librdkafka",) if passed else ()), "note")
    return f"## {title}\n\n{says}\n\n" + table(head, (_row(each, passed) for each in found))


def _row(each: Property, passed: bool) -> tuple[str, ...]:
    target = () if not passed else ("the same" if each.target == each.name else code(each.target or ""),)
    return code(each.name), _letters(each.clients), *target, prose(each.doc)


def _letters(clients: str) -> str:
    return " ".join(letter.upper() for letter in "pca" if letter in clients)
