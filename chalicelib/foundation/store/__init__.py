"""E: the table. Keys, entities, reads, pages, conditional writes and ordered transactions."""
