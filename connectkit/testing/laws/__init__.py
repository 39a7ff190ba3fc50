"""What holds for every plugin of a kind, as classes of tests to subclass."""
