"""An application's instance for tests: `instance.py PORT`. Says which one it is and what it was asked."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(sys.argv[1])


class Instance(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        asked = {key.lower(): value for key, value in self.headers.items()}
        body = json.dumps({"port": PORT, "method": self.command, "path": self.path, "headers": asked, "text": "word " * 400}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.path.startswith("/framed"):
            self.send_header("X-Frame-Options", "DENY")
        if self.path.startswith("/products"):
            self.send_header("Cache-Control", "public, max-age=60")
        if self.path.startswith("/products/login"):
            self.send_header("Set-Cookie", "session=secret")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = answer

    def log_message(self, *arguments: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Instance).serve_forever()
