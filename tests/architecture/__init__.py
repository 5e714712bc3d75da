"""What holds over the whole of the code: counted, or read from the manifests."""
