"""Files of other tools and data sets, read into one table of people per sequence and written back from it."""
