"""Writes ``docs/reference/`` from the code: plugins, options, commands, errors, client properties.

python -m tools.docs            write the pages
python -m tools.docs --check    exit 1 and name the pages that differ from what would be written
"""
