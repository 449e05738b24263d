"""A loop around a circuit: a Python callable sees what cells do and drives others, every few milliseconds.

from cerebellum import loop, run

def more_if_slow(time, rates):
    return {"mossy_fiber": 4.0 + 0.5 * max(0.0, 60.0 - rates["nuclear"].mean())}

closed = loop.Loop(more_if_slow, read=["nuclear"], drive={"mossy_fiber": "rate"}, interval=0.01)
result = run("background", "mouse", loop=closed, settings={"scale": "0.1"})
print(result.exchanges.rates("nuclear"))
"""

from cerebellum.activity.exchanges import Exchanges
from cerebellum.experiment.loop import Loop
from cerebellum.loop.environment import around

__all__ = ["Exchanges", "Loop", "around"]
