"""Tests, in folders named after the place the tested code runs."""
