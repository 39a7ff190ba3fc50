"""The frame of all laws: a sentence of a contract, a strategy of cases, a check of one.

A subclass that names its plugin gets one test a law, ``test_LAW``, which pytest collects. Hypothesis
looks for the smallest case that breaks it, and the failure names the sentence and shows that case as code.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, HypothesisException

from connectkit.config import Config
from connectkit.errors import ConfigError, DataError
from connectkit.kinds import Kind
from connectkit.schema import Schema, Type
from connectkit.testing.code import code_of

F = TypeVar("F", bound=Callable[..., None])


class BrokenLawError(AssertionError):
    """A plugin does not keep a sentence of its contract."""


@dataclass(frozen=True, slots=True)
class Law:
    """A sentence of a contract, and which cases it is checked with; the check is the marked method."""

    sentence: str
    cases: str | None
    when: Callable[[Any], bool]


def law(
    sentence: str, *, cases: str | None = None, when: Callable[[Any], bool] = lambda laws: True
) -> Callable[[F], F]:
    """Mark a method as a law; ``cases`` names the method that returns the strategy of its argument.

    ``when`` is asked once with the law class: a law that does not apply to a plugin is no test.
    """

    def mark(function: F) -> F:
        function.__law__ = Law(sentence, cases, when)  # type: ignore[attr-defined]
        return function

    return mark


class Laws:
    """Base of the law classes. ``examples``: how many cases Hypothesis tries for each law.

    The environment variable ``CONNECTKIT_LAW_EXAMPLES`` sets another number for all: fewer for a quick look,
    many for a night.
    """

    examples: ClassVar[int] = 200
    plugin_attribute: ClassVar[str] = ""
    """The attribute that names the plugin; a subclass without it is a base of others."""
    plugin_bases: ClassVar[tuple[type, ...]] = ()
    """What the plugin's class must be one of."""
    config: ClassVar[Mapping[str, str]] = {}
    """The plugin's configuration, as texts. Override :meth:`configuration` where it is made at run time."""
    _sentence: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        plugin = getattr(cls, cls.plugin_attribute, None)  # a base of bases names none
        if plugin is None:
            return
        if not isinstance(plugin, str) and not (
            isinstance(plugin, type) and issubclass(plugin, cls.plugin_bases)
        ):
            wanted = " or ".join(base.__name__ for base in cls.plugin_bases)
            raise TypeError(
                f"{cls.__name__}.{cls.plugin_attribute} must be a class of {wanted}, such as a decorated "
                f"function is, or the name of an installed one; it is {plugin!r}"
            )
        for name, found in cls.laws().items():
            test = f"test_{name}"
            if test not in cls.__dict__:
                setattr(cls, test, _test(cls, name, found))

    @classmethod
    def laws(cls) -> dict[str, Law]:
        """The laws that apply to this class, by the names of their methods."""
        found: dict[str, Law] = {}
        for name, function in inspect.getmembers(cls, inspect.isfunction):
            marked = getattr(function, "__law__", None)
            if marked is not None and marked.when(cls):
                found[name] = marked
        return found

    def configuration(self) -> Mapping[str, str]:
        """The plugin's configuration."""
        return self.config

    def plugin_class(self) -> type[Any]:
        """The class under test, looked up if it is given by name."""
        raise NotImplementedError

    def clean_up(self) -> None:
        """Let go of what a law made for itself; called after each."""

    def broken(self, told: str, /, *, sentence: str | None = None, **shown: Any) -> NoReturn:
        """Fail: the law's sentence (or another's), what happened, and the case as code."""
        __tracebackhide__ = True
        plugin = getattr(self, self.plugin_attribute)
        named = plugin if isinstance(plugin, str) else plugin.__name__
        lines = [f"{named} breaks a law: {sentence or self._sentence}.", f"What happened: {told}."]
        known: dict[Schema, str] = {}
        for name, thing in shown.items():
            lines.append(f"  {name} = {code_of(thing, named=known)}")
            if isinstance(thing, Schema) and thing not in known:
                known[thing] = name
        raise BrokenLawError("\n".join(lines))

    # --- what holds for the configuration of every plugin -----------------------------------------

    @law("Every option is documented, and its default passes its own checks")
    def options_are_described(self) -> None:
        definition = self._config_type().definition()
        for key in definition.keys:
            if not key.documentation.strip():
                self.broken(f"the option {key.name} has no documentation")
        given = dict(self.configuration())
        try:
            self._config_type().parse(given)
        except ConfigError as exc:
            self.broken(f"the configuration under test is refused ({exc})", config=given)

    @law("A required option that is left out is named in a ConfigError")
    def required_options_are_asked_for(self) -> None:
        config_type = self._config_type()
        for key in config_type.definition().keys:
            if not key.required or key.injected:
                continue
            given = {k: v for k, v in self.configuration().items() if k != key.name and k not in key.aliases}
            try:
                config_type.parse(given)
            except ConfigError as exc:
                if key.name not in exc.problems:
                    self.broken(f"the ConfigError says nothing of {key.name}", problems=exc.problems)
            else:
                self.broken(f"without {key.name} the configuration is accepted", config=given)

    @law("An option's value is accepted or refused with a ConfigError, and nothing else", cases="odd_options")
    def odd_options_are_refused_cleanly(self, case: tuple[str, str] | None) -> None:
        if case is None:
            return
        given = {**self.configuration(), case[0]: case[1]}
        try:
            self._config_type().parse(given)
        except ConfigError:
            return
        except Exception as exc:  # noqa: BLE001 - which one is the question
            self.broken(f"{describe(exc)} was raised", option=case[0], value=case[1])

    def odd_options(self) -> st.SearchStrategy[tuple[str, str] | None]:
        """A key of the plugin's configuration with a text that may not suit it."""
        keys = [key.name for key in self._config_type().definition().keys if not key.injected]
        return st.tuples(st.sampled_from(keys), _ODD | st.text(max_size=8)) if keys else st.none()

    @law("A secret's text is in no repr of its configuration")
    def secrets_are_not_shown(self) -> None:
        canary = "canary-5f1c"
        config_type = self._config_type()
        secret = [key for key in config_type.definition().keys if key.kind is Kind.PASSWORD]
        for key in secret:
            made = config_type.parse({**self.configuration(), key.name: canary})
            if canary in f"{made!r} {made}":
                self.broken(f"the repr of the configuration shows {key.name}")

    def _config_type(self) -> type[Config]:
        found: type[Config] = self.plugin_class().config_type
        return found


_ODD: st.SearchStrategy[str] = st.sampled_from(
    (
        "",
        " ",
        "abc",
        "-1",
        "0",
        "true",
        "1e400",
        "9" * 400,
        "(",
        "[",
        "a,b",
        ",",
        "\x00",
        "${env:X}",
        "x" * 5000,
    )
)


def _test(cls: type[Laws], name: str, found: Law) -> Callable[[Laws], None]:
    cases = found.cases

    def test(self: Laws) -> None:
        __tracebackhide__ = True
        self.__dict__["_sentence"] = found.sentence
        try:
            tried(self, guarded(self, getattr(self, name)))
        except Flaky as exc:
            self.broken(
                "a case failed, and went well when it was tried again: the plugin keeps something outside of "
                f"its objects ({type(exc).__name__} of Hypothesis tells which case)"
            )
        finally:
            self.clean_up()

    def guarded(self: Laws, check: Callable[..., None]) -> Callable[..., None]:
        """A check that says which law it is of, also where it is the plugin that raises."""

        def checked(*case: Any) -> None:
            __tracebackhide__ = True
            try:
                check(*case)
            except (BrokenLawError, NotImplementedError, HypothesisException):
                raise
            except Exception as exc:  # noqa: BLE001 - whatever it is, it should not have been
                self.broken(f"{describe(exc)} was raised", **dict(zip(("case",), case, strict=False)))

        return checked

    def tried(self: Laws, check: Callable[..., None]) -> None:
        __tracebackhide__ = True
        if cases is None:
            check()
            return

        def one(case: Any) -> None:
            check(case)

        # Hypothesis keeps the cases that failed under this name.
        one.__name__, one.__qualname__ = name, f"{cls.__qualname__}.{name}"
        one.__module__ = cls.__module__
        chosen = settings(
            max_examples=int(os.environ.get("CONNECTKIT_LAW_EXAMPLES") or self.examples),
            deadline=None,
            report_multiple_bugs=False,
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.filter_too_much,
            ],
        )
        strategy: st.SearchStrategy[Any] = getattr(self, cases)()
        run: Callable[[], None] = chosen(given(strategy)(one))
        run()

    test.__name__ = f"test_{name}"
    test.__qualname__ = f"{cls.__qualname__}.test_{name}"
    test.__doc__ = f"{found.sentence}."
    test.__module__ = cls.__module__
    return test


def misfit(schema: Schema, value: Any) -> str | None:
    """Why a value does not fit its schema; collections whose elements have no schema hold anything."""
    if value is not None and schema.type in (Type.ARRAY, Type.MAP) and schema.value_schema is None:
        return None if isinstance(value, list | dict) else f"it is a {type(value).__name__}"
    try:
        schema.validate(value)
    except DataError as exc:
        return str(exc)
    return None


def describe(error: BaseException) -> str:
    """An error's class and text, for the failure of a law."""
    text = str(error)
    return f"{type(error).__name__}{f' ({text[:200]})' if text else ''}"


def each(made: Any) -> Iterator[Any]:
    """The records of what a transform returned: one, several or none."""
    if made is None:
        return
    if isinstance(made, list):
        yield from made
    else:
        yield made
