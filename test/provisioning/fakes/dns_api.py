"""Cloudflare's API as far as the DNS hook asks it: `dns_api.py PORT`. Keeps TXT records of one zone."""

import itertools
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

RECORDS: dict[str, Any] = {}
IDS = itertools.count()


class Api(BaseHTTPRequestHandler):
    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts == ["zones"]:
            result: Any = [{"id": "z1"}]
        elif self.command == "POST":
            record = {"id": f"r{next(IDS)}", **json.loads(body)}
            RECORDS[record["id"]] = result = record
        elif self.command == "DELETE":
            result = RECORDS.pop(parts[-1], None)
        else:
            result = list(RECORDS.values())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"result": result}).encode())

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *arguments: object) -> None:
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
