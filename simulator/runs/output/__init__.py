"""What a run gives: tables, summary, pictures; written, and read back."""
