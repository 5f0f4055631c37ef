"""What a checkpoint holds, and how it is checked and written."""
