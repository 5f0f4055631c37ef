"""Debian's chromium without a window, driven over the two pipes of its DevTools protocol; needs no package.

The protocol: https://chromedevtools.github.io/devtools-protocol/, messages end with a NUL byte.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
_SECONDS = 60  # for any answer
# the browser reads commands from descriptor 3 and answers on 4
_LAUNCH = (
    "import fcntl, os, sys\n"
    "ends = [fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3]]\n"
    "os.dup2(ends[0], 3), os.dup2(ends[1], 4)\n"
    "os.execv(sys.argv[3], sys.argv[3:])"
)
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
_KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "ArrowDown": (40, ""), "ArrowRight": (39, "")}


class Browser:
    """One page. requests: addresses it asked for; errors: what it said on its console or threw."""

    def __init__(self, profile: Path):
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        launch = [sys.executable, "-c", _LAUNCH, str(commands), str(answers)]
        command = [*launch, PROGRAM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        os.close(commands), os.close(answers)
        self._number, self._buffer, self._session = 0, b"", None
        self.requests, self.errors = [], []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters) -> dict:
        """The answer to a command. Raises RuntimeError where it is an error, TimeoutError without one."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)

    def _read(self) -> dict:
        end = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            if not select.select([self._answers], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            part = os.read(self._answers, 2**20)
            if not part:
                raise RuntimeError("the browser has ended")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict) -> None:
        what, more = event.get("method"), event.get("params", {})
        if what == "Network.requestWillBeSent":
            self.requests.append(more["request"]["url"])
        elif what == "Runtime.exceptionThrown":
            self.errors.append(str(more["exceptionDetails"]))
        elif what == "Runtime.consoleAPICalled":
            self.errors.append(str(more["args"]))
        elif what == "Log.entryAdded" and more["entry"]["level"] in ("error", "warning"):
            self.errors.append(more["entry"]["text"])

    def open(self, path: Path) -> None:
        """Show a file, and wait until all of it is loaded."""
        self.requests.clear(), self.errors.clear()
        self.send("Page.navigate", url=path.absolute().as_uri())
        self.wait("location.protocol === 'file:' && document.readyState === 'complete' && performance.timing.loadEventEnd > 0")

    def run(self, script: str):
        """The value of an expression. Raises RuntimeError where it throws."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true. Raises TimeoutError."""
        end = time.monotonic() + _SECONDS
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(condition)
            time.sleep(0.02)

    def look(self, width: int = 1200, height: int = 900, dark: bool = False, mobile: bool = False) -> None:
        """Size of the window and the theme that the system wants."""
        size = dict(width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.send("Emulation.setDeviceMetricsOverride", **size)
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def press(self, key: str) -> None:
        """A key, down and up."""
        code, text = _KEYS[key]
        about = dict(key=key, code=key, windowsVirtualKeyCode=code)
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def click(self, selector: str) -> None:
        """The left button, on the middle of the first element that fits."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.run(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({element}.getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def screenshot(self, path: Path | None = None, whole: bool = False) -> bytes:
        """The window, or the whole page, as a PNG; kept at `path` where one is given."""
        data = base64.b64decode(self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"])
        if path:
            path.write_bytes(data)
        return data

    def close(self) -> None:
        """End it."""
        try:
            self._session = None
            self.send("Browser.close")
        except (RuntimeError, TimeoutError, OSError):
            self._process.kill()
        self._process.wait()
        os.close(self._commands), os.close(self._answers)
