"""A server that keeps what is exported to it."""

import http.server
import threading
import time

PATIENCE = 20.0


class Collector:
    """Takes every POST and PUT and answers 200."""

    def __init__(self):
        self.received = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def take(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.received.append((self.command, self.path, headers, body))
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_POST = do_PUT = take

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.base = f"http://{self.host}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def first(self, path):
        """The first request to a path that begins so."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = next((one for one in list(self.received) if one[1].startswith(path)), None)
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError(f"nothing came to {path}: {[one[1] for one in self.received]}")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
