"""Two real users for tests that run as root: what each does happens in a process of its own, with its rights alone."""

import os
import pickle
import signal
import sys
import warnings

import pytest

VICTIM, STRANGER = 12345, 65534
needs_root = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="only root can act as two users"
)


def acting_as(user, action, *arguments, seconds=20):
    """What the action returns to that user, and the warnings it saw; what takes too long is stopped."""
    receive, send = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the team's threads, which the child does not need
        child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        os.close(receive)
        try:
            if user:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = action(*arguments)
            answer = (result, [str(warning.message) for warning in caught], None)
        except BaseException as problem:  # the parent shows it
            answer = (None, [], repr(problem))
        with os.fdopen(send, "wb") as file:
            pickle.dump(answer, file)
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    assert answer, "it did not end in time"
    result, caught, problem = pickle.loads(answer)
    assert problem is None, problem
    return result, caught
