"""What every command of the package shares: errors, files, the command line, pages, processes."""
