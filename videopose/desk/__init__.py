"""The annotator's page: a result over its video in the browser, where it is looked through and corrected."""
