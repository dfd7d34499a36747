"""Tables, every query, sessions and migrations. Imports providers' values and nothing above."""
