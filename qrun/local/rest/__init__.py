"""The REST interface: endpoints, and how a request finds its way to them."""
