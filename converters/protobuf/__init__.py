"""Protobuf with a schema registry: the language of ``.proto`` files, and Connect data as messages of them."""
