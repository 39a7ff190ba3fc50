"""Reads ``sasl.jaas.config``, the Java clients' way to give user name and password.

Grammar: ``module.Class flag option="value" … ;`` (``javax.security.auth.login.Configuration``).
Nothing of the text gets into a message: it holds a password.
"""

from __future__ import annotations

import re

from connectkit.errors import ConfigError

KEY = "sasl.jaas.config"
_FLAGS = ("required", "requisite", "sufficient", "optional")
_OPTION = re.compile(r"""([\w.$-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"';]+))\s*""")

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
OAUTHBEARER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"


def parse(text: str) -> tuple[str, dict[str, str]]:
    """The login module's class and its options. ``ConfigError`` if it is not one well-formed entry."""
    body = text.strip()
    if not body.endswith(";"):
        raise _malformed("must end with a semicolon")
    words = body[:-1].split(None, 2)
    if len(words) < 2 or words[1].lower() not in _FLAGS:
        raise _malformed('must read: LoginModule required username="…" password="…";')
    options: dict[str, str] = {}
    rest = words[2].strip() if len(words) == 3 else ""
    at = 0
    while at < len(rest):
        found = _OPTION.match(rest, at)
        if found is None:
            raise _malformed(f'has an option that is not name="value" after {len(options)} good ones')
        double, single, bare = found.group(2), found.group(3), found.group(4)
        quoted = double if double is not None else single
        options[found.group(1)] = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = found.end()
    return words[0], options


def _malformed(why: str) -> ConfigError:
    return ConfigError(problems={KEY: [f"{why} (the value is not shown)"]})
