"""Tasks in processes of their own: ``task.isolation=process``."""
