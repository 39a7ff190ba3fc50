"""Every golden case against our code, the runner itself, and the list of told differences."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.golden.areas import OPS, area_of
from tests.golden.rules import RULES, entries
from tests.golden.runner import DATA, Count, judge, read, run_all
from tests.support.avro_twins import using

CHUNKS = 8  # small enough for the time limit of one test on a busy machine
FILES = sorted(path.name for path in DATA.glob("*.jsonl.gz"))
Case = dict[str, Any]


def _cases(name: str) -> list[Case]:
    return list(read(DATA / name))


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("name", FILES)
def test_cases(name: str, chunk: int) -> None:
    counts: dict[str, Count] = {}
    whole = _cases(name)
    shared = [case for case in whole if case.get("op") == "entry"]  # what the other lines refer to
    cases = shared + [case for case in whole if case.get("op") != "entry"][chunk::CHUNKS]
    run_all(cases, counts)
    failures = [f"{case}: {what}" for count in counts.values() for case, what in count.failures]
    assert not failures, "\n".join(failures[:20])
    assert sum(count.passed for count in counts.values()) > len(cases) // 4


def test_avro_without_its_compiled_codec() -> None:
    counts: dict[str, Count] = {}
    with using(None):
        run_all(_cases("avro.jsonl.gz"), counts)
    assert [failure for count in counts.values() for failure in count.failures] == []
    assert sum(count.passed for count in counts.values()) > 1_000


@pytest.mark.parametrize("name", ["datamodel.jsonl.gz", "values.jsonl.gz", "json.jsonl.gz"])
def test_every_told_difference_happens(name: str) -> None:
    """A reason that no case needs any more would hide the next mistake."""
    counts: dict[str, Count] = {}
    run_all(_cases(name) + _cases("random.jsonl.gz"), counts)
    told = {reason for count in counts.values() for _, _, reason in count.told}
    area = {"datamodel.jsonl.gz": "datamodel", "values.jsonl.gz": "values", "json.jsonl.gz": "json"}[name]
    for entry in entries():
        ops = entry.get("op", [])
        ops = [ops] if isinstance(ops, str) else ops
        if ops and all(OPS[op][0] == area for op in ops):
            assert entry["reason"] in told, entry


def test_told_differences_are_well_formed() -> None:
    for entry in entries():
        assert set(entry) <= {"rule", "id", "op", "reason"}
        assert "rule" in entry or "id" in entry
        assert entry.get("rule", "unrepresentable") in RULES
        assert entry["reason"].strip().endswith(".")
        ops = entry.get("op", [])
        assert set([ops] if isinstance(ops, str) else ops) <= set(OPS)


# --- the runner finds what differs ---


def _failed(case: Case) -> bool:
    counts: dict[str, Count] = {}
    run_all([case], counts)
    (count,) = counts.values()
    return bool(count.failures)


def _first(name: str, op: str, part: str) -> Case:
    """The first case of an op that has an ``out``, or an ``error``, and passes."""
    for case in _cases(name):
        if case["op"] == op and part in case and judge(case) == (None, None):
            return case
    raise AssertionError(f"no case of {op} has {part}")


ERROR = {"class": "org.apache.kafka.connect.errors.DataException", "message": "doctored"}


@pytest.mark.parametrize("op", ["parse", "convert", "to-string", "header-from", "header-to", "infer"])
def test_a_value_where_java_raised_is_a_failure(op: str) -> None:
    case = _first("values.jsonl.gz", op, "out")
    assert _failed({"id": "x", "op": op, "in": case["in"], "error": ERROR})


@pytest.mark.parametrize("op", ["builder", "validate", "project", "logical-from", "logical-to"])
def test_an_error_where_java_gave_a_value_is_a_failure(op: str) -> None:
    case = _first("datamodel.jsonl.gz", op, "error")
    assert _failed(
        {"id": "x", "op": op, "in": case["in"], "out": _first("datamodel.jsonl.gz", op, "out")["out"]}
    )


def test_another_kind_of_error_is_a_failure() -> None:
    case = _first("datamodel.jsonl.gz", "project", "error")
    other = {"class": "org.apache.kafka.common.config.ConfigException", "message": "doctored"}
    assert _failed({**case, "error": other})


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1", {"schema": {"type": "int16", "optional": False}, "value": {"int16": 1}}),
        ("1", {"schema": {"type": "int8", "optional": True}, "value": {"int8": 1}}),
        ("1", {"schema": {"type": "int8", "optional": False}, "value": {"int8": 2}}),
        ("1", {"schema": {"type": "int8", "optional": False}, "value": {"float64": "1.0"}}),
        ("1", None),
        ("0.5", {"schema": {"type": "float32", "optional": False}, "value": {"float32": "0.25"}}),
        ("[]", {"schema": {"type": "array", "optional": False}, "value": {"array": [{"int8": 1}]}}),
        ("true", {"schema": {"type": "boolean", "optional": False}, "value": {"int8": 1}}),
    ],
)  # fmt: skip
def test_a_slightly_different_result_is_a_failure(text: str, result: Case | None) -> None:
    assert _failed({"id": "x", "op": "parse", "in": {"text": text}, "out": {"result": result}})


def test_the_order_of_a_parsed_map_counts() -> None:
    schema = {"type": "map", "optional": False, "key": {"type": "string", "optional": False}}
    schema["value"] = {"type": "int8", "optional": False}
    entries_there = [[{"string": "b"}, {"int8": 2}], [{"string": "a"}, {"int8": 1}]]
    case = {"id": "x", "op": "parse", "in": {"text": '{"a":1,"b":2}'}}
    assert _failed({**case, "out": {"result": {"schema": schema, "value": {"map": entries_there}}}})
    entries_there.reverse()
    assert not _failed({**case, "out": {"result": {"schema": schema, "value": {"map": entries_there}}}})


@pytest.mark.parametrize("case", [{"id": "1", "op": "no-such-op"}, {"id": "2"}, {"id": "3", "op": "parse"}])
def test_what_cannot_be_run_is_a_failure(case: Case) -> None:
    assert _failed(case)
    assert area_of(case)


# --- the command ---


def _command(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.golden", *map(str, files)], capture_output=True, text=True, check=False
    )


def test_the_command_reads_any_file_and_counts_by_op(tmp_path: Path) -> None:
    cases = _cases("values.jsonl.gz")[:20] + _cases("datamodel.jsonl.gz")[:20]
    text = "\n".join(json.dumps(case) for case in cases) + "\n"
    plain, packed = tmp_path / "anything.txt", tmp_path / "other"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    done = _command(plain, packed)
    assert done.returncode == 0, done.stdout
    counts = {line.split()[0]: [int(n) for n in line.split()[1:4]] for line in done.stdout.splitlines()}
    assert sum(counts["values"]) == 40
    assert sum(counts["datamodel"]) == 40


def test_the_command_fails_and_names_the_case(tmp_path: Path) -> None:
    path = tmp_path / "wrong.jsonl"
    path.write_text('{"id": "wrong-1", "op": "parse", "in": {"text": "1"}, "out": {"result": null}}\n')
    done = _command(path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "values 0 1 0"
    assert "wrong-1" in done.stdout


def test_the_command_fails_for_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "no.jsonl"
    path.write_text("not json\n")
    assert _command(path).returncode == 2
    assert _command(tmp_path / "missing.jsonl").returncode == 2
