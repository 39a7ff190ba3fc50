"""``GET /connectkit/connectors/NAME/dead-letters``: the last records it gave up, and why.

What Connect's headers say of each letter is shown; keys, values and traces are not: ``connectkit dlq show``
is for those who may read the topic. The queue is read without a consumer group. Source: spec users row 4.
"""

from __future__ import annotations

from typing import Any, Final

from connectkit.errors import NotFoundError
from connectkit.runner.clients import ClientConfigs
from connectkit.runner.control import TaskId
from connectkit.runner.dlq import context
from connectkit.runner.dlq.letters import Letter
from connectkit.runner.dlq.reading import count_of, ends_of, read
from connectkit.runner.rest import schemas
from connectkit.runner.rest.answers import Answer
from connectkit.runner.rest.calls import Call
from connectkit.runner.rest.routes import Operation
from connectkit.secret import GIVEN

DEFAULT_LETTERS: Final = 20
MAX_LETTERS: Final = 200
MAX_MESSAGE_CHARS: Final = 1_000


def letter_json(letter: Letter) -> dict[str, Any]:
    """One letter, without what was in the record."""
    message = GIVEN.hidden_in(letter.about.get(context.MESSAGE, ""))
    key, value = letter.message.key(), letter.message.value()
    return {
        "place": letter.where,
        "origin": letter.origin,
        "timestamp": letter.timestamp_ms,
        "stage": letter.cause.stage,
        "class": letter.cause.plugin,
        "error": letter.cause.error,
        "message": message[:MAX_MESSAGE_CHARS],
        "replays": letter.replays,
        "key_bytes": None if key is None else len(key),
        "value_bytes": None if value is None else len(value),
    }


def _letters(call: Call) -> Answer:
    service = call.service
    worker = service.herder.worker
    count = call.whole("limit", DEFAULT_LETTERS, MAX_LETTERS)
    config = worker.plan(service.herder.info(call.connector).config).config
    topic = str(getattr(config, "errors_deadletterqueue_topic_name", "") or "")
    nothing: dict[str, Any] = {"name": call.connector, "topic": topic or None, "total": 0, "letters": []}
    if not topic:
        return Answer(nothing)
    clients = ClientConfigs(service.config)
    admin = worker.log.admin(clients.admin(config, client_id="connectkit-dead-letters"))
    try:
        begins, ends = ends_of(admin, topic)
    except NotFoundError:  # nothing has been given up yet
        return Answer(nothing)
    finally:
        admin.close()
    starts = {tp: max(end - count, begins.get(tp, 0)) for tp, end in ends.items()}
    settings = clients.consumer(TaskId(call.connector, 0), config)
    found = [
        letter
        for batch in read(worker.log, settings, starts, ends)
        for letter in batch
        if letter.cause.connector in ("?", call.connector)
    ]
    found.sort(key=lambda letter: (letter.timestamp_ms or 0, letter.message.offset()))
    last = found[-count:] if count else []
    total = count_of(begins, ends)
    return Answer({**nothing, "total": total, "letters": [letter_json(letter) for letter in last]})


_COUNT: Final = {"type": ["integer", "null"]}
_LETTER: Final = schemas.record(
    {
        "place": schemas.TEXT,
        "origin": schemas.TEXT,
        "timestamp": _COUNT,
        "stage": schemas.TEXT,
        "class": schemas.TEXT,
        "error": schemas.TEXT,
        "message": schemas.TEXT,
        "replays": schemas.INTEGER,
        "key_bytes": _COUNT,
        "value_bytes": _COUNT,
    }
)
OPERATIONS: Final = [
    Operation(
        method="GET",
        path="/connectkit/connectors/{connector}/dead-letters",
        answer=_letters,
        summary="Show the last records that a connector has given up, and why; not what was in them.",
        query={"limit": f"How many, {DEFAULT_LETTERS} if not said, {MAX_LETTERS} at most."},
        gives={
            200: schemas.record(
                {
                    "name": schemas.TEXT,
                    "topic": schemas.NULLABLE_TEXT,
                    "total": schemas.INTEGER,
                    "letters": schemas.array(_LETTER),
                }
            )
        },
        errors=(404,),
        pace="change",
    )
]
