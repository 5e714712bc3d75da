"""Documents that people hand over: one description, and the page and the PDF that are made of it."""
