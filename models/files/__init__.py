"""Weight files that anyone may have written: read, identified, checked."""
