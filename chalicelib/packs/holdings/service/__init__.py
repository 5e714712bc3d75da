"""What can be done with holdings, rates and snapshots."""
