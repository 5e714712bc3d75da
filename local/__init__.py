"""The whole system on one machine: `python -m local`. Never packaged into a Lambda."""
