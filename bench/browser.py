"""Chromium as on an old phone: how long until a button of a page can be pressed, and what is fetched for it."""

import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests
import websocket

from dev.system import Failed

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# An old phone on a slow mobile network: a quarter of this machine's speed, 1.6 Mbit/s, 150 ms.
SLOWDOWN = 4
NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
SCREEN = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
PATIENCE = 300
# Runs in the page, as soon as there is one: notes when something has been painted and the condition holds.
WATCH = """
    window.benchReady = 0;
    const benchTimer = setInterval(() => {
        if (document.readyState == "loading" || !performance.getEntriesByName("first-contentful-paint").length) return;
        if (!(%s)) return;
        clearInterval(benchTimer);
        window.benchReady = performance.now();
    }, 20);
"""
# What there is instead, for who has to find out why.
WHY = """JSON.stringify([location.href, document.readyState, document.visibilityState,
    performance.getEntriesByType("paint").length, document.body && document.body.innerText.slice(0, 500)])"""
# What had been begun by then has to come, too.
DONE = "document.readyState == 'complete' && window.benchReady || 0"


@dataclass
class Visit:
    """What it took until the button could be pressed: ``seconds``, and ``requests`` with ``size`` in bytes until then,
    as they went over the network, with their headers.
    """

    seconds: float
    requests: int
    size: int


class Browser:
    """A running Chromium, spoken to by its DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

    def __init__(self, port):
        self.port = port

    def visit(self, url, ready):
        """Open ``url`` with an empty cache.

        :param str ready: JavaScript: whether the button can be pressed
        :rtype: Visit
        """
        with self._tab() as tab:
            tab.call("Network.enable")
            tab.call("Network.clearBrowserCache")
            tab.call("Network.emulateNetworkConditions", **NETWORK)
            tab.call("Emulation.setCPUThrottlingRate", rate=SLOWDOWN)
            tab.call("Emulation.setDeviceMetricsOverride", **SCREEN)
            tab.call("Page.enable")
            tab.call("Page.bringToFront")  # what is in the background is not painted
            tab.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH % ready)
            tab.events.clear()
            tab.call("Page.navigate", url=url)
            end = time.monotonic() + PATIENCE
            while not (milliseconds := tab.evaluate(DONE)):
                if time.monotonic() > end:
                    raise Failed(f"Nothing can be pressed on {url}: {tab.evaluate(WHY)}")
                time.sleep(0.1)
            return Visit(milliseconds / 1e3, *tab.fetched(milliseconds / 1e3))

    @contextlib.contextmanager
    def _tab(self):
        """A tab of its own, with nothing of what others have kept."""
        root = requests.put(f"http://127.0.0.1:{self.port}/json/new?about:blank", timeout=30).json()
        tab = _Tab(root["webSocketDebuggerUrl"])
        try:
            yield tab
        finally:
            tab.socket.close()
            requests.get(f"http://127.0.0.1:{self.port}/json/close/{root['id']}", timeout=30)


class _Tab:
    def __init__(self, address):
        self.socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)
        self.numbers, self.events = itertools.count(1), []

    def call(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            self.events.append(answer)
        if "error" in answer:
            raise Failed(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def evaluate(self, code):
        return self.call("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

    def fetched(self, seconds):
        """How many requests have been made over the network in the first seconds, and the bytes of their answers."""
        of = {}
        for event in self.events:
            of.setdefault(event["method"], []).append(event["params"])
        begun = [one for one in of["Network.requestWillBeSent"] if is_fetched(one["request"]["url"])]
        end = begun[0]["timestamp"] + seconds
        sent = {one["requestId"] for one in begun if one["timestamp"] <= end}
        size = sum(
            one["encodedDataLength"] for one in of.get("Network.loadingFinished", []) if one["requestId"] in sent
        )
        return len(sent), round(size)


def is_fetched(url):
    """Whether this goes over the network, for the page: the icon of the tab is fetched when all else is done."""
    return url.startswith("http") and not url.endswith("/favicon.ico")


@contextlib.contextmanager
def running_browser():
    """Yield a :class:`Browser`; ``None`` where there is no Chromium."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if not program:
        yield None
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]
        command += ["--disable-background-networking", "--disable-extensions", "--remote-debugging-port=0"]
        command += ["--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([*command, f"--user-data-dir={folder}", "about:blank"], **quiet) as process:
            try:
                yield Browser(_port(Path(folder, "DevToolsActivePort")))
            finally:
                process.terminate()


def _port(file):
    """The port that Chromium has chosen."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if file.exists() and (text := file.read_text()):
            return int(text.split()[0])
        time.sleep(0.1)
    raise Failed("Chromium does not start")
