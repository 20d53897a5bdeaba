"""Words for what crosses the wire: strict base64url and JSON, requests of our own, trace context. Pure."""
