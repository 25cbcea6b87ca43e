"""How dates are written in each language of the pages; templates name the format, not its parts."""
