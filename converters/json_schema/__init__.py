"""JSON Schema: its schemas as Connect schemas and back, its values, and its rules in a registry."""
