"""Names: those that every format allows, and those that none has to like."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st


@cache
def identifiers() -> st.SearchStrategy[str]:
    """Names that every format allows: letters, digits and underscores, no digit first."""
    return st.from_regex(r"[a-z_][a-z0-9_]{0,7}", fullmatch=True)


_TRAPS = (
    "class", "None", "self", "__class__", "a.b", "a b", "a\"b", "a'b", "{x}", "a\\", "\n", "\x00", "0", "$",
    "ı", "\u202eabc", "e\u0301", "🐍", "a" * 300, "type", "__dict__", "${env:HOME}",
)  # fmt: skip


@cache
def hostile_names() -> st.SearchStrategy[str]:
    """Names that no format has to like: quotes, dots, keywords, control characters, long, other scripts."""
    return st.sampled_from(_TRAPS) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@cache
def names() -> st.SearchStrategy[str]:
    """Any name that is not empty: mostly short and strange, as Connect allows."""
    plain = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
    return identifiers() | plain | hostile_names()
