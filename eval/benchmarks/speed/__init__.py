"""How fast: networks beside a known one, and whole pipelines beside their networks alone."""
