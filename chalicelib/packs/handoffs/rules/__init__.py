"""The rules of handoffs: how complete a packet is, what it may become, and what is in it. They read and write nothing."""
