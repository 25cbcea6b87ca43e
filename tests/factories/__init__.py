"""Rows written directly, with plain values; every keyword replaces the field of that name."""
