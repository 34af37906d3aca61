# Written by tools/make_stubs.py: change the source, or tools/overloads.pyi, and run it again.

from rushlight.profiler import command as command
from rushlight.profiler import events as events
from rushlight.profiler import memory as memory
from rushlight.profiler import observers as observers
from rushlight.profiler import probes as probes
from rushlight.profiler import recorder as recorder
from rushlight.profiler import schedules as schedules
from rushlight.profiler import sessions as sessions
from rushlight.profiler import table as table
from rushlight.profiler import trace as trace
from rushlight.profiler import work as work
from rushlight.profiler.schedules import ProfilerAction as ProfilerAction
from rushlight.profiler.schedules import ProfilerActivity as ProfilerActivity
from rushlight.profiler.schedules import schedule as schedule
from rushlight.profiler.schedules import supported_activities as supported_activities
from rushlight.profiler.sessions import kineto_available as kineto_available
from rushlight.profiler.sessions import profile as profile
from rushlight.profiler.sessions import record_function as record_function
from rushlight.profiler.sessions import tensorboard_trace_handler as tensorboard_trace_handler


