"""What everything stands on: dtypes, the wording of errors, sizes in memory, files."""
