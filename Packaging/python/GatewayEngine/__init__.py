"""The name under which apps of Gateway Engine look for it; gwe answers."""
