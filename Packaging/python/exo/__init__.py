"""The name of Gateway Engine's device-client library; gdc answers."""
