"""The connection to a service: accounts, the client, and the light control channel."""
