"""`python -m ops import-leads FILE`: import leads from a file into the pipeline, through the API; undo an import.

`columns` decides which heading is which field, `values` reads numbers as people write them, `file_format` finds a file's encoding
and delimiter, `reading` makes leads of rows, `estimates` fills in ARVs, `api` and `sending` send them, `undo` takes an import back.
"""
