"""What a round does: accounting, priorities, selection, placement."""
