"""The use cases of professionals and their scorecards."""
