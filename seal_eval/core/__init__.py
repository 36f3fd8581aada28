"""What every room shares: types, errors, files, settings, progress. Imports no other room."""
