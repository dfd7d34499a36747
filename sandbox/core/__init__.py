"""What every world shares: store, clock, faults, request log and the server that carries them."""
