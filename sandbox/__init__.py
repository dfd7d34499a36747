"""Small working worlds that speak the platforms' real wire protocols, for the demo and the tests.

Imports none of the product's floors, so that it can judge them.
"""
