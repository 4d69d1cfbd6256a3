"""Classes and history: panels of the page that talk to our own routes."""
