import socket
import threading
import unittest

import requests
import standalone  # noqa: F401
from tools.answers import may_be_done, was_not_sent


class TestAnswers(unittest.TestCase):
    """What a failed request says of whether it has been carried out."""

    def _server(self, answer):
        """The address of a server that takes one request, and answers with these bytes; ``None``: nothing."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            connection, _address = listener.accept()
            self.addCleanup(connection.close)
            connection.recv(65536)
            if answer is not None:
                connection.sendall(answer)
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def _closed(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def test_what_is_known(self):
        """Without a connection nothing was sent; who got it and says nothing may have carried it out."""

        def status(number):
            return self._server(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % number)

        for name, address, unsent, unsure in (
            ("nobody there", self._closed(), True, True),
            ("no such name", "http://provider.invalid/", True, True),
            ("no answer", self._server(None), False, True),
            ("broken off", self._server(b""), False, True),
            ("server fails", status(502), False, True),
            ("refused", status(402), False, False),
        ):
            with self.subTest(name):
                try:
                    try:
                        requests.post(address, data="charge", timeout=0.5).raise_for_status()
                    except requests.RequestException:
                        raise ValueError("As Odoo does")  # noqa: B904  it names no cause
                except ValueError as error:
                    self.assertEqual((was_not_sent(error), may_be_done(error)), (unsent, unsure))


if __name__ == "__main__":
    unittest.main()
