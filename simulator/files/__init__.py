"""Files and folders that commands write: whole or not there, and never over somebody else's."""
