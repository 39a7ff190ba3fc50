"""Access to a schema registry: over HTTP, or embedded in a folder."""
