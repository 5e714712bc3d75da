"""The rules of professionals and their scorecards."""
