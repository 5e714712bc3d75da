"""The rules of findings: what is wrong with a deal, and what becomes of what was found before."""
