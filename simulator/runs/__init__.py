"""One run: its settings, its event loop, what it keeps and what it gives."""
