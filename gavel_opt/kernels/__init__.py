"""Compiled helpers that know no policy."""
