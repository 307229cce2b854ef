"""
The command line: what a person or a script asks for in a shell.

`_commands` reads the arguments and does what they say, `_view` says how an execution looks, `_endings` how a command
ends, `_terminal` writes, `_samples` are the executions to try it on. Imported by the command only, since click comes
with the extra ``cli``; what has to work without click stands in `_endings`.
"""
