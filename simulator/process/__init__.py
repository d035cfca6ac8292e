"""The process of a command: signals, timeouts, work in the background, signs of life."""
