"""Pictures of results, in one look and one set of colours."""
