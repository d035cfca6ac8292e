"""What determines a run: its settings, their kinds of values, the flags that give them."""
