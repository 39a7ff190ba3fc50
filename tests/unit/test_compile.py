import gc
import linecache
import threading
import traceback
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit import compile as kit
from connectkit.compile import Code, Family, Late, PerSchema, PerSchemas, too_deep
from connectkit.errors import LimitError
from connectkit.schema import Schema, Type


def fresh(name: str = "s") -> Schema:
    """A schema equal to all others of that name, and no other's object."""
    return Schema(Type.STRING, name=name)


@given(st.dictionaries(st.text(), st.text(), min_size=1))
def test_bound_texts_are_data_whatever_they_hold(fields: dict[str, str]) -> None:
    code = Code("value")
    code.line("made = {}")
    for name, default in fields.items():
        code.line(f"made[{code.bind(name)}] = value.get({code.bind(name)}, {code.bind(default)})")
    code.line("return made")
    assert code.build("anything " + "".join(fields))({}) == fields


def test_the_same_object_has_one_name_and_equal_ones_have_two() -> None:
    code = Code()
    a, b = [1], [1]
    assert code.bind(a) == code.bind(a) != code.bind(b)


def test_blocks_and_variables() -> None:
    code = Code("value", "limit=3")
    count = code.variable()
    code.line(f"{count} = 0")
    with code.block("for item in value:"):
        with code.block(f"if {count} == limit:"):
            code.line("break")
        with code.block("if item is None:"):
            pass  # an empty block is valid Python all the same
        code.line(f"{count} += 1")
    code.line(f"return {count}")
    function = code.build("count", name="count")
    assert function([1, 2]) == 2
    assert function(range(9)) == 3
    assert function.__name__ == "count"


def test_an_empty_function_returns_none() -> None:
    code = Code()
    assert code.is_empty
    assert code.build("nothing")() is None


def test_a_line_break_or_an_odd_function_name_is_refused() -> None:
    code = Code()
    with pytest.raises(ValueError, match="line break"):
        code.line("x = 1\nimport os")
    with pytest.raises(ValueError, match="identifier"):
        code.build("x", name="f(): pass #")


def test_tracebacks_show_the_generated_line() -> None:
    code = Code("value")
    code.line("return 1 // value")
    function = code.build("divide Order\n'; evil")
    with pytest.raises(ZeroDivisionError) as caught:
        function(0)
    text = "".join(traceback.format_exception(caught.value))
    assert "return 1 // value" in text
    assert "<connectkit divide Order___ evil#" in text


def test_sources_are_bounded() -> None:
    for _ in range(kit.KEPT_SOURCES + 20):
        code = Code()
        code.line("return 1")
        code.build("churn")
    mine = [name for name in linecache.cache if str(name).startswith("<connectkit ")]
    assert len(mine) <= kit.KEPT_SOURCES


def test_functions_are_freed_with_what_they_bind() -> None:
    class Held:
        pass

    held = Held()
    watch = weakref.ref(held)
    code = Code()
    code.line(f"return {code.bind(held)}")
    function = code.build("free me")
    del held, code
    assert watch() is not None
    del function
    gc.collect()
    assert watch() is None


def test_a_family_compiles_a_recursive_schema_and_counts_its_depth() -> None:
    node = Schema(Type.STRUCT, name="Node")
    limit = 5

    def make(family: Family, schema: Schema) -> Any:
        code = Code("value", "depth=0")
        child, cyclic = family.call(code, schema)  # every node holds nodes
        assert cyclic
        with code.block(f"if depth > {limit}:"):
            code.line(f"raise {code.bind(too_deep)}({limit})")
        code.line(f"return 1 + sum({child}(item, depth + 1) for item in value)")
        return code.build("count nodes")

    family = Family(make)
    count = family.get(node)
    assert not isinstance(count, Late)
    assert count([[], [[]]]) == 4
    assert family.get(node) is count
    with pytest.raises(LimitError, match="more than 5 levels"):
        count([[[[[[[[]]]]]]]])


def test_a_family_names_finished_functions_directly() -> None:
    leaf, node = Schema(Type.STRING), Schema(Type.STRUCT, name="Node")

    def make(family: Family, schema: Schema) -> Any:
        code = Code("value")
        if schema is leaf:
            code.line("return value.upper()")
        else:
            call, cyclic = family.call(code, leaf)
            assert not cyclic
            assert (call, cyclic) == family.call(code, leaf)
            code.line(f"return [{call}(item) for item in value]")
        return code.build("x")

    function = Family(make).get(node)
    assert not isinstance(function, Late)
    assert function(["a"]) == ["A"]


def test_a_late_function_called_too_early_says_so() -> None:
    with pytest.raises(RuntimeError, match="before it was finished"):
        Late().call(1)


def test_identity_first_then_equality() -> None:
    made: list[Schema] = []

    def make(schema: Schema) -> int:
        made.append(schema)
        return len(made)

    cache = PerSchema(make)
    a, same = fresh(), fresh()
    assert cache[a] == cache[a] == cache[same] == 1
    assert len(made) == 1
    assert cache[fresh("other")] == 2
    assert cache[None] == 3
    assert cache[None] == 3
    assert set(cache.table) >= {id(a), id(same), id(None)}
    cache.clear()
    assert len(cache) == 0
    assert cache[a] == 4


def test_the_first_sighting_is_not_compiled() -> None:
    cache = PerSchema(lambda s: "made", first=lambda s: "first")
    a = fresh()
    assert [cache[a], cache[fresh()], cache[a]] == ["first", "made", "made"]
    for i in range(50):  # churn never compiles
        assert cache[fresh(f"n{i}")] == "first"
    assert len(cache) == 1


def test_the_cache_is_bounded_by_schemas_and_by_objects() -> None:
    cache = PerSchema(lambda s: object(), size=10)
    kept = [fresh(f"n{i}") for i in range(100)]
    for schema in kept:
        cache[schema]
    assert len(cache) == 10
    assert len(cache.table) == 10
    many = [fresh("n99") for _ in range(100)]
    assert len({id(cache[s]) for s in many}) == 1
    assert len(cache.table) == 10


def test_a_dead_schema_never_lends_its_id_to_another() -> None:
    cache = PerSchema(lambda s: s.name, size=2)
    for i in range(500):
        name = f"n{i}"
        assert cache[fresh(name)] == name


def test_tuples_of_schemas() -> None:
    cache = PerSchemas(lambda pair: [s and s.name for s in pair], size=3)
    key, value = fresh("k"), fresh("v")
    assert cache[key, value] == ["k", "v"]
    assert cache[key, None] == ["k", None]
    assert cache[key, value] is cache[fresh("k"), fresh("v")]
    assert cache.table[id(key), id(value)] == ["k", "v"]
    for i in range(20):
        cache[key, fresh(str(i))]
    assert len(cache.table) == 3


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        PerSchema(lambda s: s, size=0)


def test_threads_make_once_and_agree() -> None:
    made: list[str] = []

    def make(schema: Schema) -> str | None:
        made.append(str(schema.name))
        return schema.name

    cache = PerSchema(make, size=100)
    wrong: list[str] = []

    def work() -> None:
        for _ in range(20):
            wrong.extend(f"n{i}" for i in range(50) if cache[fresh(f"n{i}")] != f"n{i}")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert sorted(made) == sorted({f"n{i}" for i in range(50)})
