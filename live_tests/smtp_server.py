"""A mail server that takes messages, or does not: as its ``refuse`` says."""

import socketserver
import threading


class SmtpServer(socketserver.ThreadingTCPServer):
    """Listens at ``port``; ``accepted`` has the recipients of each message that it took (a list for each)."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, refuse=lambda address, turn: False):
        super().__init__(("127.0.0.1", 0), _Session)
        self.port = self.server_address[1]
        self.refuse, self.accepted, self.turns, self.lock = refuse, [], {}, threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def refuses(self, address):
        """Whether ``address`` is refused this time."""
        with self.lock:
            self.turns[address] = self.turns.get(address, 0) + 1
            return self.refuse(address, self.turns[address])


class _Session(socketserver.StreamRequestHandler):
    """What a mail client says, line by line."""

    def handle(self):
        self.recipients = []
        self._say("220 test")
        for line in self.rfile:
            word = line.decode().split(None, 1)[0].upper() if line.strip() else ""
            getattr(self, f"_do_{word.lower()}", self._do_other)(line.decode())
            if word == "QUIT":
                return

    def _say(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def _do_other(self, _line):
        self._say("250 ok")

    def _do_mail(self, _line):
        self.recipients = []
        self._say("250 ok")

    def _do_rcpt(self, line):
        address = line.partition("<")[2].partition(">")[0]
        if self.server.refuses(address):
            self._say("451 try later")
            return
        self.recipients.append(address)
        self._say("250 ok")

    def _do_data(self, _line):
        self._say("354 go on")
        for line in self.rfile:
            if line == b".\r\n":
                break
        with self.server.lock:
            self.server.accepted.append(self.recipients)
        self._say("250 taken")

    def _do_quit(self, _line):
        self._say("221 bye")
