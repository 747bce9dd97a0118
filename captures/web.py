"""web.py ADDRESS PORT FOLDER: a web server; connections stay open (HTTP/1.1). Unlike `python3 -m http.server` it never asks for the name of its address."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer


class Server(ThreadingHTTPServer):
    def server_bind(self):
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


address, port, folder = sys.argv[1:]
SimpleHTTPRequestHandler.protocol_version = "HTTP/1.1"
server = Server((address, int(port)), partial(SimpleHTTPRequestHandler, directory=folder))
print("ready", flush=True)
server.serve_forever()
