"""
The command line.

`commands` runs a command with its `options`, and `exit_codes` says how it ends. `output` writes results and messages.
`progress` follows an execution, and `live` draws it on a terminal. `local` serves sample executions on this machine.

click comes with the extra ``cli``; only `exit_codes` can be imported without it.
"""
