"""The wire of AWS: which operation a request asks for, its parameters, and replies in the service's own form."""
