"""Arguments that several commands take: plugins from files, and the log that is looked into."""

from __future__ import annotations

import argparse
from pathlib import Path


def plugin_files(common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """For commands that use plugins: those of ``common``, and files that hold more of them."""
    parser = argparse.ArgumentParser(add_help=False, parents=[common])
    parser.add_argument(
        "--plugins",
        dest="plugin_files",
        metavar="FILE",
        action="append",
        type=Path,
        default=[],
        help="a Python file with plugins that are not installed, for work on this machine; may be repeated",
    )
    return parser


def which_log(common: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """For commands that read topics: those of ``common``, and where the topics are."""
    parser = argparse.ArgumentParser(add_help=False, parents=[common])
    parser.add_argument(
        "--bootstrap-servers",
        metavar="ADDRESS",
        help="host:port of a broker, or embedded:DIR (default: embedded:./connectkit-data)",
    )
    parser.add_argument(
        "--worker", metavar="FILE", type=Path, help="take addresses, security and converters from this file"
    )
    return parser


def count(text: str) -> int:
    """How many; not negative."""
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' must be a whole number, 0 or more")
    return int(text)
