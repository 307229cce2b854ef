"""
The command line: what a person or a script asks for in a shell.

`_commands` reads the arguments, with `_options` and `_help`, and does what they say. `_follow` waits for an end; what
is seen meanwhile is chosen in `_progress`, drawn by `_live` as `_frame` lays it out, and put into words by `_news`.
`_view` says how an execution looks, `_columns` how wide that is, `_endings` how a command ends, and `_terminal` writes.
`_local` and `_demo` need no machine but this one, and show `_samples`.

Imported by the command only, since click comes with the extra ``cli``; what has to work without click stands in
`_endings`.
"""
