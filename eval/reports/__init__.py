"""What scoring found, for people: tables, HTML, intervals, explanations."""
