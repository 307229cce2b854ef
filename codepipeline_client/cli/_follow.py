"""
Following an execution to its end for a person or a script: what is shown meanwhile, and what Ctrl-C does.

How often is asked, and what may be overlooked, is the client's business.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from .._clock import Clock
from ..client import CodePipelineClient
from ..models import PipelineExecution
from ..waiting import Pace, PipelineExecutionReference
from ._endings import ExitCode, of_status
from ._progress import change, shown
from ._signals import told_to_stop
from ._terminal import complain, say, width
from ._view import as_json


def wait_for_end(
    client: CodePipelineClient, reference: PipelineExecutionReference, pace: Pace, clock: Clock
) -> PipelineExecution:
    """Return the execution when it has ended, and show on stderr how it goes on until then."""
    with shown(reference, clock, tells_changes=True) as progress:
        return client.wait_for_pipeline_execution(
            pipeline_name=reference.pipeline_name,
            pipeline_execution_id=reference.pipeline_execution_id,
            timeout=pace.timeout,
            poll_interval=pace.poll_interval,
            max_poll_interval=pace.max_poll_interval,
            not_found_grace=pace.not_found_grace,
            on_poll=progress.polled,
        )


def watch_to_end(
    client: CodePipelineClient, reference: PipelineExecutionReference, pace: Pace, clock: Clock, *, in_json: bool
) -> ExitCode:
    """
    Write each change to stdout as it comes, until the execution has ended.

    When nobody reads any more it is over, too: the exit code is then for what was seen last.
    """
    began = clock.monotonic()
    code, before = ExitCode.NOT_ENDED, None
    with shown(reference, clock, tells_changes=False) as progress:
        for execution in client.watch_pipeline_execution(
            pipeline_name=reference.pipeline_name,
            pipeline_execution_id=reference.pipeline_execution_id,
            timeout=pace.timeout,
            poll_interval=pace.poll_interval,
            max_poll_interval=pace.max_poll_interval,
            not_found_grace=pace.not_found_grace,
            on_poll=progress.polled,
        ):
            code = of_status(execution.status)
            seconds = clock.monotonic() - began
            line = change(execution, before, now=clock.time(), seconds=seconds, width=width())
            before = execution
            with progress.aside():
                is_read = say(as_json(execution) if in_json else line)
            if not is_read:
                break
    return code


def unless_told_to_stop(follow: Callable[[], ExitCode], reference: PipelineExecutionReference) -> ExitCode:
    """Return how *follow* ends. When a signal ends it, say that this is no matter to the execution."""
    with told_to_stop() as received:
        try:
            return follow()
        except KeyboardInterrupt:
            which = f"execution {reference.pipeline_execution_id} of pipeline {reference.pipeline_name}"
            complain(f"no longer following {which}: the execution itself goes on")
            return ExitCode.TERMINATED if received == [signal.SIGTERM] else ExitCode.INTERRUPTED
