"""Every read query of the API: function names are the question. Imports tables and nothing above."""
