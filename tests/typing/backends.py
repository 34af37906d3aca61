"""Backends are what the protocol says: modules and objects, the calls that they prepare, and a device of one's own."""

from collections.abc import Sequence

from rushlight.backends import cpu, reference
from rushlight.backends.cpu.calls import LayerCall, SumCall
from rushlight.backends.device import Device
from rushlight.backends.meta import META, Shaped
from rushlight.backends.preparing import Host
from rushlight.backends.protocol import Backend, Call, Layout, Refusal, Task, results_of
from rushlight.backends.reference.calls import NumPyCall


class Mine(Device):
    name = "mine"

    def prepare(self, task: Task, layouts: Sequence[Layout | None]) -> Call:
        if task.kernel == "fprop":
            raise Refusal("not today")
        return Shaped(results_of(task, layouts))


backends: list[Backend] = [cpu, reference, META, Host(), Mine()]
calls: list[type[Call]] = [LayerCall, SumCall, Shaped, NumPyCall]
