"""The viewer: run, sweep and figure folders as a page, from a small server or as one file."""
