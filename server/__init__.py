"""The edge: settings, the HTTP and WebSocket layer, health, the command line. Imports any floor below."""
