"""Every built-in plugin keeps the laws that we give to plugin authors."""
