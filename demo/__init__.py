"""The demonstration: a client of the public API, beside the floors and importing none of them."""
