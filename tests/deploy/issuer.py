"""Serves a folder over TLS, as an issuer's discovery document and key set are served: ADDRESS CERTIFICATE FOLDER."""

import functools
import ssl
import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler

if __name__ == "__main__":
    address, certificate, folder = sys.argv[1:]
    server = HTTPServer((address, 443), functools.partial(SimpleHTTPRequestHandler, directory=folder))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    server.serve_forever()
