"""Many pieces of work: carried out once each by whoever comes first, kept as they finish, resumed."""
