"""A widget for JupyterLab that trains beside the cells: how far it is, its curve, and a button that stops it."""

import asyncio
import html
import io
import threading
import time

import ipywidgets as w
import numpy as np
from matplotlib.figure import Figure

from natkit.data.images import ImageSet
from natkit.show.blocks import figures
from natkit.show.widgets.pictures import Shown
from natkit.show.words.catalogue import words

EVERY = 0.5  # seconds between two looks at the training


class Monitor(Shown):
    """A training in a thread: how far it is, its curve, and a button that ends it with the epoch.

    (While a cell runs, JupyterLab delivers no click to the kernel; so ``fit`` has to run beside the cells, and a cell
    that needs the trained model awaits :meth:`ended`.)

    Parameters
    ----------
    model
        A :class:`natkit.NAT`; it is fitted.
    images
        What it is fitted on; ``more`` goes to ``fit`` as well (``checkpoint=…``).
    lang
        "en" or "ja".
    """

    def __init__(self, model, images: ImageSet | np.ndarray, lang: str = "en", **more):
        self.model, self.lang, self.words = model, lang, words(lang)
        self.bar = w.IntProgress(layout={"width": "420px"})
        self.stop = w.Button(
            description=self.words("lab.stop"), button_style="warning", layout={"width": "auto"}
        )
        self.stop.on_click(lambda _: model.stop())
        self.line, self.curve = w.HTML(), w.Image(format="png", layout={"width": "760px"})
        self.curve.layout.display = "none"
        self.widget = w.VBox([w.HBox([self.bar, self.stop]), self.line, self.curve])
        self.error: BaseException | None = None
        own = images.split == "train" if isinstance(images, ImageSet) else np.ones(len(images))
        self._n = int(own.sum())
        self._fit = threading.Thread(target=self._train, args=(images, more), daemon=True)
        self._look = threading.Thread(target=self._watch, daemon=True)
        self._began = time.monotonic()
        self._fit.start()
        self._look.start()

    def wait(self) -> "Monitor":
        """Wait until it has ended; raises what ``fit`` raised. In a cell await :meth:`ended`."""
        self._fit.join()
        self._look.join()
        if self.error is not None:
            raise self.error
        return self

    async def ended(self) -> "Monitor":
        """As :meth:`wait`, for a cell: ``await monitor.ended()``. While it waits, clicks reach the kernel."""
        while self._fit.is_alive() or self._look.is_alive():
            await asyncio.sleep(EVERY / 5)
        return self.wait()

    def _train(self, images, more: dict) -> None:
        try:
            self.model.fit(images, **more)
        except BaseException as error:
            self.error = error

    def _watch(self) -> None:
        drawn = 0
        while True:
            over = not self._fit.is_alive()
            run = self.model.running
            if run is not None:
                self._tell(run)
            history = run.history if run is not None else getattr(self.model, "history", [])
            if len(history) > drawn:
                drawn = len(history)
                self._draw(history[:drawn])  # it grows as we look
            if over:
                break
            time.sleep(EVERY)
        self.stop.disabled = True
        self.bar.value = self.bar.max
        key = "lab.failed" if self.error else "lab.finished"
        why = html.escape(str(self.error))
        self.line.value = self.words(key, epochs=drawn, why=why)

    def _tell(self, run) -> None:
        self.bar.max, self.bar.value = run.steps, run.done
        seconds = time.monotonic() - self._began
        speed = run.done * run.batch / seconds
        left = (run.steps - run.done) * run.batch / max(speed, 1e-9)
        facts = [self.words("lab.speed", speed=f"{speed:.0f}", left=self.words.duration(left))]
        if run.history:
            last = run.history[-1]
            facts.append(
                self.words("lab.loss", epoch=last["epoch"], loss=self.words.score(last["loss"]))
            )
            for key in ("agreement", "changed"):
                if last[key] is not None:
                    facts.append(self.words(f"lab.{key}", value=self.words.percent(last[key])))
        self.line.value = " &nbsp; ".join(facts)

    def _draw(self, history: list[dict]) -> None:
        if history[-1]["agreement"] is None:
            return
        with figures.theme(self.lang):
            fig = Figure(figsize=(7.6, 3.6), layout="constrained")
            figures.training_curve(fig.subplots(), history, self.words, self._n)
            buffer = io.BytesIO()
            fig.savefig(buffer, format="png", dpi=100)
        self.curve.value, self.curve.layout.display = buffer.getvalue(), None
