"""Dead letters: what stands in their headers, those of sources, and how they are listed and replayed."""
