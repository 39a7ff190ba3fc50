r"""Refuses regular expressions that some input can make run for hours (exponential backtracking).

Matching holds the interpreter's lock, so one such expression in a configuration would stop a worker with
everything in it. The expression is read as an automaton over its characters; it is refused if a part of
it can go round a loop in two ways on the same text (``(a+)+``, ``(a|aa)*``), if four or more open
repetitions that share a character stand side by side (``.*.*.*.*``), or if a row of one character can be
matched in millions of ways (``a?a?a?…``). Nested repetition kept apart by a separator, as in
``(\w+\.)+``, is fine. Pure functions. Source: reliability S10.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import comb
from typing import Any, NamedTuple

# ``re`` keeps its parser to itself: no type checker knows it, whatever else is installed.
sre: Any = vars(re)["_constants"]
parser: Any = vars(re)["_parser"]

_EXPANDED = 8
"""A repetition of at most so many times counts as copies; one of more as a loop."""
_MAX_POSITIONS = 600
_SIDE_BY_SIDE = 4
_ROW_CHARS = 40
_COMMON = "0aA_ \n.-é中"


def explosive(pattern: re.Pattern[str]) -> str | None:
    """Why matching may take exponential time (``"must not …"``), or None."""
    try:
        tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        _Reader(tree, ignore_case=bool(pattern.flags & re.IGNORECASE)).check(tree)
    except _ExplosiveError as found:
        return str(found)
    except RecursionError:
        return "must not be nested so deeply"
    return None


class Growth(NamedTuple):
    """How the time of a search grows with the length of the text.

    ``exponent``: 1 is linear, 2 quadratic (``a.*b``, which is begun anew at each ``a``), and so on: the most
    repetitions that follow each other on some way through the expression, where each could take what the
    next one takes. Never too low. ``factor``: how many times more ways there are than with these
    repetitions alone (``a?a?a?a.*``), told from rows of one character.
    """

    exponent: int
    factor: int


def growth(pattern: re.Pattern[str]) -> Growth:
    """How the time of a search grows, for an expression that is not refused."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    reader = _Reader(tree, ignore_case=bool(pattern.flags & re.IGNORECASE))
    whole = reader._sequence(tree)
    masks, edges = reader._masks, reader._edges
    done = {len(masks) - 1} if _ends_open(tree) else set[int]()
    lines = pattern.flags & re.MULTILINE or _any_flag(tree, re.MULTILINE)
    first = list(whole.first)
    if lines or not _begins_fixed(tree):
        masks.append((1 << len(reader._samples)) - 1)  # the search itself repeats anything in front
        edges.append(dict.fromkeys([*first, len(masks) - 1], 1))
        first.append(len(masks) - 1)
    looks = any(op in (sre.ASSERT, sre.ASSERT_NOT) and _repeats(arg[1]) for op, arg in _walk(tree))
    exponent = max(1, _longest_chain(masks, edges, done)) + looks
    ways = max(_ways_of_rows(masks, edges, first, done), default=0)
    return Growth(exponent, max(1, -(-ways // comb(_ROW_CHARS + exponent, exponent))))


class _ExplosiveError(Exception):
    """The sentence to tell."""


class _Part:
    """A piece of the automaton: whether it can be empty, and the positions it can begin and end at."""

    __slots__ = ("empty", "first", "last")

    def __init__(self, empty: bool, first: list[int], last: list[int]) -> None:
        self.empty = empty
        self.first = first
        self.last = last


class _Reader:
    """Makes the positions and the edges between them; an edge that arises twice counts twice."""

    def __init__(self, tree: Any, *, ignore_case: bool) -> None:
        self._ignore_case = ignore_case or _any_flag(tree, re.IGNORECASE)
        points = sorted({p for p in _points(tree) if 0 <= p <= 0x10FFFF} | set(map(ord, _COMMON)))
        self._samples = points
        self._masks: list[int] = []
        self._edges: list[dict[int, int]] = []

    def check(self, tree: Any) -> None:
        self._sequence(tree)
        _refuse_ambiguous(self._masks, self._edges)
        _refuse_side_by_side(self._masks, self._edges)
        _refuse_empty_choices(tree)
        _refuse_many_ways(self._masks, self._edges)

    # --- reading the tree

    def _position(self, mask: int) -> _Part:
        if len(self._masks) >= _MAX_POSITIONS:
            raise _ExplosiveError("must not be so long that its cost cannot be judged")
        self._masks.append(mask)
        self._edges.append({})
        number = len(self._masks) - 1
        return _Part(False, [number], [number])

    def _join(self, last: Iterable[int], first: Iterable[int]) -> None:
        first = list(first)
        for a in last:
            edges = self._edges[a]
            for b in first:
                edges[b] = edges.get(b, 0) + 1

    def _sequence(self, items: Iterable[Any]) -> _Part:
        whole = _Part(True, [], [])
        for op, arg in items:
            part = self._item(op, arg)
            if part is None:
                continue
            self._join(whole.last, part.first)
            whole = _Part(
                whole.empty and part.empty,
                whole.first + part.first if whole.empty else whole.first,
                whole.last + part.last if part.empty else part.last,
            )
        return whole

    def _item(self, op: Any, arg: Any) -> _Part | None:
        if op in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            return self._position(self._mask(op, arg))
        if op is sre.SUBPATTERN:
            return self._sequence(arg[3])
        if op is sre.BRANCH:
            return self._either(arg[1])
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self._repeat(*arg)
        if op in (sre.POSSESSIVE_REPEAT, sre.ATOMIC_GROUP):
            body = arg[2] if op is sre.POSSESSIVE_REPEAT else arg
            part = self._once(body)
            return _Part(part.empty or (op is sre.POSSESSIVE_REPEAT and arg[0] == 0), part.first, part.last)
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            self._apart(arg[1])
            return None
        if op in (sre.GROUPREF, sre.GROUPREF_IGNORE):
            part = self._position((1 << len(self._samples)) - 1)
            return _Part(True, part.first, part.last)
        if op is sre.GROUPREF_EXISTS:
            return self._either([branch for branch in arg[1:] if branch is not None])
        return None  # positions in the text: \b, ^, $

    def _either(self, branches: Iterable[Any]) -> _Part:
        parts = [self._sequence(branch) for branch in branches]
        return _Part(
            any(part.empty for part in parts),
            [p for part in parts for p in part.first],
            [p for part in parts for p in part.last],
        )

    def _repeat(self, least: int, most: int, body: Any) -> _Part:
        if most <= _EXPANDED:
            return self._copies(least, most, body)
        part = self._sequence(body)
        if part.empty and least > _EXPANDED:
            raise _ExplosiveError(
                "must not repeat something that may be empty so many times, such as (a?){25}: some texts "
                "would take hours to match"
            )
        self._join(part.last, part.first)
        return _Part(part.empty or least == 0, part.first, part.last)

    def _copies(self, least: int, most: int, body: Any) -> _Part:
        """A repetition as copies: each but the first is reached from the one before it only."""
        first: list[int] = []
        last: list[int] = []
        before: list[int] = []
        empty = True  # whether all copies so far can be empty
        for number in range(most):
            part = self._sequence(body)
            self._join(before, part.first)
            if empty:
                first = first + part.first
            before = before + part.last if part.empty else part.last
            empty = empty and part.empty
            last = last + part.last if number >= least else before
        return _Part(empty or least == 0, first, last)

    def _apart(self, body: Any) -> None:
        """Judge a part on its own: what is around it never goes back into it."""
        inner = _Reader(body, ignore_case=self._ignore_case)
        inner.check(body)

    def _once(self, body: Any) -> _Part:
        """A part that is matched one way only: it stands as a single position with all its characters."""
        self._apart(body)
        inner = _Reader(body, ignore_case=self._ignore_case)
        inner._samples = self._samples
        part = inner._sequence(body)
        mask = 0
        for each in inner._masks:
            mask |= each
        if not inner._masks:
            return _Part(True, [], [])
        made = self._position(mask)
        return _Part(part.empty, made.first, made.last)

    # --- characters

    def _mask(self, op: Any, arg: Any) -> int:
        mask = 0
        for bit, point in enumerate(self._samples):
            char = chr(point)
            forms = {char, char.swapcase()} if self._ignore_case else {char}
            if any(len(form) == 1 and _matches(op, arg, ord(form)) for form in forms):
                mask |= 1 << bit
        return mask


def _matches(op: Any, arg: Any, point: int) -> bool:
    if op is sre.LITERAL:
        return bool(point == arg)
    if op is sre.NOT_LITERAL:
        return bool(point != arg)
    if op is sre.ANY:
        return True
    negated = bool(arg) and arg[0][0] is sre.NEGATE
    return any(_in_item(kind, item, point) for kind, item in arg[negated:]) is not negated


def _in_item(kind: Any, item: Any, point: int) -> bool:
    if kind is sre.LITERAL:
        return bool(point == item)
    if kind is sre.RANGE:
        return bool(item[0] <= point <= item[1])
    if kind is sre.CATEGORY:
        letter = {
            sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_SPACE: r"\s",
            sre.CATEGORY_NOT_SPACE: r"\S", sre.CATEGORY_WORD: r"\w", sre.CATEGORY_NOT_WORD: r"\W",
        }[item]  # fmt: skip
        return re.match(letter, chr(point), re.ASCII) is not None
    return True


def _walk(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every operation of a parsed expression, wherever it is nested."""
    for op, arg in tree:
        yield op, arg
        for part in _inner(op, arg):
            yield from _walk(part)


def _inner(op: Any, arg: Any) -> list[Any]:
    if op is sre.SUBPATTERN:
        return [arg[3]]
    if op is sre.BRANCH:
        return list(arg[1])
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return [arg[2]]
    if op is sre.ATOMIC_GROUP:
        return [arg]
    if op in (sre.ASSERT, sre.ASSERT_NOT):
        return [arg[1]]
    if op is sre.GROUPREF_EXISTS:
        return [part for part in arg[1:] if part is not None]
    return []


def _any_flag(tree: Any, flag: int) -> bool:
    return any(op is sre.SUBPATTERN and arg[1] & flag for op, arg in _walk(tree))


def _points(tree: Any) -> Iterator[int]:
    """Characters at which some class of the expression begins or ends, and their neighbours."""
    for op, arg in _walk(tree):
        items = arg if op is sre.IN else [(op, arg)] if op in (sre.LITERAL, sre.NOT_LITERAL) else []
        for kind, item in items:
            if kind in (sre.LITERAL, sre.NOT_LITERAL):
                yield from (item, item + 1)
            elif kind is sre.RANGE:
                yield from (item[0] - 1, item[0], item[1], item[1] + 1)


# --- judging the automaton


def _refuse_ambiguous(masks: list[int], edges: list[dict[int, int]]) -> None:
    """Refuse if, from some position, one text leads back to it on two ways."""
    loops = [c for c in _components(range(len(masks)), lambda p: edges[p]) if len(c) > 1 or _turns(c, edges)]
    for component in loops:
        inside = set(component)
        for a in component:
            if any(count > 1 and b in inside for b, count in edges[a].items()):
                raise _ExplosiveError(_TOLD)
        if len(component) > 120:
            raise _ExplosiveError("must not have a repetition so long that its cost cannot be judged")

        def step(pair: tuple[int, int], inside: set[int] = inside) -> Iterator[tuple[int, int]]:
            for a in edges[pair[0]]:
                if a in inside:
                    for b in edges[pair[1]]:
                        if b in inside and masks[a] & masks[b]:
                            yield (a, b)

        pairs = [(a, a) for a in component]
        for found in _components(pairs, step):
            diagonal = [pair[0] == pair[1] for pair in found]
            if any(diagonal) and not all(diagonal):
                raise _ExplosiveError(_TOLD)


_TOLD = (
    "must not repeat something that can itself be repeated in two ways, such as (a+)+: some texts would "
    "take hours to match; keep the repetitions apart by a separator, or make the inner one possessive (a++)"
)


def _turns(component: list[int], edges: list[dict[int, int]]) -> bool:
    return component[0] in edges[component[0]]


def _refuse_side_by_side(masks: list[int], edges: list[dict[int, int]]) -> None:
    """Refuse a row of positions that each repeat, follow each other directly and share a character."""
    repeating = [p for p in range(len(masks)) if p in edges[p]]
    longest: dict[int, int] = {}
    for p in reversed(repeating):  # positions are numbered from left to right
        after = (longest[q] for q in edges[p] if q > p and q in longest and masks[p] & masks[q])
        longest[p] = 1 + max(after, default=0)
        if longest[p] >= _SIDE_BY_SIDE:
            raise _ExplosiveError(
                f"must not have {_SIDE_BY_SIDE} open repetitions side by side that can match the same "
                "characters, such as .*.*.*.*: some texts would take very long to match"
            )


_EMPTY_CHOICES = 8


def _refuse_empty_choices(tree: Any) -> None:
    """Refuse alternatives of which two can be empty, where they are repeated (``(a|a)*`` is read so)."""
    found = 0
    for op, arg in _walk(tree):
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and arg[1] > 1:
            if any(_empty_choices(arg[2])) or _only_looks(arg[2]):
                raise _ExplosiveError(_TOLD)
        found += op is sre.BRANCH and _is_empty_choice(arg)
    if found > _EMPTY_CHOICES:
        raise _ExplosiveError(_TOLD)


def _empty_choices(tree: Any) -> Iterator[bool]:
    return (True for op, arg in _walk(tree) if op is sre.BRANCH and _is_empty_choice(arg))


def _only_looks(body: Any) -> bool:
    """Whether a repeated part can be a mere look at the text: how often it is repeated then is open."""
    looks = (sre.ASSERT, sre.ASSERT_NOT, sre.AT)
    return body.getwidth()[0] == 0 and any(op in looks for op, _ in _walk(body))


def _is_empty_choice(branch: Any) -> bool:
    return len([part for part in branch[1] if part.getwidth()[0] == 0]) > 1


_MAX_WAYS = 2_000_000
_LENGTH_CHARS = 40


def _refuse_many_ways(masks: list[int], edges: list[dict[int, int]]) -> None:
    """Refuse if a row of one character is matched in very many ways (``a?a?a?…a?``), loops or none."""
    seen: set[frozenset[int]] = set()
    for bit in range(max(masks, default=0).bit_length()):
        inside = frozenset(p for p in range(len(masks)) if masks[p] >> bit & 1)
        if len(inside) < 2 or inside in seen:
            continue
        seen.add(inside)
        ways = dict.fromkeys(inside, 1)
        for _ in range(_LENGTH_CHARS):
            after: dict[int, int] = {}
            for p, count in ways.items():
                for q, times in edges[p].items():
                    if q in inside:
                        after[q] = after.get(q, 0) + count * times
            ways = after
            if sum(ways.values()) > _MAX_WAYS:
                raise _ExplosiveError(
                    "must not have so many parts side by side that may be left out and match the same "
                    "characters, such as a?a?a?a?: some texts would take very long to match"
                )


def _ways_of_rows(
    masks: list[int], edges: list[dict[int, int]], first: list[int], done: set[int]
) -> Iterator[int]:
    """For each character, how many ways there are to match rows of it up to some length, but for the end."""
    seen: set[frozenset[int]] = set()
    for bit in range(max(masks, default=0).bit_length()):
        inside = frozenset(p for p in range(len(masks)) if masks[p] >> bit & 1 and p not in done)
        if inside in seen:
            continue
        seen.add(inside)
        ways = {p: 1 for p in first if p in inside}
        total = 0
        for _ in range(_ROW_CHARS):
            total += sum(ways.values())
            after: dict[int, int] = {}
            for p, count in ways.items():
                for q, times in edges[p].items():
                    if q in inside:
                        after[q] = after.get(q, 0) + count * times
            ways = after
        yield total


def _repeats(tree: Any) -> bool:
    repeats = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
    return any(op in repeats and arg[1] > _EXPANDED for op, arg in _walk(tree))


def _ends_open(tree: Any) -> bool:
    """Whether the last thing of the expression is one character, repeated: nothing can fail behind it."""
    if not len(tree):
        return False
    op, arg = tree[-1]
    if op is sre.SUBPATTERN:
        return _ends_open(arg[3])
    if op not in (sre.MAX_REPEAT, sre.MIN_REPEAT) or arg[1] <= _EXPANDED or len(arg[2]) != 1:
        return False
    return arg[2][0][0] in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN)


def _begins_fixed(tree: Any) -> bool:
    """Whether the expression can only match at the beginning of a text."""
    if not len(tree):
        return False
    op, arg = tree[0]
    if op is sre.SUBPATTERN:
        return _begins_fixed(arg[3])
    return op is sre.AT and arg in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING)


def _longest_chain(masks: list[int], edges: list[dict[int, int]], done: set[int]) -> int:
    """The most loops in a row of which each can give characters to the next; those in ``done`` are none."""
    # Tarjan finds a component after all that can be reached from it.
    found = _components(range(len(masks)), lambda p: edges[p])
    loops = [c for c in found if (len(c) > 1 or _turns(c, edges)) and not done.issuperset(c)]
    joined: list[int] = []
    for component in loops:
        mask = 0
        for p in component:
            mask |= masks[p]
        joined.append(mask)
    longest: list[int] = []
    for number, component in enumerate(loops):
        best = 0
        for other in range(number):
            shared = joined[number] & joined[other]
            if (
                longest[other] > best
                and shared
                and _leads(component, set(loops[other]), shared, masks, edges)
            ):
                best = longest[other]
        longest.append(best + 1)
    return max(longest, default=0)


def _leads(
    sources: list[int], targets: set[int], shared: int, masks: list[int], edges: list[dict[int, int]]
) -> bool:
    """Whether there is a way from one loop to the other on which every position takes a shared character."""
    seen: set[int] = set(sources)
    work = list(sources)
    while work:
        for after in edges[work.pop()]:
            if after not in seen and masks[after] & shared:
                if after in targets:
                    return True
                seen.add(after)
                work.append(after)
    return False


def _components(nodes: Iterable[Any], step: Any) -> list[list[Any]]:
    """Strongly connected components of what can be reached from the nodes (Tarjan, without recursion)."""
    order: dict[Any, int] = {}
    low: dict[Any, int] = {}
    stack: list[Any] = []
    on_stack: set[Any] = set()
    found: list[list[Any]] = []
    for root in nodes:
        if root in order:
            continue
        work = [(root, iter(list(step(root))))]
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, successors = work[-1]
            for after in successors:
                if after not in order:
                    order[after] = low[after] = len(order)
                    stack.append(after)
                    on_stack.add(after)
                    work.append((after, iter(list(step(after)))))
                    break
                if after in on_stack:
                    low[node] = min(low[node], order[after])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    component = []
                    while True:
                        top = stack.pop()
                        on_stack.discard(top)
                        component.append(top)
                        if top == node:
                            break
                    found.append(component)
    return found
