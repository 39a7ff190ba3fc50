"""Whole programs, as a user starts them."""
